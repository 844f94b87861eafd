//! What was read from an answer, whoever gave it.

use serde_json::Value as Json;

use super::output::Output;
use crate::{
    generation::Call,
    key,
    usage::{Cost, Usage},
};

/// What an answer says, as far as it was understood.
#[derive(Default)]
pub(super) struct Answer<'a> {
    /// The model that answered.
    pub(super) model: Option<&'a str>,
    /// The provider's id of the answer.
    pub(super) id: Option<&'a str>,
    /// Why the model stopped, once for each message.
    pub(super) finish_reasons: Vec<&'a str>,
    pub(super) output: Option<Output<'a>>,
    pub(super) service_tier: Option<&'a str>,
    pub(super) usage: Option<Usage>,
    pub(super) cost: Option<Cost>,
}

impl<'a> Answer<'a> {
    /// An answer that names its model and id as most do, and nothing else yet.
    pub(super) fn of(json: &'a Json) -> Self {
        Self {
            model: json["model"].as_str(),
            id: json["id"].as_str(),
            ..Self::default()
        }
    }

    /// Notes it in the call.
    pub(super) fn note(self, call: &mut Call<'_>) {
        if let Some(model) = self.model {
            call.set_response_model(model);
        }
        if let Some(id) = self.id {
            call.span().set_attribute(key::RESPONSE_ID, id);
        }
        if !self.finish_reasons.is_empty() {
            call.span()
                .set_attribute(key::FINISH_REASONS, &self.finish_reasons);
        }
        match self.output {
            Some(Output::Text(text)) => call.set_output(text),
            Some(Output::Json(json)) => call.set_output(&*json),
            None => {}
        }
        if let Some(tier) = self.service_tier {
            call.set_service_tier(tier);
        }
        if let Some(usage) = self.usage {
            call.set_usage(usage);
        }
        if let Some(cost) = self.cost {
            call.set_cost(cost);
        }
    }
}
