//! The attribute keys that this workspace itself writes and reads.
//!
//! Langfuse's own names where it has one, because they mean the same through any collector;
//! the GenAI conventions otherwise.

pub use self::content::is_content;

mod content;

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
/// The name of the prompt in Langfuse that was used; it links only together with a version.
pub const PROMPT_NAME: &str = "langfuse.observation.prompt.name";
/// The version of that prompt: an integer from 1 to 65,535.
pub const PROMPT_VERSION: &str = "langfuse.observation.prompt.version";

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
/// The share of probability that tokens are sampled from.
pub const REQUEST_TOP_P: &str = "gen_ai.request.top_p";
/// How many of the likeliest tokens are sampled from.
pub const REQUEST_TOP_K: &str = "gen_ai.request.top_k";
/// How much a token counts against itself each time it was used.
pub const REQUEST_FREQUENCY_PENALTY: &str = "gen_ai.request.frequency_penalty";
/// How much a token counts against itself once it was used.
pub const REQUEST_PRESENCE_PENALTY: &str = "gen_ai.request.presence_penalty";
/// Where the model is to stop, as JSON text.
pub const REQUEST_STOP_SEQUENCES: &str = "gen_ai.request.stop_sequences";
/// The seed of the sampling.
pub const REQUEST_SEED: &str = "gen_ai.request.seed";
/// Whether the answer was asked for in chunks.
pub const REQUEST_STREAM: &str = "gen_ai.request.stream";
/// How the call is to be served: `flex`, `priority`.
pub const REQUEST_SERVICE_TIER: &str = "gen_ai.request.service_tier";
/// How the provider says that it was served.
pub const RESPONSE_SERVICE_TIER: &str = "gen_ai.response.service_tier";
/// The model that answered.
pub const RESPONSE_MODEL: &str = "gen_ai.response.model";
/// The provider's id of the answer.
pub const RESPONSE_ID: &str = "gen_ai.response.id";
/// Why the model stopped, as JSON text.
pub const FINISH_REASONS: &str = "gen_ai.response.finish_reasons";
/// Seconds from the start of the span to the first chunk with content. Langfuse's time to first
/// token is made of it on the way out.
pub const TIME_TO_FIRST_CHUNK: &str = "gen_ai.response.time_to_first_chunk";
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

/// The module that an event tells of.
pub const MODULE_NAME: &str = "module.name";
/// What that module promises: the name of its signature.
pub const MODULE_SIGNATURE: &str = "module.signature";
/// Whether it succeeded.
pub const MODULE_SUCCESS: &str = "module.success";

/// Who optimises.
pub const OPTIMIZER: &str = "optimization.optimizer";
/// The number of the trial.
pub const OPTIMIZATION_TRIAL: &str = "optimization.trial";
/// What the trial scored.
pub const OPTIMIZATION_SCORE: &str = "optimization.score";
/// The best score so far.
pub const OPTIMIZATION_BEST_SCORE: &str = "optimization.best_score";
/// What was tried.
pub const OPTIMIZATION_PARAMETERS: &str = "optimization.parameters";

/// What is measured: `accuracy`, `relevance`.
pub const EVALUATION_METRIC: &str = "gen_ai.evaluation.name";
/// What it came to.
pub const EVALUATION_SCORE: &str = "gen_ai.evaluation.score.value";
/// Why.
pub const EVALUATION_EXPLANATION: &str = "gen_ai.evaluation.explanation";
/// Who evaluates, or what is evaluated.
pub const EVALUATOR: &str = "evaluation.evaluator";
/// The data set that the examples are from.
pub const EVALUATION_DATASET: &str = "evaluation.dataset";
/// The id of the example.
pub const EVALUATION_EXAMPLE: &str = "evaluation.example";
/// Whether it passed.
pub const EVALUATION_PASSED: &str = "evaluation.passed";
/// How many examples there were.
pub const EVALUATION_TOTAL_EXAMPLES: &str = "evaluation.total_examples";
/// How many of them passed.
pub const EVALUATION_PASSED_EXAMPLES: &str = "evaluation.passed_examples";
/// What else there is to say of the evaluation.
pub const EVALUATION_METADATA: &str = "evaluation.metadata";

/// The id of the request that is served.
pub const REQUEST_ID: &str = "request.id";
/// Milliseconds since that request began.
pub const REQUEST_ELAPSED_MS: &str = "request.elapsed_ms";

/// The modules around, from the outermost to the innermost.
pub const MODULE_PATH: &str = "module.path";

/// The id that the events of one model call share: the id of its span.
pub const CALL_ID: &str = "o11y.call.id";
/// The caller's upper bound of the tokens that a call will use.
pub const ESTIMATED_TOKENS: &str = "o11y.estimated_tokens";
/// The caller's upper bound of those tokens by class, as [`Usage`](crate::Usage).
pub const ESTIMATED_USAGE: &str = "o11y.estimated_usage";
/// How a call ended: `answered`, `failed`, `cancelled`, `panicked` or `vetoed`.
pub const OUTCOME: &str = "o11y.outcome";
/// How often a call was tried again.
pub const RETRIES: &str = "o11y.retries";
/// Milliseconds from the request to the first chunk with content.
pub const TIME_TO_FIRST_TOKEN_MS: &str = "o11y.time_to_first_token_ms";
/// The bytes of a streamed answer that were left out of the output.
pub const OUTPUT_CUT_BYTES: &str = "o11y.output_cut_bytes";
/// The bytes of a model's answer that were not read, because they were too many.
pub const UNREAD_BYTES: &str = "o11y.unread_bytes";
/// A prompt that could not be linked, because its version is not one of Langfuse's.
pub const PROMPT_NOT_LINKED: &str = "o11y.prompt_not_linked";
/// Milliseconds from the request to the end.
pub const DURATION_MS: &str = "o11y.duration_ms";
/// Marks an event that repeats what another event has already said.
pub const MIRROR: &str = "o11y.mirror";

/// The id of a score, by which a later one replaces it; this and what follows are on the event
/// [`Score::EVENT`](crate::Score::EVENT).
pub const SCORE_ID: &str = "score_id";
/// What a score judges about its target.
pub const SCORE_NAME: &str = "score_name";
/// The judgement: a number, 1 or 0 for yes or no, or a text.
pub const SCORE_VALUE: &str = "score_value";
/// The kind of value, as [`ScoreDataType`](crate::ScoreDataType) prints it.
pub const SCORE_DATA_TYPE: &str = "score_data_type";
/// Why a score is as it is.
pub const SCORE_COMMENT: &str = "score_comment";
/// The trace that a score judges.
pub const SCORE_TRACE_ID: &str = "trace_id";
/// The observation that a score judges.
pub const SCORE_OBSERVATION_ID: &str = "observation_id";
/// The session that a score judges.
pub const SCORE_SESSION_ID: &str = "session_id";
/// The dataset run that a score judges.
pub const SCORE_DATASET_RUN_ID: &str = "dataset_run_id";
/// When a score was given, in RFC 3339.
pub const SCORE_TIMESTAMP: &str = "timestamp";
/// The environment of a score.
pub const SCORE_ENVIRONMENT: &str = "environment";
/// The score config that the value obeys.
pub const SCORE_CONFIG_ID: &str = "score_config_id";
/// The annotation queue that a score comes from.
pub const SCORE_QUEUE_ID: &str = "score_queue_id";
/// What the key of each entry of a score's metadata begins with.
pub const SCORE_METADATA_PREFIX: &str = "score_metadata.";
/// Whether the trace of a score is recorded, where that is known.
pub const SCORE_SAMPLED: &str = "sampled";
