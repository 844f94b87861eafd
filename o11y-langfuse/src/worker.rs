//! The worker: the one thread that takes out of the queues what waits there and sends it.
//!
//! Spans and scores have a lane each. One request is under way at a time; where both lanes have
//! something to send they take turns, spans first. Everything that is taken is in the worker's hand
//! until it is delivered or lost, and both are entered in the ledger in the same step. Every way
//! out of the loop passes through [`Worker::finish`], and a panic leads back into it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use self::{
    courier::{Courier, Keys},
    scores::Scores,
    spans::Spans,
};
use crate::{
    config::Config,
    guard::guarded,
    inbox::{Counts, Inbox},
    lane::Lane,
    queue::Item,
    retry::Backoff,
    schedule::{Decision, Schedule},
    shared::Shared,
    stats::LossReason,
    transport::Transport,
    wake::LONGEST_REST,
};

#[cfg(test)]
pub(crate) use self::spans::PROBE_AFTER;

mod ballast;
mod courier;
mod scores;
mod spans;

/// While a flush waits for what another thread is just handing over.
const HAND_OVER: Decision = Decision::Poll(Duration::from_millis(1));

pub(crate) struct Worker<T> {
    shared: Arc<Shared>,
    courier: Courier<T>,
    spans: Spans,
    scores: Scores,
    /// Whose turn it is when both lanes have something to send.
    is_scores_turn: bool,
    /// The waits between restarts.
    restarts: Backoff,
}

/// What each lane is to do now.
struct Decisions {
    spans: Decision,
    scores: Decision,
}

impl<T: Transport> Worker<T> {
    pub(crate) fn new(config: &Config, shared: Arc<Shared>, inbox: Inbox, transport: T) -> Self {
        let now = Instant::now();
        Self {
            spans: Spans::new(config, &shared.spans, shared.seed, now),
            scores: Scores::new(config, &shared.scores, !shared.seed, now),
            courier: Courier::new(config, Arc::clone(&shared), inbox, transport),
            is_scores_turn: false,
            restarts: Backoff::new(config.first_backoff, shared.seed),
            shared,
        }
    }

    /// Works until the end is asked for. After a panic of our own (of which none is known) the
    /// worker goes on where it was: between the steps of a lane nothing is half done.
    pub(crate) fn run(mut self) {
        while guarded(|| self.work()).is_none() {
            self.shared.note_restart();
            let wait = self.restarts.next(None);
            self.courier.inbox.pause(wait);
        }
    }

    fn work(&mut self) {
        loop {
            self.courier.inbox.take();
            let decisions = self.decide();
            self.step(&decisions);
            self.courier.inbox.answer(self.shared.settled());
            let is_end = self.courier.inbox.ending().is_some();
            self.courier.announce_losses(false);
            if is_end && (self.is_empty() || self.courier.is_too_late()) {
                return self.finish();
            }
            self.wait(&decisions);
        }
    }

    fn decide(&mut self) -> Decisions {
        let now = Instant::now();
        let is_pressing = self.courier.inbox.is_pressing();
        if self.courier.inbox.ending().is_some() {
            self.scores.note_end();
        }
        let (spans, scores) = (&self.shared.spans, &self.shared.scores);
        Decisions {
            spans: decide(&mut self.spans.schedule, spans, now, is_pressing),
            scores: match self.scores.resume(now) {
                Some(decision) => decision,
                None => decide(&mut self.scores.schedule, scores, now, is_pressing),
            },
        }
    }

    /// Has one lane send, if one is to.
    fn step(&mut self, decisions: &Decisions) {
        let is_scores = match (decisions.spans, decisions.scores) {
            (Decision::Send, Decision::Send) => self.is_scores_turn,
            (Decision::Send, _) => false,
            (_, Decision::Send) => true,
            _ => return,
        };
        if is_scores {
            self.scores.step(&self.shared.scores, &mut self.courier);
        } else {
            self.spans.step(&self.shared.spans, &mut self.courier);
        }
        self.is_scores_turn = !is_scores;
        self.note_keys();
    }

    /// What an answer said of the keys holds for everything that is sent with them.
    fn note_keys(&mut self) {
        let keys = self.courier.take_keys();
        for schedule in [&mut self.spans.schedule, &mut self.scores.schedule] {
            match keys {
                Some(Keys::Accepted) => schedule.accepted(),
                Some(Keys::Refused) => schedule.refused(Instant::now()),
                None => {}
            }
        }
    }

    /// Looks away for as long as both lanes allow.
    fn wait(&mut self, decisions: &Decisions) {
        let (Some(spans), Some(scores)) = (decisions.spans.pause(), decisions.scores.pause())
        else {
            return;
        };
        let (lanes, inbox) = (&self.shared, &mut self.courier.inbox);
        let spans_rest = matches!(decisions.spans, Decision::Rest(_));
        let scores_rest = matches!(decisions.scores, Decision::Rest(_));
        // The order is the wake protocol's: say so first, then look once more. A lane that only
        // polls must not be waited for, and wakes nobody.
        if spans_rest {
            lanes.spans.queue.wake.rest();
        }
        if scores_rest {
            lanes.scores.queue.wake.rest();
        }
        if (!spans_rest || lanes.spans.may_rest()) && (!scores_rest || lanes.scores.may_rest()) {
            inbox.wait(spans.min(scores).min(LONGEST_REST));
        }
        lanes.spans.queue.wake.rise();
        lanes.scores.queue.wake.rise();
    }

    /// Whether nothing waits and nothing is in hand.
    fn is_empty(&self) -> bool {
        let queued = self.shared.spans.queue.len() + self.shared.scores.queue.len();
        queued == 0 && self.scores.is_idle()
    }

    /// The end: what still waits is lost under its reason, and whoever waits is answered.
    fn finish(&mut self) {
        let reason = LossReason::ShutdownDeadline;
        self.scores.abandon(reason, &self.shared.scores);
        self.shared.discard(reason);
        self.courier.announce_losses(true);
        self.courier.inbox.take();
        self.courier.inbox.answer(Counts::ALL);
        if let Some(ending) = self.courier.inbox.ending() {
            _ = ending.done.try_send(()); // whoever asked may have stopped waiting
        }
    }
}

/// What a lane is to do: as its schedule says, unless somebody waits for all of it.
fn decide<I: Item>(
    schedule: &mut Schedule,
    lane: &Lane<I>,
    now: Instant,
    is_pressing: bool,
) -> Decision {
    let waiting = lane.queue.len();
    let scheduled = schedule.decide(now, waiting, lane.queue.bytes());
    match (is_pressing, waiting) {
        (true, 1..) => Decision::Send,
        (true, 0) if lane.settled() < lane.accepted() => HAND_OVER,
        _ => scheduled,
    }
}

#[cfg(test)]
mod tests;
