//! Price tables in the schema of LiteLLM's `model_prices_and_context_window.json`.

use std::collections::BTreeMap;

use o11y_core::Cost;
use serde_json::{Map, Value};

use super::{
    class::Class,
    decimal::{self, Beyond},
    error::{Place, PriceTableError},
    json,
    layer::Layer,
    model_price::ModelPrice,
    rates::Rates,
    service_tier::ServiceTier,
};

/// A row that only describes the fields.
const DESCRIPTION: &str = "sample_spec";

const PRICE: &str = "a price in dollars for one token, at least 0";
const TOKENS: &str = "a whole number of tokens";

/// What is billed by tokens that a [`Usage`](o11y_core::Usage) knows.
const MODES: [&str; 7] = [
    "chat",
    "completion",
    "responses",
    "embedding",
    "realtime",
    "audio_transcription",
    "audio_speech",
];

/// The fields of prices, the longer before one that it begins with.
const FIELDS: [(&str, Class); 8] = [
    (
        "cache_creation_input_token_cost_above_1hr",
        Class::CacheCreation1h,
    ),
    ("cache_creation_input_token_cost", Class::CacheCreation),
    ("cache_read_input_token_cost", Class::Cached),
    ("input_cost_per_audio_token", Class::InputAudio),
    ("input_cost_per_token", Class::Input),
    ("output_cost_per_audio_token", Class::OutputAudio),
    ("output_cost_per_reasoning_token", Class::Reasoning),
    ("output_cost_per_token", Class::Output),
];

type When = (ServiceTier, Option<u64>);
type Prices = BTreeMap<When, [Option<Cost>; Class::ALL.len()]>;

pub(crate) fn read(text: &str) -> Result<Layer, PriceTableError> {
    let table = json::parse(text)?;
    let place = Place::table();
    let mut layer = Layer::default();
    for (model, row) in json::object(&table, &place, json::TOP)? {
        if model == DESCRIPTION {
            continue;
        }
        let provider = row.get("litellm_provider").and_then(Value::as_str);
        let provider = provider.unwrap_or_default();
        let row = json::object(row, &place, model)?;
        let place = Place::model(provider, model);
        if let Some(price) = read_model(row, &place)? {
            layer.insert(provider, model, price);
        }
    }
    Ok(layer)
}

/// `None` for what is not billed by tokens, or is free: that may as well mean not known.
fn read_model(
    row: &Map<String, Value>,
    place: &Place,
) -> Result<Option<ModelPrice>, PriceTableError> {
    let mode = row.get("mode").and_then(Value::as_str);
    if mode.is_some_and(|mode| !MODES.contains(&mode)) {
        return Ok(None);
    }
    let gives_nothing = mode == Some("embedding");
    let mut prices = read_prices(row, place)?;
    let base = prices.remove(&(ServiceTier::Standard, None));
    let has_audio = base.is_some_and(|base| base[Class::InputAudio as usize].is_some());
    let takes_audio = row.get("supports_audio_input").and_then(Value::as_bool) == Some(true);
    let audio_is_input = takes_audio && !has_audio;
    let rates = |prices| rates(prices, gives_nothing, audio_is_input);
    let Some(standard) = base.and_then(rates) else {
        return Ok(None);
    };
    let mut price = ModelPrice::new(standard);
    for ((tier, above), mut prices) in prices {
        if tier == ServiceTier::Standard {
            // What a long input does not change stays as it is. Another tier's price is its own.
            for (class, usual) in [
                (Class::Input, standard.get_input()),
                (Class::Output, standard.get_output()),
            ] {
                prices[class as usize].get_or_insert(usual);
            }
        }
        if let Some(rates) = rates(prices) {
            price = price.card(tier, above, rates);
        }
    }
    let limit = |field: &'static str| match row.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let tokens = value.as_u64().ok_or_else(|| place.wrong(field, TOKENS))?;
            Ok((tokens > 0).then_some(tokens))
        }
    };
    if let Some(tokens) = limit("max_input_tokens")? {
        price = price.max_input_tokens(tokens);
    }
    if let Some(tokens) = limit("max_output_tokens")?.filter(|_| !gives_nothing) {
        price = price.max_output_tokens(tokens);
    }
    Ok(Some(price))
}

fn read_prices(row: &Map<String, Value>, place: &Place) -> Result<Prices, PriceTableError> {
    let mut prices = Prices::new();
    for (field, value) in row.iter().filter(|(_, value)| !value.is_null()) {
        let Some((class, when)) = meaning(field) else {
            continue;
        };
        let price = json::price(value, decimal::PER_TOKEN, Beyond::Rounded);
        let price = price.ok_or_else(|| place.wrong(field, PRICE))?;
        // A zero stands for a price that does not apply.
        if price > Cost::ZERO {
            prices.entry(when).or_default()[class as usize] = Some(price);
        }
    }
    Ok(prices)
}

/// Which class of tokens a field prices, and when. `None` for all other fields.
fn meaning(field: &str) -> Option<(Class, When)> {
    let mut fields = FIELDS.into_iter();
    let (class, suffix) =
        fields.find_map(|(prefix, class)| Some((class, field.strip_prefix(prefix)?)))?;
    let (above, suffix) = match suffix.strip_prefix("_above_") {
        Some(rest) => {
            let (thousands, suffix) = rest.split_once("k_tokens")?;
            (
                Some(thousands.parse::<u64>().ok()?.checked_mul(1_000)?),
                suffix,
            )
        }
        None => (None, suffix),
    };
    let tier = match suffix {
        "" => ServiceTier::Standard,
        "_batches" => ServiceTier::Batch,
        "_flex" => ServiceTier::Flex,
        "_priority" => ServiceTier::Priority,
        _ => return None,
    };
    Some((class, (tier, above)))
}

/// `None` unless both input and output have a price.
fn rates(
    prices: [Option<Cost>; Class::ALL.len()],
    gives_nothing: bool,
    audio_is_input: bool,
) -> Option<Rates> {
    let input = prices[Class::Input as usize]?;
    let output = prices[Class::Output as usize].or(gives_nothing.then_some(Cost::ZERO))?;
    let mut rates = Rates::of_one(input, output);
    for class in Class::ALL {
        if let Some(price) = prices[class as usize] {
            rates = rates.set(class, price);
        }
    }
    if audio_is_input {
        rates = rates.set(Class::InputAudio, input);
    }
    Some(rates)
}
