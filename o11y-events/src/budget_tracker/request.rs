//! What a request says of what the call may use and cost.

use o11y_core::Usage;

use super::{prices::Prices, reading::Said};
use crate::{
    budget::{Bounds, Measure},
    pricing::Unpriced,
};

impl Said<'_> {
    /// What the request says that the call may use; none if it says nothing. Zero says nothing: no
    /// call is free of tokens.
    pub(super) fn estimate(&self) -> Option<Bounds> {
        let tokens = self.estimated_tokens.filter(|tokens| *tokens > 0);
        let output = self.max_tokens.filter(|tokens| *tokens > 0);
        if self.estimated_usage.is_none() && tokens.is_none() && output.is_none() {
            return None;
        }
        let usage = self.estimated_usage;
        let stated = usage.map(Usage::output_total);
        let most = output.map(|most| most.min(stated.unwrap_or(u64::MAX)));
        Some(Bounds {
            input: usage.map(Usage::input_total),
            output: most.or(stated),
            total: tokens,
            ..Bounds::default()
        })
    }

    /// Why a call to that model has no price, if it has none.
    pub(super) fn unpriced(&self, prices: &Prices) -> Option<Unpriced> {
        let usage = Usage::new().input(1);
        let model = self.model.as_deref().unwrap_or("(unknown)");
        let provider = self.provider.as_deref();
        prices.cost(provider, model, &usage, self.tier).err()
    }

    /// The most tokens that the model of a request gives.
    pub(super) fn model_maximum(&self, prices: &Prices) -> Option<Bounds> {
        let model = self.model.as_deref()?;
        let most = prices.max_output_tokens(self.provider.as_deref(), model)?;
        Some(Bounds {
            output: Some(most),
            ..Bounds::default()
        })
    }

    /// The most that such a call can cost, unless whoever estimated it has said so.
    pub(super) fn price(&self, bounds: Bounds, prices: &Prices) -> Bounds {
        if bounds.stated(Measure::Cost).is_some() {
            return bounds;
        }
        let provider = self.provider.as_deref();
        let Some(model) = self.model.as_deref() else {
            return bounds;
        };
        let at_most = |cost| Bounds {
            cost: Some(cost),
            ..bounds
        };
        if let Some(usage) = self.estimated_usage {
            // Where there is no price, the call's end tells.
            let cost = prices.cost(provider, model, usage, self.tier);
            return cost.map_or(bounds, at_most);
        }
        let (output, total) = (
            bounds.stated(Measure::OutputTokens),
            bounds.stated(Measure::Tokens),
        );
        let total = total.unwrap_or(0);
        let output = output.unwrap_or(0).min(total);
        // What is output may be less, and then input is more: the dearest is at one of the two ends.
        let ends = [(total, 0), (total - output, output)];
        let costs = ends.map(|tokens| prices.ceiling(provider, model, tokens, self.tier));
        match costs.into_iter().flatten().max() {
            Some(cost) if bounds.is_bound() => at_most(cost),
            Some(cost) => Bounds {
                cost_at_least: cost,
                ..bounds
            },
            None => bounds,
        }
    }
}

#[cfg(test)]
mod tests {
    use o11y_core::{Attributes, Cost, Event, attributes, key};

    use super::*;

    /// A cent per thousand tokens of input, three of output.
    fn prices() -> Prices {
        Prices::by(|_, model, usage| {
            let picodollars = usage.input_total() * 10_000_000 + usage.output_total() * 30_000_000;
            (model == "known").then(|| Cost::from_picodollars(picodollars))
        })
    }

    #[test]
    fn the_most_that_a_call_can_cost_follows_from_its_most_tokens() {
        let cost = |attributes: Attributes| {
            let mut attributes = attributes;
            attributes.set(key::REQUEST_MODEL, "known");
            let request = Event::new("llm.request", attributes);
            let said = Said::by_request(&request);
            let bounds = said.estimate().unwrap_or_default();
            said.price(bounds, &prices()).stated(Measure::Cost)
        };
        let dollars = |dollars| Some(Cost::usd(dollars).picodollars());

        assert_eq!(cost(attributes! {}), None);
        assert_eq!(
            cost(attributes! { key::ESTIMATED_TOKENS => 1_000 }),
            dollars(0.03)
        );
        assert_eq!(
            cost(attributes! { key::ESTIMATED_TOKENS => 1_000, key::REQUEST_MAX_TOKENS => 500 }),
            dollars(0.02)
        );
        assert_eq!(
            cost(attributes! { key::REQUEST_MAX_TOKENS => 1_000 }),
            dollars(0.03)
        );
        let usage = Usage::new().input(1_000).output(100);
        assert_eq!(
            cost(attributes! { key::ESTIMATED_USAGE => usage }),
            dollars(0.013)
        );
    }
}
