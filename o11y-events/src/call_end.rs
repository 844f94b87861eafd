//! What the end of a model call says, whoever told it.

use std::time::Duration;

use o11y_core::{Cost, Event, LlmEvent, Usage, Value, key};

use crate::pricing::{Pricing, ServiceTier};

/// What it says where it says nothing.
pub(crate) const UNKNOWN: &str = "(unknown)";

/// One model call that was made and has ended.
#[derive(Debug)]
pub(crate) struct CallEnd {
    call: LlmEvent,
    pub(crate) failed: bool,
    pub(crate) retries: u64,
    pub(crate) first_token: Option<Duration>,
}

impl CallEnd {
    /// None if the event tells of something else, or repeats what another has told.
    ///
    /// `llm.generate` and `llm.error` are ends; so is an `lm.tokens` that is not marked as a mirror,
    /// by which the mirrored system tells of its calls, and by nothing else.
    pub(crate) fn from_event(event: &Event) -> Option<Self> {
        let told = matches!(event.name(), "llm.generate" | "llm.error" | "lm.tokens");
        if !told {
            return None;
        }
        let call = LlmEvent::from_event(event)?;
        let failed = event.name() == "llm.error" || call.get_error_type().is_some();
        Some(Self {
            failed,
            retries: count(event, key::RETRIES),
            first_token: time(event, key::TIME_TO_FIRST_TOKEN_MS, 1e-3)
                .or_else(|| time(event, key::TIME_TO_FIRST_CHUNK, 1.0)),
            call,
        })
    }

    pub(crate) fn model(&self) -> &str {
        self.call.model().unwrap_or(UNKNOWN)
    }

    pub(crate) fn provider(&self) -> &str {
        self.call.provider().unwrap_or(UNKNOWN)
    }

    pub(crate) fn usage(&self) -> Usage {
        self.call.get_usage().unwrap_or_default()
    }

    /// All tokens, which may be said where the classes are not.
    pub(crate) fn tokens(&self) -> u64 {
        self.call.get_total_tokens().unwrap_or(0)
    }

    /// What it says that it cost, or else what the table says: of the model that answered, which is
    /// the better known one, or else of the one that was asked. None if neither does.
    pub(crate) fn cost(&self, prices: &Pricing) -> Option<Cost> {
        let by_table = || {
            let (provider, usage) = (self.call.provider(), self.call.get_usage()?);
            let tier = ServiceTier::of_call(self.call.get_service_tier())?;
            [self.call.get_response_model(), self.call.model()]
                .into_iter()
                .flatten()
                .find_map(|model| prices.cost(provider, model, &usage, tier).ok())
        };
        self.call.get_cost().or_else(by_table)
    }

    pub(crate) fn duration(&self) -> Option<Duration> {
        self.call.get_duration()
    }
}

/// The user of the trace, the innermost module: what the surroundings of an event say.
pub(crate) fn user_of(event: &Event) -> Option<&str> {
    let user = event.trace_attributes().and_then(|trace| trace.get_user());
    user.or_else(|| text(event, "user.id"))
}

pub(crate) fn module_of(event: &Event) -> Option<&str> {
    let modules = event.modules().map(|modules| modules.leaf().name());
    modules.or_else(|| text(event, key::MODULE_NAME))
}

fn text<'a>(event: &'a Event, key: &str) -> Option<&'a str> {
    event.attribute(key).and_then(Value::as_str)
}

fn count(event: &Event, key: &str) -> u64 {
    event.attribute(key).and_then(Value::as_u64).unwrap_or(0)
}

fn time(event: &Event, key: &str, unit: f64) -> Option<Duration> {
    let number = event.attribute(key).and_then(Value::as_f64)?;
    Duration::try_from_secs_f64(number * unit).ok()
}
