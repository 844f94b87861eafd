//! Model, tokens and cost: Langfuse's own keys first, then those of the OpenTelemetry
//! conventions, whose counts overlap and are made disjoint.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::first_text;
use crate::local::value::{AttributeValue, Attributes};

/// Where a model's name may stand; the first wins.
pub(super) const MODEL_KEYS: [&str; 5] = [
    "langfuse.observation.model.name",
    "gen_ai.response.model",
    "gen_ai.request.model",
    "llm.model_name",
    "model",
];

/// Larger costs are cut to what the server's column can hold.
const MAX_COST_USD: f64 = 999_999.999_999;

/// The server takes an agent's span for a mere frame around the calls that really cost
/// something, and throws model, tokens and cost away, even explicit ones.
fn is_frame_of_agent(attributes: &Attributes) -> bool {
    let operation = attributes
        .get("gen_ai.operation.name")
        .and_then(AttributeValue::as_str);
    matches!(operation, Some("invoke_agent" | "agent_step"))
}

pub(super) fn model(attributes: &Attributes) -> Option<String> {
    first_text(attributes, &MODEL_KEYS).filter(|_| !is_frame_of_agent(attributes))
}

pub(super) fn usage(attributes: &Attributes) -> BTreeMap<String, u64> {
    if is_frame_of_agent(attributes) {
        return BTreeMap::new();
    }
    match attributes.get("langfuse.observation.usage_details") {
        None => {}
        Some(AttributeValue::Text(text)) => match serde_json::from_str(text) {
            // Also an empty object: it keeps the fallback from being used.
            Ok(Json::Object(details)) => return explicit_usage(&details),
            Ok(_) => return BTreeMap::new(),
            Err(_) => {}
        },
        Some(_) => return BTreeMap::new(),
    }
    conventional_usage(attributes)
}

/// The explicit object may be one of the two usage objects of OpenAI, unchanged; anything else
/// is taken class by class.
fn explicit_usage(details: &Map<String, Json>) -> BTreeMap<String, u64> {
    openai_usage(details, "prompt_tokens", "completion_tokens")
        .or_else(|| openai_usage(details, "input_tokens", "output_tokens"))
        .unwrap_or_else(|| {
            let counts = details
                .iter()
                .map(|(class, count)| (class.clone(), to_count(count)));
            counts
                .filter_map(|(class, count)| Some((class, count?)))
                .collect()
        })
}

/// Recognises OpenAI's object only when nothing is missing and nothing added. Its details are
/// part of its counts, so they are subtracted.
fn openai_usage(
    details: &Map<String, Json>,
    input_key: &str,
    output_key: &str,
) -> Option<BTreeMap<String, u64>> {
    let mut usage = BTreeMap::new();
    let mut known = 3;

    for (side, key) in [("input", input_key), ("output", output_key)] {
        let mut rest = details.get(key)?.as_u64()?;
        if let Some(parts) = details.get(&format!("{key}_details")) {
            known += 1;
            for (class, count) in parts.as_object()? {
                let count = count.as_u64()?;
                rest = rest.saturating_sub(count);
                usage.insert(format!("{side}_{class}"), count);
            }
        }
        usage.insert(side.to_owned(), rest);
    }
    usage.insert("total".to_owned(), details.get("total_tokens")?.as_u64()?);
    (details.len() == known).then_some(usage)
}

/// `gen_ai.usage.*` and `llm.token_count.*`. Cached and reasoning tokens are part of the counts
/// there and are subtracted; a class that the server does not know is added on top.
fn conventional_usage(attributes: &Attributes) -> BTreeMap<String, u64> {
    let mut counts: BTreeMap<&str, f64> = attributes
        .iter()
        .filter_map(|(key, value)| {
            let class = key
                .strip_prefix("gen_ai.usage.")
                .or_else(|| key.strip_prefix("llm.token_count."))?;
            let class = class.strip_prefix("details.").unwrap_or(class);
            Some((class, to_number(value)?))
        })
        .filter(|(class, _)| *class != "cost")
        .collect();
    // All aliases are removed, so that none is left over to be counted as a class of its own.
    let mut take = |aliases: &[&str]| {
        aliases
            .iter()
            .filter_map(|alias| counts.remove(*alias))
            .reduce(|first, _| first)
    };

    let cached = take(&[
        "cache_read.input_tokens",
        "cache_read_input_tokens",
        "cache_read_tokens",
        "prompt_details.cache_read",
        "input_cached_tokens",
    ]);
    let cache_creation = take(&[
        "cache_creation.input_tokens",
        "cache_creation_input_tokens",
        "cache_write_tokens",
        "prompt_details.cache_write",
        "input_cache_creation",
    ]);
    let reasoning = take(&["reasoning.output_tokens", "completion_details.reasoning"]);
    let audio = take(&["completion_details.audio"]);
    let input = take(&["prompt_tokens", "input_tokens", "prompt"]);
    let output = take(&["completion_tokens", "output_tokens", "completion"]);
    let total = take(&["total_tokens", "total"]);

    let without = |count: Option<f64>, parts: [Option<f64>; 2]| {
        count.map(|count| (count - parts.into_iter().flatten().sum::<f64>()).max(0.0))
    };
    let named = [
        ("input", without(input, [cached, cache_creation])),
        ("output", without(output, [reasoning, audio])),
        ("total", total),
        ("input_cached_tokens", cached),
        ("input_cache_creation", cache_creation),
        ("output_reasoning_tokens", reasoning),
        ("output_audio_tokens", audio),
    ];
    named
        .into_iter()
        .filter_map(|(class, count)| Some((class, count?)))
        .chain(counts)
        .filter_map(|(class, count)| Some((class.to_owned(), to_count(&count.into())?)))
        .collect()
}

pub(super) fn cost(attributes: &Attributes) -> BTreeMap<String, f64> {
    if is_frame_of_agent(attributes) {
        return BTreeMap::new();
    }
    let details = attributes.get("langfuse.observation.cost_details");
    let details = details.and_then(AttributeValue::as_str);
    if let Some(Json::Object(details)) = details.and_then(|text| serde_json::from_str(text).ok()) {
        // What is not a number costs nothing on the server, not even an error.
        let amount = |cost: &Json| cost.as_f64().unwrap_or(0.0).min(MAX_COST_USD);
        return details
            .iter()
            .map(|(class, cost)| (class.clone(), amount(cost)))
            .collect();
    }
    ["gen_ai.usage.cost", "llm.cost.total"]
        .iter()
        .find_map(|key| attributes.get(*key).and_then(to_number))
        .map(|cost| BTreeMap::from([("total".to_owned(), cost.min(MAX_COST_USD))]))
        .unwrap_or_default()
}

/// A whole number that is not negative, also as text; the server drops everything else.
fn to_count(value: &Json) -> Option<u64> {
    match value {
        Json::String(text) => text.parse().ok(),
        number => number.as_u64().or_else(|| {
            let float = number.as_f64()?;
            // Through text, because a cast would cut off what cannot be represented.
            (float.fract() == 0.0 && float >= 0.0).then(|| format!("{float:.0}").parse().ok())?
        }),
    }
}

fn to_number(value: &AttributeValue) -> Option<f64> {
    match value {
        AttributeValue::Double(number) => Some(*number),
        // Through text, because a cast would be silent about what a float cannot hold.
        AttributeValue::Int(_) | AttributeValue::Text(_) => value
            .to_string()
            .trim()
            .parse()
            .ok()
            .filter(|number: &f64| number.is_finite()),
        AttributeValue::Bool(_) | AttributeValue::List(_) | AttributeValue::Null => None,
    }
}
