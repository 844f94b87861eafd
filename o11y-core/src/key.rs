//! The attribute keys that this workspace itself writes and reads.
//!
//! Langfuse's own names where it has one, because they mean the same through any collector;
//! the GenAI conventions otherwise.

/// What went into the operation.
pub const INPUT: &str = "langfuse.observation.input";
/// What came out of it.
pub const OUTPUT: &str = "langfuse.observation.output";
/// Why the status or level is what it is.
pub const STATUS_MESSAGE: &str = "langfuse.observation.status_message";
/// The model, if it is to be another than [`RESPONSE_MODEL`] or [`REQUEST_MODEL`] say.
pub const MODEL: &str = "langfuse.observation.model.name";
/// Tokens by class, as [`Usage`](crate::Usage).
pub const USAGE: &str = "langfuse.observation.usage_details";
/// Cost, as [`Cost`](crate::Cost).
pub const COST: &str = "langfuse.observation.cost_details";

/// `chat`, `embeddings`, `execute_tool` and so on.
pub const OPERATION_NAME: &str = "gen_ai.operation.name";
/// Who serves the model: `openai`, `anthropic`, `ollama`.
pub const PROVIDER_NAME: &str = "gen_ai.provider.name";
/// The model that was asked for.
pub const REQUEST_MODEL: &str = "gen_ai.request.model";
/// The most tokens that the answer may have.
pub const REQUEST_MAX_TOKENS: &str = "gen_ai.request.max_tokens";
/// The sampling temperature.
pub const REQUEST_TEMPERATURE: &str = "gen_ai.request.temperature";
/// The model that answered.
pub const RESPONSE_MODEL: &str = "gen_ai.response.model";
/// The provider's id of the answer.
pub const RESPONSE_ID: &str = "gen_ai.response.id";
/// Why the model stopped, as JSON text.
pub const FINISH_REASONS: &str = "gen_ai.response.finish_reasons";
/// Input tokens of a call, cached ones included.
pub const INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
/// Output tokens of a call, reasoning included.
pub const OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
/// All tokens of a call.
pub const TOTAL_TOKENS: &str = "gen_ai.usage.total_tokens";
/// The older name of [`INPUT_TOKENS`], which the mirrored system's subscribers read.
pub const PROMPT_TOKENS: &str = "gen_ai.usage.prompt_tokens";
/// The older name of [`OUTPUT_TOKENS`].
pub const COMPLETION_TOKENS: &str = "gen_ai.usage.completion_tokens";
/// What went wrong, in one word.
pub const ERROR_TYPE: &str = "error.type";
/// The causes of what went wrong, the nearest first, as JSON text.
pub const ERROR_SOURCES: &str = "error.sources";

/// The id of the request that is served.
pub const REQUEST_ID: &str = "request.id";
/// Milliseconds since that request began.
pub const REQUEST_ELAPSED_MS: &str = "request.elapsed_ms";

/// The id that the events of one model call share: the id of its span.
pub const CALL_ID: &str = "o11y.call.id";
/// The caller's upper bound of the tokens that a call will use.
pub const ESTIMATED_TOKENS: &str = "o11y.estimated_tokens";
/// Milliseconds from the request to the end.
pub const DURATION_MS: &str = "o11y.duration_ms";
/// Marks an event that repeats what another event has already said.
pub const MIRROR: &str = "o11y.mirror";
