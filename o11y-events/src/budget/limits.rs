//! The limits of a budget, as data.

use std::{fmt, time::Duration};

use o11y_core::Cost;

use super::amount::{Amount, Measure};

/// The share of a limit at which `budget.threshold` is told, unless another is set.
const DEFAULT_THRESHOLD: f64 = 0.8;

/// One limit: so much of a measure, in all or in any window of a length.
///
/// ```
/// use std::time::Duration;
/// use o11y_core::Cost;
/// use o11y_events::{Amount, Limit, Limits, Measure};
///
/// let limits = Limits::new()
///     .input_tokens_per(50_000, Duration::from_secs(60))
///     .output_tokens_per(10_000, Duration::from_secs(60))
///     .cost_per(Cost::usd(5.0), Duration::from_secs(3_600));
/// let limit: &Limit = limits.iter().last().unwrap();
/// assert_eq!(limit.measure(), Measure::Cost);
/// assert_eq!(limit.most(), Amount::Cost(Cost::usd(5.0)));
/// assert_eq!(limit.window(), Some(Duration::from_secs(3_600)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Limit {
    measure: Measure,
    most: u64,
    window: Option<Duration>,
}

impl Limit {
    /// What it counts.
    #[must_use]
    pub fn measure(&self) -> Measure {
        self.measure
    }

    /// How much of it there may be.
    #[must_use]
    pub fn most(&self) -> Amount {
        self.measure.amount(self.most)
    }

    /// The length of the window in which there may be so much; none if it is for good.
    #[must_use]
    pub fn window(&self) -> Option<Duration> {
        self.window
    }

    pub(super) fn count(&self) -> u64 {
        self.most
    }
}

/// `1000 tokens`, `$2.000000`, `60 calls per 60s`.
impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.most(), self.measure.unit())?;
        self.window
            .map_or(Ok(()), |window| write!(f, " per {window:?}"))
    }
}

/// What a [`Budget`](crate::Budget) allows: any number of limits, all of which hold.
///
/// Without any it allows everything and only counts. A limit of a measure, in all or per window of
/// some length, that is set again replaces the one before.
///
/// A window slides: at no moment may the last minute, say, hold more than the limit. It moves in
/// steps of a 60th of its length, so that what was spent is forgotten up to one step late, never
/// early.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use o11y_core::Cost;
/// use o11y_events::Limits;
///
/// let limits = Limits::new()
///     .tokens(200_000)
///     .cost(Cost::usd(2.0))
///     .calls_per(60, Duration::from_secs(60))
///     .threshold(0.9);
/// let shown: Vec<_> = limits.iter().map(ToString::to_string).collect();
/// assert_eq!(shown, ["200000 tokens", "$2.000000", "60 calls per 60s"]);
/// ```
#[must_use = "give it to a budget"]
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    limits: Vec<Limit>,
    threshold: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}

impl Limits {
    /// No limits.
    pub fn new() -> Self {
        Self {
            limits: Vec::new(),
            threshold: DEFAULT_THRESHOLD,
        }
    }

    /// At most so many tokens, input and output together.
    pub fn tokens(self, most: u64) -> Self {
        self.with(Measure::Tokens, most, None)
    }

    /// At most so many input tokens.
    pub fn input_tokens(self, most: u64) -> Self {
        self.with(Measure::InputTokens, most, None)
    }

    /// At most so many output tokens.
    pub fn output_tokens(self, most: u64) -> Self {
        self.with(Measure::OutputTokens, most, None)
    }

    /// At most so much money.
    pub fn cost(self, most: Cost) -> Self {
        self.with(Measure::Cost, most.picodollars(), None)
    }

    /// At most so many calls, answered or failed.
    pub fn calls(self, most: u64) -> Self {
        self.with(Measure::Calls, most, None)
    }

    /// At most so many tokens in any window of that length.
    pub fn tokens_per(self, most: u64, window: Duration) -> Self {
        self.with(Measure::Tokens, most, Some(window))
    }

    /// At most so many input tokens in any window of that length.
    pub fn input_tokens_per(self, most: u64, window: Duration) -> Self {
        self.with(Measure::InputTokens, most, Some(window))
    }

    /// At most so many output tokens in any window of that length.
    pub fn output_tokens_per(self, most: u64, window: Duration) -> Self {
        self.with(Measure::OutputTokens, most, Some(window))
    }

    /// At most so much money in any window of that length.
    pub fn cost_per(self, most: Cost, window: Duration) -> Self {
        self.with(Measure::Cost, most.picodollars(), Some(window))
    }

    /// At most so many calls that begin in any window of that length.
    pub fn calls_per(self, most: u64, window: Duration) -> Self {
        self.with(Measure::Calls, most, Some(window))
    }

    /// The share of each limit at which `budget.threshold` is told; 1 or more tells nothing.
    ///
    /// Defaults to 0.8.
    pub fn threshold(mut self, share: f64) -> Self {
        self.threshold = share;
        self
    }

    /// The limits, in the order in which they were first set.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Limit> {
        self.limits.iter()
    }

    /// How much of `limit` is its threshold; none if there is no telling.
    pub(super) fn soft(&self, limit: &Limit) -> Option<u64> {
        if !(self.threshold > 0.0 && self.threshold < 1.0) {
            return None;
        }
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a threshold need not be exact; the share is between 0 and 1"
        )]
        let soft = (limit.most as f64 * self.threshold).ceil() as u64;
        Some(soft)
    }

    fn with(mut self, measure: Measure, most: u64, window: Option<Duration>) -> Self {
        let limit = Limit {
            measure,
            most,
            window,
        };
        let same = |other: &&mut Limit| other.measure == measure && other.window == window;
        match self.limits.iter_mut().find(same) {
            Some(other) => *other = limit,
            None => self.limits.push(limit),
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_is_set_again_replaces_the_one_before() {
        let minute = Duration::from_secs(60);

        let limits = Limits::new()
            .tokens(1)
            .tokens_per(2, minute)
            .tokens(3)
            .tokens_per(4, minute)
            .tokens_per(5, minute * 60);

        let counts: Vec<_> = limits.iter().map(Limit::count).collect();
        assert_eq!(counts, [3, 4, 5]);
    }

    #[test]
    fn a_threshold_is_a_share_between_nothing_and_all() {
        let soft = |share| {
            let limits = Limits::new().tokens(10).threshold(share);
            limits.iter().next().and_then(|limit| limits.soft(limit))
        };

        assert_eq!(soft(0.75), Some(8));
        assert_eq!((soft(1.0), soft(0.0), soft(f64::NAN)), (None, None, None));
    }
}
