//! One processor on the worker: what it has before it, when it may be called, and what came of it.

use std::time::{Duration, Instant};

use o11y_core::FlushError;

use super::{
    backlog::Backlog,
    book::{Books, Outcome},
    builder::Settings,
    part::Part,
};
use crate::{
    guard::guarded,
    processor::{ProcessError, Processor, Verdict},
    retry::Backoff,
    stats::LossReason,
};

/// The longest wait between attempts while the end is waited for.
const LAST_WAIT: Duration = Duration::from_millis(500);

/// A panic outside of what a call returns.
#[derive(Debug, thiserror::Error)]
#[error("the processor panicked")]
pub(super) struct Panicked;

pub(super) struct Station {
    /// Its place in the books.
    place: usize,
    name: String,
    pub(super) wants_starts: bool,
    /// None after its shutdown.
    processor: Option<Box<dyn Processor>>,
    backlog: Backlog,
    backoff: Backoff,
    max_attempts: Option<u32>,
    /// Not before this, because it asked for a retry.
    paused_until: Option<Instant>,
    is_hasty: bool,
    is_failing: bool,
}

impl Station {
    pub(super) fn new(
        place: usize,
        processor: Box<dyn Processor>,
        settings: &Settings,
        seed: u64,
    ) -> Self {
        Self {
            place,
            name: processor.name().to_owned(),
            wants_starts: processor.wants_starts(),
            processor: Some(processor),
            backlog: Backlog::new(settings.queue_size, settings.queue_bytes),
            backoff: Backoff::new(settings.first_backoff, seed ^ place as u64),
            max_attempts: settings.max_attempts,
            paused_until: None,
            is_hasty: false,
            is_failing: false,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Puts the part behind all others, unless it is not wanted.
    pub(super) fn accept(&mut self, part: &Part, books: &Books) {
        let count = part.len();
        if count == 0 || part.is_of_starts() && !self.wants_starts {
            return;
        }
        let pushed_out = self.backlog.push(part.clone());
        books.accept(self.place, count, pushed_out);
    }

    /// When it is to be called next; none if it has nothing before it.
    pub(super) fn next_call(&self, now: Instant) -> Option<Instant> {
        (!self.backlog.is_empty()).then(|| self.paused_until.unwrap_or(now))
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.next_call(now).is_some_and(|next| next <= now)
    }

    pub(super) fn parts(&self) -> usize {
        self.backlog.parts()
    }

    pub(super) fn is_through(&self, batch: u64) -> bool {
        self.backlog.is_through(batch)
    }

    /// The end has come: what is left is tried at once, and then more often.
    pub(super) fn hurry(&mut self) {
        if !std::mem::replace(&mut self.is_hasty, true) {
            self.paused_until = None;
        }
    }

    /// Gives the processor the oldest part. True if there may be a next one at once.
    pub(super) fn call(&mut self, now: Instant, books: &Books) -> bool {
        let Some(processor) = &mut self.processor else {
            return false;
        };
        self.paused_until = None;
        let attempts = self.backlog.note_attempt();
        let Some(part) = self.backlog.front() else {
            return false;
        };
        let count = part.len();
        let result = guarded(|| part.give_to(processor.as_mut()));
        let mut outcome = Outcome {
            is_retry: attempts > 0,
            ..Outcome::default()
        };
        let error = match result {
            Some(Ok(())) => {
                outcome.processed = count;
                None
            }
            Some(Err(error)) => {
                self.judge(&error, count, attempts + 1, now, &mut outcome);
                Some(error)
            }
            None => {
                outcome.is_panic = true;
                outcome.lost = count;
                outcome.reason = Some(LossReason::Rejected);
                None
            }
        };
        self.backlog.pass(outcome.processed + outcome.lost);
        books.settle(self.place, outcome);
        if self.paused_until.is_none() {
            self.backoff.reset(); // it is there, whatever it says
        }
        let is_good = error.is_none() && !outcome.is_panic;
        self.tell(is_good, error);
        self.paused_until.is_none()
    }

    /// Has the processor write out what it holds back.
    pub(super) fn flush(&mut self, timeout: Duration, books: &Books) -> Result<(), FlushError> {
        let Some(processor) = &mut self.processor else {
            return Ok(());
        };
        let result = guarded(|| processor.flush(timeout));
        self.told(result, books)
    }

    /// Ends the processor, once. What is left before it is dropped.
    pub(super) fn shutdown(&mut self, timeout: Duration, books: &Books) -> Result<(), FlushError> {
        self.backlog.clear();
        let Some(mut processor) = self.processor.take() else {
            return Ok(());
        };
        let result = guarded(|| processor.shutdown(timeout));
        let told = self.told(result, books);
        let dropped = guarded(|| drop(processor)).map(Ok);
        told.and(self.told(dropped, books))
    }

    fn judge(
        &mut self,
        error: &ProcessError,
        count: usize,
        attempts: u32,
        now: Instant,
        outcome: &mut Outcome,
    ) {
        outcome.processed = error.index().map_or(0, |index| index.min(count));
        let left = count - outcome.processed;
        match error.verdict() {
            Verdict::Permanent => {
                outcome.lost = if error.index().is_some() {
                    left.min(1)
                } else {
                    left
                };
                outcome.reason = Some(LossReason::Rejected);
            }
            // With progress the count of attempts begins anew.
            Verdict::Retry { .. }
                if outcome.processed == 0
                    && self.max_attempts.is_some_and(|most| attempts >= most) =>
            {
                outcome.lost = left;
                outcome.reason = Some(LossReason::RetriesExhausted);
            }
            Verdict::Retry { .. } if left == 0 => {}
            Verdict::Retry { after } => {
                if outcome.processed > 0 {
                    self.backoff.reset();
                }
                let wait = self.backoff.next(after);
                let wait = if self.is_hasty {
                    wait.min(LAST_WAIT)
                } else {
                    wait
                };
                self.paused_until = now.checked_add(wait);
            }
        }
    }

    /// `result` is none if it panicked.
    fn told(
        &self,
        result: Option<Result<(), ProcessError>>,
        books: &Books,
    ) -> Result<(), FlushError> {
        let Some(result) = result else {
            books.note_panic(self.place);
            return Err(FlushError::Sink(Panicked.into()));
        };
        result.map_err(|error| FlushError::Sink(error.into()))
    }

    /// Says once that the processor fails, and once that it is well again. The host's logger and
    /// the error's own code run here.
    fn tell(&mut self, is_good: bool, error: Option<ProcessError>) {
        let was_failing = std::mem::replace(&mut self.is_failing, !is_good);
        let name = &self.name;
        guarded(move || {
            match &error {
                _ if is_good != was_failing => {}
                _ if is_good => log::info!("processor {name} takes spans again"),
                Some(error) => {
                    let cause = std::error::Error::source(error);
                    let cause = cause.map_or_else(String::new, |cause| format!(": {cause}"));
                    log::warn!(
                        "processor {name}: {error}{cause}; this is said once until it is well"
                    );
                }
                None => log::warn!("processor {name} panicked; this is said once until it is well"),
            }
            drop(error);
        });
    }
}
