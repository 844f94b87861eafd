//! Emitting: what happens to an event, from the subscribers to the observation that it leaves.

use std::{borrow::Cow, mem::ManuallyDrop};

use compact_str::CompactString;

use crate::{
    attribute::Attributes,
    bus::{CallEvent, CallsHeard, EventBus, events},
    clock::Ticks,
    context::current,
    event::{Event, Vetoed},
    id::SpanId,
    key, observability,
    observation::Level,
    telemetry::Telemetry,
    text::text,
};

/// Tells subscribers that something happened.
///
/// Inside a span the event also becomes an observation of type `event`; outside of one only
/// subscribers hear it. Nobody can refuse: a veto is counted, see [`EventBus::ignored_vetoes`].
///
/// ```
/// use o11y_core::{attributes, event};
///
/// event("react.iteration_complete", attributes! { "iteration" => 1 });
/// ```
pub fn event(name: impl Into<Cow<'static, str>>, attributes: Attributes) {
    tell(None, text(name), attributes);
}

/// Asks subscribers whether something may happen.
///
/// # Errors
///
/// [`Vetoed`] if one of them refuses.
///
/// ```
/// use o11y_core::{Veto, attributes, events, try_event};
///
/// let _no_fridays = events().subscribe("deploy.request", |event: &o11y_core::Event| {
///     match event.attribute("day").and_then(|day| day.as_str()) {
///         Some("friday") => Err(Veto::new("no deploys on fridays")),
///         _ => Ok(()),
///     }
/// });
///
/// assert!(try_event("deploy.request", attributes! { "day" => "friday" }).is_err());
/// assert!(try_event("deploy.request", attributes! { "day" => "monday" }).is_ok());
/// ```
pub fn try_event(name: impl Into<Cow<'static, str>>, attributes: Attributes) -> Result<(), Vetoed> {
    ask(None, text(name), attributes)
}

impl Event {
    /// Tells every subscriber. A veto is counted and changes nothing, see [`event`].
    pub fn emit(mut self) {
        self.bus().tell(&self);
        self.happened(None);
    }

    /// Asks every subscriber.
    ///
    /// # Errors
    ///
    /// [`Vetoed`] if one of them refuses; the others have heard the event all the same.
    pub fn try_emit(mut self) -> Result<(), Vetoed> {
        let answer = self.bus().ask(&self);
        self.happened(answer.as_ref().err());
        answer
    }

    /// Like [`emit`](Self::emit), as an event of a model call.
    pub(crate) fn tell_of_call(&self, call: CallEvent) {
        self.bus().tell_of_call(call, self);
    }

    /// Like [`try_emit`](Self::try_emit), as an event of a model call.
    pub(crate) fn ask_of_call(&self, call: CallEvent) -> Result<(), Vetoed> {
        self.bus().ask_of_call(call, self)
    }

    /// The bus of the point at which it was made.
    fn bus(&self) -> &EventBus {
        bus_of(self.telemetry())
    }

    /// It was emitted; inside a span it becomes an observation.
    #[inline]
    fn happened(&mut self, vetoed: Option<&Vetoed>) {
        let is_recorded = self.is_recorded() && self.span_id().is_some();
        if is_recorded && observability::records_in(self.telemetry()) {
            self.record(vetoed);
        }
    }

    #[inline(never)]
    fn record(&mut self, vetoed: Option<&Vetoed>) {
        let mut record = self.take_record();
        let now = Ticks::now();
        record.span_id = SpanId::generate(now);
        record.start = now;
        record.end = now;
        if let Some(vetoed) = vetoed {
            record.level = Level::Warning;
            let message = vetoed.told();
            record.attributes.put(key::STATUS_MESSAGE, message.into());
        }
        observability::ended(&mut record, self.telemetry());
    }
}

impl EventBus {
    /// Like [`event`](crate::event()), on this bus.
    pub fn event(&self, name: impl Into<Cow<'static, str>>, attributes: Attributes) {
        tell(Some(self), text(name), attributes);
    }

    /// Like [`try_event`](crate::try_event), on this bus.
    ///
    /// # Errors
    ///
    /// [`Vetoed`] if a subscriber refuses.
    pub fn try_event(
        &self,
        name: impl Into<Cow<'static, str>>,
        attributes: Attributes,
    ) -> Result<(), Vetoed> {
        ask(Some(self), text(name), attributes)
    }
}

/// Makes an event and emits it, on that bus or on the one of this point. Both in one, so that it stays
/// where it was made.
fn tell(bus: Option<&EventBus>, name: CompactString, attributes: Attributes) {
    let mut event = Event::here(name, attributes);
    bus.unwrap_or_else(|| event.bus()).tell(&event);
    event.happened(None);
    if event.is_light() {
        _ = ManuallyDrop::new(event); // dropping would ask each of its parts
    }
}

fn ask(bus: Option<&EventBus>, name: CompactString, attributes: Attributes) -> Result<(), Vetoed> {
    let mut event = Event::here(name, attributes);
    let answer = bus.unwrap_or_else(|| event.bus()).ask(&event);
    event.happened(answer.as_ref().err());
    if event.is_light() {
        _ = ManuallyDrop::new(event); // dropping would ask each of its parts
    }
    answer
}

fn bus_of(telemetry: Option<&Telemetry>) -> &EventBus {
    match telemetry {
        Some(telemetry) => telemetry.events(),
        None => events(),
    }
}

/// What anybody hears of model calls that are made where the calling code stands. An exporter hears
/// scores, and must not make every call pay for events that nobody wants.
#[inline]
pub(crate) fn calls_heard_here() -> CallsHeard {
    if !EventBus::calls_may_be_heard() {
        return CallsHeard::default();
    }
    look_at_calls_heard_here()
}

fn look_at_calls_heard_here() -> CallsHeard {
    current::with(|current| calls_heard_in(current.context.telemetry.as_ref()))
}

/// The same, for calls that are made in that scope.
pub(crate) fn calls_heard_in(telemetry: Option<&Telemetry>) -> CallsHeard {
    bus_of(telemetry).calls_heard()
}
