//! One kind of item on its way to the server: its queue, its ledger, and when a batch is due.

use std::time::Duration;

use crate::{
    ledger::{Entries, Ledger, Requests},
    queue::{Item, Queue},
    stats::{LossReason, Losses},
};

/// A lane that the program's threads fill and the worker empties.
#[derive(Debug)]
pub(crate) struct Lane<T> {
    pub(crate) queue: Queue<T>,
    pub(crate) ledger: Ledger,
    /// The items that make a batch due.
    pub(crate) trigger: usize,
    /// The bytes of content that do.
    pub(crate) trigger_bytes: usize,
}

/// What became of the items of a lane, at one moment.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Figures {
    pub(crate) accepted: u64,
    pub(crate) delivered: u64,
    pub(crate) lost: Losses,
    pub(crate) waiting: u64,
    pub(crate) in_hand: u64,
    pub(crate) waiting_bytes: u64,
    pub(crate) most_queued: u64,
    pub(crate) most_bytes: u64,
    pub(crate) requests: Requests,
    pub(crate) masking_failures: u64,
    pub(crate) trimmed: u64,
    pub(crate) lag: Option<Duration>,
    pub(crate) longest_lag: Duration,
}

impl<T: Item> Lane<T> {
    /// A lane for so many items and bytes of content, of which a batch is due at that many.
    pub(crate) fn new([items, bytes]: [usize; 2], [due_items, due_bytes]: [usize; 2]) -> Self {
        Self {
            queue: Queue::new(items, bytes),
            ledger: Ledger::default(),
            // A queue that is smaller than a batch is due when it is full.
            trigger: due_items.min(items),
            // Half of the bytes, because one more item may be what pushes the oldest out.
            trigger_bytes: due_bytes.min(bytes / 2),
        }
    }

    /// Takes the oldest item into the worker's hand.
    pub(crate) fn take(&self) -> Option<T> {
        let mut entries = self.ledger.open();
        if entries.is_closed() {
            return None;
        }
        if entries.in_hand == 0 {
            entries.settled_before_hand = self.out_of_the_ring(&entries);
        }
        let item = self.queue.pop()?;
        entries.taken += 1;
        entries.in_hand += 1;
        Some(item)
    }

    /// Counts an item that is lost before it could be queued.
    pub(crate) fn lose_at_once(&self, reason: LossReason) {
        self.queue.wake.accept();
        let mut entries = self.ledger.open();
        entries.taken += 1;
        entries.lost.add(reason, 1);
    }

    /// Loses everything in the ring.
    pub(crate) fn discard(&self, reason: LossReason) {
        let mut entries = self.ledger.open();
        while let Some(item) = self.queue.pop() {
            self.queue.settle(item.content_bytes());
            entries.taken += 1;
            entries.lost.add(reason, 1);
        }
    }

    /// The worker is gone for good: what it holds and what waits is lost.
    pub(crate) fn give_up(&self) {
        self.ledger.close();
        self.discard(LossReason::ShutdownDeadline);
    }

    /// How many items have met their end, counted from the first that was handed over: while some are
    /// in hand, later ones that were pushed out past them do not count.
    pub(crate) fn settled(&self) -> u64 {
        let entries = self.ledger.open();
        if entries.in_hand == 0 {
            self.out_of_the_ring(&entries)
        } else {
            entries.settled_before_hand
        }
    }

    fn out_of_the_ring(&self, entries: &Entries) -> u64 {
        entries.taken + self.queue.pushed_out() + self.queue.late()
    }

    /// How many items were handed over, or are just being.
    pub(crate) fn accepted(&self) -> u64 {
        self.queue.wake.accepted()
    }

    pub(crate) fn figures(&self) -> Figures {
        // Under the lock no item moves between the ring, the hand and its end.
        let entries = self.ledger.open();
        let mut lost = entries.lost;
        lost.add(LossReason::QueueFull, self.queue.pushed_out());
        lost.add(LossReason::AfterShutdown, self.queue.late());
        Figures {
            accepted: self.accepted(),
            delivered: entries.delivered,
            lost,
            waiting: self.queue.len() as u64 + entries.in_hand,
            in_hand: entries.in_hand,
            waiting_bytes: self.queue.bytes() as u64,
            most_queued: self.queue.most_items() as u64,
            most_bytes: self.queue.most_bytes() as u64,
            requests: entries.requests,
            masking_failures: entries.masking_failures,
            trimmed: entries.trimmed,
            lag: entries.lag,
            longest_lag: entries.longest_lag,
        }
    }

    /// Whether a batch is due by size.
    pub(crate) fn is_due(&self) -> bool {
        self.queue.len() >= self.trigger || self.queue.bytes() >= self.trigger_bytes
    }

    /// Whether whoever has just handed an item over is to wake the worker: a plain load almost always,
    /// because only a worker that rests is worth a wake.
    #[inline]
    pub(crate) fn claims_wake(&self) -> bool {
        self.queue.wake.is_resting() && self.is_due() && self.queue.wake.claim()
    }

    /// Whether the worker may rest. The order is the wake protocol's: it says so first, and then
    /// asks this.
    pub(crate) fn may_rest(&self) -> bool {
        let unsettled = self.accepted().saturating_sub(self.settled());
        unsettled < self.trigger as u64 && !self.is_due()
    }
}

#[cfg(all(test, o11y_loom))]
mod model;
