//! What the events of a call say.

use std::borrow::Cow;

use o11y_core::{Cost, Event, LlmEvent, Usage, Value, ValueRef, key};

use crate::budget::Names;

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
    pub(super) provider: Option<Cow<'a, str>>,
    pub(super) model: Option<Cow<'a, str>>,
    pub(super) response_model: Option<&'a str>,
    /// How it was served, or is to be.
    pub(super) tier: Option<&'a str>,
    user: Option<&'a str>,
    pub(super) estimated_usage: Option<&'a Usage>,
    pub(super) estimated_tokens: Option<u64>,
    pub(super) max_tokens: Option<u64>,
    pub(super) usage: Option<Usage>,
    pub(super) total: Option<u64>,
    pub(super) cost: Option<Cost>,
}

impl<'a> Said<'a> {
    /// Reads what a request says, or that a call was not made.
    pub(super) fn by_request(request: &'a Event) -> Self {
        let mut said = Self::by(request);
        if said.provider.is_none() || said.model.is_none() {
            said.complete(request);
        }
        said
    }

    /// Reads what the end of a call says.
    pub(super) fn by_end(end: &'a Event) -> Self {
        let mut said = Self::by(end);
        if said.usage.is_none() || said.provider.is_none() || said.model.is_none() {
            said.complete(end);
        }
        said
    }

    /// Reads what is said under the names of our own calls, and what the surroundings say.
    fn by(event: &'a Event) -> Self {
        let mut said = Self {
            user: event.trace_attributes().and_then(|trace| trace.get_user()),
            ..Self::default()
        };
        for (key, value) in event.attributes().iter() {
            match key {
                key::CALL_ID => said.call = value.as_str(),
                key::MIRROR => said.is_mirror = value.as_bool() == Some(true),
                key::PROVIDER_NAME => said.provider = value.as_str().map(Cow::Borrowed),
                key::REQUEST_MODEL => said.model = value.as_str().map(Cow::Borrowed),
                key::RESPONSE_MODEL => said.response_model = value.as_str(),
                key::RESPONSE_SERVICE_TIER => said.tier = value.as_str(),
                key::REQUEST_SERVICE_TIER => said.tier = said.tier.or(value.as_str()),
                key::ESTIMATED_USAGE => said.estimated_usage = usage(value),
                key::ESTIMATED_TOKENS => said.estimated_tokens = value.as_u64(),
                key::REQUEST_MAX_TOKENS => said.max_tokens = value.as_u64(),
                key::USAGE => said.usage = usage(value).copied(),
                key::TOTAL_TOKENS => said.total = value.as_u64(),
                key::COST => said.cost = cost(value),
                "user.id" => said.user = said.user.or(value.as_str()),
                _ => {}
            }
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

    /// Model, provider and user. The model that was asked for comes first: a failed call knows no
    /// other, and one that answers under a dated name would stand in two lines.
    pub(super) fn names(&self) -> Names<'_> {
        Names {
            model: self.model.as_deref().or(self.response_model),
            provider: self.provider.as_deref(),
            user: self.user,
        }
    }
}

fn usage(value: &Value) -> Option<&Usage> {
    match value.as_ref() {
        ValueRef::Usage(usage) => Some(usage),
        _ => None,
    }
}

/// What the call itself says that it cost; a number is one of dollars.
fn cost(value: &Value) -> Option<Cost> {
    if let ValueRef::Cost(cost) = value.as_ref() {
        return Some(cost);
    }
    let dollars = value.as_f64().filter(|dollars| *dollars >= 0.0);
    dollars.map(Cost::usd)
}
