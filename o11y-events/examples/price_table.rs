//! Writes the table of prices that `Pricing::builtin` reads.
//!
//! `cargo run -p o11y-events --example price_table -- LITELLM.json 2026-11-12 > o11y-events/src/pricing/table.json`
//!
//! takes the rows of the providers below out of LiteLLM's file, of the day that is given, puts
//! the corrections of `src/pricing/corrections.json` on top and leaves out what the rules of
//! look-up find without a row of its own. Without arguments it writes the table as it is.

#![expect(clippy::print_stdout, reason = "its purpose")]

use std::{env, fs};

use anyhow::{Context as _, ensure};
use o11y_events::{ModelPrice, Pricing, ServiceTier};

const CORRECTIONS: &str = include_str!("../src/pricing/corrections.json");

/// Which rows are taken. Where a host charges what the maker does, the maker's row is enough.
fn is_wanted(provider: &str, model: &str) -> bool {
    match provider {
        "openai" | "anthropic" | "mistral" | "cohere" | "deepseek" | "xai" | "groq" | "voyage" => {
            true
        }
        // Older names there are not billed by tokens alone.
        "perplexity" => model.starts_with("sonar") && model.split('-').nth(2) != Some("online"),
        "google" => !model.contains("gemma"),
        // The global deployments; others are named by region.
        "azure" => !model.contains('/') && !model.contains("global-standard"),
        "bedrock" => {
            let makers = [
                "anthropic.",
                "amazon.",
                "cohere.",
                "deepseek.",
                "meta.",
                "mistral.",
                "openai.",
            ];
            let retired = [
                "claude-v",
                "claude-instant",
                "command-",
                "llama2",
                "titan-text",
            ];
            let has = |part: &&str| model.contains(*part);
            !model.contains('/') && makers.iter().any(has) && !retired.iter().any(has)
        }
        "vertex_ai" => model.contains("claude") || model.contains("gemini"),
        _ => false,
    }
}

/// A host without a row for a model takes the row of this maker.
fn maker_of(host: &str) -> Option<&'static str> {
    match host {
        "azure" => Some("openai"),
        "vertex_ai" => Some("google"),
        _ => None,
    }
}

/// Whether two models cost the same, whatever their limits are.
fn costs_the_same(one: &ModelPrice, other: &ModelPrice) -> bool {
    let tiers = [
        ServiceTier::Standard,
        ServiceTier::Batch,
        ServiceTier::Flex,
        ServiceTier::Priority,
    ];
    // Beyond each threshold that is in use.
    let lengths = [0, 100_001, 128_001, 200_001, 256_001, 272_001, 512_001];
    let cases = tiers
        .iter()
        .flat_map(|tier| lengths.map(|length| (*tier, length)));
    { cases }.all(|(tier, length)| one.rates(tier, length) == other.rates(tier, length))
}

fn main() -> anyhow::Result<()> {
    let mut arguments = env::args().skip(1);
    let Some(path) = arguments.next() else {
        print!("{}", Pricing::builtin().to_json());
        return Ok(());
    };
    let date = arguments.next().context("the day of the file is missing")?;
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let source = Pricing::from_litellm_json(&text)?.overlaid_with(Pricing::from_json(CORRECTIONS)?);

    let mut rows: Vec<_> = source.models().collect();
    rows.retain(|(provider, model, _)| is_wanted(provider, model));
    // Where regions differ, an id without one is priced unlike by different sources.
    rows.retain(|(provider, model, price)| {
        let in_region = source.price(Some(provider), &format!("us.{model}"));
        *provider != "bedrock" || in_region.is_none_or(|other| costs_the_same(price, other))
    });
    // Makers before hosts and families before their dated names.
    rows.sort_by_key(|(provider, model, _)| (maker_of(provider).is_some(), model.len(), *model));
    let head = format!(
        r#"{{
            "date": "{date}",
            "source": "LiteLLM's model_prices_and_context_window.json (MIT licence), selected and corrected",
            "priced_like": {{"azure": "openai", "vertex_ai": "google"}},
            "providers": {{}}
        }}"#
    );
    let head = Pricing::from_json(&head)?;
    let mut table = Pricing::new();
    // A row that is added can take another one's stand-in away, so this goes on until none is.
    loop {
        let before = table.models().count();
        for (provider, model, price) in &rows {
            let found = |provider| table.price(Some(provider), model);
            let found = found(provider).or_else(|| found(maker_of(provider)?));
            if !found.is_some_and(|found| costs_the_same(found, price)) {
                table = table.with(provider, model, ModelPrice::clone(price));
            }
        }
        if table.models().count() == before {
            break;
        }
    }
    let written = head.overlaid_with(table).to_json();

    let read = Pricing::from_json(&written)?;
    for (provider, model, price) in rows {
        let found = read.price(Some(provider), model);
        let right = found.is_some_and(|found| costs_the_same(found, price));
        ensure!(right, "{provider}/{model} is {found:?}, not {price:?}");
    }
    print!("{written}");
    Ok(())
}
