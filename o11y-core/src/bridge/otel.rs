//! OpenTelemetry beside us: its current span as our parent, and ours as the parent of its spans.
//!
//! Both are points in a trace: ids and a flag. Nothing is recorded twice, and nobody's spans go
//! through the other's exporter.

use opentelemetry::{
    Context as OtelContext,
    baggage::BaggageExt as _,
    trace::{SpanContext, TraceContextExt as _, TraceFlags, TraceState},
};

pub(crate) use self::follow::adopted;
use self::place::is_there;
use crate::{
    context::{Context, current},
    id::{SpanId, TraceId},
    mailbox::Mailbox,
    observability::Observability,
    observation::ObservationType,
    propagation,
    scope::Scope,
};

mod follow;
mod place;

/// Which of our spans a context of OpenTelemetry was made of, by [`Context::to_otel`]. What is
/// derived of that context keeps it.
struct Shown {
    span_id: SpanId,
    /// It is a model call, which bills.
    is_call: bool,
}

/// OpenTelemetry in the same process: feature `otel`.
///
/// A span of OpenTelemetry as the parent of ours, and one of ours as the parent of OpenTelemetry's:
///
/// ```
/// use o11y_core::Context;
/// use opentelemetry::trace::{TraceContextExt as _, Tracer as _};
/// # use opentelemetry_sdk::trace::SdkTracerProvider;
/// # use opentelemetry::trace::TracerProvider as _;
/// # use o11y_core::testing::Recording;
/// # let provider = SdkTracerProvider::builder().build();
/// # let tracer = provider.tracer("example");
/// # let recording = Recording::new();
/// # let _recording = recording.attach();
///
/// tracer.in_span("GET /answer", |otel| {
///     Context::from_otel(&otel).run(|| {
///         Context::with_span("answer", |span| {
/// #           let parent = otel.span().span_context().clone();
/// #           assert_eq!(span.context().trace_id().unwrap().to_bytes(), parent.trace_id().to_bytes());
///             // What OpenTelemetry instruments in here, such as an HTTP client, is below `answer`.
///             let _shown = span.context().to_otel().attach();
///             tracer.in_span("POST /v1/chat", |otel| { /* .. */
/// #               assert_eq!(otel.span().span_context().trace_id(), parent.trace_id());
///             });
///         });
///     });
/// });
/// # assert_eq!(recording.records().len(), 1);
/// ```
impl Context {
    /// The point of the span that is current in a context of OpenTelemetry: a span opened at it,
    /// under [`run`](Self::run), [`attach`](Self::attach) or [`wrap`](Self::wrap), is its child.
    /// Without a valid span in it, it is the point at which the calling code stands.
    ///
    /// Trace attributes, modules, the request and where records go are those of the calling code.
    /// Spans are recorded if OpenTelemetry's is sampled, whatever share of traces is recorded
    /// here. Nothing can be [annotated](Self::annotate) on OpenTelemetry's span.
    ///
    /// To have every span look for its parent so, see
    /// [`Observability::follow_otel`](crate::Observability::follow_otel).
    #[must_use]
    pub fn from_otel(otel: &OtelContext) -> Self {
        match Foreign::of(otel) {
            Some(foreign) => {
                let here = current::with(|current| current.context.clone());
                foreign.put_over(here)
            }
            None => Self::current(),
        }
    }

    /// OpenTelemetry's current context with the span of this point as its current one: what
    /// OpenTelemetry instruments under it becomes our child, in the same trace and sampled.
    ///
    /// `attach()` holds it on a thread until the guard is dropped, and
    /// `opentelemetry::context::FutureExt::with_context` whenever a future is polled:
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// use o11y_core::Context;
    /// use opentelemetry::context::FutureExt as _;
    ///
    /// async fn instrumented_by_others() {}
    ///
    /// Context::with_span_async("ask", async |span| {
    ///     let shown = span.context().to_otel();
    ///     instrumented_by_others().with_context(shown).await;
    /// })
    /// .await;
    /// # });
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// Outside of any span, and in a trace that is not recorded here, it is OpenTelemetry's current
    /// context as it is: otherwise an unsampled span of ours would silence all of OpenTelemetry's
    /// below it. Others can neither end our span nor set anything on it. Its own backend does not
    /// receive it: there, spans below have a parent that is missing.
    #[must_use]
    pub fn to_otel(&self) -> OtelContext {
        if !is_there() {
            return OtelContext::new();
        }
        let around = OtelContext::current();
        let (Some(trace_id), Some(span_id), true) = (self.trace_id(), self.span_id(), self.sampled)
        else {
            return around;
        };
        let shown = SpanContext::new(
            opentelemetry::TraceId::from_bytes(trace_id.to_bytes()),
            opentelemetry::SpanId::from_bytes(span_id.to_bytes()),
            TraceFlags::SAMPLED,
            false,
            self.trace_state(trace_id),
        );
        if around.span().span_context() == &shown {
            return around; // it is OpenTelemetry's own span, which takes attributes
        }
        around
            .with_value(Shown {
                span_id,
                is_call: matches!(
                    self.observation,
                    ObservationType::Generation | ObservationType::Embedding
                ),
            })
            .with_remote_span_context(shown)
    }

    fn trace_state(&self, trace_id: TraceId) -> TraceState {
        let state = self
            .scope
            .as_deref()
            .and_then(|scope| scope.tracestate(trace_id));
        state
            .and_then(|state| state.parse().ok())
            .unwrap_or_default()
    }
}

impl Observability {
    /// For exporters: whether the innermost span of ours that was [shown](Context::to_otel) in a
    /// context of OpenTelemetry is a model call. That bills, so what OpenTelemetry records of the
    /// same call must not. Needs feature `otel`.
    #[must_use]
    pub fn is_otel_in_call(otel: &OtelContext) -> bool {
        otel.get().is_some_and(|shown: &Shown| shown.is_call)
    }
}

/// A span of OpenTelemetry, as a point of ours.
struct Foreign {
    trace_id: TraceId,
    span_id: SpanId,
    sampled: bool,
    is_remote: bool,
    /// Whether the caller said that the trace has its application's root.
    has_app_root: bool,
    /// What other systems said of the trace.
    state: Option<String>,
    /// The span of ours that was shown to OpenTelemetry here or further out.
    below: Option<SpanId>,
}

impl Foreign {
    /// The current span of that context, if its ids are valid.
    fn of(otel: &OtelContext) -> Option<Self> {
        let span = otel.span();
        let point = span.span_context();
        let state = point.trace_state();
        let trace_id = TraceId::from_bytes(point.trace_id().to_bytes())?;
        Some(Self {
            trace_id,
            span_id: SpanId::from_bytes(point.span_id().to_bytes())?,
            sampled: point.is_sampled(),
            is_remote: point.is_remote(),
            has_app_root: propagation::is_claimed_in(otel.baggage(), trace_id),
            state: (*state != TraceState::NONE).then(|| state.header()),
            below: otel.get().map(|shown: &Shown| shown.span_id),
        })
    }

    /// Whether it was opened further in than the span of ours that is current. Where ours was not
    /// shown to OpenTelemetry, it is the other way round.
    fn is_inside(&self, ours: SpanId) -> bool {
        ours.is_none() || self.below == Some(ours) && self.span_id != ours
    }

    /// A point in which its span takes the place of ours.
    fn put_over(self, ours: Context) -> Context {
        let state = self
            .state
            .as_deref()
            .and_then(propagation::checked_tracestate);
        let mut scope = match state {
            Some(state) => Some(Scope::called_with(
                ours.scope.as_deref(),
                self.trace_id,
                state,
            )),
            None => ours.scope.clone(),
        };
        if self.has_app_root {
            scope = Some(Scope::below_app_root(scope.as_deref(), self.trace_id));
        }
        Context {
            trace_id: self.trace_id,
            span_id: self.span_id,
            sampled: self.sampled,
            observation: ObservationType::Span,
            remote: self.is_remote || !follow::arrive(),
            mailbox: Some(Mailbox::out_of_reach()),
            scope,
            ..ours
        }
    }
}
