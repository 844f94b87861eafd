//! Keys that come often, as static text: one that is made at run time costs an allocation. And keys
//! of others that say what one of ours says.

use std::borrow::Cow;

/// The key under which the encoder understands what the server understands under this one.
pub(super) fn renamed(name: &str) -> Option<Cow<'static, str>> {
    if let Some(class) = name.strip_prefix("llm.token_count.") {
        return Some(format!("gen_ai.usage.{class}").into());
    }
    let rest = name.strip_prefix("langfuse.");
    if let Some(rest) = rest
        && (rest == "metadata" || rest.starts_with("metadata."))
    {
        return Some(format!("langfuse.observation.{rest}").into());
    }
    Some(match name {
        "llm.cost.total" => "gen_ai.usage.cost".into(),
        "llm.invocation_parameters" => "langfuse.observation.model.parameters".into(),
        "langfuse.prompt.name" => "langfuse.observation.prompt.name".into(),
        "langfuse.prompt.version" => "langfuse.observation.prompt.version".into(),
        _ => return None,
    })
}

/// Whether the server takes this for the model, where none of the conventions' keys names one.
pub(super) fn is_model(name: &str) -> bool {
    matches!(name, "llm.response.model" | "llm.model_name" | "model")
}

macro_rules! known {
    ($($name:literal)+) => {
        /// The same key as static text, if it is a frequent one.
        pub(super) fn known(name: &str) -> Option<&'static str> {
            match name {
                $($name => Some($name),)+
                _ => None,
            }
        }
    };
}

known! {
    "langfuse.observation.input" "langfuse.observation.output"
    "langfuse.observation.status_message" "langfuse.observation.model.name"
    "langfuse.observation.model.parameters" "langfuse.observation.usage_details"
    "langfuse.observation.cost_details" "langfuse.observation.completion_start_time"
    "langfuse.observation.prompt.name" "langfuse.observation.prompt.version"
    "langfuse.observation.metadata"
    "gen_ai.operation.name" "gen_ai.provider.name" "gen_ai.system" "gen_ai.conversation.id"
    "gen_ai.agent.id" "gen_ai.agent.name" "gen_ai.tool.name" "gen_ai.tool.call.id" "gen_ai.tool.type"
    "gen_ai.tool.call.arguments" "gen_ai.tool.call.result" "gen_ai.tool.definitions"
    "gen_ai.input.messages" "gen_ai.output.messages" "gen_ai.system_instructions"
    "gen_ai.output.type" "gen_ai.request.model" "gen_ai.request.max_tokens"
    "gen_ai.request.temperature" "gen_ai.request.top_p" "gen_ai.request.top_k"
    "gen_ai.request.seed" "gen_ai.request.stop_sequences" "gen_ai.request.stream"
    "gen_ai.request.frequency_penalty" "gen_ai.request.presence_penalty"
    "gen_ai.request.choice.count" "gen_ai.response.model" "gen_ai.response.id"
    "gen_ai.response.finish_reasons" "gen_ai.response.time_to_first_chunk"
    "gen_ai.usage.input_tokens" "gen_ai.usage.output_tokens" "gen_ai.usage.total_tokens"
    "gen_ai.usage.prompt_tokens" "gen_ai.usage.completion_tokens"
    "gen_ai.usage.cache_read.input_tokens" "gen_ai.usage.cache_creation.input_tokens"
    "gen_ai.usage.reasoning.output_tokens"
    "http.method" "http.status_code" "http.url" "http.route" "http.target"
    "http.request.method" "http.response.status_code" "url.full" "url.path" "url.scheme" "url.query"
    "server.address" "server.port" "client.address" "network.protocol.version"
    "network.peer.address" "network.peer.port" "user_agent.original"
    "db.system" "db.system.name" "db.statement" "db.query.text" "db.operation" "db.operation.name"
    "db.name" "db.namespace" "db.collection.name"
    "rpc.system" "rpc.service" "rpc.method" "messaging.system" "messaging.destination.name"
    "error.type" "exception.type" "exception.message" "otel.status_code"
    "code.file.path" "code.filepath" "code.function.name" "code.namespace" "code.module.name"
    "code.line.number" "code.lineno" "thread.id" "thread.name" "target" "busy_ns" "idle_ns"
    "openinference.span.kind"
}
