//! What the program's threads and the worker share: the queue, the ledger, and what they say
//! together.

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::OnceLock,
    thread::ThreadId,
};

use o11y_core::Record;

use crate::{
    config::Config,
    ledger::Ledger,
    queue::Queue,
    stats::{LossReason, Stats},
};

/// One exporter, seen from both of its sides.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) queue: Queue,
    pub(crate) ledger: Ledger,
    /// The spans that make a batch due.
    pub(crate) trigger: usize,
    /// The bytes of content that do.
    pub(crate) trigger_bytes: usize,
    /// Where chance comes from.
    pub(crate) seed: u64,
    pub(crate) worker: OnceLock<ThreadId>,
}

impl Shared {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            queue: Queue::new(config.queue_size, config.queue_bytes),
            ledger: Ledger::default(),
            // A queue that is smaller than a batch is due when it is full.
            trigger: config.batch_size.trigger().min(config.queue_size),
            // Half of the bytes, because one more span may be what pushes the oldest out.
            trigger_bytes: config.request_bytes.min(config.queue_bytes / 2),
            seed: RandomState::new().hash_one(0),
            worker: OnceLock::new(),
        }
    }

    /// Takes the oldest span into the worker's hand.
    pub(crate) fn take(&self) -> Option<Record> {
        let mut entries = self.ledger.open();
        if entries.is_closed() {
            return None;
        }
        let record = self.queue.pop()?;
        entries.taken += 1;
        entries.in_hand += 1;
        Some(record)
    }

    /// Loses everything in the ring.
    pub(crate) fn discard(&self, reason: LossReason) {
        let mut entries = self.ledger.open();
        while let Some(record) = self.queue.pop() {
            self.queue.settle(record.content_bytes());
            entries.taken += 1;
            entries.lost.add(reason, 1);
        }
    }

    /// How many spans have met their end.
    pub(crate) fn settled(&self) -> u64 {
        let entries = self.ledger.open();
        entries.taken - entries.in_hand + self.queue.pushed_out() + self.queue.late()
    }

    pub(crate) fn stats(&self) -> Stats {
        // Under the lock no span moves between the ring, the hand and its end.
        let entries = self.ledger.open();
        let mut lost = entries.lost;
        lost.add(LossReason::QueueFull, self.queue.pushed_out());
        lost.add(LossReason::AfterShutdown, self.queue.late());
        Stats {
            accepted: self.queue.wake.accepted(),
            delivered: entries.delivered,
            lost,
            waiting: self.queue.len() as u64 + entries.in_hand,
            requests: entries.requests,
            retries: entries.retries,
            bytes_sent: entries.bytes_sent,
            last_status: entries.last_status,
        }
    }

    /// Whether a batch is due by size.
    pub(crate) fn is_due(&self) -> bool {
        self.queue.len() >= self.trigger || self.queue.bytes() >= self.trigger_bytes
    }
}
