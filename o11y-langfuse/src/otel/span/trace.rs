//! What a span of others says of its whole trace.

use o11y_core::TraceAttributes;
use opentelemetry::{Array, Value};
use serde_json::Value as Json;

const METADATA: &str = "langfuse.trace.metadata";

/// What was said so far; nothing is allocated until something is.
#[derive(Default)]
pub(super) struct Trace {
    said: Option<Box<TraceAttributes>>,
    /// Whether Langfuse's own key named the user, the session and the environment: it wins.
    is_own: [bool; 3],
}

impl Trace {
    /// Takes the attribute, if it is one of the trace's.
    pub(super) fn note(&mut self, key: &str, value: &Value) -> bool {
        match key {
            "langfuse.trace.name" => self.put(value, TraceAttributes::name),
            "langfuse.user.id" => self.put_own(0, true, value, TraceAttributes::user),
            "user.id" => self.put_own(0, false, value, TraceAttributes::user),
            "langfuse.session.id" => self.put_own(1, true, value, TraceAttributes::session),
            "session.id" => self.put_own(1, false, value, TraceAttributes::session),
            "langfuse.environment" => self.put_own(2, true, value, TraceAttributes::environment),
            "deployment.environment.name" | "deployment.environment" => {
                self.put_own(2, false, value, TraceAttributes::environment);
            }
            "langfuse.version" => self.put(value, TraceAttributes::version),
            "langfuse.release" => self.put(value, TraceAttributes::release),
            "langfuse.trace.tags" | "langfuse.tags" => self.change(|said| tagged(said, value)),
            "langfuse.trace.public" | "langfuse.public" => {
                self.change(|said| said.public(value.as_str() == "true"));
            }
            METADATA => self.change(|said| with_object(said, value)),
            _ => match key.strip_prefix(METADATA) {
                Some(rest) if rest.starts_with('.') => {
                    let (key, value) = (rest[1..].to_owned(), value.as_str().into_owned());
                    self.change(|said| said.metadata(key, value));
                }
                _ => return false,
            },
        }
        true
    }

    fn change(&mut self, change: impl FnOnce(TraceAttributes) -> TraceAttributes) {
        let said = self.said.get_or_insert_default();
        **said = change(std::mem::take(said));
    }

    fn put(&mut self, value: &Value, set: impl FnOnce(TraceAttributes, String) -> TraceAttributes) {
        let text = value.as_str().into_owned();
        self.change(|said| set(said, text));
    }

    fn put_own(
        &mut self,
        place: usize,
        is_own: bool,
        value: &Value,
        set: impl FnOnce(TraceAttributes, String) -> TraceAttributes,
    ) {
        if is_own || !self.is_own[place] {
            self.is_own[place] = is_own;
            self.put(value, set);
        }
    }

    /// All of it, over what the resource says.
    pub(super) fn over(self, resource: Option<&TraceAttributes>) -> Option<TraceAttributes> {
        let Some(mut said) = self.said.map(|said| *said) else {
            return resource.cloned();
        };
        let Some(resource) = resource else {
            return Some(said);
        };
        if let (None, Some(name)) = (said.get_environment(), resource.get_environment()) {
            said = said.environment(name.to_owned());
        }
        if let (None, Some(version)) = (said.get_version(), resource.get_version()) {
            said = said.version(version.to_owned());
        }
        if let (None, Some(release)) = (said.get_release(), resource.get_release()) {
            said = said.release(release.to_owned());
        }
        Some(said)
    }
}

/// A list of tags, or text: a JSON list, tags between commas, or a single one.
fn tagged(said: TraceAttributes, value: &Value) -> TraceAttributes {
    if let Value::Array(Array::String(tags)) = value {
        return tags
            .iter()
            .fold(said, |said, tag| said.tag(tag.as_str().to_owned()));
    }
    let text = value.as_str();
    if let Ok(tags) = serde_json::from_str::<Vec<String>>(&text) {
        return tags.into_iter().fold(said, TraceAttributes::tag);
    }
    let tags = text.split(',').map(str::trim).filter(|tag| !tag.is_empty());
    tags.fold(said, |said, tag| said.tag(tag.to_owned()))
}

/// Metadata as one JSON object. What is none is dropped, as by the server.
fn with_object(said: TraceAttributes, value: &Value) -> TraceAttributes {
    let Ok(Json::Object(entries)) = serde_json::from_str(&value.as_str()) else {
        return said;
    };
    entries.into_iter().fold(said, |said, (key, value)| {
        let text = match value {
            Json::String(text) => text,
            other => other.to_string(),
        };
        said.metadata(key, text)
    })
}
