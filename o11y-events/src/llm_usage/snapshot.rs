//! The figures of model calls at one moment.

use std::{cmp::Reverse, fmt};

use super::figures::LlmFigures;
use crate::{
    figure::{Percent, Time, or_dash},
    groups::Groups,
    table::Table,
};

/// What an [`LlmUsage`](crate::LlmUsage) has added up. Prints as a table.
///
/// Each list has the name with most tokens first.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LlmUsageSnapshot {
    /// Of all calls.
    pub total: LlmFigures,
    /// By the model that was asked for.
    pub models: Vec<(String, LlmFigures)>,
    /// By the provider.
    pub providers: Vec<(String, LlmFigures)>,
    /// By the user of the trace.
    pub users: Vec<(String, LlmFigures)>,
    /// By the innermost module around the call.
    pub modules: Vec<(String, LlmFigures)>,
}

impl LlmUsageSnapshot {
    /// The figures of a model.
    #[must_use]
    pub fn model(&self, name: &str) -> Option<&LlmFigures> {
        find(&self.models, name)
    }

    /// The figures of a provider.
    #[must_use]
    pub fn provider(&self, name: &str) -> Option<&LlmFigures> {
        find(&self.providers, name)
    }

    /// The figures of a user.
    #[must_use]
    pub fn user(&self, id: &str) -> Option<&LlmFigures> {
        find(&self.users, id)
    }

    /// The figures of a module: `ResearchAgent/planner`.
    #[must_use]
    pub fn module(&self, name: &str) -> Option<&LlmFigures> {
        find(&self.modules, name)
    }
}

fn find<'a>(groups: &'a [(String, LlmFigures)], wanted: &str) -> Option<&'a LlmFigures> {
    let mut groups = groups.iter();
    groups.find_map(|(name, figures)| (name == wanted).then_some(figures))
}

pub(super) fn sorted(groups: &Groups<LlmFigures>) -> Vec<(String, LlmFigures)> {
    let groups = groups.iter();
    let mut sorted: Vec<_> = groups
        .map(|(name, figures)| (name.to_owned(), figures.clone()))
        .collect();
    sorted.sort_by_key(|(_, figures)| Reverse((figures.tokens, figures.calls)));
    sorted
}

/// One table for each kind that says anything, and the sums.
impl fmt::Display for LlmUsageSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = [
            ("model", &self.models),
            ("provider", &self.providers),
            ("user", &self.users),
            ("module", &self.modules),
        ];
        for (kind, groups) in kinds {
            if groups
                .iter()
                .any(|(name, _)| name != crate::call_end::UNKNOWN)
            {
                writeln!(f, "{}", table(kind, groups, None))?;
            }
        }
        table("", &[], Some(&self.total)).fmt(f)
    }
}

fn table(kind: &str, groups: &[(String, LlmFigures)], total: Option<&LlmFigures>) -> Table {
    let mut table = Table::new([
        kind,
        "calls",
        "errors",
        "retries",
        "tokens",
        "cached",
        "cost",
        "p50",
        "p95",
        "first p50",
    ]);
    let named = groups
        .iter()
        .map(|(name, figures)| (name.as_str(), figures));
    for (name, figures) in named.chain(total.map(|total| ("all", total))) {
        let time = |time: Option<_>| or_dash(time.map(Time));
        table.row([
            name.to_owned(),
            figures.calls.to_string(),
            or_dash(figures.error_rate().map(Percent)),
            figures.retries.to_string(),
            figures.tokens.to_string(),
            figures.usage.get_cached().to_string(),
            or_dash((figures.priced > 0).then_some(figures.cost)),
            time(figures.latency.quantile(0.5)),
            time(figures.latency.quantile(0.95)),
            time(figures.first_token.quantile(0.5)),
        ]);
    }
    table
}
