//! What was seen of traces, in numbers.

/// How many traces and spans a [`TraceInsights`](crate::TraceInsights) has seen.
///
/// ```
/// use std::{sync::Arc, time::Duration};
/// use o11y_core::{Context, EventBus, Telemetry};
/// use o11y_events::{InsightStats, TraceInsight, TraceInsights};
///
/// let insights = Arc::new(
///     TraceInsights::new()
///         .keep(8)
///         .quiet(Duration::from_secs(60))
///         .open_traces(64)
///         .on_trace(|trace: &TraceInsight| {
///             let slowest = trace.bottleneck().map(|span| span.name.as_str());
///             assert_eq!(slowest, trace.critical_path().last().map(|span| span.name.as_str()));
///         }),
/// );
/// # let telemetry = Telemetry::scoped(insights.clone(), EventBus::new());
/// # telemetry.run(|| {
/// Context::with_span("answer", |_span| ());
/// # });
///
/// let stats: InsightStats = insights.stats();
/// assert_eq!((stats.complete, stats.incomplete, stats.late_spans), (1, 0, 0));
/// assert_eq!(insights.call_sites()[0].name, "answer");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct InsightStats {
    /// Traces of which some spans have ended, and not the root.
    pub open: usize,
    /// Traces whose root has ended.
    pub complete: u64,
    /// Traces that were told without their root.
    pub incomplete: u64,
    /// Spans that ended after their trace was told.
    pub late_spans: u64,
    /// Spans for which their trace had no room.
    pub left_out_spans: u64,
}
