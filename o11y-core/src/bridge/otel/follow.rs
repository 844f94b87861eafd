//! The switch that has spans look for their parent in OpenTelemetry's context.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use opentelemetry::Context as OtelContext;

use super::{Foreign, place::is_there};
use crate::{
    context::{Context, current},
    observability::Observability,
};

/// `Relaxed`, because it guards nothing.
static FOLLOWS: AtomicBool = AtomicBool::new(false);

/// How many say that spans of OpenTelemetry arrive; the same.
static ARRIVE: AtomicUsize = AtomicUsize::new(0);

impl Observability {
    /// Whether spans look for their parent in OpenTelemetry's current context, too; they do not
    /// unless told. For programs whose HTTP server, say, is instrumented by OpenTelemetry or by
    /// `tracing-opentelemetry`. Needs feature `otel`.
    ///
    /// A span that would be a root becomes the child of OpenTelemetry's current span, if there is a
    /// valid one. A span inside one of ours looks there only if that was
    /// [shown](Context::to_otel) to OpenTelemetry: then the one that was opened last is its parent.
    /// What is taken over is as in [`Context::from_otel`]; a span that OpenTelemetry does not sample
    /// has no children here. Async twins look when they are called, as for any parent.
    ///
    /// ```
    /// use o11y_core::{Context, Observability};
    /// # use o11y_core::testing::Recording;
    /// # use opentelemetry::trace::{TraceContextExt as _, Tracer as _, TracerProvider as _};
    /// # let provider = opentelemetry_sdk::trace::SdkTracerProvider::builder().build();
    /// # let tracer = provider.tracer("example");
    /// # let recording = Recording::new();
    /// # let _recording = recording.attach();
    ///
    /// Observability::follow_otel(true);
    /// tracer.in_span("GET /answer", |otel| {
    ///     Context::with_span("answer", |_span| { /* a child of `GET /answer` */ });
    /// #   let parent = otel.span().span_context().span_id().to_bytes();
    /// #   assert_eq!(recording.one("answer").parent_id().unwrap().to_bytes(), parent);
    /// });
    /// ```
    pub fn follow_otel(follow: bool) {
        FOLLOWS.store(follow, Ordering::Relaxed);
    }
}

impl Observability {
    /// For exporters: says that spans of OpenTelemetry's SDK come to the process's sink, too, or, as
    /// often as that was said, that they no longer do. As long as they do not, a span of ours below
    /// one is the first of its trace to arrive, which
    /// [`Record::parent_is_remote`](crate::Record::parent_is_remote) tells. Needs feature `otel`.
    pub fn otel_spans_arrive(arrive: bool) {
        if arrive {
            ARRIVE.fetch_add(1, Ordering::Relaxed);
        } else {
            let one_less = |count: usize| count.checked_sub(1);
            // None is left if that was said too often.
            _ = ARRIVE.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less);
        }
    }
}

pub(super) fn arrive() -> bool {
    ARRIVE.load(Ordering::Relaxed) > 0
}

/// The point of OpenTelemetry's current span, if spans are to look there and it is further in than
/// the current one of ours.
#[inline]
pub(crate) fn adopted() -> Option<Context> {
    if FOLLOWS.load(Ordering::Relaxed) {
        look()
    } else {
        None
    }
}

fn look() -> Option<Context> {
    if !is_there() {
        return None;
    }
    let foreign = OtelContext::map_current(Foreign::of)?;
    let ours = current::with(|current| {
        let context = &current.context;
        foreign.is_inside(context.span_id).then(|| context.clone())
    })?;
    Some(foreign.put_over(ours))
}
