//! What an attribute is to Langfuse, by its key alone.

use o11y_core::{ObservationType, key};

use super::metadata::METADATA;

/// What an attribute is to Langfuse, and so what the encoder does with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Input or output under Langfuse's own key.
    Content,
    StatusMessage,
    /// A name or an id that the server reads or ignores: sent as it is, and never masked.
    Name,
    /// The conversation's id, which the server takes for the session's if there is none.
    Conversation,
    /// The operation's name, which for an agent makes the server discard what others say.
    Operation,
    /// The tool's name, which takes the place of the observation's.
    ToolName,
    Model,
    /// One parameter of the request, under its own key.
    Parameter,
    /// All of them, as a JSON object.
    Parameters,
    /// Tokens by class.
    Usage,
    Cost,
    /// A count or cost in the words of the GenAI conventions.
    RawUsage,
    /// When the first token came, as Langfuse has it: a moment.
    FirstToken,
    /// The same in the words of the GenAI conventions: seconds since the start.
    FirstChunk,
    /// The name or version of a prompt of Langfuse's.
    Prompt,
    /// Input or output in the words of the GenAI conventions.
    Messages,
    /// What the GenAI conventions name and nobody reads.
    Convention,
    /// An experiment, for Langfuse's comparison of runs.
    Experiment,
    /// Metadata under its full key.
    Metadata,
    /// Metadata as one JSON object.
    MetadataObject,
    /// A key of the user's: metadata.
    Other,
}

/// The two ends of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Input,
    Output,
}

impl Side {
    /// Langfuse's key.
    pub(super) const fn key(self) -> &'static str {
        match self {
            Self::Input => key::INPUT,
            Self::Output => key::OUTPUT,
        }
    }
}

impl Kind {
    pub(super) fn of(name: &str, observation: ObservationType) -> Self {
        if observation == ObservationType::Event {
            return Self::on_event(name);
        }
        if let Some(rest) = name.strip_prefix("gen_ai.") {
            return Self::of_gen_ai(rest);
        }
        match name.strip_prefix("langfuse.") {
            Some(rest) => Self::of_langfuse(rest),
            None => Self::Other,
        }
    }

    /// What an event says of usage, cost or model was billed where it happened.
    fn on_event(name: &str) -> Self {
        match name {
            key::INPUT | key::OUTPUT => Self::Content,
            key::STATUS_MESSAGE => Self::StatusMessage,
            _ if name.starts_with(METADATA) => Self::Metadata,
            _ => Self::Other,
        }
    }

    fn of_langfuse(rest: &str) -> Self {
        let Some(rest) = rest.strip_prefix("observation.") else {
            // Others of Langfuse's keys are written from what the core knows, and a key that stood
            // twice would win or lose by chance.
            return if rest.starts_with("experiment.") {
                Self::Experiment
            } else {
                Self::Other
            };
        };
        match rest {
            "input" | "output" => Self::Content,
            "status_message" => Self::StatusMessage,
            "usage_details" => Self::Usage,
            "cost_details" => Self::Cost,
            "model.name" => Self::Model,
            "model.parameters" => Self::Parameters,
            "completion_start_time" => Self::FirstToken,
            "prompt.name" | "prompt.version" => Self::Prompt,
            "metadata" => Self::MetadataObject,
            _ if rest.starts_with("metadata.") => Self::Metadata,
            _ => Self::Other,
        }
    }

    fn of_gen_ai(rest: &str) -> Self {
        match rest {
            "request.model" | "response.model" => Self::Model,
            "operation.name" => Self::Operation,
            "conversation.id" => Self::Conversation,
            "tool.name" => Self::ToolName,
            "response.time_to_first_chunk" => Self::FirstChunk,
            "input.messages" | "output.messages" | "tool.call.arguments" | "tool.call.result" => {
                Self::Messages
            }
            "provider.name"
            | "system"
            | "response.id"
            | "response.finish_reasons"
            | "tool.call.id"
            | "tool.type"
            | "agent.id"
            | "agent.name"
            | "agent.version"
            | "workflow.name"
            | "output.type" => Self::Name,
            _ if rest.starts_with("usage.") => Self::RawUsage,
            _ if rest.starts_with("request.") => Self::Parameter,
            // The server would take them for input and output, `gen_ai.prompt.name` too.
            _ if rest.starts_with("prompt") || rest.starts_with("completion") => Self::Other,
            _ => Self::Convention,
        }
    }
}

/// Whether the server, or another tool, would take an attribute of this key for input or output: it
/// is not sent when content is not captured.
pub(super) fn is_content(name: &str) -> bool {
    key::is_content(name.strip_prefix(METADATA).unwrap_or(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_bills_nothing() {
        for name in [
            key::USAGE,
            key::COST,
            key::MODEL,
            key::INPUT_TOKENS,
            "gen_ai.request.model",
        ] {
            assert_eq!(Kind::of(name, ObservationType::Event), Kind::Other);
        }
        assert_eq!(Kind::of(key::INPUT, ObservationType::Event), Kind::Content);
    }

    #[test]
    fn what_would_be_taken_for_content_is_metadata() {
        for name in [
            "input",
            "prompt",
            "gen_ai.prompt",
            "gen_ai.prompt.name",
            "gen_ai.completion.0.content",
            "langfuse.trace.input",
        ] {
            assert_eq!(Kind::of(name, ObservationType::Generation), Kind::Other);
            assert!(is_content(name), "{name}");
            assert!(is_content(&format!("{METADATA}{name}")), "{name}");
        }
        assert!(!is_content("customer.mood"));
    }
}
