//! How a model call ended, and the events that tell it.

use crate::{
    attribute::Attributes,
    bus::{CallEvent, CallsHeard},
    context::current,
    event::Event,
    key,
    usage::{Cost, Usage},
    value::Value,
};

/// How a model call ended.
#[derive(Clone, Copy)]
pub(crate) enum Outcome {
    Answered,
    /// With an error of this type.
    Failed(&'static str),
    /// With an error whose type the attributes name already.
    #[cfg(feature = "tracing")]
    Reported,
    Cancelled,
    Panicked,
    Vetoed,
}

impl Outcome {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Failed(_) => "failed",
            #[cfg(feature = "tracing")]
            Self::Reported => "failed",
            Self::Cancelled => "cancelled",
            Self::Panicked => "panicked",
            Self::Vetoed => "vetoed",
        }
    }

    /// The event that tells it.
    pub(super) const fn event(self) -> CallEvent {
        match self {
            Self::Answered => CallEvent::Generate,
            #[cfg(feature = "tracing")]
            Self::Reported => CallEvent::Error,
            Self::Failed(_) | Self::Cancelled | Self::Panicked => CallEvent::Error,
            Self::Vetoed => CallEvent::Vetoed,
        }
    }

    /// Whether any event that tells it is heard.
    pub(crate) fn is_heard(self, heard: CallsHeard, usage: Option<&Usage>) -> bool {
        heard.has(self.event()) || (usage.is_some() && heard.has(CallEvent::Tokens))
    }

    /// The same word as the span's `error.type`.
    const fn error(self) -> Option<&'static str> {
        match self {
            Self::Answered => None,
            #[cfg(feature = "tracing")]
            Self::Reported => None,
            Self::Failed(kind) => Some(kind),
            Self::Cancelled => Some("cancelled"),
            Self::Panicked => Some("panic"),
            Self::Vetoed => Some("vetoed"),
        }
    }
}

/// Emits the one end event, and the mirror of the tokens after it; of both what somebody hears.
/// `event` is one of the call, with what is said of it already.
pub(crate) fn tell(
    heard: CallsHeard,
    event: &mut Event,
    outcome: Outcome,
    usage: Option<&Usage>,
    cost: Option<Cost>,
) {
    let attributes = event.attributes_mut();
    attributes.put(key::OUTCOME, Value::of_static(outcome.as_str()));
    let error = outcome.error().map(Value::of_static);
    attributes.put(key::ERROR_TYPE, error.into());
    note_surroundings(attributes);
    let mirrored = usage.filter(|_| heard.has(CallEvent::Tokens));
    let end = outcome.event();
    if heard.has(end) {
        let mirror = mirrored.map(|usage| (event.clone(), usage));
        let attributes = event.attributes_mut();
        if let Some(usage) = usage {
            note_tokens(attributes, usage);
            attributes.put(key::TOTAL_TOKENS, usage.total().into());
        }
        attributes.put(key::COST, cost.map(Value::from).into());
        event.become_of_call(end);
        event.tell_of_call(end);
        if let Some((mut mirror, usage)) = mirror {
            tell_mirror(&mut mirror, usage);
        }
    } else if let Some(usage) = mirrored {
        tell_mirror(event, usage);
    }
}

/// Says in `attributes` what was used, under all the names that the end of a call has. The total is
/// the caller's to say: an event may have been told another one.
pub(crate) fn note_tokens(attributes: &mut Attributes, usage: &Usage) {
    let (input, output) = (usage.input_total(), usage.output_total());
    attributes.put(key::INPUT_TOKENS, input.into());
    attributes.put(key::OUTPUT_TOKENS, output.into());
    attributes.put(key::PROMPT_TOKENS, input.into());
    attributes.put(key::COMPLETION_TOKENS, output.into());
    attributes.put(key::USAGE, (*usage).into());
}

/// Says in `attributes` which request is served here and which modules are around, if there are any.
fn note_surroundings(attributes: &mut Attributes) {
    let Some(scope) = current::with(|current| current.context.scope.clone()) else {
        return;
    };
    if let Some(request) = scope.request() {
        request.note(attributes);
    }
    if let Some(modules) = scope.modules() {
        attributes.put(key::MODULE_PATH, modules.path().into());
    }
}

/// Tells the tokens under the names of the mirrored system's event.
fn tell_mirror(event: &mut Event, usage: &Usage) {
    let mirror = event.attributes_mut();
    mirror.put("input_tokens", usage.input_total().into());
    let cached = usage.get_cached();
    mirror.put("cached_tokens", (cached > 0).then_some(cached).into());
    mirror.put("output_tokens", usage.output_total().into());
    mirror.put("total_tokens", usage.total().into());
    mirror.put(key::MIRROR, true.into());
    event.become_of_call(CallEvent::Tokens);
    event.tell_of_call(CallEvent::Tokens);
}
