//! What a token of each class costs.

use std::fmt;

use o11y_core::Cost;

use super::class::Class;

const TOKENS_PER_PRICE: u64 = 1_000_000;

/// What a token of each class costs, set in dollars for a million of them as price lists do.
///
/// Input and output have a price always. A class without a price of its own takes another's where
/// that is known to be right or dearer: cached input that of input, thought that of output, a
/// cache that is written for five minutes or for a time that is not known the one that of the
/// other. Audio, and a cache that is written for an hour, have no such stand-in: their tokens are
/// [`Unpriced`](crate::Unpriced) until a price is set.
///
/// ```
/// use o11y_core::Cost;
/// use o11y_events::Rates;
///
/// let rates = Rates::per_million(Cost::usd(2.50), Cost::usd(10.00)).cached(Cost::usd(1.25));
/// assert_eq!(rates.get_input().picodollars(), 2_500_000); // of one token
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
#[must_use = "give it to a `ModelPrice`"]
pub struct Rates {
    /// Of one token; by class.
    own: [Option<Cost>; Class::ALL.len()],
}

/// The setter and the getter of each class that may have a price of its own.
macro_rules! classes {
    ($($(#[$doc:meta])+ $class:ident / $getter:ident = $variant:ident),+ $(,)?) => {
        $(
            $(#[$doc])+
            pub fn $class(self, per_million: Cost) -> Self {
                self.set(Class::$variant, one_of_a_million(per_million))
            }

            #[doc = concat!("What one token of the class [`", stringify!($class), "`](Self::", stringify!($class), ") costs, by its own price or its stand-in's.")]
            #[must_use]
            pub fn $getter(&self) -> Option<Cost> {
                self.of(Class::$variant)
            }
        )+
    };
}

impl Rates {
    /// Prices of a million tokens of input and of output. Amounts are rounded to a millionth of a
    /// dollar for a million tokens, which is one picodollar a token.
    pub fn per_million(input: Cost, output: Cost) -> Self {
        Self::of_one(one_of_a_million(input), one_of_a_million(output))
    }

    /// Prices of one token.
    pub(crate) fn of_one(input: Cost, output: Cost) -> Self {
        Self {
            own: [None; Class::ALL.len()],
        }
        .set(Class::Input, input)
        .set(Class::Output, output)
    }

    /// What one token of input costs.
    #[must_use]
    pub fn get_input(&self) -> Cost {
        self.own(Class::Input).unwrap_or_default()
    }

    /// What one token of output costs.
    #[must_use]
    pub fn get_output(&self) -> Cost {
        self.own(Class::Output).unwrap_or_default()
    }

    classes! {
        /// Input that is read from a cache.
        cached / get_cached = Cached,
        /// Input that is written to a cache for a time that is not known.
        cache_creation / get_cache_creation = CacheCreation,
        /// Input that is written to a cache for five minutes.
        cache_creation_5m / get_cache_creation_5m = CacheCreation5m,
        /// Input that is written to a cache for an hour.
        cache_creation_1h / get_cache_creation_1h = CacheCreation1h,
        /// Input that is audio.
        input_audio / get_input_audio = InputAudio,
        /// Output that is thought.
        reasoning / get_reasoning = Reasoning,
        /// Output that is audio.
        output_audio / get_output_audio = OutputAudio,
    }

    pub(crate) fn set(mut self, class: Class, of_one: Cost) -> Self {
        self.own[class as usize] = Some(of_one);
        self
    }

    /// The class's own price of one token.
    pub(crate) fn own(&self, class: Class) -> Option<Cost> {
        self.own[class as usize]
    }

    /// The price of one token of `class`, by its own price or its stand-in's.
    pub(crate) fn of(&self, class: Class) -> Option<Cost> {
        self.own(class)
            .or_else(|| class.stand_in().and_then(|other| self.own(other)))
    }

    /// The highest price of one token of input, or of output.
    pub(crate) fn dearest(&self, output: bool) -> Cost {
        let side = Class::ALL
            .into_iter()
            .filter(|class| class.is_output() == output);
        side.filter_map(|class| self.own(class))
            .max()
            .unwrap_or_default()
    }
}

fn one_of_a_million(per_million: Cost) -> Cost {
    let picodollars = per_million.picodollars();
    let half_up = u64::from(picodollars % TOKENS_PER_PRICE >= TOKENS_PER_PRICE / 2);
    Cost::from_picodollars(picodollars / TOKENS_PER_PRICE + half_up)
}

/// `tokens` at the price of one. Beyond `u64` it stays at its end, $18 million.
pub(crate) fn times(of_one: Cost, tokens: u64) -> Cost {
    Cost::from_picodollars(of_one.picodollars().saturating_mul(tokens))
}

/// The classes that have a price of their own, in dollars for a million tokens.
impl fmt::Debug for Rates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for class in Class::ALL {
            if let Some(of_one) = self.own(class) {
                let price = super::decimal::per_million(of_one.picodollars());
                map.entry(&class.name(), &format_args!("${price}/M"));
            }
        }
        map.finish()
    }
}
