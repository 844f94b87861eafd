//! What the events of a call say of what it may use, and of what it used.

use o11y_core::{Cost, Event, Usage, Value, ValueRef, key};

use super::prices::Prices;
use crate::{
    budget::{Amounts, Ask, Measure, Names},
    pricing::Unpriced,
};

/// The id that the events of one call share.
pub(super) fn call_id(event: &Event) -> Option<&str> {
    event.attribute(key::CALL_ID).and_then(Value::as_str)
}

/// Whether it repeats what another event has said.
pub(super) fn is_mirror(event: &Event) -> bool {
    event.attribute(key::MIRROR).and_then(Value::as_bool) == Some(true)
}

/// Model, provider and user. The model that was asked for comes first: a failed call knows no
/// other, and one that answers under a dated name would stand in two lines.
pub(super) fn names(event: &Event) -> Names<'_> {
    Names {
        model: text(event, key::REQUEST_MODEL).or_else(|| text(event, key::RESPONSE_MODEL)),
        provider: text(event, key::PROVIDER_NAME),
        user: event.trace_attributes().and_then(|trace| trace.get_user()),
    }
}

/// What the request says that the call may use; none if it says nothing. Zero says nothing: no
/// call is free of tokens.
pub(super) fn estimate(request: &Event) -> Option<Ask> {
    let usage = usage(request, key::ESTIMATED_USAGE);
    let tokens = count(request, key::ESTIMATED_TOKENS).filter(|tokens| *tokens > 0);
    let output = count(request, key::REQUEST_MAX_TOKENS).filter(|tokens| *tokens > 0);
    if usage.is_none() && tokens.is_none() && output.is_none() {
        return None;
    }
    let mut ask = Ask::new();
    if let Some(usage) = usage {
        ask = ask.usage(usage);
    }
    if let Some(tokens) = tokens {
        ask = ask.tokens(tokens);
    }
    if let Some(most) = output {
        let stated = usage.map_or(u64::MAX, |usage| usage.output_total());
        ask = ask.output_tokens(most.min(stated));
    }
    Some(ask)
}

/// Why a call to that model has no price, if it has none.
pub(super) fn unpriced(request: &Event, prices: &Prices) -> Option<Unpriced> {
    let (provider, model) = asked_of(request);
    let usage = Usage::new().input(1);
    prices
        .cost(provider, model.unwrap_or("(unknown)"), &usage)
        .err()
}

/// The most tokens that the model of a request gives.
pub(super) fn model_maximum(request: &Event, prices: &Prices) -> Option<Ask> {
    let (provider, model) = asked_of(request);
    let most = prices.max_output_tokens(provider, model?)?;
    Some(Ask::new().output_tokens(most))
}

fn asked_of(request: &Event) -> (Option<&str>, Option<&str>) {
    let provider = text(request, key::PROVIDER_NAME);
    (provider, text(request, key::REQUEST_MODEL))
}

/// The most that such a call can cost.
pub(super) fn price_ask(ask: Ask, request: &Event, prices: &Prices) -> Ask {
    let (provider, Some(model)) = asked_of(request) else {
        return ask;
    };
    if let Some(usage) = usage(request, key::ESTIMATED_USAGE) {
        return match prices.cost(provider, model, &usage) {
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

/// What an ended call used.
pub(super) struct Used {
    pub(super) amounts: Amounts,
    /// Whether it said so.
    pub(super) metered: bool,
    /// Whether its tokens have a price.
    pub(super) priced: bool,
}

/// The total is believed before the parts.
pub(super) fn used(end: &Event, prices: Option<&Prices>) -> Used {
    let usage = usage(end, key::USAGE);
    let part = |keys: [&str; 2]| keys.into_iter().find_map(|key| count(end, key));
    let input = part([key::INPUT_TOKENS, key::PROMPT_TOKENS]);
    let output = part([key::OUTPUT_TOKENS, key::COMPLETION_TOKENS]);
    let total = count(end, key::TOTAL_TOKENS);
    let metered = usage.is_some() || input.or(output).or(total).is_some();
    let usage = usage.unwrap_or_else(|| {
        // A total without parts is priced as input, which is what most tokens are.
        let (output, total) = (output.unwrap_or(0), total.unwrap_or(0));
        let input = input.unwrap_or_else(|| total.saturating_sub(output));
        Usage::new().input(input).output(output)
    });
    let cost = cost(end).or_else(|| price(end, &usage, prices));
    let mut amounts = Amounts::of_call(usage, cost);
    if let Some(total) = total {
        amounts[Measure::Tokens] = total;
    }
    Used {
        amounts,
        metered,
        priced: cost.is_some() || usage.total() == 0,
    }
}

/// What the call itself says that it cost.
fn cost(end: &Event) -> Option<Cost> {
    match end.attribute(key::COST).map(Value::as_ref) {
        Some(ValueRef::Cost(cost)) => Some(cost),
        _ => None,
    }
}

/// The model that answered is the better known one: it has a date.
fn price(end: &Event, usage: &Usage, prices: Option<&Prices>) -> Option<Cost> {
    let provider = text(end, key::PROVIDER_NAME);
    [key::RESPONSE_MODEL, key::REQUEST_MODEL]
        .into_iter()
        .filter_map(|key| text(end, key))
        .find_map(|model| prices?.cost(provider, model, usage).ok())
}

fn usage(event: &Event, key: &str) -> Option<Usage> {
    match event.attribute(key).map(Value::as_ref) {
        Some(ValueRef::Usage(usage)) => Some(*usage),
        _ => None,
    }
}

fn text<'a>(event: &'a Event, key: &str) -> Option<&'a str> {
    event.attribute(key).and_then(Value::as_str)
}

fn count(event: &Event, key: &str) -> Option<u64> {
    event.attribute(key).and_then(Value::as_u64)
}

#[cfg(test)]
mod tests {
    use o11y_core::{Attributes, attributes};

    use super::*;

    fn tokens(attributes: Attributes) -> u64 {
        used(&Event::new("llm.generate", attributes), None).amounts[Measure::Tokens]
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
            let ask = estimate(&request).unwrap_or_default();
            price_ask(ask, &request, &prices()).stated(Measure::Cost)
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
        let used = |attributes| used(&Event::new("llm.generate", attributes), Some(&prices()));

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
