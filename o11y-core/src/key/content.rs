//! Which keys hold content, under the names of any tool.

use super::{INPUT, OUTPUT};

/// Names that stand alone.
const KEYS: [&str; 33] = [
    INPUT,
    OUTPUT,
    "input",
    "output",
    "prompt",
    "completion",
    "messages",
    "events",
    "all_messages_events",
    "input.value",
    "output.value",
    "final_result",
    "tool_arguments",
    "tool_response",
    "traceloop.entity.input",
    "traceloop.entity.output",
    "mlflow.spanInputs",
    "mlflow.spanOutputs",
    "pydantic_ai.all_messages",
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.system_instructions",
    "gen_ai.tool.definitions",
    "gen_ai.tool.call.arguments",
    "gen_ai.tool.call.result",
    "gen_ai.retrieval.documents",
    "gen_ai.retrieval.query.text",
    "langfuse.experiment.item.expected_output",
    "llm.prompts",
    "reranker.query",
    "tool.parameters",
    "genkit:input",
    "genkit:output",
];

/// How those begin of lists that are spread over many attributes, and of whole families.
const PREFIXES: [&str; 17] = [
    "gen_ai.prompt",
    "gen_ai.completion",
    "llm.input_messages",
    "llm.output_messages",
    "langfuse.trace.input",
    "langfuse.trace.output",
    "ai.prompt",
    "ai.response.",
    "ai.result.",
    "ai.toolCall.",
    "gcp.vertex.agent.llm_",
    "gcp.vertex.agent.tool_",
    "llm.prompt_template.",
    "retrieval.documents",
    "reranker.input_documents",
    "reranker.output_documents",
    "embedding.embeddings",
];

/// Whether an attribute of this key is content, which is not for files and logs unless somebody asks
/// for it: what went into a model, a tool or a search and what came out of it, as the `GenAI`
/// conventions, Langfuse, `OpenInference`, `OpenLLMetry` and other tools call it.
///
/// ```
/// use o11y_core::key;
///
/// assert!(key::is_content(key::INPUT) && key::is_content("gen_ai.input.messages"));
/// assert!(!key::is_content(key::REQUEST_MODEL));
/// ```
#[must_use]
pub fn is_content(key: &str) -> bool {
    KEYS.contains(&key) || PREFIXES.iter().any(|prefix| key.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_other_conventions_call_content_is_content() {
        for name in [
            "ai.toolCall.args",
            "gcp.vertex.agent.llm_request",
            "genkit:input",
            "gen_ai.retrieval.query.text",
            "retrieval.documents.0.document.content",
            "reranker.query",
            "embedding.embeddings.0.embedding.text",
            "llm.prompt_template.variables",
            "tool.parameters",
        ] {
            assert!(is_content(name), "{name}");
        }
        assert!(!is_content("gen_ai.usage.prompt_tokens"));
    }
}
