//! What the end of a call says of what it used and cost.

use o11y_core::{Cost, Usage};

use super::{prices::Prices, reading::Said};
use crate::budget::{Amounts, Measure};

/// What an ended call used.
pub(super) struct Used {
    pub(super) amounts: Amounts,
    /// Whether it said so.
    pub(super) metered: bool,
    /// Whether its tokens have a price.
    pub(super) priced: bool,
}

impl Said<'_> {
    /// What an ended call used. The total is believed before the parts.
    pub(super) fn used(&self, prices: Option<&Prices>) -> Used {
        let metered = self.usage.is_some() || self.total.is_some();
        let usage = self.usage.unwrap_or_default();
        let cost = self.cost.or_else(|| self.cost_of(&usage, prices?));
        let mut amounts = Amounts::of_call(usage, cost);
        if let Some(total) = self.total {
            amounts[Measure::Tokens] = total;
        }
        Used {
            amounts,
            metered,
            priced: cost.is_some() || usage.total() == 0,
        }
    }

    /// The model that answered is the better known one: it has a date.
    fn cost_of(&self, usage: &Usage, prices: &Prices) -> Option<Cost> {
        let provider = self.provider.as_deref();
        [self.response_model, self.model.as_deref()]
            .into_iter()
            .flatten()
            .find_map(|model| prices.cost(provider, model, usage, self.tier).ok())
    }
}

#[cfg(test)]
mod tests {
    use o11y_core::{Attributes, Event, attributes, key};

    use super::*;

    fn tokens(attributes: Attributes) -> u64 {
        Said::by_end(&Event::new("llm.generate", attributes))
            .used(None)
            .amounts[Measure::Tokens]
    }

    #[test]
    fn the_total_is_believed_before_the_parts() {
        assert_eq!(
            tokens(attributes! { key::INPUT_TOKENS => 3, key::OUTPUT_TOKENS => 4 }),
            7
        );
        assert_eq!(
            tokens(attributes! { key::INPUT_TOKENS => 3, key::TOTAL_TOKENS => 9 }),
            9
        );
        assert_eq!(
            tokens(attributes! { key::PROMPT_TOKENS => 3, key::COMPLETION_TOKENS => 4 }),
            7
        );
        assert_eq!(tokens(attributes! { key::TOTAL_TOKENS => -9 }), 0);
        assert_eq!(tokens(attributes! {}), 0);
    }

    /// A cent per thousand tokens of input, three of output.
    fn prices() -> Prices {
        Prices::by(|_, model, usage| {
            let picodollars = usage.input_total() * 10_000_000 + usage.output_total() * 30_000_000;
            (model == "known").then(|| Cost::from_picodollars(picodollars))
        })
    }

    #[test]
    fn a_call_is_priced_by_what_it_says_or_else_by_its_model() {
        let usage = Usage::new().input(100);
        let used = |attributes| {
            let event = Event::new("llm.generate", attributes);
            Said::by_end(&event).used(Some(&prices()))
        };

        let own = used(attributes! { key::COST => Cost::usd(7.0), key::USAGE => usage });
        assert_eq!(own.amounts[Measure::Cost], Cost::usd(7.0).picodollars());
        let call = attributes! {
            key::PROVIDER_NAME => "openai", key::REQUEST_MODEL => "known", key::USAGE => usage,
        };
        let told = |dollars: f64| {
            let mut call = call.clone();
            call.set(key::COST, dollars);
            used(call).amounts[Measure::Cost]
        };
        assert_eq!(told(0.5), Cost::usd(0.5).picodollars());
        assert_eq!(
            told(-0.5),
            Cost::usd(0.001).picodollars(),
            "that is no price"
        );
        let dated = used(attributes! {
            key::REQUEST_MODEL => "known", key::RESPONSE_MODEL => "known-2026", key::USAGE => usage
        });
        assert_eq!(dated.amounts[Measure::Cost], Cost::usd(0.001).picodollars());
        let unknown = used(attributes! { key::REQUEST_MODEL => "unknown", key::USAGE => usage });
        assert!(!unknown.priced && unknown.metered);
    }
}
