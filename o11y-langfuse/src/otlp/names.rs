//! Under which names attributes go to an exporter of the SDK.

/// Under which names a [`SdkExporter`](crate::SdkExporter) sends what our spans say.
///
/// | of a span | [`Conventions`](Self::Conventions) | [`Langfuse`](Self::Langfuse) |
/// |---|---|---|
/// | what is set by a key | that key | `langfuse.observation.metadata.<key>` |
/// | type | `gen_ai.operation.name`: `chat`, `embeddings`, `invoke_agent`, `execute_tool`, `retrieval`, unless it is set; `openinference.span.kind` for a chain, retriever, evaluator and guardrail | `langfuse.observation.type` |
/// | input and output | `input.value`, `output.value`; of a tool `gen_ai.tool.call.arguments`, `.result` | `langfuse.observation.input`, `.output` |
/// | model | `gen_ai.request.model`, `gen_ai.response.model` | the same |
/// | usage | `gen_ai.usage.input_tokens`, with cached ones, `output_tokens`, with reasoning, `cache_read.input_tokens`, `cache_creation.input_tokens`, `reasoning.output_tokens` | `langfuse.observation.usage_details`, disjoint |
/// | cost | `gen_ai.usage.cost`, in US dollars | `langfuse.observation.cost_details` |
/// | status message | the description of an error | that, and `langfuse.observation.status_message` |
/// | user, session | `user.id`, `session.id` | the same |
/// | modules, request | `module.path` and so on, `request.id` | metadata |
/// | level, prompt, and what else is said of the trace | Langfuse's name: there is no other | the same |
/// | kind | client for a generation and an embedding, else internal | internal |
///
/// Input and output are not sent as `gen_ai.input.messages`, unless that is the key which was set:
/// the conventions give it a form that a provider's messages do not have. Of an event, `gen_ai.*`
/// goes out as `event.gen_ai.*`, so that nobody adds up what the call has said already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Names {
    /// OpenTelemetry's conventions, for backends that know nothing of Langfuse. Langfuse reads most
    /// of it, too: type, content, model and usage, but anything else is metadata under
    /// `attributes`.
    #[default]
    Conventions,
    /// What our own exporter sends, for a collector in front of Langfuse.
    Langfuse,
    /// What our own exporter sends, and of the conventions what other backends sum up and group by:
    /// operation, usage and cost. For a collector in front of both; Langfuse shows the same.
    Both,
}
