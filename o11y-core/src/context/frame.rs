//! The frame of one span: where its record lies while it is open, and what is put back after.

use std::{any::Any, thread};

use super::{
    Context,
    current::{self, Current},
};
use crate::{
    clock::Ticks,
    id::{SpanId, TraceId},
    key,
    observability::{self, Observability},
    observation::Level,
    record::{Record, Status},
    span::{IntoSpanSpec, Span},
};

/// The frame of a span that covers a closure.
pub(crate) struct Frame {
    pub(crate) span: Span,
    previous: Current,
}

impl Frame {
    #[inline]
    pub(crate) fn new(spec: impl IntoSpanSpec) -> Self {
        Self {
            span: Span::open(spec.into_span_spec().into_record()),
            previous: Current::EMPTY,
        }
    }

    /// Like [`new`](Self::new), with a span that records nothing when telemetry is off.
    pub(crate) fn prepare(spec: impl IntoSpanSpec) -> Self {
        if Observability::is_enabled() {
            return Self::new(spec);
        }
        Self {
            span: Span::off(),
            previous: Current::EMPTY,
        }
    }

    /// Opens the span below the thread's current one and makes it current.
    pub(crate) fn enter(&mut self) {
        let Some(record) = self.span.record_mut() else {
            return;
        };
        self.previous = current::with(|current| {
            let inside = open(record, &current.context);
            std::mem::replace(current, Current::at(inside))
        });
        observability::started(record);
    }

    /// Puts the outer context back and ends the span.
    pub(crate) fn exit<T>(&mut self, outcome: &thread::Result<T>) {
        if !self.span.is_recording() {
            return;
        }
        if let Err(payload) = outcome {
            mark_panicked(&mut self.span, &**payload);
        }
        let mine = current::swap(std::mem::take(&mut self.previous));
        close(&mut self.span, mine);
    }
}

/// The frame of a span that covers a future: it carries the context from poll to poll.
pub(crate) struct TaskFrame {
    pub(crate) span: Span,
    current: Current,
    open: bool,
}

impl TaskFrame {
    /// Takes the parent and the description; the span starts with the first poll.
    pub(crate) fn prepare(spec: impl IntoSpanSpec) -> Self {
        let span = if Observability::is_enabled() {
            Span::open(spec.into_span_spec().into_record())
        } else {
            Span::off()
        };
        Self {
            span,
            current: Current::at(Context::current()),
            open: false,
        }
    }

    pub(crate) fn start(&mut self) {
        let Some(record) = self.span.record_mut() else {
            return;
        };
        self.current = Current::at(open(record, &self.current.context));
        self.open = true;
        observability::started(record);
    }

    /// The span to lend to the closure, and the context to poll it in.
    pub(crate) fn parts(&mut self) -> (&mut Span, &mut Current) {
        (&mut self.span, &mut self.current)
    }

    pub(crate) fn finish<T>(&mut self, outcome: &thread::Result<T>) {
        if let Err(payload) = outcome {
            mark_panicked(&mut self.span, &**payload);
        }
        self.open = false;
        close(&mut self.span, std::mem::take(&mut self.current));
    }
}

impl Drop for TaskFrame {
    /// A future that is dropped half-way ends its span.
    fn drop(&mut self) {
        if !self.open {
            return;
        }
        if let Some(record) = self.span.record_mut()
            && record.status == Status::Unset
        {
            record.level = record.level.max(Level::Warning);
            let attributes = &mut record.attributes;
            attributes.put(key::STATUS_MESSAGE, "cancelled".into());
            attributes.put(key::ERROR_TYPE, "cancelled".into());
        }
        close(&mut self.span, std::mem::take(&mut self.current));
    }
}

/// Gives the record its ids and its start, and returns the context inside the span.
fn open(record: &mut Record, parent: &Context) -> Context {
    let now = Ticks::now();
    record.start = now;
    record.span_id = SpanId::generate(now);
    record.parent_id = parent.span_id;
    record.trace_id = if parent.trace_id.is_none() {
        TraceId::generate(now)
    } else {
        parent.trace_id
    };
    Context {
        trace_id: record.trace_id,
        span_id: record.span_id,
        sampled: parent.sampled,
        scope: parent.scope.clone(),
    }
}

/// Ends the span; `mine` is what was current inside of it.
fn close(span: &mut Span, mine: Current) {
    let Some(record) = span.record_mut() else {
        return;
    };
    record.end = Ticks::now();
    let Current {
        context,
        late_scope,
    } = mine;
    // Another span's context here means that a guard was leaked inside; its scope is not ours.
    if context.span_id == record.span_id {
        record.scope = late_scope.or(context.scope);
    }
    observability::ended(span.slot());
}

/// A panic's message is what `panic!` was given; other payloads have none.
#[cold]
fn mark_panicked(span: &mut Span, payload: &(dyn Any + Send)) {
    let message = payload
        .downcast_ref::<&'static str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    match message {
        Some(message) => span.record_error(&format_args!("panicked: {message}")),
        None => span.record_error("panicked"),
    }
    span.set_attribute(key::ERROR_TYPE, "panic");
}
