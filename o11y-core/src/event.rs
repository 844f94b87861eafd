//! Events: named moments, told to whoever listens; some are questions that may be refused.

use std::{
    borrow::Cow,
    error::Error,
    fmt, mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use compact_str::CompactString;

use crate::{
    attribute::Attributes,
    bus::CallEvent,
    context::current,
    id::{SpanId, TraceId},
    module::Modules,
    observation::ObservationType,
    outlet::discard,
    record::Record,
    scope::{Scope, TraceAttributes},
    span,
    telemetry::Telemetry,
    text::text,
    value::Value,
};

/// A named moment with attributes.
///
/// Usually emitted in one go by [`event`](crate::event()) and [`try_event`](crate::try_event);
/// built by hand for an event that only subscribers shall see:
///
/// ```
/// use o11y_core::{Event, attributes};
///
/// Event::new("cache.miss", attributes! { "key" => "menu" }).unrecorded().emit();
/// ```
#[must_use = "call `emit` or `try_emit`"]
#[derive(Debug, Clone)]
pub struct Event {
    name: CompactString,
    attributes: Attributes,
    place: Place,
    recorded: bool,
}

/// Where it was made.
#[derive(Debug, Clone)]
struct Place {
    trace_id: TraceId,
    span_id: SpanId,
    scope: Option<Arc<Scope>>,
    telemetry: Option<Telemetry>,
    sampled: bool,
}

impl Place {
    #[inline]
    fn current() -> Self {
        current::with(|current| {
            let context = &current.context;
            Self {
                trace_id: context.trace_id,
                span_id: context.span_id,
                scope: current.span_scope().cloned(),
                telemetry: context.telemetry.clone(),
                sampled: context.sampled,
            }
        })
    }
}

impl Event {
    /// An event at the current point of the current trace.
    #[inline]
    pub fn new(name: impl Into<Cow<'static, str>>, attributes: Attributes) -> Self {
        Self::here(text(name), attributes)
    }

    /// The same. An event is large: whoever emits it makes it in its place, and does not move it.
    #[inline]
    pub(crate) fn here(name: CompactString, attributes: Attributes) -> Self {
        let place = Place::current();
        Self {
            name,
            attributes,
            recorded: place.sampled,
            place,
        }
    }

    /// An event of a model call, of which nothing is said yet. The call's span already is an
    /// observation, so it is none.
    #[inline]
    pub(crate) fn of_call(call: CallEvent) -> Self {
        Self {
            name: CompactString::const_new(call.name()),
            attributes: Attributes::new(),
            recorded: false,
            place: Place::current(),
        }
    }

    /// Makes it another event of the same call, which says the same and happens here.
    pub(crate) fn become_of_call(&mut self, call: CallEvent) {
        self.name = CompactString::const_new(call.name());
        self.place = Place::current();
    }

    /// Keeps it from becoming an observation: only subscribers hear it.
    pub fn unrecorded(mut self) -> Self {
        self.recorded = false;
        self
    }

    /// Its name.
    #[must_use]
    #[inline]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its attributes.
    #[must_use]
    pub fn attributes(&self) -> &Attributes {
        &self.attributes
    }

    /// The value of one attribute.
    #[must_use]
    pub fn attribute(&self, key: &str) -> Option<&Value> {
        self.attributes.get(key)
    }

    /// The trace in which it was emitted; none outside of any span.
    #[must_use]
    pub fn trace_id(&self) -> Option<TraceId> {
        self.place.trace_id.given()
    }

    /// The span in which it was emitted; none outside of any span.
    #[must_use]
    pub fn span_id(&self) -> Option<SpanId> {
        self.place.span_id.given()
    }

    /// The modules in which it was made; none outside of any.
    #[must_use]
    pub fn modules(&self) -> Option<&Modules> {
        self.place.scope.as_deref().and_then(Scope::modules)
    }

    /// What is said of the trace in which it was emitted: user, session and so on.
    #[must_use]
    pub fn trace_attributes(&self) -> Option<&TraceAttributes> {
        self.place.scope.as_deref().and_then(Scope::trace)
    }

    /// The id of the request that was served when it was emitted.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        let request = self.place.scope.as_deref().and_then(Scope::request)?;
        Some(request.id())
    }

    pub(crate) fn telemetry(&self) -> Option<&Telemetry> {
        self.place.telemetry.as_ref()
    }

    pub(crate) fn attributes_mut(&mut self) -> &mut Attributes {
        &mut self.attributes
    }

    pub(crate) fn with_attributes(mut self, attributes: Attributes) -> Self {
        self.attributes = attributes;
        self
    }

    /// Whether the trace that it was made in is recorded; none outside of any.
    pub(crate) fn sampled(&self) -> Option<bool> {
        (!self.place.trace_id.is_none()).then_some(self.place.sampled)
    }

    pub(crate) fn is_recorded(&self) -> bool {
        self.recorded
    }

    /// What becomes of it as an observation; nothing of that stays.
    pub(crate) fn take_record(&mut self) -> Record {
        let mut record = Record::new(mem::take(&mut self.name));
        record.trace_id = self.place.trace_id;
        record.parent_id = self.place.span_id;
        record.observation = ObservationType::Event;
        record.attributes = mem::take(&mut self.attributes);
        record.scope = self.place.scope.take();
        record
    }

    /// Whether it holds nothing outside of itself: then it need not be dropped.
    #[inline]
    pub(crate) fn is_light(&self) -> bool {
        !self.name.is_heap_allocated()
            & self.place.scope.is_none()
            & self.place.telemetry.is_none()
            & self.attributes.is_light()
    }
}

/// A subscriber's refusal.
///
/// ```
/// use o11y_core::{Event, EventBus, Veto, attributes};
///
/// let bus = EventBus::new();
/// let _closing = bus.subscribe("order.request", |_event: &Event| Err(Veto::new("we are closing")));
/// let vetoed = bus.try_event("order.request", attributes! {}).unwrap_err();
/// assert_eq!(vetoed.reason().to_string(), "we are closing");
/// ```
#[derive(Clone)]
pub struct Veto {
    cause: Arc<dyn Error + Send + Sync>,
}

impl Veto {
    /// Refuses for this reason: a text, or an error of your own that the emitter can get back by
    /// [`Vetoed::downcast_ref`].
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            cause: Arc::from(cause.into()),
        }
    }
}

impl fmt::Display for Veto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}

impl fmt::Debug for Veto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Veto").field(&self.cause).finish()
    }
}

/// A subscriber refused: whoever emitted the event has to stop.
///
/// ```
/// use o11y_core::{Event, EventBus, Veto, Vetoed, attributes};
///
/// #[derive(Debug, thiserror::Error)]
/// #[error("{0} cups are too many")]
/// struct TooMany(u64);
///
/// let bus = EventBus::new();
/// let _rule = bus.subscribe("order.request", |event: &Event| {
///     let cups = event.attribute("cups").and_then(|cups| cups.as_u64()).unwrap_or(0);
///     if cups > 3 { Err(Veto::new(TooMany(cups))) } else { Ok(()) }
/// });
///
/// let vetoed: Vetoed = bus.try_event("order.request", attributes! { "cups" => 4 }).unwrap_err();
/// assert_eq!(vetoed.pattern(), "order.request");
/// assert_eq!(vetoed.downcast_ref::<TooMany>().map(|too_many| too_many.0), Some(4));
/// ```
#[derive(Debug, Clone, thiserror::Error)]
#[error("vetoed by the subscriber of `{pattern}`")]
pub struct Vetoed {
    pattern: CompactString,
    #[source]
    cause: Arc<dyn Error + Send + Sync>,
}

impl Vetoed {
    pub(crate) fn new(pattern: &str, veto: Veto) -> Self {
        Self {
            pattern: pattern.into(),
            cause: veto.cause,
        }
    }

    /// The refusal and its reason in one text. The reason's printing is a subscriber's code: it may
    /// be long, and it may panic, which must not harm who asked.
    pub(crate) fn told(&self) -> String {
        let reason = catch_unwind(AssertUnwindSafe(|| span::cut(&self.cause)));
        reason.map_or_else(
            |payload| {
                discard(payload);
                self.to_string()
            },
            |reason| format!("{self}: {reason}"),
        )
    }

    /// The pattern of the subscription that refused.
    #[must_use]
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// The reason, if it is an error of type `E`: for example the budget that was exceeded.
    #[must_use]
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        self.cause.downcast_ref()
    }

    /// The reason.
    #[must_use]
    pub fn reason(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.cause
    }
}

#[cfg(test)]
mod tests {
    use std::panic::panic_any;

    use super::*;

    #[test]
    fn the_reason_of_a_refusal_is_its_source_and_can_be_had_back() {
        let refused: std::num::ParseIntError = "x".parse::<u8>().unwrap_err();

        let vetoed = Vetoed::new("llm.*", Veto::new(refused.clone()));

        assert_eq!(vetoed.to_string(), "vetoed by the subscriber of `llm.*`");
        assert_eq!(vetoed.downcast_ref(), Some(&refused));
        assert_eq!(
            vetoed.source().map(ToString::to_string),
            Some(refused.to_string())
        );
    }

    #[test]
    fn what_is_told_of_a_refusal_is_bounded_and_without_a_reason_that_panics() {
        #[derive(Debug)]
        struct Unprintable;
        impl fmt::Display for Unprintable {
            fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
                panic_any("no words")
            }
        }
        impl Error for Unprintable {}
        let told = |veto| Vetoed::new("a", veto).told();

        assert_eq!(
            told(Veto::new("full")),
            "vetoed by the subscriber of `a`: full"
        );
        assert_eq!(
            told(Veto::new(Unprintable)),
            "vetoed by the subscriber of `a`"
        );
        assert!(told(Veto::new("x".repeat(1 << 20))).len() < 3_000);
    }
}
