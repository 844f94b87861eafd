//! Where the program is: the current span and what spans below it inherit, for each thread and task.

use std::{
    borrow::Cow,
    fmt::{self, Display},
    mem::ManuallyDrop,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::Arc,
};

pub use self::{frame::OwnedSpan, guard::ContextGuard};
use self::{
    frame::{Frame, TaskFrame},
    future::InContext,
};
use crate::{
    id::{SpanId, TraceId},
    mailbox::Mailbox,
    observability::{self, Observability},
    scope::{Scope, TraceAttributes},
    span::{IntoSpanSpec, Span},
    telemetry::Telemetry,
    value::Value,
};

pub(crate) mod current;
pub(crate) mod frame;
pub(crate) mod future;
mod guard;
pub(crate) mod scoping;
#[cfg(feature = "stream")]
mod stream;

/// A point in a trace: the span that is open and what spans below it inherit.
///
/// Opens spans (`with_span` and its siblings), and is the handle that carries the current point to
/// another thread or task. Cheap to clone, `Send` and `Sync`.
///
/// ```
/// use o11y_core::Context;
///
/// Context::with_span("fetch all", |_span| {
///     let here = Context::current();
///     std::thread::scope(|scope| {
///         scope.spawn(|| here.run(|| Context::with_span("fetch one", |_span| { /* a child */ })));
///     });
/// });
/// ```
#[derive(Clone)]
pub struct Context {
    /// `TraceId::NONE` outside of any span.
    pub(crate) trace_id: TraceId,
    /// `SpanId::NONE` outside of any span.
    pub(crate) span_id: SpanId,
    /// False in a trace that is not recorded, here or where it comes from.
    pub(crate) sampled: bool,
    /// Whether the span here is another process's.
    pub(crate) remote: bool,
    /// What the span was opened as.
    #[cfg(any(feature = "otel", feature = "tracing"))]
    pub(crate) observation: crate::observation::ObservationType,
    pub(crate) scope: Option<Arc<Scope>>,
    /// Where it all goes, if not to where the process's goes. Here and not in the scope, which
    /// records keep: a sink that keeps records would keep itself.
    pub(crate) telemetry: Option<Telemetry>,
    /// What is said of the span by others; made with the first handle to it.
    pub(crate) mailbox: Option<Arc<Mailbox>>,
}

impl Context {
    pub(crate) const EMPTY: Self = Self {
        trace_id: TraceId::NONE,
        span_id: SpanId::NONE,
        sampled: true,
        remote: false,
        #[cfg(any(feature = "otel", feature = "tracing"))]
        observation: crate::observation::ObservationType::Span,
        scope: None,
        telemetry: None,
        mailbox: None,
    };

    /// The point at which the calling code stands; empty outside of any span.
    #[must_use]
    pub fn current() -> Self {
        current::with(|current| current.context.handle())
    }

    /// Adds an attribute to the span that is open here, from code that does not hold it. It is put
    /// over the span's own attributes when that ends.
    ///
    /// False if there is no open span: outside of any, or through a handle to one that has ended or
    /// was [not current](Span::context) where the handle was made. What is taken counts as any other
    /// attribute of the span, within their limit.
    ///
    /// ```
    /// use o11y_core::Context;
    ///
    /// fn deep_inside() {
    ///     Context::annotate("cache.hit", true);
    /// }
    ///
    /// Context::with_span("answer", |_span| deep_inside());
    /// assert!(!Context::annotate("cache.hit", true));
    /// ```
    pub fn annotate(key: impl Into<Cow<'static, str>>, value: impl Into<Value>) -> bool {
        // The conversions are code of the user; the context is looked at after them.
        let (key, value) = (key.into(), value.into());
        Self::current()
            .mailbox
            .is_some_and(|mailbox| mailbox.leave(key, value))
    }

    /// A clone for others to hold. The span's mailbox is made with its first handle.
    pub(crate) fn handle(&mut self) -> Self {
        if self.mailbox.is_none() && self.sampled && !self.span_id.is_none() {
            self.mailbox = Some(Arc::new(Mailbox::new()));
        }
        self.clone()
    }

    /// Whether spans below have to be opened: not below one that is itself not recorded.
    #[inline]
    pub(crate) const fn opens_spans(&self) -> bool {
        self.sampled || self.span_id.is_none()
    }

    /// A copy for a span below, whose mailbox will be its own.
    #[inline]
    pub(crate) fn below(&self) -> Self {
        Self {
            scope: self.scope.clone(),
            telemetry: self.telemetry.clone(),
            mailbox: None,
            ..*self
        }
    }

    /// The current trace; none outside of any span.
    #[must_use]
    pub fn trace_id(&self) -> Option<TraceId> {
        self.trace_id.given()
    }

    /// The current span; none outside of any span.
    #[must_use]
    pub fn span_id(&self) -> Option<SpanId> {
        self.span_id.given()
    }

    /// What is said of the whole trace at this point.
    #[must_use]
    pub fn trace_attributes(&self) -> Option<&TraceAttributes> {
        self.scope.as_deref().and_then(Scope::trace)
    }
}

/// Opening spans.
impl Context {
    /// Runs `f` inside a new span and returns what it returns.
    ///
    /// The span ends when `f` returns or panics; a panic marks it as failed and goes on unwinding.
    /// With telemetry off `f` still runs, with a span that records nothing.
    ///
    /// ```
    /// use o11y_core::Context;
    ///
    /// let answer = Context::with_span("think", |span| {
    ///     span.set_attribute("question.length", 17);
    ///     42
    /// });
    /// assert_eq!(answer, 42);
    /// ```
    pub fn with_span<R>(spec: impl IntoSpanSpec, f: impl FnOnce(&mut Span) -> R) -> R {
        if !Observability::is_enabled() {
            spec.let_go();
            return f(&mut ManuallyDrop::new(Span::off())); // nothing to drop
        }
        let mut frame = Frame::new(spec);
        frame.enter();
        let outcome = catch_unwind(AssertUnwindSafe(|| f(&mut frame.span)));
        frame.exit(&outcome);
        outcome.unwrap_or_else(|payload| resume_unwind(payload))
    }

    /// Like [`with_span`](Self::with_span); an `Err` marks the span as failed with its message and
    /// is returned as it is.
    ///
    /// # Errors
    ///
    /// Those of `f`.
    pub fn try_with_span<T, E: Display>(
        spec: impl IntoSpanSpec,
        f: impl FnOnce(&mut Span) -> Result<T, E>,
    ) -> Result<T, E> {
        if !Observability::is_enabled() {
            spec.let_go();
            return f(&mut ManuallyDrop::new(Span::off())); // nothing to drop
        }
        let mut frame = Frame::new(spec);
        frame.enter();
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            f(&mut frame.span).inspect_err(|error| frame.span.record_error(error))
        }));
        frame.exit(&outcome);
        outcome.unwrap_or_else(|payload| resume_unwind(payload))
    }

    /// Runs an async closure inside a new span.
    ///
    /// The parent is taken at this call, so `tokio::spawn(Context::with_span_async(..))` nests as
    /// it reads; the clock starts at the first poll. The future is `Send` when `f` and what it
    /// returns are. A future that is dropped before its end ends the span, marked as cancelled.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// use o11y_core::Context;
    ///
    /// let answer = Context::with_span_async("think", async |span| {
    ///     tokio::task::yield_now().await;
    ///     span.set_output("because");
    ///     42
    /// })
    /// .await;
    /// assert_eq!(answer, 42);
    /// # });
    /// # std::io::Result::Ok(())
    /// ```
    pub fn with_span_async<R, F>(spec: impl IntoSpanSpec, f: F) -> impl Future<Output = R>
    where
        F: AsyncFnOnce(&mut Span) -> R,
    {
        let mut frame = TaskFrame::prepare(spec);
        async move {
            frame.start();
            let (span, current) = frame.parts();
            let outcome = InContext::new(current, || f(span)).await;
            frame.finish(&outcome);
            outcome.unwrap_or_else(|payload| resume_unwind(payload))
        }
    }

    /// Like [`with_span_async`](Self::with_span_async); an `Err` marks the span as failed with its
    /// message and is returned as it is.
    ///
    /// # Errors
    ///
    /// Those of `f`.
    pub fn try_with_span_async<T, E, F>(
        spec: impl IntoSpanSpec,
        f: F,
    ) -> impl Future<Output = Result<T, E>>
    where
        E: Display,
        F: AsyncFnOnce(&mut Span) -> Result<T, E>,
    {
        let mut frame = TaskFrame::prepare(spec);
        async move {
            frame.start();
            let (span, current) = frame.parts();
            let mut outcome = InContext::new(current, || f(span)).await;
            if let Ok(Err(error)) = &outcome
                && let Err(payload) = frame.record_error(error)
            {
                outcome = Err(payload);
            }
            frame.finish(&outcome);
            outcome.unwrap_or_else(|payload| resume_unwind(payload))
        }
    }
}

/// A span that fits no closure.
impl Context {
    /// Opens a span that ends when it is dropped, on whichever thread that is. Its parent is the
    /// one that is current here; it does not itself become current, so run what belongs inside
    /// under its [`context`](OwnedSpan::context).
    ///
    /// ```
    /// use o11y_core::Context;
    ///
    /// let mut upload = Context::start_span("upload");
    /// upload.context().run(|| Context::with_span("first part", |_span| { /* a child */ }));
    /// upload.set_attribute("parts", 1);
    /// drop(upload);
    /// ```
    pub fn start_span(spec: impl IntoSpanSpec) -> OwnedSpan {
        OwnedSpan::start(spec)
    }
}

/// A trace whose id is known beforehand.
impl Context {
    /// The beginning of the trace of that id: a span opened at it, under [`run`](Self::run),
    /// [`attach`](Self::attach) or [`wrap`](Self::wrap), is its root. Trace attributes, modules and
    /// the request are those of the calling code.
    ///
    /// Open one root in it. A trace is not checked for having one already, and Langfuse shows two
    /// roots side by side. Whether it is recorded goes by the id, as with any other trace.
    ///
    /// ```
    /// use o11y_core::{Context, TraceId};
    ///
    /// let order = Context::in_trace(TraceId::from_seed("order-17"));
    /// order.run(|| Context::with_span("order", |_span| { /* the root */ }));
    /// ```
    #[must_use]
    pub fn in_trace(trace_id: TraceId) -> Self {
        let (scope, telemetry) = current::with(|current| {
            let context = &current.context;
            (context.scope.clone(), context.telemetry.clone())
        });
        Self {
            trace_id,
            sampled: observability::samples(trace_id, telemetry.as_ref()),
            scope,
            telemetry,
            ..Self::EMPTY
        }
    }
}

/// What spans inherit.
impl Context {
    /// Runs `f` with these trace attributes on every span below, and on the span that is open.
    ///
    /// Nested calls are merged, see [`TraceAttributes`].
    pub fn with_trace<R>(attributes: TraceAttributes, f: impl FnOnce() -> R) -> R {
        let _scope = current::InScope::enter(&attributes);
        drop(attributes);
        f()
    }

    /// Like [`with_trace`](Self::with_trace), for an async closure. The attributes are taken up at
    /// this call and hold for as long as the future runs.
    pub fn with_trace_async<R, F>(attributes: TraceAttributes, f: F) -> impl Future<Output = R>
    where
        F: AsyncFnOnce() -> R,
    {
        let inside = current::nested(&attributes);
        drop(attributes);
        future::carry(inside, f)
    }
}

impl Span {
    /// The context inside the span, to carry it to another thread or into a header. With telemetry
    /// off it is the one around it. Taken where the span is not the current one, as inside of an
    /// inner span, it opens children like any other but takes no [annotations](Context::annotate).
    #[must_use]
    pub fn context(&self) -> Context {
        let current = Context::current();
        let Some(record) = self.record() else {
            return current;
        };
        if current.span_id() == Some(record.span_id) {
            return current;
        }
        // A span that is not current here: an outer one, seen from inside an inner one, or one of
        // another thread. Its mailbox lies where it is current.
        Context {
            trace_id: record.trace_id,
            span_id: record.span_id,
            sampled: true,
            remote: false,
            #[cfg(any(feature = "otel", feature = "tracing"))]
            observation: record.observation,
            scope: current.scope,
            telemetry: current.telemetry,
            mailbox: Some(Mailbox::out_of_reach()),
        }
    }
}

impl Default for Context {
    /// No span, nothing inherited.
    fn default() -> Self {
        Self::EMPTY
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("trace_id", &self.trace_id())
            .field("span_id", &self.span_id())
            .finish_non_exhaustive()
    }
}
