//! What the events of a call say of what it may use, and of what it used.

use std::borrow::Cow;

use o11y_core::{Cost, Event, LlmEvent, Usage, Value, ValueRef, key};

use super::prices::Prices;
use crate::{
    budget::{Amounts, Ask, Measure, Names},
    pricing::Unpriced,
};

/// What an event says of a call, as far as budgets care.
///
/// Read in one go: to look for one key is to compare it with all before it. What is told by hand may
/// have older names; those are [`LlmEvent`]'s to know.
#[derive(Default)]
pub(super) struct Said<'a> {
    /// The id that the events of one call share.
    pub(super) call: Option<&'a str>,
    /// Whether it repeats what another event has said.
    pub(super) is_mirror: bool,
    provider: Option<Cow<'a, str>>,
    model: Option<Cow<'a, str>>,
    response_model: Option<&'a str>,
    user: Option<&'a str>,
    estimated_usage: Option<&'a Usage>,
    estimated_tokens: Option<u64>,
    max_tokens: Option<u64>,
    usage: Option<Usage>,
    total: Option<u64>,
    cost: Option<Cost>,
}

impl<'a> Said<'a> {
    /// Reads what a request says, or that a call was not made.
    pub(super) fn by_request(request: &'a Event) -> Self {
        let mut said = Self::around(request);
        let attributes = request.attributes().iter();
        attributes.for_each(|(key, value)| match key {
            key::ESTIMATED_USAGE => said.estimated_usage = usage(value),
            key::ESTIMATED_TOKENS => said.estimated_tokens = value.as_u64(),
            key::REQUEST_MAX_TOKENS => said.max_tokens = value.as_u64(),
            _ => said.note(key, value),
        });
        if said.provider.is_none() || said.model.is_none() {
            said.complete(request);
        }
        said
    }

    /// Reads what the end of a call says.
    pub(super) fn by_end(end: &'a Event) -> Self {
        let mut said = Self::around(end);
        let attributes = end.attributes().iter();
        attributes.for_each(|(key, value)| match key {
            key::RESPONSE_MODEL => said.response_model = value.as_str(),
            key::USAGE => said.usage = usage(value).copied(),
            key::TOTAL_TOKENS => said.total = value.as_u64(),
            key::COST => said.cost = cost(value),
            _ => said.note(key, value),
        });
        if said.usage.is_none() || said.provider.is_none() || said.model.is_none() {
            said.complete(end);
        }
        said
    }

    /// Adds what is said under other names than those of our own calls.
    fn complete(&mut self, event: &Event) {
        let Some(call) = LlmEvent::from_event(event) else {
            return; // a mirror
        };
        let is_metered = self.usage.is_some();
        let owned = |text: &str| Cow::Owned(text.to_owned());
        self.provider = self.provider.take().or_else(|| call.provider().map(owned));
        self.model = self.model.take().or_else(|| call.model().map(owned));
        self.max_tokens = self.max_tokens.or_else(|| call.get_max_tokens());
        self.usage = self.usage.or_else(|| call.get_usage());
        self.total = self.total.or_else(|| call.get_total_tokens());
        self.cost = self.cost.or_else(|| call.get_cost());
        let usage = self.usage.unwrap_or_default();
        if let Some(total) = self.total
            && !is_metered
            && usage.input_total() == 0
        {
            // A total without parts is taken for input, which is what most tokens are.
            let input = total.saturating_sub(usage.output_total());
            self.usage = Some(usage.input(input));
        }
    }

    /// What the surroundings say.
    fn around(event: &'a Event) -> Self {
        Self {
            user: event.trace_attributes().and_then(|trace| trace.get_user()),
            ..Self::default()
        }
    }

    /// What every event of a call says.
    fn note(&mut self, key: &str, value: &'a Value) {
        match key {
            key::CALL_ID => self.call = value.as_str(),
            key::MIRROR => self.is_mirror = value.as_bool() == Some(true),
            key::PROVIDER_NAME => self.provider = value.as_str().map(Cow::Borrowed),
            key::REQUEST_MODEL => self.model = value.as_str().map(Cow::Borrowed),
            "user.id" => self.user = self.user.or(value.as_str()),
            _ => {}
        }
    }

    /// Model, provider and user. The model that was asked for comes first: a failed call knows no
    /// other, and one that answers under a dated name would stand in two lines.
    pub(super) fn names(&self) -> Names<'_> {
        Names {
            model: self.model.as_deref().or(self.response_model),
            provider: self.provider.as_deref(),
            user: self.user,
        }
    }

    /// What the request says that the call may use; none if it says nothing. Zero says nothing: no
    /// call is free of tokens.
    pub(super) fn estimate(&self) -> Option<Ask> {
        let tokens = self.estimated_tokens.filter(|tokens| *tokens > 0);
        let output = self.max_tokens.filter(|tokens| *tokens > 0);
        if self.estimated_usage.is_none() && tokens.is_none() && output.is_none() {
            return None;
        }
        let mut ask = Ask::new();
        if let Some(usage) = self.estimated_usage {
            ask = ask.usage(*usage);
        }
        if let Some(tokens) = tokens {
            ask = ask.tokens(tokens);
        }
        if let Some(most) = output {
            let stated = self.estimated_usage.map_or(u64::MAX, Usage::output_total);
            ask = ask.output_tokens(most.min(stated));
        }
        Some(ask)
    }

    /// Why a call to that model has no price, if it has none.
    pub(super) fn unpriced(&self, prices: &Prices) -> Option<Unpriced> {
        let usage = Usage::new().input(1);
        let model = self.model.as_deref().unwrap_or("(unknown)");
        prices.cost(self.provider.as_deref(), model, &usage).err()
    }

    /// The most tokens that the model of a request gives.
    pub(super) fn model_maximum(&self, prices: &Prices) -> Option<Ask> {
        let model = self.model.as_deref()?;
        let most = prices.max_output_tokens(self.provider.as_deref(), model)?;
        Some(Ask::new().output_tokens(most))
    }

    /// The most that such a call can cost.
    pub(super) fn price(&self, ask: Ask, prices: &Prices) -> Ask {
        let provider = self.provider.as_deref();
        let Some(model) = self.model.as_deref() else {
            return ask;
        };
        if let Some(usage) = self.estimated_usage {
            return match prices.cost(provider, model, usage) {
                Ok(cost) => ask.cost(cost),
                Err(_unpriced) => ask, // its end tells
            };
        }
        let (output, total) = (
            ask.stated(Measure::OutputTokens),
            ask.stated(Measure::Tokens),
        );
        let total = total.unwrap_or(0);
        let output = output.unwrap_or(0).min(total);
        // What is output may be less, and then input is more: the dearest is at one of the two ends.
        let ends = [(total, 0), (total - output, output)];
        let costs = ends.map(|(input, output)| prices.ceiling(provider, model, input, output));
        match costs.into_iter().flatten().max() {
            Some(cost) if ask.is_bound() => ask.cost(cost),
            Some(cost) => ask.cost_at_least(cost),
            None => ask,
        }
    }

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
            .find_map(|model| prices.cost(provider, model, usage).ok())
    }
}

/// What an ended call used.
pub(super) struct Used {
    pub(super) amounts: Amounts,
    /// Whether it said so.
    pub(super) metered: bool,
    /// Whether its tokens have a price.
    pub(super) priced: bool,
}

fn usage(value: &Value) -> Option<&Usage> {
    match value.as_ref() {
        ValueRef::Usage(usage) => Some(usage),
        _ => None,
    }
}

/// What the call itself says that it cost; a number is one of dollars.
fn cost(value: &Value) -> Option<Cost> {
    match value.as_ref() {
        ValueRef::Cost(cost) => Some(cost),
        _ => value.as_f64().map(Cost::usd),
    }
}

#[cfg(test)]
mod tests {
    use o11y_core::{Attributes, attributes};

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
    fn the_most_that_a_call_can_cost_follows_from_its_most_tokens() {
        let cost = |attributes: Attributes| {
            let mut attributes = attributes;
            attributes.set(key::REQUEST_MODEL, "known");
            let request = Event::new("llm.request", attributes);
            let said = Said::by_request(&request);
            let ask = said.estimate().unwrap_or_default();
            said.price(ask, &prices()).stated(Measure::Cost)
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

    #[test]
    fn a_call_is_priced_by_what_it_says_or_else_by_its_model() {
        let usage = Usage::new().input(100);
        let used = |attributes| {
            let event = Event::new("llm.generate", attributes);
            Said::by_end(&event).used(Some(&prices()))
        };

        let own = used(attributes! { key::COST => Cost::usd(7.0), key::USAGE => usage });
        assert_eq!(own.amounts[Measure::Cost], Cost::usd(7.0).picodollars());
        let dated = used(attributes! {
            key::REQUEST_MODEL => "known", key::RESPONSE_MODEL => "known-2026", key::USAGE => usage
        });
        assert_eq!(dated.amounts[Measure::Cost], Cost::usd(0.001).picodollars());
        let unknown = used(attributes! { key::REQUEST_MODEL => "unknown", key::USAGE => usage });
        assert!(!unknown.priced && unknown.metered);
    }
}
