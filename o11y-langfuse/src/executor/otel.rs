//! Spans of OpenTelemetry's SDK on their way to the processors of an executor.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use o11y_core::{Observability, Sink as _};
use opentelemetry::Context as OtelContext;
use opentelemetry_sdk::{
    Resource,
    error::{OTelSdkError, OTelSdkResult},
    trace::{Span, SpanData, SpanProcessor},
};

use super::{Executor, intake::Intake};
use crate::{config::DEFAULT_SHUTDOWN_TIMEOUT, otel, stats::LossReason};

/// A span as the SDK handed it over, and where it comes from. Its ids are valid.
#[derive(Debug)]
pub(super) struct OtelSpan {
    pub(super) span: SpanData,
    pub(super) resource: Arc<Resource>,
}

impl OtelSpan {
    pub(super) fn content_bytes(&self) -> usize {
        otel::content_bytes(&self.span)
    }
}

/// A span processor for OpenTelemetry's SDK that hands over to an [`Executor`]: made by
/// [`Executor::span_processor`].
///
/// | | |
/// |---|---|
/// | not sampled | ignored |
/// | queue full | the oldest make room, counted as `queue_full`; nobody waits |
/// | `force_flush` | flushes the executor, at most for its shutdown time-out |
/// | `shutdown` | flushes it, at most for the time given; the executor goes on. What ends later is counted as `after_shutdown` |
/// | `force_flush` or `shutdown` after it | [`OTelSdkError::AlreadyShutdown`] |
/// | ids of zeros | lost, counted as `unencodable` |
///
/// Clones are the same processor.
#[derive(Clone)]
#[must_use = "give it to a `SdkTracerProvider`"]
pub struct ExecutorSpanProcessor {
    core: Arc<Core>,
    resource: Arc<Resource>,
}

struct Core {
    intake: Arc<Intake>,
    is_shut_down: AtomicBool,
    timeout: Duration,
}

impl Executor {
    /// A span processor that hands spans of OpenTelemetry's SDK over to this executor, beside our
    /// own: its processors are given them by
    /// [`on_otel_spans_end`](crate::Processor::on_otel_spans_end). Feature `otel`.
    pub fn span_processor(&self) -> ExecutorSpanProcessor {
        Observability::otel_spans_arrive(true);
        ExecutorSpanProcessor {
            core: Arc::new(Core {
                intake: Arc::clone(&self.intake),
                is_shut_down: AtomicBool::new(false),
                timeout: self.shutdown_timeout.unwrap_or(DEFAULT_SHUTDOWN_TIMEOUT),
            }),
            resource: Arc::new(Resource::builder_empty().build()),
        }
    }
}

impl SpanProcessor for ExecutorSpanProcessor {
    fn on_start(&self, span: &mut Span, cx: &OtelContext) {
        otel::mark_in_call(span, cx);
    }

    fn on_end(&self, span: SpanData) {
        let Core {
            intake,
            is_shut_down,
            ..
        } = &*self.core;
        if !span.span_context.is_sampled() {
            return;
        }
        if is_shut_down.load(Ordering::Relaxed) {
            intake.turn_away();
        } else if span.span_context.is_valid() {
            let resource = Arc::clone(&self.resource);
            intake.take(Box::new(OtelSpan { span, resource }));
        } else {
            intake.lose(LossReason::Unencodable);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        if self.core.is_shut_down.load(Ordering::Relaxed) {
            return Err(OTelSdkError::AlreadyShutdown);
        }
        self.core
            .intake
            .flush(self.core.timeout)
            .map_err(otel::told)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        if self.core.is_shut_down.swap(true, Ordering::Relaxed) {
            return Err(OTelSdkError::AlreadyShutdown);
        }
        Observability::otel_spans_arrive(false);
        self.core.intake.flush(timeout).map_err(otel::told)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource = Arc::new(resource.clone());
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        if !*self.is_shut_down.get_mut() {
            Observability::otel_spans_arrive(false);
        }
    }
}

impl fmt::Debug for ExecutorSpanProcessor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExecutorSpanProcessor")
            .field("stats", &self.core.intake.stats())
            .finish_non_exhaustive()
    }
}
