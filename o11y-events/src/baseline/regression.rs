//! What has become worse, and from where on that is said.

use std::{collections::BTreeMap, fmt};

use super::CALLS;

/// How much worse a figure may be before it is a regression.
///
/// ```
/// use o11y_core::{LlmEvent, events};
/// use o11y_events::{Baseline, BaseSubscriber, LlmUsage, Regression, Tolerance};
///
/// let usage = LlmUsage::new().attach(events());
/// LlmEvent::new("openai", "gpt-4o").total_tokens(100).emit();
/// let before = Baseline::of(&usage.snapshot());
/// LlmEvent::new("openai", "gpt-4o").total_tokens(400).emit();
/// let now = Baseline::of(&usage.snapshot());
///
/// let tolerance = Tolerance::new().change(0.5).min_calls(1);
/// let worse: Vec<Regression> = before.regressions(&now, tolerance);
/// assert!(worse.iter().any(|regression| regression.figure.starts_with("tokens")));
/// ```
#[must_use = "give it to `Baseline::regressions`"]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance {
    change: f64,
    min_calls: f64,
}

/// A rate of errors in a hundred calls moves by so much by chance.
const ERROR_RATE_SLACK: f64 = 0.01;

const ERROR_RATE: &str = "error_rate";

impl Tolerance {
    /// A figure may be 20 % worse, and models with fewer than 20 calls in one of the two are not
    /// compared.
    pub fn new() -> Self {
        Self {
            change: 0.2,
            min_calls: 20.0,
        }
    }

    /// A figure may be worse by this share: 0.5 for half as much again. What is negative counts as
    /// 0.
    pub fn change(mut self, share: f64) -> Self {
        self.change = share.max(0.0);
        self
    }

    /// Models with fewer calls, then or now, are not compared.
    pub fn min_calls(mut self, calls: u32) -> Self {
        self.min_calls = calls.into();
        self
    }
}

impl Default for Tolerance {
    fn default() -> Self {
        Self::new()
    }
}

/// A figure that is worse than it was. Prints as a line.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Regression {
    /// Of which model; `(all)` for all calls together.
    pub model: String,
    /// Which figure, as it stands in the file: `latency_p95_s`.
    pub figure: String,
    /// What it was.
    pub before: f64,
    /// What it is.
    pub now: f64,
    /// By which share it is worse: 0.5 for half as much again; infinite if it was 0.
    pub change: f64,
}

impl Regression {
    pub(super) fn between(
        model: &str,
        before: &BTreeMap<String, f64>,
        after: &BTreeMap<String, f64>,
        tolerance: Tolerance,
    ) -> Vec<Self> {
        let has_enough = |figures: &BTreeMap<String, f64>| {
            figures
                .get(CALLS)
                .is_some_and(|calls| *calls >= tolerance.min_calls)
        };
        if !has_enough(before) || !has_enough(after) {
            return Vec::new();
        }
        let figures = before.iter().filter(|(name, _)| *name != CALLS);
        let compared = figures.filter_map(|(name, was)| Some((name, *was, *after.get(name)?)));
        let worse = compared.filter(|(name, was, now)| {
            let slack = if *name == ERROR_RATE {
                ERROR_RATE_SLACK
            } else {
                0.0
            };
            *now > was * (1.0 + tolerance.change) + slack
        });
        let regressions = worse.map(|(name, was, now)| Self {
            model: model.to_owned(),
            figure: name.clone(),
            before: was,
            now,
            change: if was > 0.0 {
                now / was - 1.0
            } else {
                f64::INFINITY
            },
        });
        regressions.collect()
    }
}

/// `gpt-4o: latency_p95_s is 2.400, was 1.200 (+100.0 %)`.
impl fmt::Display for Regression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { model, figure, .. } = self;
        let digits = match self.now {
            ..0.000_1 => 12, // money, which is exact to so many
            ..0.1 => 6,
            _ => 3,
        };
        write!(
            f,
            "{model}: {figure} is {:.digits$}, was {:.digits$}",
            self.now, self.before
        )?;
        if self.change.is_finite() {
            write!(f, " (+{:.1} %)", self.change * 100.0)?;
        }
        Ok(())
    }
}
