//! A span of the SDK as a record.

use o11y_core::{Attributes, Level, ObservationType, Record, SpanId, Status, TraceId, Value, key};
use opentelemetry::{
    KeyValue,
    trace::{SpanKind, Status as OtelStatus},
};
use opentelemetry_sdk::trace::{SpanData, SpanLinks};

use self::{content::Content, kind::Hints, moments::Moments, trace::Trace};
use super::source::Source;

mod content;
mod kind;
mod moments;
mod name;
mod trace;
mod value;

/// Marks a span inside of a model call of ours, which bills what both of them count.
pub(crate) const IN_CALL: &str = "o11y.in_call";

/// Whether the trace begins here for this application.
pub(super) const IS_APP_ROOT: &str = "langfuse.internal.is_app_root";

/// The record that says what `span` says; none if its ids are not valid.
pub(super) fn record_of(span: SpanData, source: &Source) -> Option<Record> {
    let trace_id = TraceId::from_bytes(span.span_context.trace_id().to_bytes())?;
    let span_id = SpanId::from_bytes(span.span_context.span_id().to_bytes())?;
    let mut reading = Reading::default();
    reading.moments(span.events.events);
    reading.in_call = span
        .attributes
        .iter()
        .any(|known| known.key.as_str() == IN_CALL);
    for attribute in span.attributes {
        reading.attribute(attribute);
    }
    reading.name_model();
    reading.frame(&span.span_kind, &span.instrumentation_scope, &span.links);
    if span.dropped_attributes_count > 0 {
        let dropped = span.dropped_attributes_count;
        reading.attributes.set("otel.dropped_attributes", dropped);
    }
    for (key, value) in source.attributes() {
        reading.attributes.set(key, value);
    }
    let (status, level) = reading.status(span.status);
    let observation = reading.observation();
    let Reading {
        mut attributes,
        content,
        trace,
        is_app_root,
        ..
    } = reading;
    content.put_into(&mut attributes);
    let builder = Record::builder(span.name, trace_id, span_id)
        .parent(SpanId::from_bytes(span.parent_span_id.to_bytes()))
        .parent_is_remote(is_app_root.unwrap_or(span.parent_span_is_remote))
        .time(span.start_time, span.end_time)
        .observation(observation)
        .level(level)
        .status(status)
        .attributes(attributes);
    let builder = match trace.over(source.trace.as_ref()) {
        Some(trace) => builder.trace_attributes(&trace),
        None => builder,
    };
    Some(builder.build())
}

/// What was read so far.
#[derive(Default)]
struct Reading {
    attributes: Attributes,
    content: Content,
    hints: Hints,
    trace: Trace,
    moments: Moments,
    level: Option<Level>,
    /// The model under a key that only counts where no other names one.
    model: Option<(String, Value)>,
    /// If it was said.
    is_app_root: Option<bool>,
    /// Nothing on it is to be billed.
    in_call: bool,
}

impl Reading {
    fn observation(&self) -> ObservationType {
        match self.hints.observation() {
            ObservationType::Generation | ObservationType::Embedding if self.in_call => {
                ObservationType::Span
            }
            other => other,
        }
    }

    fn attribute(&mut self, KeyValue { key, value, .. }: KeyValue) {
        let name = key.as_str();
        self.hints.note(name, &value);
        if self.trace.note(name, &value) {
            return;
        }
        match name {
            "langfuse.observation.type" | "langfuse.internal.as_root" => {}
            IS_APP_ROOT => self.is_app_root = Some(value.as_str() == "true"),
            key::USAGE | key::COST if self.in_call => {
                let name = format!("langfuse.observation.metadata.{name}");
                self.attributes.set(name, value::of(value));
            }
            "langfuse.observation.level" => self.level = kind::level(&value.as_str()),
            _ => {
                let Some(value) = self.content.note(name, value) else {
                    return;
                };
                let value = value::of(value);
                if let Some(name) = name::known(name) {
                    self.attributes.set(name, value);
                } else if name::is_model(name) {
                    self.model.get_or_insert((String::from(key), value));
                } else if let Some(name) = name::renamed(name) {
                    self.attributes.set(name, value);
                } else {
                    self.attributes.set(String::from(key), value);
                }
            }
        }
    }

    fn moments(&mut self, events: Vec<opentelemetry::trace::Event>) {
        if !events.is_empty() {
            self.moments = Moments::of(events, &mut self.content);
        }
    }

    fn name_model(&mut self) {
        let Some((key, value)) = self.model.take() else {
            return;
        };
        let is_named = [key::MODEL, key::RESPONSE_MODEL, key::REQUEST_MODEL]
            .iter()
            .any(|key| self.attributes.get(key).is_some());
        if is_named {
            self.attributes.set(key, value);
        } else {
            self.attributes.set(key::REQUEST_MODEL, value);
        }
    }

    /// What stands around the attributes.
    fn frame(
        &mut self,
        kind: &SpanKind,
        scope: &opentelemetry::InstrumentationScope,
        links: &SpanLinks,
    ) {
        if let Some(kind) = kind::of_span(kind) {
            self.attributes.set("span.kind", kind);
        }
        if !scope.name().is_empty() {
            self.attributes.set("scope.name", scope.name());
        }
        self.attributes.set("scope.version", scope.version());
        if !links.links.is_empty() {
            self.attributes.set("links", moments::links(links));
        }
    }

    /// How it ended. What was recorded as an exception says why, where nothing else does.
    fn status(&mut self, status: OtelStatus) -> (Status, Level) {
        let moments = std::mem::take(&mut self.moments);
        let mut why = Value::from(None::<&str>);
        let (status, level) = match status {
            OtelStatus::Unset => (Status::Unset, Level::Default),
            OtelStatus::Ok => (Status::Ok, Level::Default),
            OtelStatus::Error { description } => {
                why = if description.is_empty() {
                    moments.failure()
                } else {
                    description.into_owned().into()
                };
                (Status::Error, Level::Error)
            }
        };
        if self.attributes.get(key::STATUS_MESSAGE).is_none() {
            self.attributes.set(key::STATUS_MESSAGE, why);
        }
        moments.put_into(&mut self.attributes);
        (status, self.level.unwrap_or(level))
    }
}
