//! What budgets count, and how much of it.

use std::{
    fmt,
    ops::{Index, IndexMut},
};

use o11y_core::{Cost, Usage};

/// What a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Measure {
    /// Calls, whatever they use.
    Calls,
    /// Input tokens, cached ones included.
    InputTokens,
    /// Output tokens, reasoning included.
    OutputTokens,
    /// Input and output tokens together.
    Tokens,
    /// Money.
    Cost,
}

impl Measure {
    pub(super) const ALL: [Self; 5] = [
        Self::Calls,
        Self::InputTokens,
        Self::OutputTokens,
        Self::Tokens,
        Self::Cost,
    ];

    /// Its name, as events carry it: `calls`, `input_tokens`, `output_tokens`, `tokens`, `cost`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Calls => "calls",
            Self::InputTokens => "input_tokens",
            Self::OutputTokens => "output_tokens",
            Self::Tokens => "tokens",
            Self::Cost => "cost",
        }
    }

    /// That many of it.
    pub(super) fn amount(self, count: u64) -> Amount {
        match self {
            Self::Cost => Amount::Cost(Cost::from_picodollars(count)),
            _ => Amount::Count(count),
        }
    }

    /// What stands behind a number: ` input tokens`; nothing behind money.
    pub(super) fn unit(self) -> &'static str {
        match self {
            Self::Calls => " calls",
            Self::InputTokens => " input tokens",
            Self::OutputTokens => " output tokens",
            Self::Tokens => " tokens",
            Self::Cost => "",
        }
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How much of something: a number of tokens or calls, or money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Amount {
    /// Tokens or calls.
    Count(u64),
    /// Money.
    Cost(Cost),
}

impl Amount {
    /// The number, if it is one of tokens or calls.
    #[must_use]
    pub fn count(self) -> Option<u64> {
        match self {
            Self::Count(count) => Some(count),
            Self::Cost(_) => None,
        }
    }

    /// The money, if it is some.
    #[must_use]
    pub fn cost(self) -> Option<Cost> {
        match self {
            Self::Count(_) => None,
            Self::Cost(cost) => Some(cost),
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => count.fmt(f),
            Self::Cost(cost) => cost.fmt(f),
        }
    }
}

impl From<u64> for Amount {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

impl From<Cost> for Amount {
    fn from(cost: Cost) -> Self {
        Self::Cost(cost)
    }
}

/// What was spent or is reserved, of each measure.
///
/// ```
/// use o11y_core::{Cost, Usage};
/// use o11y_events::{Ask, Budget, Limits, Tally};
///
/// let budget = Budget::new("agent", Limits::new());
/// let call = budget.reserve(Ask::new())?;
/// call.settle(Usage::new().input(20).cached(3).output(5), Cost::usd(0.001));
///
/// let spent: Tally = budget.spent();
/// assert_eq!((spent.calls, spent.input_tokens, spent.output_tokens, spent.tokens), (1, 23, 5, 28));
/// # Ok::<_, o11y_events::BudgetExceeded>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct Tally {
    /// Calls, answered or failed.
    pub calls: u64,
    /// Input tokens, cached ones included.
    pub input_tokens: u64,
    /// Output tokens, reasoning included.
    pub output_tokens: u64,
    /// All tokens.
    pub tokens: u64,
    /// Money.
    pub cost: Cost,
}

/// One number per measure; money in its smallest unit. Sums stay at the end of `u64`: wrapping
/// would open a budget again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Amounts([u64; Measure::ALL.len()]);

impl Amounts {
    /// What one call used.
    pub(crate) fn of_call(usage: Usage, cost: Option<Cost>) -> Self {
        let mut amounts = Self::default();
        amounts[Measure::Calls] = 1;
        amounts[Measure::InputTokens] = usage.input_total();
        amounts[Measure::OutputTokens] = usage.output_total();
        amounts[Measure::Tokens] = usage.total();
        amounts[Measure::Cost] = cost.unwrap_or_default().picodollars();
        amounts
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (sum, more) in self.0.iter_mut().zip(other.0) {
            *sum = sum.saturating_add(more);
        }
    }

    pub(super) fn tally(&self) -> Tally {
        Tally {
            calls: self[Measure::Calls],
            input_tokens: self[Measure::InputTokens],
            output_tokens: self[Measure::OutputTokens],
            tokens: self[Measure::Tokens],
            cost: Cost::from_picodollars(self[Measure::Cost]),
        }
    }
}

impl Index<Measure> for Amounts {
    type Output = u64;

    fn index(&self, index: Measure) -> &u64 {
        &self.0[index as usize]
    }
}

impl IndexMut<Measure> for Amounts {
    fn index_mut(&mut self, index: Measure) -> &mut u64 {
        &mut self.0[index as usize]
    }
}

/// Like [`Amounts`], of everything that is reserved at a time. It is added to and taken from, so
/// it must be exact whatever was asked for: wide enough for as many calls as there can be.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Reserved([u128; Measure::ALL.len()]);

impl Reserved {
    pub(super) fn add(&mut self, amounts: &Amounts) {
        for (sum, more) in self.0.iter_mut().zip(amounts.0) {
            *sum += u128::from(more);
        }
    }

    pub(super) fn take(&mut self, amounts: &Amounts) {
        for (sum, less) in self.0.iter_mut().zip(amounts.0) {
            *sum = sum.saturating_sub(u128::from(less)); // never more than was added
        }
    }

    pub(super) fn of(&self, measure: Measure) -> u128 {
        self.0[measure as usize]
    }

    pub(super) fn amounts(&self) -> Amounts {
        Amounts(self.0.map(clamped))
    }
}

/// The number, or the largest that fits.
pub(super) fn clamped(number: u128) -> u64 {
    number.try_into().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reserved_is_exact_beyond_what_a_number_holds() {
        let huge = Amounts::of_call(Usage::new().input(u64::MAX), None);
        let small = Amounts::of_call(Usage::new().input(5), None);
        let mut reserved = Reserved::default();

        reserved.add(&huge);
        reserved.add(&small);
        reserved.take(&huge);

        assert_eq!(reserved.amounts(), small);
    }

    #[test]
    fn measures_are_in_the_order_of_their_places() {
        for (place, measure) in Measure::ALL.into_iter().enumerate() {
            assert_eq!(measure as usize, place);
        }
    }
}
