//! A record of a span that was measured elsewhere.

use std::{borrow::Cow, fmt, time::SystemTime};

use super::{Record, Status};
use crate::{
    attribute::Attributes,
    clock::Ticks,
    id::{SpanId, TraceId},
    observation::{Level, ObservationType},
    scope::{Scope, TraceAttributes},
    text::text,
};

/// Makes a [`Record`] of a span that other instrumentation opened and ended, for a sink to take:
/// how spans of OpenTelemetry's SDK come to an exporter of ours. Needs feature `otel`.
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// use o11y_core::{Record, SpanId, TraceId, attributes};
///
/// let start = SystemTime::now();
/// let record = Record::builder("GET /answer", TraceId::random(), SpanId::random())
///     .time(start, start + Duration::from_millis(7))
///     .attributes(attributes! { "http.request.method" => "GET" })
///     .build();
/// assert_eq!(record.duration(), Duration::from_millis(7));
/// ```
#[must_use = "call `build`"]
pub struct RecordBuilder {
    record: Record,
}

impl Record {
    /// A record of that name and those ids; a root without attributes, which began and ended in
    /// 1970.
    pub fn builder(
        name: impl Into<Cow<'static, str>>,
        trace_id: TraceId,
        span_id: SpanId,
    ) -> RecordBuilder {
        let mut record = Self::new(text(name));
        record.trace_id = trace_id;
        record.span_id = span_id;
        RecordBuilder { record }.time(SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH)
    }
}

impl RecordBuilder {
    /// Sets the span around it; none for a root.
    pub fn parent(mut self, parent: Option<SpanId>) -> Self {
        self.record.parent_id = parent.unwrap_or(SpanId::NONE);
        self
    }

    /// Sets whether that span is another process's.
    ///
    /// ```
    /// use o11y_core::{Record, SpanId, TraceId};
    ///
    /// let served = Record::builder("GET /answer", TraceId::random(), SpanId::random())
    ///     .parent(Some(SpanId::random()))
    ///     .parent_is_remote(true)
    ///     .build();
    /// assert!(served.parent_is_remote());
    /// ```
    pub fn parent_is_remote(mut self, remote: bool) -> Self {
        self.record.parent_is_remote = remote;
        self
    }

    /// Sets when it started and ended. The wall clock's times are kept to the nanosecond; what lies
    /// before 1970 becomes 1970, what lies after 2262 becomes that.
    pub fn time(mut self, start: SystemTime, end: SystemTime) -> Self {
        self.record.start = Ticks::of_wall(start);
        self.record.end = Ticks::of_wall(end);
        self
    }

    /// Sets what it is to Langfuse.
    pub fn observation(mut self, observation: ObservationType) -> Self {
        self.record.observation = observation;
        self
    }

    /// Sets how loudly it speaks.
    pub fn level(mut self, level: Level) -> Self {
        self.record.level = level;
        self
    }

    /// Sets how it ended. Why is an attribute, [`key::STATUS_MESSAGE`](crate::key::STATUS_MESSAGE).
    pub fn status(mut self, status: Status) -> Self {
        self.record.status = status;
        self
    }

    /// Sets the attributes, in place of those set before.
    pub fn attributes(mut self, attributes: Attributes) -> Self {
        self.record.attributes = attributes;
        self
    }

    /// Sets what is said of the whole trace.
    pub fn trace_attributes(mut self, attributes: &TraceAttributes) -> Self {
        self.record.scope = Some(Scope::nested(None, attributes));
        self
    }

    /// The record.
    #[must_use]
    pub fn build(self) -> Record {
        self.record
    }
}

impl fmt::Debug for RecordBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.record.fmt(f)
    }
}
