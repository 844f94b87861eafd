//! What of an attribute may stand in a file or a log: content only if it was asked for.

use std::fmt;

use o11y_core::{Value, key};

/// Texts that are longer are taken for content, whatever they are called.
const MAX_PLAIN_BYTES: usize = 128;

/// What quotes content, beside what [is content](key::is_content) itself.
const QUOTES: [&str; 8] = [
    key::STATUS_MESSAGE,
    key::SCORE_COMMENT,
    key::EVALUATION_EXPLANATION,
    key::OPTIMIZATION_PARAMETERS,
    key::ERROR_SOURCES,
    "exception.message",
    "exception.stacktrace",
    "error.message",
];

/// A value that is not to be shown: how long it is.
pub(crate) struct Hidden(usize);

/// What stands in place of a value, if content is not to be shown and it is some.
pub(crate) fn hidden(name: &str, value: &Value) -> Option<Hidden> {
    let is_content = key::is_content(name) || QUOTES.contains(&name);
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
        for key in ["prompt", "messages", "tool_arguments", "ai.toolCall.args"] {
            assert_eq!(shown(key, "secret").as_deref(), Some("<6 bytes>"), "{key}");
        }
        assert_eq!(shown("order", "x".repeat(128)), None);
        assert_eq!(shown(key::PROMPT_TOKENS, 12), None);
        assert_eq!(shown(key::REQUEST_MODEL, "gpt-4o"), None);
    }
}
