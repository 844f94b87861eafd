//! The span processor for OpenTelemetry's SDK: its spans through our queue and worker.

use std::{
    borrow::Cow,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use o11y_core::{FlushError, Observability, Record, Sink as _};
use opentelemetry::{
    Context as OtelContext, KeyValue, SpanId as OtelSpanId,
    baggage::BaggageExt as _,
    trace::{Span as _, SpanContext, TraceContextExt as _},
};
use opentelemetry_sdk::{
    Resource as OtelResource,
    error::{OTelSdkError, OTelSdkResult},
    trace::{Span as OtelSpan, SpanData, SpanProcessor},
};

pub(crate) use self::{
    foreign::{Foreign, content_bytes},
    open::Open,
    span::IN_CALL,
};
use self::{open::Parent, related::is_related, source::Source, span::record_of};
use crate::{
    builder::LangfuseBuilder,
    config::Config,
    encode::Resource,
    env,
    error::ConfigError,
    exporter::Exporter,
    stats::{LossReason, Stats},
    telemetry::Telemetry,
};

mod foreign;
mod open;
mod related;
mod source;
mod span;

/// A span processor that sends to Langfuse, in the place of OpenTelemetry's `BatchSpanProcessor`.
///
/// Spans of the SDK go the way of all others: a bounded queue whose oldest make room, one worker
/// thread, and figures that account for each of them. The worker reads them; the caller's thread
/// only hands them over. No runtime is needed, and none is touched.
///
/// ```
/// use o11y_langfuse::{AsyncSpanProcessor, Langfuse, local::Receiver};
/// use opentelemetry::{KeyValue, trace::{Tracer as _, TracerProvider as _}};
/// use opentelemetry_sdk::trace::SdkTracerProvider;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let receiver = Receiver::start()?;
/// let processor = Langfuse::builder()
///     .public_key(receiver.public_key())
///     .secret_key(receiver.secret_key())
///     .host(receiver.base_url())
///     .span_processor()?; // from the environment: AsyncSpanProcessor::from_env()?
/// let provider = SdkTracerProvider::builder().with_span_processor(processor.clone()).build();
///
/// let tracer = provider.tracer("example");
/// tracer.in_span("GET /answer", |_http| {
///     let call = KeyValue::new("gen_ai.operation.name", "chat");
///     tracer.span_builder("chat").with_attributes([call]).start(&tracer);
/// });
/// provider.shutdown()?; // delivers what waits
///
/// assert_eq!(processor.stats().delivered, 1); // the call, and not the request around it
/// # Ok(())
/// # }
/// ```
///
/// A program that opens spans of [`o11y_core`], too, has both on one queue and worker, by
/// [`Telemetry::span_processor`](crate::Telemetry::span_processor).
///
/// | | |
/// |---|---|
/// | nothing to do with models | [left out](LangfuseBuilder::all_otel_spans), counted as `filtered`; what is below it stands below the next span above |
/// | not sampled | ignored; the SDK's sampler decides, and `sample_rate` of the builder does not |
/// | queue full | the oldest make room, counted as `queue_full`; nobody waits |
/// | `force_flush` | delivers what ended before, at most for the configured shutdown time-out |
/// | `shutdown` | delivers what waits, at most for the time given; what ends later is counted as `after_shutdown` |
/// | `force_flush` or `shutdown` after it | [`OTelSdkError::AlreadyShutdown`] |
/// | ids of zeros | lost, counted as `unencodable` |
/// | inside of a model call of ours that was [shown](o11y_core::Context::to_otel) | bills nothing: the call does |
/// | resource | shown with each observation, as far as the exporter's own does not say it |
///
/// What becomes what in Langfuse is in `docs/opentelemetry.md`.
///
/// Clones are the same processor; the last one that is dropped shuts it down.
#[derive(Clone)]
#[must_use = "give it to a `SdkTracerProvider`"]
pub struct AsyncSpanProcessor {
    /// None: telemetry is off.
    core: Option<Arc<Core>>,
    source: Arc<Source>,
}

struct Core {
    exporter: Arc<Exporter>,
    /// What the exporter says of the process.
    resource: Resource,
    /// If the worker is this processor's alone, it ends with it.
    owned: Option<Telemetry>,
    is_shut_down: AtomicBool,
    timeout: Duration,
}

impl AsyncSpanProcessor {
    /// A processor as the environment says. Without keys, or switched off, it ignores all spans,
    /// which is no error and said once through the `log` facade.
    ///
    /// # Errors
    ///
    /// As [`init`](crate::init): a variable whose value cannot be used, or no thread to be had.
    pub fn from_env() -> Result<Self, ConfigError> {
        let builder = env::builder()?;
        match builder.missing_key() {
            Some(name) => Ok(Self::owning(Telemetry::without(name))),
            None => builder.span_processor(),
        }
    }

    pub(crate) fn off() -> Self {
        Self {
            core: None,
            source: Arc::default(),
        }
    }

    /// Hands spans to an exporter that others use, too.
    pub(crate) fn sharing(exporter: Arc<Exporter>, resource: Resource, timeout: Duration) -> Self {
        if exporter.expect_otel_spans() {
            // Else ours may stand below one that is left out.
            Observability::otel_spans_arrive(true);
        }
        Self {
            core: Some(Arc::new(Core {
                exporter,
                resource,
                owned: None,
                is_shut_down: AtomicBool::new(false),
                timeout,
            })),
            source: Arc::default(),
        }
    }

    /// Takes over telemetry that nobody else uses.
    fn owning(telemetry: Telemetry) -> Self {
        let mut processor = telemetry.span_processor();
        if let Some(core) = processor.core.as_mut().and_then(Arc::get_mut) {
            core.owned = Some(telemetry);
        }
        processor
    }

    /// What became of the spans so far, on a shared worker with all others; all zero if telemetry
    /// is off.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let core = self.core.as_ref();
        core.map(|core| core.exporter.stats()).unwrap_or_default()
    }
}

impl SpanProcessor for AsyncSpanProcessor {
    fn on_start(&self, span: &mut OtelSpan, cx: &OtelContext) {
        let Some(core) = &self.core else {
            return;
        };
        let parent = core.parent_of(span, cx);
        mark_in_call(span, cx);
        if parent.is_some_and(|parent| parent.is_remote) && is_claimed(cx, span.span_context()) {
            span.set_attribute(KeyValue::new(span::IS_APP_ROOT, false));
        }
    }

    fn on_end(&self, span: SpanData) {
        let Some(core) = &self.core else {
            return;
        };
        let Some(span) = core.in_its_place(span) else {
            return;
        };
        if core.is_shut_down.load(Ordering::Relaxed) {
            core.exporter.turn_away();
            return;
        }
        match Foreign::new(span, &self.source) {
            Some(span) => core.exporter.take(span),
            None => core.exporter.lose(LossReason::Unencodable),
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        match &self.core {
            Some(core) if core.is_shut_down.load(Ordering::Relaxed) => {
                Err(OTelSdkError::AlreadyShutdown)
            }
            Some(core) => core.exporter.flush(core.timeout).map_err(told),
            None => Ok(()),
        }
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        let Some(core) = &self.core else {
            return Ok(());
        };
        if core.is_shut_down.swap(true, Ordering::Relaxed) {
            return Err(OTelSdkError::AlreadyShutdown);
        }
        core.end(timeout).map_err(told)
    }

    fn set_resource(&mut self, resource: &OtelResource) {
        if let Some(core) = &self.core {
            self.source = Arc::new(Source::new(resource, &core.resource));
        }
    }
}

impl Core {
    /// The point that a span stands below which is being opened, as far as that is exported.
    fn parent_of(&self, span: &OtelSpan, cx: &OtelContext) -> Option<Parent> {
        let above = cx.span().span_context().clone();
        let is_inside = above.is_valid() && above.trace_id() == span.span_context().trace_id();
        let parent = is_inside.then(|| Parent {
            id: above.span_id(),
            is_remote: above.is_remote(),
        });
        match self.exporter.otel_open() {
            Some(open) if span.span_context().is_sampled() => {
                let is_out = !span.exported_data().is_some_and(|span| is_related(&span));
                let place = open.enter(span.span_context().span_id(), parent, is_out);
                place.map_or(parent, |place| place.parent)
            }
            _ => parent,
        }
    }

    /// A span that has ended, below the point where it is to be seen; none if it is left out.
    fn in_its_place(&self, mut span: SpanData) -> Option<SpanData> {
        let point = &span.span_context;
        if !point.is_sampled() {
            return None;
        }
        let open = self.exporter.otel_open();
        let place = open.and_then(|open| open.leave(point.span_id()));
        let Some(place) = place else {
            return Some(span);
        };
        if place.is_out && !is_related(&span) {
            self.exporter.leave_out();
            return None;
        }
        let parent = place.parent;
        span.parent_span_id = parent.map_or(OtelSpanId::INVALID, |parent| parent.id);
        span.parent_span_is_remote = parent.is_some_and(|parent| parent.is_remote);
        Some(span)
    }

    fn say_that_none_arrive(&self) {
        if self.exporter.otel_open().is_none() {
            Observability::otel_spans_arrive(false);
        }
    }

    fn end(&self, timeout: Duration) -> Result<(), FlushError> {
        self.say_that_none_arrive();
        match &self.owned {
            Some(telemetry) => telemetry.shutdown(timeout),
            None => self.exporter.flush(timeout), // the worker goes on for others
        }
    }
}

impl Drop for Core {
    /// A worker of its own ends with what is owned; a shared one delivers what waits anyway.
    fn drop(&mut self) {
        if !*self.is_shut_down.get_mut() {
            self.say_that_none_arrive();
        }
    }
}

/// Whether the caller said in its baggage, as Langfuse's SDKs do, that the trace has a root already.
fn is_claimed(called: &OtelContext, point: &SpanContext) -> bool {
    let claim = called.baggage().get("langfuse_trace_id");
    claim.is_some_and(|of| *of.as_str() == point.trace_id().to_string())
}

/// Marks a span that starts inside of a model call of ours.
pub(crate) fn mark_in_call(span: &mut OtelSpan, cx: &OtelContext) {
    if Observability::is_otel_in_call(cx) {
        span.set_attribute(KeyValue::new(IN_CALL, true));
    }
}

/// The records that say what spans of one resource say, for whoever makes nothing of spans of the
/// SDK. Their ids are valid.
pub(crate) fn records_of(spans: &[SpanData], resource: &OtelResource) -> Vec<Record> {
    let source = Source::new(resource, &Resource::default());
    let records = spans.iter().map(|span| record_of(span.clone(), &source));
    records.flatten().collect()
}

/// The record of a span whose resource is told elsewhere.
#[cfg(feature = "otlp")]
pub(crate) fn bare_record_of(span: SpanData) -> Option<Record> {
    record_of(span, &Source::default())
}

/// In the words of the SDK.
pub(crate) fn told(error: FlushError) -> OTelSdkError {
    match error {
        FlushError::Timeout { timeout, .. } => OTelSdkError::Timeout(timeout),
        other => OTelSdkError::InternalFailure(other.to_string()),
    }
}

impl Config {
    /// Starts a worker of its own for the spans of OpenTelemetry's SDK, and nothing else: spans of
    /// `o11y_core` are recorded as before. Feature `otel`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Thread`] if the system refuses to start a thread.
    pub fn span_processor(self) -> Result<AsyncSpanProcessor, ConfigError> {
        Telemetry::spawn(&self).map(AsyncSpanProcessor::owning)
    }
}

impl LangfuseBuilder {
    /// Checks everything and starts a worker of its own for the spans of OpenTelemetry's SDK. A
    /// builder from an environment that switches telemetry off starts nothing. Feature `otel`.
    ///
    /// # Errors
    ///
    /// Those of [`build`](Self::build), and [`ConfigError::Thread`].
    pub fn span_processor(mut self) -> Result<AsyncSpanProcessor, ConfigError> {
        match self.off.take() {
            Some(reason) => Ok(AsyncSpanProcessor::owning(Telemetry::off(reason))),
            None => self.build()?.span_processor(),
        }
    }
}

/// Shows no keys and no content.
impl fmt::Debug for AsyncSpanProcessor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("AsyncSpanProcessor");
        match &self.core {
            Some(core) => shown.field("stats", &core.exporter.stats()),
            None => shown.field("stats", &Cow::Borrowed("off")),
        };
        shown.finish_non_exhaustive()
    }
}
