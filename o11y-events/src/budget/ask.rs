//! What a call may use, as far as it is known before it is made.

use std::borrow::Cow;

use o11y_core::{Cost, Usage};

use super::amount::{Amounts, Measure};

/// What a call may use at most, as far as the caller knows, and for whom it is made.
///
/// What is stated is reserved, so state upper bounds: a budget whose calls all do is never passed.
/// What is not stated is known only when the call is settled; such a call is admitted as long as
/// anything is left.
///
/// | stated | input tokens | output tokens | all tokens |
/// |---|---|---|---|
/// | input and output | as stated | as stated | their sum |
/// | all tokens | up to all | up to all | as stated |
/// | output alone (`max_tokens`) | unknown | as stated | that much, and perhaps more |
///
/// ```
/// use o11y_core::Cost;
/// use o11y_events::Ask;
///
/// let ask = Ask::new().input_tokens(1_200).output_tokens(500).cost(Cost::usd(0.004)).model("gpt-4o");
/// # let _ = ask;
/// ```
#[must_use = "give it to `Budget::reserve`"]
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ask {
    pub(crate) bounds: Bounds,
    pub(super) labels: Labels,
}

/// What it may use at most, as far as that is stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Bounds {
    pub(crate) input: Option<u64>,
    pub(crate) output: Option<u64>,
    pub(crate) total: Option<u64>,
    pub(crate) cost: Option<Cost>,
    /// What it costs at least, if the most is not known.
    pub(crate) cost_at_least: Cost,
}

impl Ask {
    /// One call, of which nothing is known.
    pub fn new() -> Self {
        Self::default()
    }

    /// At most so many tokens, input and output together.
    pub fn tokens(mut self, most: u64) -> Self {
        self.bounds.total = Some(most);
        self
    }

    /// At most so many input tokens.
    pub fn input_tokens(mut self, most: u64) -> Self {
        self.bounds.input = Some(most);
        self
    }

    /// At most so many output tokens: what the request's `max_tokens` says.
    pub fn output_tokens(mut self, most: u64) -> Self {
        self.bounds.output = Some(most);
        self
    }

    /// At most these tokens.
    pub fn usage(self, most: Usage) -> Self {
        self.input_tokens(most.input_total())
            .output_tokens(most.output_total())
    }

    /// At most so much money.
    pub fn cost(mut self, most: Cost) -> Self {
        self.bounds.cost = Some(most);
        self
    }

    /// The model that is asked, for [`Budget::by_model`](crate::Budget::by_model).
    pub fn model(mut self, model: impl Into<Cow<'static, str>>) -> Self {
        self.labels.model = Some(model.into());
        self
    }

    /// Who serves it, for [`Budget::by_provider`](crate::Budget::by_provider).
    pub fn provider(mut self, provider: impl Into<Cow<'static, str>>) -> Self {
        self.labels.provider = Some(provider.into());
        self
    }

    /// For whom it is made, for [`Budget::by_user`](crate::Budget::by_user).
    pub fn user(mut self, user: impl Into<Cow<'static, str>>) -> Self {
        self.labels.user = Some(user.into());
        self
    }
}

impl Bounds {
    /// What was said of it, if anything.
    pub(crate) fn stated(&self, measure: Measure) -> Option<u64> {
        self.asked().stated(measure)
    }

    /// Whether all tokens that the call may use are known.
    pub(crate) fn is_bound(&self) -> bool {
        self.asked().known[Measure::Tokens as usize]
    }

    /// What that means for each measure.
    pub(super) fn asked(&self) -> Asked {
        let parts = match (self.input, self.output) {
            (Some(input), Some(output)) => Some(input.saturating_add(output)),
            _ => None,
        };
        // What is said of the whole and of its parts may differ; the smaller bound holds.
        let total = smaller(self.total, parts);
        let input = smaller(self.input, total);
        let output = smaller(self.output, total);
        let mut asked = Asked::default();
        asked.state(Measure::Calls, Some(1), 0);
        asked.state(Measure::InputTokens, input, 0);
        asked.state(Measure::OutputTokens, output, 0);
        let at_least = self.input.or(self.output).unwrap_or(0);
        asked.state(Measure::Tokens, total, at_least);
        let (cost, at_least) = (self.cost, self.cost_at_least.picodollars());
        asked.state(Measure::Cost, cost.map(Cost::picodollars), at_least);
        asked
    }
}

fn smaller(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        _ => one.or(other),
    }
}

/// Model, provider and user of a call that somebody reserves by hand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Labels {
    pub(super) model: Option<Cow<'static, str>>,
    pub(super) provider: Option<Cow<'static, str>>,
    pub(super) user: Option<Cow<'static, str>>,
}

/// What a call asks for of each measure, and of which it said all.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Asked {
    pub(super) amounts: Amounts,
    known: [bool; Measure::ALL.len()],
}

impl Asked {
    fn state(&mut self, measure: Measure, most: Option<u64>, at_least: u64) {
        self.amounts[measure] = most.unwrap_or(at_least);
        self.known[measure as usize] = most.is_some();
    }

    /// What was said of it: all that it may use, if anything.
    pub(super) fn stated(&self, measure: Measure) -> Option<u64> {
        let amount = self.amounts[measure];
        (amount > 0 || self.known[measure as usize]).then_some(amount)
    }

    /// Whether it is certain to use none of it.
    pub(super) fn is_none_of(&self, measure: Measure) -> bool {
        self.stated(measure) == Some(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_asked(ask: &Ask, expected: [Option<u64>; 3]) {
        let asked = ask.bounds.asked();
        let tokens = [Measure::InputTokens, Measure::OutputTokens, Measure::Tokens];
        assert_eq!(tokens.map(|measure| asked.stated(measure)), expected);
    }

    #[test]
    fn what_is_not_stated_follows_from_what_is() {
        let ask = Ask::new;

        assert_asked(&ask(), [None, None, None]);
        assert_asked(&ask().tokens(9), [Some(9), Some(9), Some(9)]);
        assert_asked(
            &ask().input_tokens(2).output_tokens(3),
            [Some(2), Some(3), Some(5)],
        );
        assert_asked(&ask().output_tokens(3), [None, Some(3), Some(3)]);
        assert_asked(
            &ask().output_tokens(3).tokens(9),
            [Some(9), Some(3), Some(9)],
        );
        assert_asked(
            &ask().output_tokens(30).tokens(9),
            [Some(9), Some(9), Some(9)],
        );
        let no_output = ask().output_tokens(0).bounds.asked();
        assert!(!no_output.is_none_of(Measure::Tokens));
        assert!(no_output.is_none_of(Measure::OutputTokens));
    }
}
