//! The figures of many model calls.

use std::time::Duration;

use o11y_core::{Cost, Usage};

use crate::{call_end::CallEnd, figure::share, histogram::Histogram};

/// What a number of calls used, and how they did.
///
/// ```
/// use std::time::Duration;
/// use o11y_core::{Cost, LlmEvent, events};
/// use o11y_events::{BaseSubscriber, LlmFigures, LlmUsage};
///
/// let usage = LlmUsage::new().attach(events());
/// LlmEvent::new("openai", "gpt-4o")
///     .total_tokens(150)
///     .cost(Cost::usd(0.001))
///     .duration(Duration::from_millis(800))
///     .emit();
///
/// let snapshot = usage.snapshot();
/// let figures: &LlmFigures = snapshot.model("gpt-4o").unwrap();
/// assert_eq!(figures.cost_per_call(), Some(Cost::usd(0.001)));
/// assert_eq!(figures.tokens_per_call(), Some(150.0));
/// assert_eq!(figures.latency_quantile(0.95), Some(Duration::from_millis(800)));
/// assert_eq!(figures.error_rate(), Some(0.0));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct LlmFigures {
    /// Calls that were made, answered or failed.
    pub calls: u64,
    /// Those of them that failed, were cancelled or panicked.
    pub errors: u64,
    /// Calls that a subscriber refused; they were not made.
    pub refused: u64,
    /// How often calls were tried again, as far as they said so.
    pub retries: u64,
    /// Their tokens by class.
    pub usage: Usage,
    /// All their tokens, those included of which no class was said.
    pub tokens: u64,
    /// What they cost, as they say or else by the table; nothing for those of neither.
    pub cost: Cost,
    /// Of how many the cost is known.
    pub priced: u64,
    /// From the request to the end, of answered calls that said so.
    pub latency: Histogram,
    /// From the request to the first piece of the answer, of streamed calls that said so.
    pub first_token: Histogram,
}

impl LlmFigures {
    /// The part of the calls that failed, from 0 to 1. None without calls.
    #[must_use]
    pub fn error_rate(&self) -> Option<f64> {
        share(self.errors, self.calls)
    }

    /// What a call costs on average, of those whose cost is known.
    #[must_use]
    pub fn cost_per_call(&self) -> Option<Cost> {
        let picodollars = self.cost.picodollars().checked_div(self.priced)?;
        Some(Cost::from_picodollars(picodollars))
    }

    /// The tokens of a call on average. None without calls.
    #[must_use]
    pub fn tokens_per_call(&self) -> Option<f64> {
        share(self.tokens, self.calls)
    }

    /// The latency that this share of the answered calls stays within.
    #[must_use]
    pub fn latency_quantile(&self, share: f64) -> Option<Duration> {
        self.latency.quantile(share)
    }

    /// A failed call counts in no latency: many fail at once or only after a timeout, and either
    /// would say nothing of how long an answer takes.
    pub(super) fn add(&mut self, call: &CallEnd, cost: Option<Cost>) {
        self.calls += 1;
        self.errors += u64::from(call.failed);
        self.retries = self.retries.saturating_add(call.retries);
        self.usage = self.usage + call.usage();
        self.tokens = self.tokens.saturating_add(call.tokens());
        if let Some(cost) = cost {
            self.cost = self.cost + cost;
            self.priced += 1;
        }
        if let Some(duration) = call.duration().filter(|_| !call.failed) {
            self.latency.record(duration);
        }
        if let Some(first_token) = call.first_token {
            self.first_token.record(first_token);
        }
    }
}
