//! Events: named moments, told to whoever listens; some are questions that may be refused.

use std::{borrow::Cow, error::Error, fmt, sync::Arc};

use compact_str::CompactString;

use crate::{
    attribute::Attributes,
    bus::{EventBus, events},
    context::{Context, current},
    id::{SpanId, TraceId},
    module::Modules,
    observability,
    scope::Scope,
    text::text,
    value::Value,
};

/// A named moment with attributes.
///
/// Usually emitted in one go by [`event`] and [`try_event`]; built by hand for an event that only
/// subscribers shall see:
///
/// ```
/// use o11y_core::{Event, attributes};
///
/// Event::new("cache.miss", attributes! { "key" => "menu" }).unrecorded().emit();
/// ```
#[must_use = "call `emit` or `try_emit`"]
#[derive(Debug)]
pub struct Event {
    name: CompactString,
    attributes: Attributes,
    trace_id: TraceId,
    span_id: SpanId,
    scope: Option<Arc<Scope>>,
    recorded: bool,
}

impl Event {
    /// An event at the current point of the current trace.
    pub fn new(name: impl Into<Cow<'static, str>>, attributes: Attributes) -> Self {
        let (trace_id, span_id, sampled, scope) = current::with(|current| {
            let Context {
                trace_id,
                span_id,
                sampled,
                ..
            } = current.context;
            (trace_id, span_id, sampled, current.span_scope().cloned())
        });
        Self {
            name: text(name),
            attributes,
            trace_id,
            span_id,
            scope,
            recorded: sampled,
        }
    }

    /// Keeps it from becoming an observation: only subscribers hear it.
    pub fn unrecorded(mut self) -> Self {
        self.recorded = false;
        self
    }

    /// Its name.
    #[must_use]
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
        (!self.trace_id.is_none()).then_some(self.trace_id)
    }

    /// The span in which it was emitted; none outside of any span.
    #[must_use]
    pub fn span_id(&self) -> Option<SpanId> {
        (!self.span_id.is_none()).then_some(self.span_id)
    }

    /// The modules in which it was made; none outside of any.
    #[must_use]
    pub fn modules(&self) -> Option<&Modules> {
        self.scope.as_deref().and_then(Scope::modules)
    }

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
        observability::happened(self, answer.as_ref().err());
        answer
    }

    pub(crate) fn emit_on(self, bus: &EventBus) {
        bus.tell(&self);
        observability::happened(self, None);
    }

    pub(crate) fn is_recorded(&self) -> bool {
        self.recorded
    }

    pub(crate) fn into_parts(self) -> (CompactString, Attributes, Option<Arc<Scope>>) {
        (self.name, self.attributes, self.scope)
    }
}

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

/// A subscriber's refusal.
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
}
