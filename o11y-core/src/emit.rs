//! Emitting: what happens to an event, from the subscribers to the observation that it leaves.

use std::borrow::Cow;

use crate::{
    attribute::Attributes,
    bus::{EventBus, events},
    clock::Ticks,
    event::{Event, Vetoed},
    id::SpanId,
    key,
    observability::{self, Observability},
    observation::{Level, ObservationType},
    record::Record,
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
    Event::new(name, attributes).emit();
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
    Event::new(name, attributes).try_emit()
}

impl Event {
    /// Tells every subscriber. A veto is counted and changes nothing, see [`event`].
    pub fn emit(self) {
        self.emit_on(events());
    }

    /// Asks every subscriber.
    ///
    /// # Errors
    ///
    /// [`Vetoed`] if one of them refuses; the others have heard the event all the same.
    pub fn try_emit(self) -> Result<(), Vetoed> {
        self.try_emit_on(events())
    }

    pub(crate) fn try_emit_on(self, bus: &EventBus) -> Result<(), Vetoed> {
        let answer = bus.ask(&self);
        happened(self, answer.as_ref().err());
        answer
    }

    pub(crate) fn emit_on(self, bus: &EventBus) {
        bus.tell(&self);
        happened(self, None);
    }
}

impl EventBus {
    /// Like [`event`](crate::event()), on this bus.
    pub fn event(&self, name: impl Into<Cow<'static, str>>, attributes: Attributes) {
        Event::new(name, attributes).emit_on(self);
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
        Event::new(name, attributes).try_emit_on(self)
    }
}

/// An event was emitted; inside a span it becomes an observation.
fn happened(event: Event, vetoed: Option<&Vetoed>) {
    if !event.is_recorded() || !Observability::is_enabled() {
        return;
    }
    let (Some(trace_id), Some(parent_id)) = (event.trace_id(), event.span_id()) else {
        return;
    };
    let (name, attributes, scope) = event.into_parts();
    let now = Ticks::now();
    let mut record = Record::new(name);
    record.trace_id = trace_id;
    record.span_id = SpanId::generate(now);
    record.parent_id = parent_id;
    record.start = now;
    record.end = now;
    record.observation = ObservationType::Event;
    record.attributes = attributes;
    record.scope = scope;
    if let Some(vetoed) = vetoed {
        record.level = Level::Warning;
        let message = format!("{vetoed}: {}", vetoed.reason());
        record.attributes.put(key::STATUS_MESSAGE, message.into());
    }
    observability::ended(&mut Some(record));
}
