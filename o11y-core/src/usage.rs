//! Tokens by class, and money.

use std::{fmt, iter::Sum, ops::Add};

/// The tokens of one call or of many, in classes that do not overlap.
///
/// Their sum is the total, which is what Langfuse assumes when it adds and prices them. Providers
/// whose input count includes the cached tokens go through [`Usage::from_inclusive`].
///
/// ```
/// use o11y_core::{InclusiveUsage, Usage};
///
/// let usage = Usage::new().input(23).cached(8).output(2);
/// assert_eq!(usage.total(), 33);
///
/// let same = Usage::from_inclusive(InclusiveUsage { input: 31, cached: 8, output: 2, ..Default::default() });
/// assert_eq!(usage, same);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Usage {
    input: u64,
    cached: u64,
    cache_creation: u64,
    cache_creation_5m: u64,
    cache_creation_1h: u64,
    input_audio: u64,
    output: u64,
    reasoning: u64,
    output_audio: u64,
}

/// The token counts of a provider whose input and output include their special classes, as
/// OpenAI's do.
///
/// ```
/// use o11y_core::{InclusiveUsage, Usage};
///
/// let stated = InclusiveUsage { input: 31, cached: 8, output: 9, reasoning: 7, ..Default::default() };
/// let usage = Usage::from_inclusive(stated);
/// assert_eq!((usage.get_input(), usage.get_cached()), (23, 8));
/// assert_eq!((usage.get_output(), usage.get_reasoning()), (2, 7));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct InclusiveUsage {
    /// All input tokens.
    pub input: u64,
    /// Those of them that were read from a cache.
    pub cached: u64,
    /// Those of them that were written to a cache for a time that is not known.
    pub cache_creation: u64,
    /// Those of them that were written to a cache for five minutes.
    pub cache_creation_5m: u64,
    /// Those of them that were written to a cache for an hour.
    pub cache_creation_1h: u64,
    /// Those of them that were audio.
    pub input_audio: u64,
    /// All output tokens.
    pub output: u64,
    /// Those of them that the model thought with.
    pub reasoning: u64,
    /// Those of them that were audio.
    pub output_audio: u64,
}

/// The setter and the getter of one class, and the list of all of them under Langfuse's names.
macro_rules! classes {
    ($($(#[$doc:meta])+ $class:ident / $getter:ident = $wire:literal),+ $(,)?) => {
        $(
            $(#[$doc])+
            #[must_use]
            pub const fn $class(mut self, tokens: u64) -> Self {
                self.$class = tokens;
                self
            }

            #[doc = concat!("What [`", stringify!($class), "`](Self::", stringify!($class), ") was set to.")]
            #[must_use]
            pub const fn $getter(&self) -> u64 {
                self.$class
            }
        )+

        /// Each class under the name by which Langfuse prices it, those of zero included.
        pub fn classes(&self) -> impl Iterator<Item = (&'static str, u64)> {
            [$(($wire, self.$class)),+].into_iter()
        }
    };
}

impl Usage {
    /// No tokens.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    classes! {
        /// Input that was read afresh.
        input / get_input = "input",
        /// Input that was read from a cache.
        cached / get_cached = "input_cached_tokens",
        /// Input that was written to a cache for a time that is not known.
        cache_creation / get_cache_creation = "input_cache_creation",
        /// Input that was written to a cache for five minutes.
        cache_creation_5m / get_cache_creation_5m = "input_cache_creation_5m",
        /// Input that was written to a cache for an hour, which costs more.
        cache_creation_1h / get_cache_creation_1h = "input_cache_creation_1h",
        /// Input that was audio.
        input_audio / get_input_audio = "input_audio_tokens",
        /// Output that was the answer.
        output / get_output = "output",
        /// Output that was thought.
        reasoning / get_reasoning = "output_reasoning_tokens",
        /// Output that was audio.
        output_audio / get_output_audio = "output_audio_tokens",
    }

    /// Takes the special classes out of the sums that include them. A class larger than its sum
    /// is believed; the rest is then zero.
    #[must_use]
    pub const fn from_inclusive(sums: InclusiveUsage) -> Self {
        let special_input = sums
            .cached
            .saturating_add(sums.cache_creation)
            .saturating_add(sums.cache_creation_5m)
            .saturating_add(sums.cache_creation_1h)
            .saturating_add(sums.input_audio);
        let special_output = sums.reasoning.saturating_add(sums.output_audio);
        Self {
            input: sums.input.saturating_sub(special_input),
            cached: sums.cached,
            cache_creation: sums.cache_creation,
            cache_creation_5m: sums.cache_creation_5m,
            cache_creation_1h: sums.cache_creation_1h,
            input_audio: sums.input_audio,
            output: sums.output.saturating_sub(special_output),
            reasoning: sums.reasoning,
            output_audio: sums.output_audio,
        }
    }

    /// All input, cached or not.
    #[must_use]
    pub const fn input_total(&self) -> u64 {
        self.input
            .saturating_add(self.cached)
            .saturating_add(self.cache_creation)
            .saturating_add(self.cache_creation_5m)
            .saturating_add(self.cache_creation_1h)
            .saturating_add(self.input_audio)
    }

    /// All output, thought or said.
    #[must_use]
    pub const fn output_total(&self) -> u64 {
        self.output
            .saturating_add(self.reasoning)
            .saturating_add(self.output_audio)
    }

    /// All tokens.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.input_total().saturating_add(self.output_total())
    }
}

impl Add for Usage {
    type Output = Self;

    /// Class by class; a sum beyond `u64` stays at its end.
    fn add(self, rhs: Self) -> Self {
        Self {
            input: self.input.saturating_add(rhs.input),
            cached: self.cached.saturating_add(rhs.cached),
            cache_creation: self.cache_creation.saturating_add(rhs.cache_creation),
            cache_creation_5m: self.cache_creation_5m.saturating_add(rhs.cache_creation_5m),
            cache_creation_1h: self.cache_creation_1h.saturating_add(rhs.cache_creation_1h),
            input_audio: self.input_audio.saturating_add(rhs.input_audio),
            output: self.output.saturating_add(rhs.output),
            reasoning: self.reasoning.saturating_add(rhs.reasoning),
            output_audio: self.output_audio.saturating_add(rhs.output_audio),
        }
    }
}

impl Sum for Usage {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::new(), Add::add)
    }
}

/// An amount of money in US dollars, exact to a millionth of a millionth.
///
/// ```
/// use o11y_core::Cost;
///
/// let cost = Cost::usd(0.0000975) + Cost::usd(0.0000025);
/// assert_eq!(cost, Cost::usd(0.0001));
/// assert_eq!(cost.to_string(), "$0.000100");
/// ```
///
/// ```
/// use o11y_core::Cost;
///
/// let token = Cost::from_picodollars(37_500); // $0.0375 a million
/// assert_eq!(token.picodollars() * 1_000_000, Cost::usd(0.0375).picodollars());
/// assert_eq!(Cost::usd(0.25).to_usd(), 0.25);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Cost {
    /// Billionths of a thousandth: a token at $0.0375 a million is 37,500 of them, exactly. The
    /// largest amount, $18 million, is beyond what Langfuse stores ($1 million).
    picodollars: u64,
}

const PICODOLLARS_PER_DOLLAR: f64 = 1e12;

impl Cost {
    /// Nothing.
    pub const ZERO: Self = Self { picodollars: 0 };

    /// An amount in dollars, rounded to the unit. What is negative or not a number is zero.
    #[must_use]
    pub fn usd(dollars: f64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the cast saturates at both ends and takes NaN for zero, as documented"
        )]
        let picodollars = (dollars * PICODOLLARS_PER_DOLLAR).round() as u64;
        Self { picodollars }
    }

    /// An amount in millionths of a millionth of a dollar.
    #[must_use]
    pub const fn from_picodollars(picodollars: u64) -> Self {
        Self { picodollars }
    }

    /// The amount in millionths of a millionth of a dollar.
    #[must_use]
    pub const fn picodollars(self) -> u64 {
        self.picodollars
    }

    /// The amount in dollars, as near as a float comes to it.
    #[must_use]
    pub fn to_usd(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "as documented")]
        let picodollars = self.picodollars as f64;
        picodollars / PICODOLLARS_PER_DOLLAR
    }
}

impl Add for Cost {
    type Output = Self;

    fn add(self, rhs: Self) -> Self {
        Self {
            picodollars: self.picodollars.saturating_add(rhs.picodollars),
        }
    }
}

impl Sum for Cost {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${:.6}", self.to_usd())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_class_larger_than_its_sum_leaves_nothing_over_and_never_wraps() {
        let usage = Usage::from_inclusive(InclusiveUsage {
            input: 3,
            cached: 8,
            output: u64::MAX,
            reasoning: 1,
            ..Default::default()
        });

        assert_eq!(usage.get_input(), 0);
        assert_eq!(usage.input_total(), 8);
        assert_eq!(usage.output_total(), u64::MAX);
    }

    #[test]
    fn odd_amounts_are_zero_or_the_most_there_is() {
        assert_eq!(Cost::usd(-1.0), Cost::ZERO);
        assert_eq!(Cost::usd(f64::NAN), Cost::ZERO);
        assert_eq!(Cost::usd(f64::INFINITY).picodollars(), u64::MAX);
    }

    /// A usage with these tokens in its nine classes.
    fn with_classes(tokens: [u64; 9]) -> Usage {
        Usage::new()
            .input(tokens[0])
            .cached(tokens[1])
            .cache_creation(tokens[2])
            .cache_creation_5m(tokens[3])
            .cache_creation_1h(tokens[4])
            .input_audio(tokens[5])
            .output(tokens[6])
            .reasoning(tokens[7])
            .output_audio(tokens[8])
    }

    #[test]
    fn what_is_written_to_a_cache_counts_as_input_by_its_life() {
        let usage = Usage::from_inclusive(InclusiveUsage {
            input: 100,
            cache_creation: 10,
            cache_creation_5m: 20,
            cache_creation_1h: 30,
            ..Default::default()
        });

        assert_eq!(usage.get_input(), 40);
        assert_eq!(usage.input_total(), 100);
        let classes: Vec<_> = usage.classes().filter(|(_, tokens)| *tokens > 0).collect();
        let expected = [
            ("input", 40),
            ("input_cache_creation", 10),
            ("input_cache_creation_5m", 20),
            ("input_cache_creation_1h", 30),
        ];
        assert_eq!(classes, expected);
    }

    proptest! {
        #[test]
        fn classes_add_up_to_the_total(tokens in prop::array::uniform9(0..1_u64 << 40)) {
            let usage = with_classes(tokens);

            prop_assert_eq!(usage.classes().map(|(_, tokens)| tokens).sum::<u64>(), usage.total());
            prop_assert_eq!(usage.total(), tokens.iter().sum::<u64>());
        }

        #[test]
        fn usages_add_up_class_by_class(
            first in prop::array::uniform9(0..1_u64 << 40),
            second in prop::array::uniform9(0..1_u64 << 40),
        ) {
            let sums = std::array::from_fn(|class| first[class] + second[class]);

            prop_assert_eq!(with_classes(first) + with_classes(second), with_classes(sums));
        }

        #[test]
        fn inclusive_sums_keep_their_total(input in 0..1_u64 << 40, part in 0..1_u64 << 40) {
            let cached = part.min(input);
            let usage = Usage::from_inclusive(InclusiveUsage { input, cached, ..Default::default() });

            prop_assert_eq!(usage.total(), input);
        }
    }
}
