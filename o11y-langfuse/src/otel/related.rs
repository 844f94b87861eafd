//! Whether a span of OpenTelemetry's SDK has to do with language models.
//!
//! The rule of Langfuse's own SDKs: whoever made it is known for such spans, or it has a key that only
//! they have.

use opentelemetry_sdk::trace::SpanData;

/// Instrumentation of models, agents and what is around them, by the names of its scopes. What
/// follows a dot or a colon is a part of it.
const SCOPES: [&str; 45] = [
    "o11y-langfuse",
    "langfuse-sdk",
    "langfuse",
    "openinference",
    "agent_framework",
    "agno",
    "ai",
    "async-openai",
    "async_openai",
    "autogen-core",
    "genai",
    "haystack",
    "langsmith",
    "litellm",
    "pydantic-ai",
    "rig",
    "rig-core",
    "strands-agents",
    "swiftide",
    "traceloop",
    "vllm",
    "opentelemetry.instrumentation.agno",
    "opentelemetry.instrumentation.alephalpha",
    "opentelemetry.instrumentation.anthropic",
    "opentelemetry.instrumentation.bedrock",
    "opentelemetry.instrumentation.cohere",
    "opentelemetry.instrumentation.crewai",
    "opentelemetry.instrumentation.google_generativeai",
    "opentelemetry.instrumentation.groq",
    "opentelemetry.instrumentation.haystack",
    "opentelemetry.instrumentation.langchain",
    "opentelemetry.instrumentation.llamaindex",
    "opentelemetry.instrumentation.mistralai",
    "opentelemetry.instrumentation.ollama",
    "opentelemetry.instrumentation.openai",
    "opentelemetry.instrumentation.openai_agents",
    "opentelemetry.instrumentation.openai_v2",
    "opentelemetry.instrumentation.replicate",
    "opentelemetry.instrumentation.sagemaker",
    "opentelemetry.instrumentation.together",
    "opentelemetry.instrumentation.transformers",
    "opentelemetry.instrumentation.vertexai",
    "opentelemetry.instrumentation.voyageai",
    "opentelemetry.instrumentation.watsonx",
    "opentelemetry.instrumentation.writer",
];

/// How the keys begin that only such spans have: those of the `GenAI` conventions, of Langfuse, of
/// `OpenInference` and of `OpenLLMetry`.
const KEYS: [&str; 5] = [
    "gen_ai.",
    "langfuse.",
    "openinference.",
    "llm.",
    "traceloop.",
];

/// What this processor itself says of any span.
const OURS: &str = super::span::IS_APP_ROOT;

/// Whether it does, as far as it is known by now.
pub(super) fn is_related(span: &SpanData) -> bool {
    let is_ours = |scope: &str| {
        let rest = span.instrumentation_scope.name().strip_prefix(scope);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', ':']))
    };
    let tells = |key: &str| key != OURS && KEYS.iter().any(|prefix| key.starts_with(prefix));
    span.attributes
        .iter()
        .any(|known| tells(known.key.as_str()))
        || span.events.iter().any(|event| tells(&event.name))
        || SCOPES.iter().any(|scope| is_ours(scope))
}
