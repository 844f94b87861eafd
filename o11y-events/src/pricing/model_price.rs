//! What one model costs: rates by service tier and by length of the input.

use o11y_core::{Cost, Usage};

use super::{
    breakdown::CostBreakdown,
    class::Class,
    rates::{Rates, times},
    service_tier::ServiceTier,
};

/// What one model costs, by service tier and by length of the input, and how much it takes and
/// gives at most.
///
/// ```
/// use o11y_core::Cost;
/// use o11y_events::{ModelPrice, Rates, ServiceTier};
///
/// let usd = Cost::usd;
/// let price = ModelPrice::new(Rates::per_million(usd(3.00), usd(15.00)).cached(usd(0.30)))
///     .long_context(200_000, Rates::per_million(usd(6.00), usd(22.50)).cached(usd(0.60)))
///     .tier(ServiceTier::Batch, Rates::per_million(usd(1.50), usd(7.50)))
///     .max_output_tokens(64_000);
///
/// let rates = price.rates(ServiceTier::Standard, 200_001).unwrap();
/// assert_eq!(rates.get_output(), Cost::usd(0.0000225));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "give it to a `Pricing`"]
pub struct ModelPrice {
    /// Sorted by tier and threshold; the first is the one of `new`.
    cards: Vec<Card>,
    max_input_tokens: Option<u64>,
    max_output_tokens: Option<u64>,
}

/// Rates and when they apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Card {
    pub(crate) tier: ServiceTier,
    /// The input that must be exceeded, all of its classes together.
    pub(crate) above: Option<u64>,
    pub(crate) rates: Rates,
}

impl Card {
    fn applies(&self, tier: ServiceTier, input_tokens: u64) -> bool {
        self.tier == tier && self.above.is_none_or(|above| input_tokens > above)
    }
}

impl ModelPrice {
    /// A model at these rates, whatever the length of its input.
    pub fn new(rates: Rates) -> Self {
        let card = Card {
            tier: ServiceTier::Standard,
            above: None,
            rates,
        };
        Self {
            cards: vec![card],
            max_input_tokens: None,
            max_output_tokens: None,
        }
    }

    /// Other rates for a whole call whose input, cached or not, is more than `above` tokens.
    pub fn long_context(self, above: u64, rates: Rates) -> Self {
        self.card(ServiceTier::Standard, Some(above), rates)
    }

    /// Other rates for a service tier. A tier without rates has no price.
    pub fn tier(self, tier: ServiceTier, rates: Rates) -> Self {
        self.card(tier, None, rates)
    }

    /// Other rates for a service tier and a whole call whose input is more than `above` tokens.
    /// A tier without them has no price for a call that is long by the standard rates.
    pub fn tier_long_context(self, tier: ServiceTier, above: u64, rates: Rates) -> Self {
        self.card(tier, Some(above), rates)
    }

    /// The most tokens that the model takes.
    pub fn max_input_tokens(mut self, tokens: u64) -> Self {
        self.max_input_tokens = Some(tokens);
        self
    }

    /// The most tokens that the model gives.
    pub fn max_output_tokens(mut self, tokens: u64) -> Self {
        self.max_output_tokens = Some(tokens);
        self
    }

    /// What [`max_input_tokens`](Self::max_input_tokens) was set to.
    #[must_use]
    pub fn get_max_input_tokens(&self) -> Option<u64> {
        self.max_input_tokens
    }

    /// What [`max_output_tokens`](Self::max_output_tokens) was set to.
    #[must_use]
    pub fn get_max_output_tokens(&self) -> Option<u64> {
        self.max_output_tokens
    }

    /// The rates of a call with so many tokens of input, cached or not. `None` if the service tier
    /// has none, or has none for an input that is long by the standard rates.
    #[must_use]
    pub fn rates(&self, tier: ServiceTier, input_tokens: u64) -> Option<&Rates> {
        let longest = |tier| {
            let cards = self.cards.iter();
            cards
                .filter(|card| card.applies(tier, input_tokens))
                .max_by_key(|card| card.above)
        };
        let card = longest(tier)?;
        let standard = longest(ServiceTier::Standard)?;
        (card.above >= standard.above).then_some(&card.rates)
    }

    /// What a call with this usage costs by class, or what of it has no price.
    pub(crate) fn breakdown(
        &self,
        usage: &Usage,
        tier: ServiceTier,
    ) -> Result<CostBreakdown, WithoutPrice> {
        let rates = self
            .rates(tier, usage.input_total())
            .ok_or(WithoutPrice::Tier)?;
        let mut breakdown = CostBreakdown::default();
        for (name, tokens) in usage.classes().filter(|(_, tokens)| *tokens > 0) {
            let class = Class::from_name(name);
            let of_one = class.and_then(|class| rates.of(class));
            let of_one = of_one.ok_or(WithoutPrice::Class(name))?;
            breakdown.push(name, times(of_one, tokens));
        }
        Ok(breakdown)
    }

    /// The most that a call with at most so many tokens can cost: each token at the price of the
    /// dearest class, by the dearest rates that it can fall under.
    pub(crate) fn ceiling(
        &self,
        input_tokens: u64,
        output_tokens: u64,
        tier: ServiceTier,
    ) -> Option<Cost> {
        self.rates(tier, input_tokens)?;
        let cards = self.cards.iter();
        cards
            .filter(|card| card.applies(tier, input_tokens))
            .map(|card| {
                times(card.rates.dearest(false), input_tokens)
                    + times(card.rates.dearest(true), output_tokens)
            })
            .max()
    }

    pub(crate) fn cards(&self) -> &[Card] {
        &self.cards
    }

    pub(crate) fn card(mut self, tier: ServiceTier, above: Option<u64>, rates: Rates) -> Self {
        let card = Card { tier, above, rates };
        let place = self
            .cards
            .binary_search_by_key(&(tier, above), |card| (card.tier, card.above));
        match place {
            Ok(same) => self.cards[same] = card,
            Err(next) => self.cards.insert(next, card),
        }
        self
    }
}

/// Why a call of a known model has no cost.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum WithoutPrice {
    Tier,
    Class(&'static str),
}
