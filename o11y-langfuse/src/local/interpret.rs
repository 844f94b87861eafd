//! What Langfuse makes of a span's attributes: the rules of the server's direct write path, for
//! the attributes that an exporter like ours sends. Adapters for particular frameworks (Vercel,
//! `LiveKit`, Logfire, genkit and others) are left out.

mod content;
mod legacy;
mod metadata;
mod model;
mod tokens;

use serde_json::Value as Json;

use super::{
    observation::Observation,
    value::{AttributeValue, Attributes},
};

/// What is known of a span before its attributes are understood.
#[derive(Debug, Default)]
pub(crate) struct Source {
    pub(crate) span_name: String,
    pub(crate) status_is_error: bool,
    pub(crate) status_message: String,
    pub(crate) attributes: Attributes,
    pub(crate) resource: Attributes,
}

/// Fills in all fields that depend on attributes; ids and times are the caller's.
pub(crate) fn interpret(source: Source) -> Observation {
    let attributes = &source.attributes;
    let text = |keys: &[&str]| first_text(attributes, keys);
    let (input, output) = content::input_and_output(attributes);
    let kind = kind(attributes);

    Observation {
        legacy_losses: legacy::losses(attributes, kind, &source.span_name),
        name: text(&["gen_ai.tool.name", "genkit:name", "logfire.msg"]).unwrap_or(source.span_name),
        kind: kind.to_owned(),
        level: level(attributes, source.status_is_error).to_owned(),
        status_message: text(&["langfuse.observation.status_message"])
            .or_else(|| Some(source.status_message).filter(|message| !message.is_empty())),
        input,
        output,
        model: tokens::model(attributes),
        model_parameters: model::parameters(attributes),
        prompt: model::prompt(attributes, kind),
        usage: tokens::usage(attributes),
        cost: tokens::cost(attributes),
        completion_start_time: text(&["langfuse.observation.completion_start_time"])
            .map(|time| serde_json::from_str::<String>(&time).unwrap_or(time)),
        trace_name: text(&["langfuse.trace.name"]),
        user_id: text(&[
            "langfuse.user.id",
            "user.id",
            "langfuse.observation.metadata.langfuse_user_id",
            "langfuse.trace.metadata.langfuse_user_id",
        ]),
        session_id: text(&[
            "langfuse.session.id",
            "session.id",
            "gen_ai.conversation.id",
            "langfuse.observation.metadata.langfuse_session_id",
            "langfuse.trace.metadata.langfuse_session_id",
        ]),
        tags: tags(attributes),
        public: ["langfuse.trace.public", "langfuse.public"]
            .iter()
            .find_map(|key| attributes.get(*key))
            .map(is_true),
        environment: environment(attributes, &source.resource),
        release: text(&["langfuse.release"])
            .or_else(|| first_text(&source.resource, &["langfuse.release"])),
        version: text(&["langfuse.version"])
            .or_else(|| first_text(&source.resource, &["service.version"])),
        metadata: metadata::collect(
            attributes,
            &["langfuse.metadata", "langfuse.observation.metadata"],
        ),
        trace_metadata: metadata::collect(attributes, &["langfuse.trace.metadata"]),
        status_is_error: source.status_is_error,
        app_root: attributes
            .get("langfuse.internal.is_app_root")
            .is_some_and(is_true),
        attributes: source.attributes,
        resource: source.resource,
        ..Observation::default()
    }
}

/// The first of these attributes that says something, as text.
fn first_text(attributes: &Attributes, keys: &[&str]) -> Option<String> {
    keys.iter()
        .filter_map(|key| attributes.get(*key))
        .find(|value| value.is_truthy())
        .map(ToString::to_string)
}

fn is_true(value: &AttributeValue) -> bool {
    matches!(value, AttributeValue::Bool(true)) || value.as_str() == Some("true")
}

fn kind(attributes: &Attributes) -> &str {
    const KINDS: [&str; 10] = [
        "span",
        "generation",
        "event",
        "embedding",
        "agent",
        "tool",
        "chain",
        "retriever",
        "guardrail",
        "evaluator",
    ];
    let text = |key: &str| attributes.get(key).and_then(AttributeValue::as_str);
    let has = |keys: &[&str]| {
        keys.iter()
            .any(|key| attributes.get(*key).is_some_and(AttributeValue::is_truthy))
    };

    // Exact lower case: the server does not recognise `GENERATION`.
    if let Some(kind) = text("langfuse.observation.type").filter(|kind| KINDS.contains(kind)) {
        return kind;
    }
    match text("openinference.span.kind") {
        Some("LLM") => return "generation",
        Some("CHAIN") => return "chain",
        Some("RETRIEVER") => return "retriever",
        Some("EMBEDDING") => return "embedding",
        Some("AGENT") => return "agent",
        Some("TOOL") => return "tool",
        Some("GUARDRAIL") => return "guardrail",
        Some("EVALUATOR") => return "evaluator",
        _ => {}
    }
    match text("gen_ai.operation.name") {
        Some("chat" | "completion" | "text_completion" | "generate_content" | "generate") => {
            "generation"
        }
        Some("embeddings") => "embedding",
        Some("invoke_agent" | "create_agent") => "agent",
        Some("execute_tool") => "tool",
        _ if has(&["gen_ai.tool.name", "gen_ai.tool.call.id"]) => "tool",
        _ if has(&tokens::MODEL_KEYS) => "generation",
        _ => "span",
    }
}

fn level(attributes: &Attributes, status_is_error: bool) -> &'static str {
    let given = attributes
        .get("langfuse.observation.level")
        .map(ToString::to_string);
    match given.unwrap_or_default().to_uppercase().as_str() {
        "DEBUG" | "TRACE" | "VERBOSE" => "DEBUG",
        "DEFAULT" | "INFO" | "LOG" | "NOTICE" | "OK" | "SUCCESS" => "DEFAULT",
        "WARN" | "WARNING" => "WARNING",
        "ERROR" | "FATAL" | "CRITICAL" => "ERROR",
        _ if status_is_error => "ERROR",
        _ => "DEFAULT",
    }
}

fn tags(attributes: &Attributes) -> Vec<String> {
    let keys = [
        "langfuse.trace.tags",
        "langfuse.tags",
        "langfuse.observation.metadata.langfuse_tags",
        "langfuse.trace.metadata.langfuse_tags",
    ];
    let given = keys
        .iter()
        .filter_map(|key| attributes.get(*key))
        .find(|value| value.is_truthy());

    match given {
        Some(AttributeValue::List(tags)) => tags.iter().map(ToString::to_string).collect(),
        Some(AttributeValue::Text(text)) if text.starts_with('[') => {
            let parsed = serde_json::from_str::<Vec<Json>>(text).map(|tags| {
                tags.iter()
                    .map(|tag| tag.as_str().map_or_else(|| tag.to_string(), str::to_owned))
                    .collect()
            });
            parsed.unwrap_or_else(|_| vec![text.clone()])
        }
        // This is how an empty array, which became the text of its wire form, ends as a tag.
        Some(AttributeValue::Text(text)) => {
            text.split(',').map(|tag| tag.trim().to_owned()).collect()
        }
        Some(other) => vec![other.to_string()],
        None => Vec::new(),
    }
}

fn environment(attributes: &Attributes, resource: &Attributes) -> String {
    [
        "langfuse.environment",
        "deployment.environment.name",
        "deployment.environment",
    ]
    .iter()
    .find_map(|key| first_text(attributes, &[key]).or_else(|| first_text(resource, &[key])))
    .and_then(|given| normalise_environment(&given))
    .unwrap_or_else(|| "default".to_owned())
}

/// `None` when there is a character that is not allowed: the whole value is then lost.
fn normalise_environment(given: &str) -> Option<String> {
    let lower = given.to_lowercase();
    let mut rest = lower.as_str();
    while let Some(stripped) = rest.strip_prefix("langfuse") {
        rest = stripped.strip_prefix(['-', '_']).unwrap_or(stripped);
    }
    let name: String = rest.chars().take(40).collect();
    let is_allowed = |character: char| {
        character.is_ascii_lowercase() || character.is_ascii_digit() || "-_".contains(character)
    };
    (!name.is_empty() && name.chars().all(is_allowed)).then_some(name)
}

#[cfg(test)]
mod tests;
