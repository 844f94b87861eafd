//! What a span of others is to Langfuse: the server's own rules, in its order.

use o11y_core::{Level, ObservationType};
use opentelemetry::{Value, trace::SpanKind};

/// What the attributes say of it.
#[derive(Debug, Default)]
pub(super) struct Hints {
    said: Option<ObservationType>,
    openinference: Option<ObservationType>,
    operation: Option<ObservationType>,
    is_tool: bool,
    has_model: bool,
}

impl Hints {
    pub(super) fn note(&mut self, key: &str, value: &Value) {
        match key {
            // Another spelling than the server's is none, as there.
            "langfuse.observation.type" => self.said = value.as_str().parse().ok(),
            "openinference.span.kind" => self.openinference = of_openinference(&value.as_str()),
            "gen_ai.operation.name" => self.operation = of_operation(&value.as_str()),
            "gen_ai.tool.name" | "gen_ai.tool.call.id" => self.is_tool = true,
            "langfuse.observation.model.name"
            | "gen_ai.request.model"
            | "gen_ai.response.model"
            | "llm.response.model"
            | "llm.model_name"
            | "model" => self.has_model = true,
            _ => {}
        }
    }

    pub(super) fn observation(&self) -> ObservationType {
        let is_tool = self.is_tool.then_some(ObservationType::Tool);
        let has_model = self.has_model.then_some(ObservationType::Generation);
        self.said
            .or(self.openinference)
            .or(self.operation)
            .or(is_tool)
            .or(has_model)
            .unwrap_or_default()
    }
}

fn of_openinference(kind: &str) -> Option<ObservationType> {
    Some(match kind {
        "CHAIN" => ObservationType::Chain,
        "RETRIEVER" | "RERANKER" => ObservationType::Retriever,
        "LLM" => ObservationType::Generation,
        "EMBEDDING" => ObservationType::Embedding,
        "AGENT" => ObservationType::Agent,
        "TOOL" => ObservationType::Tool,
        "GUARDRAIL" => ObservationType::Guardrail,
        "EVALUATOR" => ObservationType::Evaluator,
        _ => return None,
    })
}

/// The server knows fewer: newer operations of the conventions are spans to it.
fn of_operation(name: &str) -> Option<ObservationType> {
    Some(match name {
        "chat" | "completion" | "text_completion" | "generate_content" | "generate" => {
            ObservationType::Generation
        }
        "embeddings" => ObservationType::Embedding,
        "invoke_agent" | "create_agent" => ObservationType::Agent,
        "execute_tool" => ObservationType::Tool,
        "retrieval" => ObservationType::Retriever,
        "invoke_workflow" => ObservationType::Chain,
        _ => return None,
    })
}

/// A level in one of the spellings that the server knows.
pub(super) fn level(name: &str) -> Option<Level> {
    Some(match name.to_ascii_uppercase().as_str() {
        "DEBUG" | "TRACE" | "VERBOSE" => Level::Debug,
        "DEFAULT" | "INFO" | "LOG" | "NOTICE" | "OK" | "SUCCESS" => Level::Default,
        "WARN" | "WARNING" => Level::Warning,
        "ERROR" | "FATAL" | "CRITICAL" => Level::Error,
        _ => return None,
    })
}

/// The kind that OpenTelemetry gives to spans; none for the usual one.
pub(super) fn of_span(kind: &SpanKind) -> Option<&'static str> {
    match kind {
        SpanKind::Client => Some("client"),
        SpanKind::Server => Some("server"),
        SpanKind::Producer => Some("producer"),
        SpanKind::Consumer => Some("consumer"),
        SpanKind::Internal => None,
    }
}
