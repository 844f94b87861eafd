//! The worker: the one thread that takes out of the queues what waits there and sends it.
//!
//! Everything that it takes is in its hand until it is delivered or lost, and both are entered in
//! the ledger in the same step. Every way out of the loop passes through [`Worker::finish`].

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use self::{
    courier::{Courier, Keys},
    spans::Spans,
};
use crate::{
    config::Config, inbox::Inbox, schedule::Decision, shared::Shared, stats::LossReason,
    transport::Transport,
};

mod courier;
mod spans;

/// While a flush waits for what another thread is just handing over.
const HAND_OVER: Decision = Decision::Poll(Duration::from_millis(1));

pub(crate) struct Worker<T> {
    shared: Arc<Shared>,
    courier: Courier<T>,
    spans: Spans,
}

impl<T: Transport> Worker<T> {
    pub(crate) fn new(config: &Config, shared: Arc<Shared>, inbox: Inbox, transport: T) -> Self {
        let now = Instant::now();
        Self {
            spans: Spans::new(config, &shared.spans, shared.seed, now),
            courier: Courier::new(config, Arc::clone(&shared), inbox, transport),
            shared,
        }
    }

    /// Works until the end is asked for.
    pub(crate) fn run(mut self) {
        loop {
            self.courier.inbox.take();
            let decision = self.decide();
            if decision == Decision::Send {
                self.spans.step(&self.shared.spans, &mut self.courier);
                self.note_keys();
            }
            self.courier.inbox.answer(self.shared.spans.settled());
            let is_end = self.courier.inbox.ending().is_some();
            self.courier.announce_losses(false);
            if is_end && (self.shared.spans.queue.len() == 0 || self.courier.is_too_late()) {
                return self.finish();
            }
            self.wait(decision);
        }
    }

    fn decide(&mut self) -> Decision {
        let is_pressing = self.courier.inbox.is_pressing();
        self.spans
            .decide(Instant::now(), &self.shared.spans, is_pressing)
    }

    /// What an answer said of the keys holds for everything that is sent with them.
    fn note_keys(&mut self) {
        match self.courier.take_keys() {
            Some(Keys::Accepted) => self.spans.schedule.accepted(),
            Some(Keys::Refused) => self.spans.schedule.refused(Instant::now()),
            None => {}
        }
    }

    /// Looks away for as long as was decided.
    fn wait(&mut self, decision: Decision) {
        match decision {
            Decision::Send => {}
            Decision::Poll(pause) => self.courier.inbox.wait(pause),
            Decision::Rest(pause) => {
                // The order is the wake protocol's: say so first, then look once more.
                self.shared.spans.queue.wake.rest();
                if self.shared.spans.may_rest() {
                    self.courier.inbox.wait(pause);
                }
                self.shared.spans.queue.wake.rise();
            }
        }
    }

    /// The end: what still waits is lost under its reason, and whoever waits is answered.
    fn finish(mut self) {
        self.shared.discard(LossReason::ShutdownDeadline);
        self.courier.announce_losses(true);
        self.courier.inbox.take();
        self.courier.inbox.answer(u64::MAX);
        if let Some(ending) = self.courier.inbox.ending() {
            _ = ending.done.try_send(()); // whoever asked may have stopped waiting
        }
    }
}

#[cfg(test)]
mod tests;
