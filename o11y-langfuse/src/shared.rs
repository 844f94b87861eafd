//! What the program's threads and the worker share: the lanes, and what they say together.

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    thread::ThreadId,
};

use crate::{
    config::Config,
    inbox::Counts,
    lane::Lane,
    queued::Queued,
    score::{self, Envelope},
    stats::{LossReason, ScoreStats, Stats},
};

/// One exporter, seen from both of its sides.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) spans: Lane<Queued>,
    pub(crate) scores: Lane<Envelope>,
    /// Scores of traces that are not recorded.
    not_sampled: AtomicU64,
    /// Where chance comes from.
    pub(crate) seed: u64,
    pub(crate) worker: OnceLock<ThreadId>,
    /// Spans that the program's filter left out.
    pub(crate) filtered: AtomicU64,
    /// How often the worker went on after a panic.
    restarts: AtomicU64,
}

impl Shared {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            spans: Lane::new(
                [config.queue_size, config.queue_bytes],
                [config.batch_size.trigger(), config.request_bytes],
            ),
            scores: Lane::new(
                [score::QUEUE_SIZE, score::QUEUE_BYTES],
                [config.batch_size.trigger(), score::REQUEST_BYTES],
            ),
            not_sampled: AtomicU64::new(0),
            seed: RandomState::new().hash_one(0),
            worker: OnceLock::new(),
            filtered: AtomicU64::new(0),
            restarts: AtomicU64::new(0),
        }
    }

    /// Takes nothing more; what waits is still delivered.
    pub(crate) fn close(&self) {
        self.spans.queue.close();
        self.scores.queue.close();
    }

    /// Nobody will take anything out any more, but for a last sweep after this call.
    pub(crate) fn end(&self) {
        self.spans.queue.end();
        self.scores.queue.end();
    }

    /// Loses everything that waits.
    pub(crate) fn discard(&self, reason: LossReason) {
        self.spans.discard(reason);
        self.scores.discard(reason);
    }

    /// The worker is gone for good.
    pub(crate) fn give_up(&self) {
        self.spans.give_up();
        self.scores.give_up();
    }

    /// What was handed over so far.
    pub(crate) fn accepted(&self) -> Counts {
        Counts {
            spans: self.spans.accepted(),
            scores: self.scores.accepted(),
        }
    }

    /// What has met its end so far.
    pub(crate) fn settled(&self) -> Counts {
        Counts {
            spans: self.spans.settled(),
            scores: self.scores.settled(),
        }
    }

    /// A score is left out, because its trace is.
    pub(crate) fn leave_out_score(&self) {
        self.not_sampled.fetch_add(1, Ordering::Relaxed); // a counter
    }

    /// The worker goes on after a panic.
    pub(crate) fn note_restart(&self) {
        self.restarts.fetch_add(1, Ordering::Relaxed); // a counter
    }

    pub(crate) fn stats(&self) -> Stats {
        let not_sampled = self.not_sampled.load(Ordering::Relaxed);
        let scores = ScoreStats::new(&self.scores.figures(), not_sampled);
        let filtered = self.filtered.load(Ordering::Relaxed); // a counter that guards nothing
        let mut stats = Stats::new(&self.spans.figures(), filtered, scores);
        stats.worker_restarts = self.restarts.load(Ordering::Relaxed); // another counter
        stats
    }
}
