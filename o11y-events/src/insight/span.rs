//! One span of a trace, with its figures.

use std::time::Duration;

use o11y_core::{ObservationType, SpanId};

/// One span of a [`TraceInsight`](crate::TraceInsight).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpanInsight {
    /// Its id.
    pub id: SpanId,
    /// The span around it; none for a root.
    pub parent_id: Option<SpanId>,
    /// What was done.
    pub name: String,
    /// What it is to Langfuse.
    pub observation: ObservationType,
    /// How many spans of the trace are around it.
    pub depth: usize,
    /// How long after the beginning of the trace it began.
    pub start: Duration,
    /// How long it took.
    pub duration: Duration,
    /// The time in which none of its children ran.
    pub self_time: Duration,
    /// The part of the self time that lies on the critical path.
    pub critical_time: Duration,
    /// Whether it is part of the critical path.
    pub is_critical: bool,
    /// Whether it failed.
    pub failed: bool,
    /// Whether it was tried after a failed one of the same name.
    pub is_retry: bool,
}
