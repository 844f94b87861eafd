//! Input and output: the first source that says anything of either is where both come from.

use serde_json::Value as Json;

use crate::local::value::Attributes;

/// Pairs of keys that come before the keys by prefix, in the server's order.
const PAIRS: [(&str, &str); 9] = [
    ("langfuse.observation.input", "langfuse.observation.output"),
    (
        "gcp.vertex.agent.llm_request",
        "gcp.vertex.agent.llm_response",
    ),
    ("prompt", "all_messages_events"),
    ("lk.input_text", "lk.response.text"),
    ("mlflow.spanInputs", "mlflow.spanOutputs"),
    ("traceloop.entity.input", "traceloop.entity.output"),
    ("input.value", "output.value"),
    ("input", "output"),
    ("tool_arguments", "tool_response"),
];

const PREFIXES: [(&str, &str); 2] = [
    ("gen_ai.prompt", "gen_ai.completion"),
    ("llm.input_messages", "llm.output_messages"),
];

const LAST_PAIRS: [(&str, &str); 2] = [
    ("gen_ai.input.messages", "gen_ai.output.messages"),
    ("gen_ai.tool.call.arguments", "gen_ai.tool.call.result"),
];

/// The first pair of keys of which either is present. The text that the server prepends for
/// `gen_ai.system_instructions` is left out, and so is what it reads out of `events`.
pub(super) fn input_and_output(attributes: &Attributes) -> (Option<String>, Option<String>) {
    let pair = |&(input, output): &(&str, &str)| {
        let text = |key: &str| attributes.get(key).map(ToString::to_string);
        Some((text(input), text(output))).filter(|pair| *pair != (None, None))
    };
    let prefixed = |&(input, output): &(&str, &str)| {
        let pair = (below(attributes, input), below(attributes, output));
        Some(pair).filter(|pair| *pair != (None, None))
    };

    PAIRS
        .iter()
        .find_map(pair)
        .or_else(|| PREFIXES.iter().find_map(prefixed))
        .or_else(|| LAST_PAIRS.iter().find_map(pair))
        .unwrap_or_default()
}

/// The attribute itself or an object of all that start with it: how `gen_ai.prompt.name` takes
/// the input over. The server also nests the keys, which is left out here.
fn below(attributes: &Attributes, prefix: &str) -> Option<String> {
    if let Some(value) = attributes.get(prefix) {
        return Some(value.to_string());
    }
    let object: serde_json::Map<_, _> = attributes
        .iter()
        .filter_map(|(key, value)| Some((key.strip_prefix(prefix)?, value)))
        .map(|(key, value)| (key.trim_start_matches('.').to_owned(), value.to_json()))
        .collect();
    (!object.is_empty()).then(|| Json::Object(object).to_string())
}
