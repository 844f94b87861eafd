//! What was spent in spans of one name.

use std::{collections::HashMap, time::Duration};

use foldhash::fast::RandomState;

use super::{span::SpanInsight, sum};
use crate::{
    figure::{Percent, Time, or_dash, share},
    histogram::Histogram,
};

/// The spans of one name, of one trace or of many.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct CallSite {
    /// The name.
    pub name: String,
    /// How many there were.
    pub calls: u64,
    /// Those of them that failed.
    pub errors: u64,
    /// Those of them that were tried after a failed one.
    pub retries: u64,
    /// How long they took.
    pub duration: Histogram,
    /// The time in which none of their children ran.
    pub self_time: Duration,
    /// The part of it that lay on the critical path.
    pub critical_time: Duration,
}

impl CallSite {
    /// The part of the calls that failed, from 0 to 1. None without calls.
    #[must_use]
    pub fn error_rate(&self) -> Option<f64> {
        share(self.errors, self.calls)
    }

    pub(super) fn add(&mut self, span: &SpanInsight) {
        self.calls += 1;
        self.errors += u64::from(span.failed);
        self.retries += u64::from(span.is_retry);
        self.duration.record(span.duration);
        self.self_time = sum(self.self_time, span.self_time);
        self.critical_time = sum(self.critical_time, span.critical_time);
    }

    /// Those of one trace, most self time first.
    pub(super) fn of(spans: &[SpanInsight]) -> Vec<Self> {
        let mut sites = HashMap::<&str, Self, RandomState>::default();
        for span in spans {
            sites.entry(&span.name).or_default().add(span);
        }
        let sites = sites.into_iter().map(|(name, site)| site.named(name));
        Self::sorted(sites.collect())
    }

    pub(super) fn named(self, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..self
        }
    }

    pub(super) fn sorted(mut sites: Vec<Self>) -> Vec<Self> {
        sites.sort_by(|left, right| {
            let order = right.self_time.cmp(&left.self_time);
            order.then_with(|| left.name.cmp(&right.name))
        });
        sites
    }

    pub(super) const HEADS: [&'static str; 8] = [
        "call site",
        "calls",
        "errors",
        "retries",
        "p50",
        "p95",
        "self",
        "critical",
    ];

    pub(super) fn cells(&self) -> [String; 8] {
        [
            self.name.clone(),
            self.calls.to_string(),
            or_dash(self.error_rate().map(Percent)),
            self.retries.to_string(),
            or_dash(self.duration.quantile(0.5).map(Time)),
            or_dash(self.duration.quantile(0.95).map(Time)),
            Time(self.self_time).to_string(),
            Time(self.critical_time).to_string(),
        ]
    }
}
