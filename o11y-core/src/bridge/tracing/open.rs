//! A recognised span while it is open, kept in the extensions of its `tracing` span.

use std::{sync::Arc, thread};

use tracing_core::span::Id;

use super::{callsite::Source, dialect, fields::Fields, place::Place, run::Part, said::Said};
use crate::{
    bus::{CallEvent, CallsHeard},
    clock::Ticks,
    context::{OwnedSpan, current::Current},
    emit::calls_heard_in,
    event::Event,
    generation::outcome::{self, Outcome},
    id::SpanId,
    key,
    observation::ObservationType,
    scope::Scope,
    span::SpanSpec,
    value::Value,
};

/// A recognised span.
pub(super) struct Open {
    span: OwnedSpan,
    said: Said,
    start: Ticks,
    /// The span that it was opened in, to tell whether it lies deeper than another.
    pub(super) parent: SpanId,
    in_own_call: bool,
    /// A call inside of it has billed.
    pub(super) has_billed_below: bool,
    /// The `tracing` span that notes the run which this one is a part of.
    pub(super) run: Option<Id>,
}

impl Open {
    pub(super) fn start(
        source: Source,
        name: &'static str,
        fields: Fields,
        place: &Place,
        run: Option<Id>,
    ) -> Self {
        let mut said = Said::new(source, name);
        said.hear(fields);
        let spec = SpanSpec::new(name).observation(said.kind());
        let mut span = place.run(|| OwnedSpan::start(spec));
        // What is annotated inside goes through clones of the context.
        drop(span.context());
        Self {
            span,
            said,
            start: Ticks::now(),
            parent: place.context.span_id,
            in_own_call: place.in_own_call,
            has_billed_below: false,
            run,
        }
    }

    /// Takes in what was recorded later.
    pub(super) fn hear(&mut self, fields: Fields) {
        self.said.hear(fields);
    }

    /// Takes in what an event inside says of it.
    pub(super) fn hear_event(&mut self, event: &str, fields: Fields) {
        self.said.hear_event(event, fields);
    }

    pub(super) fn kind(&self) -> ObservationType {
        self.said.kind()
    }

    /// As the part of a run.
    pub(super) fn part(&self) -> Part {
        Part {
            parent: self.parent,
            is_turn: self.said.source() == Source::RigTurn,
        }
    }

    pub(super) fn place(&mut self) -> Place {
        Place {
            context: self.span.inside().context.clone(),
            in_own_call: self.in_own_call,
            is_current: false,
        }
    }

    /// What is to be current inside.
    pub(super) fn inside(&mut self) -> Current {
        let inside = self.span.inside();
        Current {
            context: inside.context.clone(),
            late_scope: inside.late_scope.clone(),
        }
    }

    /// Keeps what was said of the span while it was entered; returns what that replaces.
    pub(super) fn return_from(&mut self, inside: Current) -> Option<Arc<Scope>> {
        let late_scope = inside.late_scope?;
        self.span.inside().late_scope.replace(late_scope)
    }

    /// What it is in the end: nothing is billed that bills elsewhere.
    fn final_kind(&self) -> ObservationType {
        match self.said.kind() {
            kind if !dialect::bills(kind) => kind,
            _ if self.in_own_call => ObservationType::Span,
            _ if self.has_billed_below => ObservationType::Chain,
            kind => kind,
        }
    }

    /// Says in the span, which is dropped next, all that is known of it; true if it bills tokens.
    pub(super) fn end(&mut self, emit_events: bool) -> bool {
        let kind = self.final_kind();
        if thread::panicking() && !self.said.is_failure() {
            self.span.fail("panic", "the thread panicked");
        }
        self.said.put_on(&mut self.span, kind);
        if !dialect::bills(kind) {
            return false;
        }
        let heard = calls_heard_in(self.span.inside().context.telemetry.as_ref());
        if emit_events && heard.any() {
            let context = self.span.inside().context.clone();
            context.run(|| self.tell(heard));
        }
        self.said.usage().is_some()
    }

    /// Tells of a call's end as `Context::generation` does of its own.
    fn tell(&self, heard: CallsHeard) {
        let now = Ticks::now();
        let said = &self.said;
        let id = self
            .span
            .record()
            .map_or_else(|| SpanId::generate(now), |record| record.span_id);
        let mut event = Event::of_call(CallEvent::Generate); // or what the outcome makes of it
        let attributes = event.attributes_mut();
        attributes.put(key::PROVIDER_NAME, said.provider.clone());
        attributes.put(key::REQUEST_MODEL, said.request_model.clone());
        attributes.put(key::OPERATION_NAME, said.operation.clone());
        attributes.put(key::CALL_ID, id.hex(&mut [0; 16]).into());
        attributes.put(key::RESPONSE_MODEL, said.response_model.clone());
        let milliseconds = now.since(self.start).as_secs_f64() * 1_000.0;
        attributes.put(key::DURATION_MS, milliseconds.into());
        let first_token = said.first_token.map(|seconds| seconds * 1_000.0);
        attributes.put(key::TIME_TO_FIRST_TOKEN_MS, first_token.into());
        let outcome = if said.is_failure() {
            let kind = Some(&said.error_type).filter(|kind| !kind.is_null());
            let unknown = Value::of_static("failed");
            attributes.put(key::ERROR_TYPE, kind.cloned().unwrap_or(unknown));
            Outcome::Reported
        } else if thread::panicking() {
            Outcome::Panicked
        } else {
            Outcome::Answered
        };
        outcome::tell(
            heard,
            &mut event,
            outcome,
            said.usage().as_ref(),
            said.cost(),
        );
    }
}
