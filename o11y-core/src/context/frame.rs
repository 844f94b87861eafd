//! The frame of one span: where its record lies while it is open, and what is put back after.

use std::{
    any::Any,
    fmt::{self, Display},
    mem::{self, ManuallyDrop},
    ops::{Deref, DerefMut},
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
};

use super::{
    Context,
    current::{self, Current},
    future::Inside,
};
#[cfg(feature = "otel")]
use crate::bridge::otel::adopted;
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
///
/// Both of its parts are empty when `exit` is through, so that nothing of it has to be dropped.
pub(crate) struct Frame {
    pub(crate) span: ManuallyDrop<Span>,
    /// What was current before; none if the frame changed nothing.
    previous: Option<ManuallyDrop<Current>>,
}

impl Frame {
    #[inline]
    pub(crate) fn new(spec: impl IntoSpanSpec) -> Self {
        Self {
            span: ManuallyDrop::new(Span::open(spec.into_span_spec().into_sheet())),
            previous: None,
        }
    }

    /// Like [`new`](Self::new), with a span that records nothing when telemetry is off.
    #[inline]
    pub(crate) fn prepare(spec: impl IntoSpanSpec) -> Self {
        if Observability::is_enabled() {
            return Self::new(spec);
        }
        spec.let_go();
        Self {
            span: ManuallyDrop::new(Span::off()),
            previous: None,
        }
    }

    /// Opens the span below the thread's current one and makes it current.
    pub(crate) fn enter(&mut self) {
        let Some(record) = self.span.record_mut() else {
            return;
        };
        let previous = &mut self.previous;
        match adopted() {
            None => current::with(|current| go_in(record, current, previous)),
            Some(mut parent) => {
                open(record, &mut parent);
                *previous = Some(ManuallyDrop::new(current::swap(Current::at(parent))));
            }
        }
        self.span
            .started(|| current::with(|current| current.context.clone()));
    }

    /// Puts the outer context back and ends the span.
    #[inline]
    pub(crate) fn exit<T>(&mut self, outcome: &thread::Result<T>) {
        self.leave(outcome.as_ref().err().map(|payload| &**payload));
    }

    fn leave(&mut self, panic: Option<&(dyn Any + Send)>) {
        let Some(place) = &mut self.previous else {
            return;
        };
        if let Some(payload) = panic {
            mark_panicked(&mut self.span, payload);
        }
        current::exchange(place);
        close(&mut self.span, place);
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
        let span = prepare(spec);
        // Where nothing is recorded the future stands in its parent, and holds a handle to it. A
        // span of its own needs none, which saves its parent the mailbox.
        let parent = if span.is_recording() {
            adopted().unwrap_or_else(|| current::with(|current| current.context.below()))
        } else {
            Context::current()
        };
        Self {
            span,
            current: Current::at(parent),
            open: false,
        }
    }

    pub(crate) fn start(&mut self) {
        let Some(record) = self.span.record_mut() else {
            return;
        };
        self.open = open(record, &mut self.current.context);
        let context = &self.current.context;
        self.span.started(|| context.clone());
    }

    /// The span to lend to the closure, and the context to poll it in.
    pub(crate) fn parts(&mut self) -> (&mut Span, &mut Current) {
        (&mut self.span, &mut self.current)
    }

    /// Records the error that the future ended with. It is printed inside the span, and a panic of
    /// the printing is one of the future.
    pub(crate) fn record_error(&mut self, error: &impl Display) -> thread::Result<()> {
        let _inside = Inside::enter(&mut self.current);
        catch_unwind(AssertUnwindSafe(|| self.span.record_error(error)))
    }

    pub(crate) fn finish<T>(&mut self, outcome: &thread::Result<T>) {
        if let Err(payload) = outcome {
            mark_panicked(&mut self.span, &**payload);
        }
        self.close();
    }

    fn close(&mut self) {
        if mem::take(&mut self.open) {
            close(&mut self.span, &mut self.current);
        }
    }
}

impl Drop for TaskFrame {
    /// A future that is dropped half-way ends its span.
    fn drop(&mut self) {
        if self.open
            && let Some(record) = self.span.record_mut()
            && record.status == Status::Unset
        {
            record.level = record.level.max(Level::Warning);
            let attributes = &mut record.attributes;
            attributes.put(key::STATUS_MESSAGE, "cancelled".into());
            attributes.put(key::ERROR_TYPE, "cancelled".into());
        }
        self.close();
    }
}

/// A span that is held by hand: it ends when it is dropped.
///
/// Made by [`Context::start_span`]; has every method of [`Span`].
///
/// ```
/// use std::collections::HashMap;
/// use o11y_core::{Context, OwnedSpan};
///
/// /// Orders that are being made; each is over when its cup is called out.
/// #[derive(Default)]
/// struct Counter {
///     open: HashMap<u32, OwnedSpan>,
/// }
///
/// impl Counter {
///     fn order(&mut self, number: u32) {
///         self.open.insert(number, Context::start_span("order"));
///     }
///
///     fn call_out(&mut self, number: u32) {
///         if let Some(mut span) = self.open.remove(&number) {
///             span.set_attribute("cup", "to go");
///             span.context().run(|| Context::with_span("call out", |_span| ())); // a child
///         } // the order ends
///     }
/// }
/// # let mut counter = Counter::default();
/// # counter.order(1);
/// # counter.call_out(1);
/// # assert!(counter.open.is_empty());
/// ```
#[must_use = "bind it to a name, not `_`: the span ends when this is dropped"]
pub struct OwnedSpan {
    frame: TaskFrame,
}

impl OwnedSpan {
    pub(crate) fn start(spec: impl IntoSpanSpec) -> Self {
        let mut frame = TaskFrame::prepare(spec);
        frame.start();
        Self { frame }
    }

    /// The context inside the span: what runs in it, or is wrapped with it, becomes its child.
    /// Empty when telemetry is off.
    #[must_use]
    pub fn context(&mut self) -> Context {
        self.frame.current.context.handle()
    }

    /// What is current inside of the span.
    #[cfg(feature = "tracing")]
    pub(crate) fn inside(&mut self) -> &mut Current {
        &mut self.frame.current
    }
}

impl Deref for OwnedSpan {
    type Target = Span;

    fn deref(&self) -> &Span {
        &self.frame.span
    }
}

impl DerefMut for OwnedSpan {
    fn deref_mut(&mut self) -> &mut Span {
        &mut self.frame.span
    }
}

impl Drop for OwnedSpan {
    fn drop(&mut self) {
        self.frame.close();
    }
}

impl fmt::Debug for OwnedSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.frame.span.fmt(f)
    }
}

/// The span around, if it is none of ours.
#[cfg(not(feature = "otel"))]
const fn adopted() -> Option<Context> {
    None
}

/// Opens the record below what is current, in its place, and keeps what was current before. Below a
/// span that is not recorded nothing changes.
#[inline]
fn go_in(record: &mut Record, current: &mut Current, previous: &mut Option<ManuallyDrop<Current>>) {
    let context = &mut current.context;
    // A frame is entered once. Told so, the compiler need not look for an old context to drop.
    if previous.is_some() || !context.opens_spans() {
        return;
    }
    *previous = Some(ManuallyDrop::new(Current {
        late_scope: current.late_scope.take(),
        context: Context {
            mailbox: context.mailbox.take(),
            ..context.below()
        },
    }));
    open(record, context);
}

/// A span that has not started, or one that records nothing when telemetry is off.
fn prepare(spec: impl IntoSpanSpec) -> Span {
    if Observability::is_enabled() {
        Span::open(spec.into_span_spec().into_sheet())
    } else {
        spec.let_go();
        Span::off()
    }
}

/// Gives the record its ids and its start, and makes of the context around the span the one inside.
///
/// In a trace that is not sampled the record stays without a start, and what is current already is
/// all that is needed below: false, and nothing has changed. Only a root has to say that its trace is
/// not sampled.
#[inline]
pub(crate) fn open(record: &mut Record, context: &mut Context) -> bool {
    if !context.opens_spans() {
        return false;
    }
    let now = Ticks::now();
    record.parent_id = context.span_id;
    record.parent_is_remote = context.remote;
    if context.trace_id.is_none() {
        (context.trace_id, context.span_id) = TraceId::generate_with_root(now);
        context.sampled = observability::samples(context.trace_id, context.telemetry.as_ref());
    } else {
        context.span_id = SpanId::generate(now);
    }
    record.trace_id = context.trace_id;
    record.span_id = context.span_id;
    if context.sampled {
        record.start = now;
    }
    context.remote = false;
    #[cfg(any(feature = "otel", feature = "tracing"))]
    {
        context.observation = record.observation;
    }
    context.mailbox = None;
    true
}

/// Ends the span; `mine` is what was current inside of it, and empty from then on.
#[expect(clippy::inline_always, reason = "17 instructions less in every span")]
#[inline(always)]
fn close(span: &mut Span, mine: &mut Current) {
    let Some(record) = span.record_mut() else {
        drop(mem::take(mine)); // of a root that is not recorded
        return;
    };
    record.end = Ticks::now();
    let context = &mut mine.context;
    let telemetry = if context.span_id == record.span_id {
        // All of it by hand, so that the compiler knows that nothing is left to be dropped.
        let inherited = context.scope.take();
        record.scope = mine.late_scope.take().or(inherited);
        if let Some(mailbox) = context.mailbox.take() {
            record.attributes.overlay(mailbox.seal());
        }
        context.telemetry.take()
    } else {
        // Another span's context here means that a guard was leaked inside; what it says is not ours.
        drop(mem::take(mine));
        current::with(|current| current.context.telemetry.clone())
    };
    observability::ended(record, telemetry.as_ref());
    if let Some(sheet) = span.take() {
        sheet.put_back_ended();
    }
}

/// A panic's message is what `panic!` was given; other payloads have none.
#[cold]
fn mark_panicked(span: &mut Span, payload: &(dyn Any + Send)) {
    let message = payload
        .downcast_ref::<&'static str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    match message {
        Some(message) => span.fail("panic", &format_args!("panicked: {message}")),
        None => span.fail("panic", "panicked"),
    }
}
