//! What of an attribute may stand in a file or a log: content only if it was asked for.

use std::fmt;

use o11y_core::{Value, key};

/// Texts that are longer are taken for content, whatever they are called.
const MAX_PLAIN_BYTES: usize = 128;

/// What went in, what came out, and what quotes it, under the names of any tool: at least what an
/// exporter keeps back when content is not captured.
const CONTENT: [&str; 37] = [
    key::INPUT,
    key::OUTPUT,
    key::STATUS_MESSAGE,
    key::SCORE_COMMENT,
    key::EVALUATION_EXPLANATION,
    key::OPTIMIZATION_PARAMETERS,
    key::ERROR_SOURCES,
    "langfuse.trace.input",
    "langfuse.trace.output",
    "langfuse.experiment.item.expected_output",
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.system_instructions",
    "gen_ai.tool.definitions",
    "gen_ai.tool.call.arguments",
    "gen_ai.tool.call.result",
    "gen_ai.prompt",
    "gen_ai.completion",
    "input",
    "output",
    "prompt",
    "completion",
    "messages",
    "input.value",
    "output.value",
    "final_result",
    "all_messages_events",
    "tool_arguments",
    "tool_response",
    "traceloop.entity.input",
    "traceloop.entity.output",
    "mlflow.spanInputs",
    "mlflow.spanOutputs",
    "pydantic_ai.all_messages",
    "exception.message",
    "exception.stacktrace",
    "error.message",
];

/// How keys begin of lists that are spread over many attributes, and of whole families.
const CONTENT_PREFIXES: [&str; 7] = [
    "gen_ai.prompt.",
    "gen_ai.completion.",
    "llm.input_messages",
    "llm.output_messages",
    "ai.prompt",
    "ai.response.",
    "ai.result.",
];

/// A value that is not to be shown: how long it is.
pub(crate) struct Hidden(usize);

/// What stands in place of a value, if content is not to be shown and it is some.
pub(crate) fn hidden(key: &str, value: &Value) -> Option<Hidden> {
    let is_content = CONTENT.contains(&key)
        || CONTENT_PREFIXES
            .iter()
            .any(|prefix| key.starts_with(prefix));
    match value.as_str() {
        Some(text) if is_content || text.len() > MAX_PLAIN_BYTES => Some(Hidden(text.len())),
        None if is_content => Some(Hidden(value.to_string().len())),
        _ => None,
    }
}

impl fmt::Display for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} bytes>", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(key: &str, value: impl Into<Value>) -> Option<String> {
        hidden(key, &value.into()).map(|hidden| hidden.to_string())
    }

    #[test]
    fn content_is_known_by_its_key_or_its_length() {
        assert_eq!(shown(key::INPUT, "secret").as_deref(), Some("<6 bytes>"));
        assert_eq!(shown("output", 42).as_deref(), Some("<2 bytes>"));
        assert_eq!(
            shown("gen_ai.prompt.0.content", "s").as_deref(),
            Some("<1 bytes>")
        );
        assert_eq!(
            shown("order", "x".repeat(129)).as_deref(),
            Some("<129 bytes>")
        );
        for key in ["prompt", "messages", "tool_arguments", "ai.prompt.messages"] {
            assert_eq!(shown(key, "secret").as_deref(), Some("<6 bytes>"), "{key}");
        }
        assert_eq!(shown("order", "x".repeat(128)), None);
        assert_eq!(shown(key::PROMPT_TOKENS, 12), None);
        assert_eq!(shown(key::REQUEST_MODEL, "gpt-4o"), None);
    }
}
