//! A context's point in its trace, given to another process and taken from one.

use super::{Extractor, Injector, ParseTraceParentError, Propagation, TraceParent};
use crate::{
    context::{Context, current},
    id::TraceId,
    mailbox::Mailbox,
};

/// Going on in another process.
///
/// One service writes where it stands into the headers of its request, and the other opens its
/// spans at the point that it reads from them:
///
/// ```
/// # use std::sync::{Arc, Mutex};
/// # use o11y_core::{Ended, Observability, Sink, SpanId};
/// # struct Parents(Mutex<Vec<(&'static str, Option<SpanId>)>>);
/// # impl Sink for Parents {
/// #     fn on_end(&self, ended: Ended<'_>) {
/// #         let record = ended.take();
/// #         let name = if record.name() == "answer" { "answer" } else { "ask" };
/// #         self.0.lock().unwrap().push((name, record.parent_id()));
/// #     }
/// # }
/// # let parents = Arc::new(Parents(Mutex::default()));
/// # Observability::enable(parents.clone());
/// use std::collections::HashMap;
///
/// use o11y_core::Context;
///
/// // One service asks ..
/// let mut headers = HashMap::new();
/// let asking = Context::with_span("ask", |_span| {
///     let here = Context::current();
///     here.inject(&mut headers); // and the request is sent
///     here
/// });
///
/// // .. and the other one answers.
/// let caller = Context::extract(&headers);
/// let answering = caller.run(|| Context::with_span("answer", |_span| Context::current()));
///
/// assert_eq!(answering.trace_id(), asking.trace_id());
/// assert_eq!(caller.span_id(), asking.span_id()); // the parent of `answer`
/// # assert!(asking.span_id().is_some());
/// # let parents = parents.0.lock().unwrap();
/// # assert_eq!(*parents, [("ask", None), ("answer", asking.span_id())]);
/// ```
///
/// `traceparent` travels by these functions, and with it the `tracestate` that came from a caller. A
/// [`Propagation`] shares user, session and tags, too, where that is wanted.
impl Context {
    /// Writes `traceparent` into the headers of a request, for the callee to continue the trace, and
    /// `tracestate` if the caller of this process sent one; nothing outside of any span. With
    /// telemetry off and the caller's point attached, that point goes through to the callee.
    pub fn inject(&self, carrier: &mut (impl Injector + ?Sized)) {
        Propagation::new().inject(self, carrier);
    }

    /// The point of the caller, from the headers of a request; empty if they name none or an
    /// invalid one, because a stranger's bad header must not fail a request.
    #[must_use]
    pub fn extract(carrier: &(impl Extractor + ?Sized)) -> Self {
        Propagation::new().extract(carrier).into_context()
    }

    /// Like [`extract`](Self::extract), for those who want to know why there is no caller. Headers
    /// that name none are no error: the context is empty then.
    ///
    /// # Errors
    ///
    /// What is wrong with the `traceparent`.
    ///
    /// ```
    /// use std::collections::HashMap;
    /// use o11y_core::Context;
    ///
    /// let headers = HashMap::from([("traceparent".to_owned(), "00-0af7651916cd43dd".to_owned())]);
    /// let why = Context::try_extract(&headers).expect_err("it is too short");
    /// println!("no caller: {why}");
    /// ```
    pub fn try_extract(carrier: &(impl Extractor + ?Sized)) -> Result<Self, ParseTraceParentError> {
        let remote = Propagation::new().try_extract(carrier)?;
        Ok(remote.into_context())
    }
}

impl From<TraceParent> for Context {
    /// The point of the caller, as [`Context::from_traceparent`] has it.
    fn from(parent: TraceParent) -> Self {
        Self {
            trace_id: parent.trace_id(),
            span_id: parent.span_id(),
            sampled: parent.is_sampled(),
            remote: true,
            mailbox: Some(Mailbox::out_of_reach()), // it has ended for us
            telemetry: current::with(|current| current.context.telemetry.clone()),
            ..Self::EMPTY
        }
    }
}

impl Context {
    /// What other tracing systems said of that trace, if this point is called from it.
    pub(super) fn tracestate_of(&self, trace_id: TraceId) -> Option<&str> {
        self.scope.as_deref()?.tracestate(trace_id)
    }

    /// The trace of which a callee is to know that it has its application's root here or further up.
    pub(super) fn claimed_trace(&self) -> Option<TraceId> {
        let trace_id = self.trace_id()?;
        let is_ours = self.sampled && !self.remote;
        (is_ours || self.has_app_root_above()).then_some(trace_id)
    }

    /// Whether a caller said that this trace has its application's root with it or above it.
    pub(crate) fn has_app_root_above(&self) -> bool {
        let scope = self.scope.as_deref();
        scope.is_some_and(|scope| scope.has_app_root(self.trace_id))
    }
}

/// A point as text.
impl Context {
    /// What to tell a callee, so that its spans become children of the span at this point; none
    /// outside of any.
    ///
    /// ```
    /// use o11y_core::Context;
    ///
    /// let header = Context::current().traceparent().map(|parent| parent.to_string());
    /// assert_eq!(header, None); // no span is open
    /// ```
    #[must_use]
    pub fn traceparent(&self) -> Option<TraceParent> {
        let (trace_id, span_id) = (self.trace_id()?, self.span_id()?);
        Some(TraceParent::new(trace_id, span_id, self.sampled))
    }

    /// The point of a caller in another process, from its `traceparent`. Spans opened at it, under
    /// [`run`](Self::run), [`attach`](Self::attach) or [`wrap`](Self::wrap), continue the caller's
    /// trace. It carries no trace attributes, and nothing can be added to the caller's span.
    ///
    /// Spans are recorded if the caller records its own, whatever share of traces is recorded here:
    /// behind a gateway that samples one trace in a hundred, so do we. To record them all the same,
    /// take the ids alone: `TraceParent::new(parent.trace_id(), parent.span_id(), true).into()`.
    ///
    /// ```
    /// use o11y_core::Context;
    ///
    /// let caller =
    ///     Context::from_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")?;
    /// caller.run(|| Context::with_span("answer", |_span| { /* a child of the caller's span */ }));
    /// # Ok::<_, o11y_core::ParseTraceParentError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// What is wrong with the text, see [`TraceParent`].
    pub fn from_traceparent(text: &str) -> Result<Self, ParseTraceParentError> {
        text.parse().map(TraceParent::into)
    }
}
