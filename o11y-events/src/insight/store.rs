//! The insights that are kept, and the sums of all.

use std::{collections::VecDeque, sync::Arc};

use o11y_core::TraceId;

use super::{InsightStats, call_site::CallSite, trace::TraceInsight};
use crate::groups::Groups;

/// How many call sites have a line of their own.
const MAX_SITES: usize = 256;

/// Of so many traces it is remembered that they were told, so that late spans begin no new ones.
const MAX_FINISHED: usize = 256;

pub(super) struct Store {
    insights: VecDeque<Arc<TraceInsight>>,
    /// Told, with the spans that came late; the newest last.
    finished: VecDeque<(TraceId, u64)>,
    sites: Groups<CallSite>,
    pub(super) stats: InsightStats,
}

impl Store {
    pub(super) fn new() -> Self {
        Self {
            insights: VecDeque::new(),
            finished: VecDeque::new(),
            sites: Groups::new(MAX_SITES),
            stats: InsightStats::default(),
        }
    }

    /// Whether the trace was told; a span of it is counted as late then.
    pub(super) fn is_late(&mut self, trace: TraceId) -> bool {
        let finished = self.finished.iter_mut().rfind(|(id, _)| *id == trace);
        let Some((_, late)) = finished else {
            return false;
        };
        *late += 1;
        self.stats.late_spans += 1;
        true
    }

    pub(super) fn finished(&mut self, trace: TraceId) {
        if self.finished.len() >= MAX_FINISHED {
            self.finished.pop_front();
        }
        self.finished.push_back((trace, 0));
    }

    /// What it pushes out is to be dropped without the lock.
    pub(super) fn add(
        &mut self,
        insight: Arc<TraceInsight>,
        keep: usize,
    ) -> Vec<Arc<TraceInsight>> {
        for span in &insight.spans {
            self.sites.entry(&span.name).add(span);
        }
        let stats = &mut self.stats;
        stats.complete += u64::from(insight.is_complete);
        stats.incomplete += u64::from(!insight.is_complete);
        stats.left_out_spans += insight.left_out_spans;
        self.insights.push_back(insight);
        let too_many = self.insights.len().saturating_sub(keep);
        self.insights.drain(..too_many).collect()
    }

    pub(super) fn latest(&self) -> Vec<TraceInsight> {
        let late_of = |trace| {
            let mut finished = self.finished.iter();
            finished
                .find_map(|(id, late)| (*id == trace).then_some(*late))
                .unwrap_or(0)
        };
        let insights = self.insights.iter().map(|insight| TraceInsight {
            late_spans: late_of(insight.trace_id),
            ..TraceInsight::clone(insight)
        });
        insights.collect()
    }

    pub(super) fn call_sites(&self) -> Vec<CallSite> {
        let sites = self
            .sites
            .iter()
            .map(|(name, site)| site.clone().named(name));
        CallSite::sorted(sites.collect())
    }
}
