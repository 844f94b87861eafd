//! Price tables in our own schema, written.

use std::{collections::BTreeMap, fmt::Write as _};

use serde_json::Value;

use super::{ABOVE, MAX_INPUT, MAX_OUTPUT};
use crate::pricing::{
    class::Class,
    decimal,
    model_price::{Card, ModelPrice},
    service_tier::ServiceTier,
};

/// One line a model, sorted, so that changes are read line by line.
pub(crate) fn write(
    date: Option<&str>,
    source: Option<&str>,
    priced_like: &BTreeMap<&str, &str>,
    providers: &BTreeMap<&str, BTreeMap<&str, &ModelPrice>>,
) -> String {
    let mut text = "{\n".to_owned();
    for (field, value) in [("date", date), ("source", source)] {
        if let Some(value) = value {
            _ = writeln!(text, "  \"{field}\": {},", quoted(value)); // a String takes everything
        }
    }
    if !priced_like.is_empty() {
        let pairs = priced_like.iter();
        let pairs = pairs.map(|(host, maker)| format!("{}: {}", quoted(host), quoted(maker)));
        let pairs = pairs.collect::<Vec<_>>().join(", ");
        _ = writeln!(text, "  \"priced_like\": {{{pairs}}},");
    }
    text.push_str("  \"providers\": {");
    for (at, (provider, models)) in providers.iter().enumerate() {
        _ = write!(text, "{}\n    {}: {{", comma(at), quoted(provider));
        for (at, (model, price)) in models.iter().enumerate() {
            let row = row_of(price);
            _ = write!(text, "{}\n      {}: {{{row}}}", comma(at), quoted(model));
        }
        text.push_str("\n    }");
    }
    text.push_str("\n  }\n}\n");
    text
}

fn comma(at: usize) -> &'static str {
    if at == 0 { "" } else { "," }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn row_of(price: &ModelPrice) -> String {
    let mut fields = tier_of(price, ServiceTier::Standard);
    for tier in ServiceTier::ALL.into_iter().skip(1) {
        let own = tier_of(price, tier);
        if !own.is_empty() {
            fields.push(format!("\"{tier}\": {{{}}}", own.join(", ")));
        }
    }
    let limits = [
        (MAX_INPUT, price.get_max_input_tokens()),
        (MAX_OUTPUT, price.get_max_output_tokens()),
    ];
    for (field, limit) in limits {
        fields.extend(limit.map(|tokens| format!("\"{field}\": {tokens}")));
    }
    fields.join(", ")
}

fn tier_of(price: &ModelPrice, tier: ServiceTier) -> Vec<String> {
    let cards = || price.cards().iter().filter(|card| card.tier == tier);
    let base = cards().find(|card| card.above.is_none());
    let mut fields = base.map_or_else(Vec::new, rates_of);
    let long: Vec<_> = cards()
        .filter_map(|card| {
            let above = card.above?;
            Some(format!("\"{above}\": {{{}}}", rates_of(card).join(", ")))
        })
        .collect();
    if !long.is_empty() {
        fields.push(format!("\"{ABOVE}\": {{{}}}", long.join(", ")));
    }
    fields
}

fn rates_of(card: &Card) -> Vec<String> {
    let own = Class::ALL.into_iter().filter_map(|class| {
        let price = decimal::per_million(card.rates.own(class)?.picodollars());
        Some(format!("\"{}\": {price}", class.name()))
    });
    own.collect()
}
