//! A record as the SDK's span, in the words of OpenTelemetry's conventions.

use std::time::UNIX_EPOCH;

use o11y_core::{
    Anchor, Cost, Level, ObservationType, Record, Status, TraceAttributes, Usage, ValueRef, key,
};
use opentelemetry::{
    Array, InstrumentationScope, KeyValue, SpanId, StringValue, TraceFlags, TraceId, Value,
    trace::{SpanContext, SpanKind, Status as OtelStatus, TraceState},
};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use super::{langfuse::moment, sieve::Sieve};
use crate::{
    encode::{METADATA, SCOPE_NAME_TEXT},
    mask::Privacy,
};

const INPUT: &str = "input.value";
const OUTPUT: &str = "output.value";
const TOOL_INPUT: &str = "gen_ai.tool.call.arguments";
const TOOL_OUTPUT: &str = "gen_ai.tool.call.result";
const KIND: &str = "openinference.span.kind";
const COST: &str = "gen_ai.usage.cost";
const CACHE_READ: &str = "gen_ai.usage.cache_read.input_tokens";
const CACHE_CREATION: &str = "gen_ai.usage.cache_creation.input_tokens";
const REASONING: &str = "gen_ai.usage.reasoning.output_tokens";

/// What all spans have in common.
pub(super) struct Shared {
    scope: InstrumentationScope,
}

impl Shared {
    pub(super) fn new() -> Self {
        Self {
            scope: InstrumentationScope::builder(SCOPE_NAME_TEXT)
                .with_version(env!("CARGO_PKG_VERSION"))
                .build(),
        }
    }
}

/// A span with the ids of the record, and nothing else of it.
pub(super) fn frame(record: &Record, shared: &Shared) -> SpanData {
    let parent = record.parent_id();
    SpanData {
        span_context: SpanContext::new(
            TraceId::from_bytes(record.trace_id().to_bytes()),
            SpanId::from_bytes(record.span_id().to_bytes()),
            TraceFlags::SAMPLED,
            false,
            TraceState::NONE,
        ),
        parent_span_id: parent.map_or(SpanId::INVALID, |id| SpanId::from_bytes(id.to_bytes())),
        parent_span_is_remote: record.parent_is_remote(),
        span_kind: SpanKind::Internal,
        name: "".into(),
        start_time: UNIX_EPOCH,
        end_time: UNIX_EPOCH,
        attributes: Vec::with_capacity(record.attributes().len() + 8),
        dropped_attributes_count: record.attributes().left_out(),
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: OtelStatus::Unset,
        instrumentation_scope: shared.scope.clone(),
    }
}

pub(super) struct Conventions {
    sieve: Sieve,
    shared: Shared,
}

impl Conventions {
    pub(super) fn new(privacy: &Privacy) -> Self {
        Self {
            sieve: Sieve::new(privacy),
            shared: Shared::new(),
        }
    }

    pub(super) fn span(&mut self, record: &Record, anchor: &Anchor) -> SpanData {
        let mut span = frame(record, &self.shared);
        span.name = record.name().to_owned().into();
        span.start_time = moment(record.start_unix_nanos(anchor));
        span.end_time = moment(record.end_unix_nanos(anchor));
        span.span_kind = match record.observation() {
            ObservationType::Generation | ObservationType::Embedding => SpanKind::Client,
            _ => SpanKind::Internal,
        };
        let attributes = &mut span.attributes;
        let mut message = None;
        for (key, value) in record.attributes().iter() {
            if self.sieve.hides(key) {
                continue;
            }
            let value = value.as_ref();
            match key {
                key::STATUS_MESSAGE => message = self.content(key, value),
                key::INPUT | key::OUTPUT => {
                    put(
                        attributes,
                        content_name(key, record.observation()),
                        self.content(key, value),
                    );
                }
                key::MODEL => put(attributes, key::RESPONSE_MODEL, plain(value)),
                key::USAGE | key::COST => self.figure(attributes, key, value),
                _ => {
                    let name = key.strip_prefix(METADATA).unwrap_or(key);
                    let value = self.content(key, value);
                    if record.observation() == ObservationType::Event && name.starts_with("gen_ai.")
                    {
                        put(attributes, format!("event.{name}"), value);
                    } else {
                        put(attributes, name.to_owned(), value);
                    }
                }
            }
        }
        if let Some(trace) = record.trace_attributes() {
            self.trace(attributes, trace);
        }
        place(attributes, record);
        add_figures(record, attributes);
        if let Some(kind) = kind_of(record.observation()) {
            put_if_new(attributes, KIND, kind.into());
        }
        span.status = status(record, message, attributes);
        span
    }

    /// A span of the SDK, as it came.
    pub(super) fn passed(&mut self, span: SpanData) -> SpanData {
        self.sieve.passed(span)
    }

    /// The value, through the mask.
    fn content(&mut self, key: &str, value: ValueRef<'_>) -> Option<Value> {
        match self.sieve.change(key, value) {
            Some(masked) => Some(masked.into()),
            None => plain(value),
        }
    }

    /// Typed figures are sent as such afterwards; what is no figure stays what it is.
    fn figure(&mut self, attributes: &mut Vec<KeyValue>, key: &str, value: ValueRef<'_>) {
        if !matches!(value, ValueRef::Usage(_) | ValueRef::Cost(_)) {
            put(attributes, key.to_owned(), self.content(key, value));
        }
    }

    fn trace(&mut self, attributes: &mut Vec<KeyValue>, trace: &TraceAttributes) {
        for (key, text) in [
            ("user.id", trace.get_user()),
            ("session.id", trace.get_session()),
            ("langfuse.trace.name", trace.get_name()),
            ("langfuse.version", trace.get_version()),
            ("langfuse.release", trace.get_release()),
            ("langfuse.environment", trace.get_environment()),
        ] {
            if let Some(text) = text {
                put(attributes, key, Some(text.to_owned().into()));
            }
        }
        let tags: Vec<StringValue> = trace.tags().map(|tag| tag.to_owned().into()).collect();
        if !tags.is_empty() {
            let tags = Value::Array(Array::String(tags));
            put(attributes, "langfuse.trace.tags", Some(tags));
        }
        for (key, text) in trace.metadata_entries() {
            let key = format!("langfuse.trace.metadata.{key}");
            let value = self.content(&key, ValueRef::Text(text));
            put(attributes, key, value);
        }
        if let Some(public) = trace.get_public() {
            put(attributes, "langfuse.trace.public", Some(public.into()));
        }
    }
}

/// Operation, usage and cost: what backends group and sum up by.
fn add_figures(record: &Record, attributes: &mut Vec<KeyValue>) {
    let observation = record.observation();
    if observation == ObservationType::Event {
        return;
    }
    for key in [key::USAGE, key::COST] {
        match record.attribute(key).map(o11y_core::Value::as_ref) {
            Some(ValueRef::Usage(usage)) => put_usage(attributes, usage),
            Some(ValueRef::Cost(cost)) => put_cost(attributes, cost),
            _ => {}
        }
    }
    if let Some(operation) = operation_of(observation) {
        put_if_new(attributes, key::OPERATION_NAME, operation.into());
    }
}

/// The same beside what our encoder wrote: what Langfuse is billed is said once more, as the
/// conventions name it, and nothing else is. Langfuse reads its own names first.
pub(super) fn repeat_figures(record: &Record, attributes: &mut Vec<KeyValue>) {
    let [has_usage, has_cost] = [key::USAGE, key::COST].map(|key| is_set(attributes, key));
    for (key, value) in record.attributes().iter() {
        match value.as_ref() {
            ValueRef::Usage(usage) if has_usage && key == key::USAGE => {
                put_usage(attributes, usage);
            }
            ValueRef::Cost(cost) if has_cost && key == key::COST => put_cost(attributes, cost),
            value @ (ValueRef::Int(_) | ValueRef::Float(_))
                if has_usage && key.starts_with("gen_ai.usage.") && !is_set(attributes, key) =>
            {
                put(attributes, key.to_owned(), plain(value));
            }
            _ => {}
        }
    }
    if let Some(operation) = operation_of(record.observation()) {
        put_if_new(attributes, key::OPERATION_NAME, operation.into());
    }
}

fn put_usage(attributes: &mut Vec<KeyValue>, usage: &Usage) {
    let created = usage
        .get_cache_creation()
        .saturating_add(usage.get_cache_creation_5m())
        .saturating_add(usage.get_cache_creation_1h());
    for (key, tokens, is_always) in [
        (key::INPUT_TOKENS, usage.input_total(), true),
        (key::OUTPUT_TOKENS, usage.output_total(), true),
        (CACHE_READ, usage.get_cached(), false),
        (CACHE_CREATION, created, false),
        (REASONING, usage.get_reasoning(), false),
    ] {
        if is_always || tokens > 0 {
            let tokens = i64::try_from(tokens).unwrap_or(i64::MAX);
            put(attributes, key, Some(tokens.into()));
        }
    }
}

fn put_cost(attributes: &mut Vec<KeyValue>, cost: Cost) {
    put(attributes, COST, Some(cost.to_usd().into()));
}

/// The modules and the request around a record; what it says itself under the same key stands.
fn place(attributes: &mut Vec<KeyValue>, record: &Record) {
    if let Some(modules) = record.modules() {
        let depth = i64::try_from(modules.depth()).unwrap_or(i64::MAX);
        for (key, value) in [
            ("module.path", modules.path().to_owned().into()),
            ("module.root", modules.root().name().to_owned().into()),
            ("module.leaf", modules.leaf().name().to_owned().into()),
            ("module.ancestry", modules.ancestry().to_owned().into()),
            ("module.depth", Value::from(depth)),
        ] {
            put_if_new(attributes, key, value);
        }
    }
    if let Some(id) = record.request_id() {
        put_if_new(attributes, key::REQUEST_ID, id.to_owned().into());
    }
}

/// The status, as our encoder has it. A message or level that it has no room for is an attribute.
fn status(record: &Record, message: Option<Value>, attributes: &mut Vec<KeyValue>) -> OtelStatus {
    let is_error = record.status() == Status::Error || record.level() == Level::Error;
    if is_error {
        let text = message.map_or_else(String::new, |message| message.as_str().into_owned());
        return OtelStatus::error(text);
    }
    put(attributes, key::STATUS_MESSAGE, message);
    if record.level() != Level::Default {
        let level = record.level().as_str();
        put(attributes, "langfuse.observation.level", Some(level.into()));
    }
    match record.status() {
        Status::Ok => OtelStatus::Ok,
        _ => OtelStatus::Unset,
    }
}

/// Input and output have one name for a tool and another elsewhere.
fn content_name(key: &str, observation: ObservationType) -> &'static str {
    match (key == key::INPUT, observation == ObservationType::Tool) {
        (true, true) => TOOL_INPUT,
        (true, false) => INPUT,
        (false, true) => TOOL_OUTPUT,
        (false, false) => OUTPUT,
    }
}

/// The operation that the conventions have for a type.
fn operation_of(observation: ObservationType) -> Option<&'static str> {
    Some(match observation {
        ObservationType::Generation => "chat",
        ObservationType::Embedding => "embeddings",
        ObservationType::Agent => "invoke_agent",
        ObservationType::Tool => "execute_tool",
        ObservationType::Retriever => "retrieval",
        _ => return None,
    })
}

/// The kind in `openinference.span.kind`, where the conventions have no operation that Langfuse knows.
fn kind_of(observation: ObservationType) -> Option<&'static str> {
    Some(match observation {
        ObservationType::Chain => "CHAIN",
        ObservationType::Retriever => "RETRIEVER",
        ObservationType::Evaluator => "EVALUATOR",
        ObservationType::Guardrail => "GUARDRAIL",
        _ => return None,
    })
}

/// As the SDK has it; none for nothing.
fn plain(value: ValueRef<'_>) -> Option<Value> {
    Some(match value {
        ValueRef::Text(text) => text.to_owned().into(),
        ValueRef::Int(number) => number.into(),
        ValueRef::Float(number) => number.into(),
        ValueRef::Bool(yes) => yes.into(),
        ValueRef::Cost(cost) => cost.to_usd().into(),
        ValueRef::Usage(usage) => i64::try_from(usage.total()).unwrap_or(i64::MAX).into(),
        _ => return None,
    })
}

/// Sets an attribute; one of that key stands no more.
fn put(attributes: &mut Vec<KeyValue>, key: impl Into<opentelemetry::Key>, value: Option<Value>) {
    let Some(value) = value else {
        return;
    };
    let key = key.into();
    match attributes.iter_mut().find(|known| known.key == key) {
        Some(known) => known.value = value,
        None => attributes.push(KeyValue::new(key, value)),
    }
}

fn is_set(attributes: &[KeyValue], key: &str) -> bool {
    attributes.iter().any(|known| known.key.as_str() == key)
}

fn put_if_new(attributes: &mut Vec<KeyValue>, key: &'static str, value: Value) {
    if !is_set(attributes, key) {
        attributes.push(KeyValue::new(key, value));
    }
}
