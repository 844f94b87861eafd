//! What each crate calls things: the meaning of fields, operations and spans, as tables.

use super::{callsite::Source, tokens::Class};
use crate::{key, observation::ObservationType};

/// What a field says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Operation,
    Provider,
    RequestModel,
    ResponseModel,
    Input,
    Output,
    System,
    Tokens(Class),
    /// A provider's usage object, as JSON text.
    Usage,
    /// Of usage, but no count of ours.
    OtherUsage,
    /// Dollars.
    Cost,
    Kind,
    Title,
    ToolName,
    AgentName,
    StatusCode,
    StatusMessage,
    Error,
    ErrorType,
    /// An attribute of this key.
    Keep(&'static str),
    Nothing,
}

impl Meaning {
    pub(super) fn of(source: Source, field: &'static str) -> Self {
        if let Some(rest) = field.strip_prefix("gen_ai.") {
            return Self::of_gen_ai(rest, field);
        }
        if let Some(rest) = field.strip_prefix("langfuse.") {
            return Self::of_langfuse(rest, field);
        }
        let of_crate = match source {
            Source::Langchain => Self::of_langchain(field),
            Source::Dsrs if field == "model" => Some(Self::RequestModel),
            _ => None,
        };
        of_crate.unwrap_or(match field {
            "otel.name" => Self::Title,
            "otel.status_code" => Self::StatusCode,
            "otel.status_message" | "otel.status_description" => Self::StatusMessage,
            "otel.kind" | "rig.completion_parent" => Self::Nothing,
            "error" | "error.message" | "exception.message" => Self::Error,
            "error.type" | "exception.type" => Self::ErrorType,
            _ => Self::Keep(field),
        })
    }

    fn of_gen_ai(rest: &'static str, field: &'static str) -> Self {
        if let Some(usage) = rest.strip_prefix("usage.") {
            return match Class::of(usage) {
                Some(class) => Self::Tokens(class),
                None if usage == "cost" => Self::Cost,
                None => Self::OtherUsage,
            };
        }
        match rest {
            "operation.name" => Self::Operation,
            "provider.name" | "system" => Self::Provider,
            "request.model" => Self::RequestModel,
            "response.model" => Self::ResponseModel,
            "input.messages" | "prompt" | "tool.call.arguments" => Self::Input,
            "output.messages" | "completion" | "tool.call.result" => Self::Output,
            "system_instructions" => Self::System,
            "tool.name" => Self::ToolName,
            "agent.name" => Self::AgentName,
            "tool.error.type" => Self::ErrorType,
            // An older name of the same.
            "response.time_to_first_token" => Self::Keep(key::TIME_TO_FIRST_CHUNK),
            _ => Self::Keep(field),
        }
    }

    /// swiftide's names, and Langfuse's own.
    fn of_langfuse(rest: &'static str, field: &'static str) -> Self {
        match rest.strip_prefix("observation.").unwrap_or(rest) {
            "type" => Self::Kind,
            "model" | "model.name" => Self::RequestModel,
            "input" => Self::Input,
            "output" => Self::Output,
            "usage" | "usage_details" => Self::Usage,
            "status_message" => Self::StatusMessage,
            _ => Self::Keep(field),
        }
    }

    fn of_langchain(field: &'static str) -> Option<Self> {
        Some(match field {
            "provider" => Self::Provider,
            "model" => Self::RequestModel,
            "stream" => Self::Keep("gen_ai.request.stream"),
            "tool" => Self::ToolName,
            _ => Self::Tokens(Class::of(field)?),
        })
    }
}

/// The type of an operation of the conventions, or of one that a crate has added to them.
pub(super) fn kind_of_operation(operation: &str) -> Option<ObservationType> {
    Some(match operation {
        "chat"
        | "chat_streaming"
        | "completion"
        | "text_completion"
        | "generate"
        | "generate_content"
        | "interactions"
        | "interactions_streaming"
        | "responses"
        | "transcription"
        | "speech"
        | "image_generation"
        | "audio_generation" => ObservationType::Generation,
        "embeddings" => ObservationType::Embedding,
        "retrieval" | "rerank" => ObservationType::Retriever,
        "invoke_agent" | "create_agent" => ObservationType::Agent,
        "execute_tool" => ObservationType::Tool,
        "invoke_workflow" | "plan" => ObservationType::Chain,
        "evaluate" => ObservationType::Evaluator,
        _ => return None,
    })
}

/// The operation in the words of the conventions, which servers know; and whether it streams.
pub(super) fn conventional(operation: &str) -> Option<(&'static str, bool)> {
    Some(match operation {
        "chat_streaming" | "interactions_streaming" => ("chat", true),
        "interactions" => ("chat", false),
        _ => return None,
    })
}

/// The type of a span that names no operation, by its own name.
pub(super) fn kind_of_span(source: Source, name: &str) -> Option<ObservationType> {
    Some(match (source, name) {
        (Source::Langchain, "llm.generate") | (Source::Langfuse, "stream" | "responses_stream") => {
            ObservationType::Generation
        }
        (Source::Langchain, "embed.documents" | "embed.query") => ObservationType::Embedding,
        (Source::Langchain, "agent.run") => ObservationType::Agent,
        (Source::Langchain, "tool.call") => ObservationType::Tool,
        // The call that DSRs makes is its rig span inside; this one may answer from a cache.
        (Source::Langchain, "chain.call")
        | (
            Source::Dsrs,
            "dsrs.predict.call" | "dsrs.lm.call_with_toolset" | "dsrs.lm.tools.loop",
        ) => ObservationType::Chain,
        _ => return None,
    })
}

/// Whether Langfuse is to bill what an observation of this type states.
pub(super) const fn bills(kind: ObservationType) -> bool {
    matches!(
        kind,
        ObservationType::Generation | ObservationType::Embedding | ObservationType::Retriever
    )
}

/// Whether a span of our own API that was opened as this type is a call of a model.
pub(super) const fn is_own_call(kind: ObservationType) -> bool {
    matches!(
        kind,
        ObservationType::Generation | ObservationType::Embedding
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_never_stays_under_a_name_that_the_server_would_add_up() {
        for field in [
            "gen_ai.usage.reasoning_tokens",
            "gen_ai.usage.tool_use_prompt_tokens",
            "gen_ai.usage.cost",
        ] {
            let meaning = Meaning::of(Source::Convention, field);
            assert!(!matches!(meaning, Meaning::Keep(_)), "{field}: {meaning:?}");
        }
    }

    #[test]
    fn a_field_means_in_one_crate_what_it_does_not_mean_in_another() {
        let of = |source| Meaning::of(source, "prompt_tokens");

        assert_eq!(of(Source::Langchain), Meaning::Tokens(Class::Input));
        assert_eq!(of(Source::Included), Meaning::Keep("prompt_tokens"));
    }
}
