//! What is told of a model call, and the promise that its end is told exactly once.

use std::{any::type_name, fmt::Display};

use super::{
    super::outcome::{self, Outcome},
    Call,
};
use crate::{
    bus::{CallEvent, CallsHeard},
    clock::Ticks,
    emit::calls_heard_here,
    event::{Event, Vetoed},
    key,
};

impl Call<'_> {
    /// Asks whether the call may be made.
    pub(in crate::generation) fn request(&mut self) -> Result<(), Vetoed> {
        // If nobody hears the events of a call they need not be made: none becomes an observation.
        let heard = calls_heard_here();
        if heard.has(CallEvent::Request) {
            let request = self.event(CallEvent::Request);
            if let Err(vetoed) = request.ask_of_call(CallEvent::Request) {
                self.span().fail("vetoed", &vetoed.told());
                self.tell(Outcome::Vetoed, heard);
                return Err(vetoed);
            }
        }
        self.ended = false;
        Ok(())
    }

    /// Ends the call, well or with an error of the caller's.
    pub(in crate::generation) fn end<E: Display + ?Sized>(&mut self, error: Option<&E>) {
        if let Some(error) = error {
            self.span().record_error(error);
            self.end_as(Outcome::Failed(type_name::<E>()));
        } else {
            self.end_as(Outcome::Answered);
        }
    }

    /// Ends the call, if it has not ended yet.
    #[inline]
    pub(in crate::generation) fn end_as(&mut self, outcome: Outcome) {
        if !self.ended {
            self.end_now(outcome);
        }
    }

    fn end_now(&mut self, outcome: Outcome) {
        self.ended = true;
        self.settle();
        let heard = calls_heard_here();
        if outcome.is_heard(heard, self.usage.as_ref()) {
            self.tell(outcome, heard);
        }
    }

    /// How a call ends that is dropped before its end.
    pub(in crate::generation) fn outcome_of_drop() -> Outcome {
        if std::thread::panicking() {
            Outcome::Panicked
        } else {
            Outcome::Cancelled
        }
    }

    /// Puts on the span what the chunks said, where nothing else was said.
    fn settle(&mut self) {
        if self.first_token.is_none() && self.assembly.is_none() {
            return; // the answer came whole
        }
        let assembly = self.assembly.take();
        let first_token = self.first_token.map(|at| at.since(self.start));
        let Some(record) = self.span().record_mut() else {
            return;
        };
        let attributes = &mut record.attributes;
        let seconds = first_token.map(|after| after.as_secs_f64());
        attributes.put(key::TIME_TO_FIRST_CHUNK, seconds.into());
        let Some(mut assembly) = assembly else {
            return;
        };
        if attributes.get(key::FINISH_REASONS).is_none() {
            attributes.put(key::FINISH_REASONS, assembly.finish_reasons());
        }
        if attributes.get(key::RESPONSE_ID).is_none() {
            attributes.put(key::RESPONSE_ID, assembly.id());
        }
        if attributes.get(key::OUTPUT).is_none() {
            attributes.put(key::OUTPUT, assembly.take_output());
            attributes.put(key::OUTPUT_CUT_BYTES, assembly.cut_bytes().into());
        }
    }

    /// The event that tells of the call: the one that has told of it before, or a new one that says what
    /// every event of it says.
    fn event(&mut self, new: CallEvent) -> &mut Event {
        let is_new = self.told.is_none();
        let event = self.told.get_or_insert_with(|| Event::of_call(new));
        if is_new {
            let attributes = event.attributes_mut();
            self.asked.put_in(attributes);
            attributes.put(key::CALL_ID, self.id.hex(&mut [0; 16]).into());
        }
        event
    }

    /// Emits the one end event, and the mirror of the tokens after it.
    #[cold]
    fn tell(&mut self, outcome: Outcome, heard: CallsHeard) {
        let (start, now) = (self.start, Ticks::now());
        let milliseconds = |at: Ticks| at.since(start).as_secs_f64() * 1_000.0;
        let first_token = self.first_token.map(milliseconds);
        let (retries, usage, cost) = (self.retries, self.usage, self.cost);
        let (response_model, tier) = (self.response_model.clone(), self.service_tier.take());
        let event = self.event(outcome.event());
        let attributes = event.attributes_mut();
        attributes.put(key::RESPONSE_MODEL, response_model);
        if let Some(tier) = tier {
            attributes.put(key::RESPONSE_SERVICE_TIER, *tier);
        }
        attributes.put(key::DURATION_MS, milliseconds(now).into());
        attributes.put(key::TIME_TO_FIRST_TOKEN_MS, first_token.into());
        attributes.put(key::RETRIES, retries.into());
        outcome::tell(heard, event, outcome, usage.as_ref(), cost);
    }
}

impl Drop for Call<'_> {
    #[inline]
    fn drop(&mut self) {
        if !self.ended {
            self.end_now(Self::outcome_of_drop());
        }
    }
}
