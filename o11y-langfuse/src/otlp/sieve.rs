//! What may leave: content switched off, and the program's mask.

use o11y_core::{ValueRef, key};
use opentelemetry::{KeyValue, Value, trace::Status};
use opentelemetry_sdk::trace::SpanData;

use crate::{encode::Redactor, mask::Privacy, otel::IN_CALL};

pub(super) struct Sieve {
    redactor: Redactor,
    /// Nothing is to be looked at.
    is_open: bool,
}

/// Whether a span of the SDK lies in a model call of ours.
pub(super) fn is_in_call(span: &SpanData) -> bool {
    let mut attributes = span.attributes.iter();
    attributes.any(|known| known.key.as_str() == IN_CALL)
}

impl Sieve {
    pub(super) fn new(privacy: &Privacy) -> Self {
        Self {
            redactor: Redactor::new(privacy.clone()),
            is_open: privacy.captures_content && privacy.mask.is_none(),
        }
    }

    /// Whether an attribute of this key is left out, because content is not captured.
    pub(super) fn hides(&self, key: &str) -> bool {
        !self.redactor.captures_content() && matches!(key, key::INPUT | key::OUTPUT)
            || self.redactor.hides(key)
    }

    /// What to send in place of a value; none if it may be sent as it is.
    pub(super) fn change(&mut self, key: &str, value: ValueRef<'_>) -> Option<String> {
        if is_name(key) {
            return None;
        }
        self.redactor.change(key, value)
    }

    /// A span of the SDK, without our mark and what may not leave.
    pub(super) fn passed(&mut self, mut span: SpanData) -> SpanData {
        if is_in_call(&span) {
            span.attributes
                .retain(|known| known.key.as_str() != IN_CALL);
        }
        if self.is_open {
            return span;
        }
        self.sift(&mut span.attributes);
        let events = &mut span.events.events;
        if !self.redactor.captures_content() {
            events.retain(|event| event.name == "exception");
        }
        for event in events {
            self.sift(&mut event.attributes);
        }
        for link in &mut span.links.links {
            self.sift(&mut link.attributes);
        }
        if let Status::Error { description } = &mut span.status
            && let Some(masked) = self.change(key::STATUS_MESSAGE, ValueRef::Text(description))
        {
            *description = masked.into();
        }
        span
    }

    fn sift(&mut self, attributes: &mut Vec<KeyValue>) {
        attributes.retain(|known| !self.hides(known.key.as_str()));
        for known in attributes {
            let changed = match &known.value {
                Value::Bool(_) | Value::I64(_) | Value::F64(_) => None,
                // A list is shown as its text.
                value => self.change(known.key.as_str(), ValueRef::Text(&value.as_str())),
            };
            if let Some(changed) = changed {
                known.value = changed.into();
            }
        }
    }
}

/// What no mask is shown: names, ids and figures.
fn is_name(key: &str) -> bool {
    const NAMES: [&str; 15] = [
        "user.id",
        "session.id",
        "openinference.span.kind",
        "langfuse.user.id",
        "langfuse.session.id",
        "langfuse.trace.name",
        "langfuse.trace.tags",
        "langfuse.environment",
        "langfuse.release",
        "langfuse.version",
        "langfuse.observation.type",
        "langfuse.observation.level",
        "langfuse.observation.model.name",
        key::PROMPT_NAME,
        key::PROMPT_VERSION,
    ];
    let Some(rest) = key.strip_prefix("gen_ai.") else {
        return NAMES.contains(&key);
    };
    rest.starts_with("usage.")
        || matches!(rest.rsplit('.').next(), Some("id" | "name" | "model"))
        || matches!(
            rest,
            "system" | "response.finish_reasons" | "output.type" | "tool.type"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_figures_are_no_content() {
        for key in ["user.id", "gen_ai.request.model", key::INPUT_TOKENS] {
            assert!(is_name(key), "{key}");
        }
        for key in ["gen_ai.input.messages", "mood", "id", key::INPUT] {
            assert!(!is_name(key), "{key}");
        }
    }
}
