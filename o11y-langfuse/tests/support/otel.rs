//! A receiver, and a span processor that sends to it; spans of the SDK made by hand.
#![expect(clippy::unwrap_used, reason = "only tests use it")]
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::{
    borrow::Cow,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use o11y_langfuse::{
    AsyncSpanProcessor, Langfuse, LangfuseBuilder,
    local::{Observation, Receiver},
};
use opentelemetry::{
    InstrumentationScope, KeyValue, SpanId, TraceFlags, TraceId,
    trace::{Event, SpanContext, SpanKind, Status, TraceState},
};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks, SpanProcessor as _};

/// More than anything here takes: reaching it is a failure, not a measurement.
pub(crate) const LONG: Duration = Duration::from_secs(20);

pub(crate) struct Rig {
    // In this order: the processor ends before its receiver does.
    pub(crate) processor: AsyncSpanProcessor,
    pub(crate) receiver: Receiver,
}

impl Rig {
    /// Sends on flush only, unless `configure` says otherwise.
    pub(crate) fn new(configure: impl FnOnce(LangfuseBuilder) -> LangfuseBuilder) -> Self {
        let receiver = Receiver::start().unwrap();
        let processor = configure(builder(&receiver)).span_processor().unwrap();
        Self {
            processor,
            receiver,
        }
    }

    /// What arrives of one span.
    pub(crate) fn sent(&self, span: SpanData) -> Observation {
        self.processor.on_end(span);
        self.processor.force_flush().unwrap();
        let observations = self.receiver.observations();
        self.receiver.clear();
        assert_eq!(observations.len(), 1);
        observations.into_iter().next().unwrap()
    }
}

pub(crate) fn builder(receiver: &Receiver) -> LangfuseBuilder {
    Langfuse::builder()
        .public_key(receiver.public_key())
        .secret_key(receiver.secret_key())
        .host(receiver.base_url())
        .batch_size(100_000)
        .export_interval(Duration::ZERO)
        .timeout(LONG)
        .shutdown_timeout(LONG)
}

/// A sampled root with an id of its own.
pub(crate) fn span(name: impl Into<Cow<'static, str>>) -> SpanData {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    let start: SystemTime = UNIX_EPOCH + Duration::from_nanos(1_700_000_000_123_456_789);
    SpanData {
        span_context: SpanContext::new(
            TraceId::from(u128::from(id) << 64 | 7),
            SpanId::from(id),
            TraceFlags::SAMPLED,
            false,
            TraceState::NONE,
        ),
        parent_span_id: SpanId::INVALID,
        parent_span_is_remote: false,
        span_kind: SpanKind::Internal,
        name: name.into(),
        start_time: start,
        end_time: start + Duration::from_nanos(5_000_000_001),
        attributes: Vec::new(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: InstrumentationScope::default(),
    }
}

/// The same with attributes.
pub(crate) fn with(name: &'static str, attributes: impl IntoIterator<Item = KeyValue>) -> SpanData {
    SpanData {
        attributes: attributes.into_iter().collect(),
        ..span(name)
    }
}

/// The same with an event.
pub(crate) fn event(span: &mut SpanData, name: &'static str, attributes: Vec<KeyValue>) {
    let event = Event::new(name, span.start_time, attributes, 0);
    span.events.events.push(event);
}
