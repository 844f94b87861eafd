//! The accounts of the processors: where every record is that was passed on to them.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::stats::ProcessorStats;
use crate::stats::LossReason;

/// One account per processor, in their order. Invariant of each, under the lock: `accepted =
/// processed + lost + waiting`, of which `waiting` is counted.
#[derive(Debug)]
pub(super) struct Books {
    accounts: Mutex<Vec<Account>>,
}

#[derive(Debug)]
pub(super) struct Account {
    pub(super) stats: ProcessorStats,
    /// Set when a shutdown gave up on the worker: what it reports later no longer counts.
    is_closed: bool,
}

/// What came of one call.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Outcome {
    pub(super) processed: usize,
    pub(super) lost: usize,
    /// Why they were lost.
    pub(super) reason: Option<LossReason>,
    pub(super) is_retry: bool,
    pub(super) is_panic: bool,
}

impl Books {
    pub(super) fn new(names: impl IntoIterator<Item = String>) -> Self {
        let accounts = names.into_iter().map(|name| Account {
            stats: ProcessorStats::new(name),
            is_closed: false,
        });
        Self {
            accounts: Mutex::new(accounts.collect()),
        }
    }

    /// Records are passed on to a processor, of which so many older ones make room.
    pub(super) fn accept(&self, processor: usize, count: usize, pushed_out: u64) {
        self.with(processor, |account| {
            account.stats.accepted += count as u64;
            account.stats.waiting += count as u64;
            account.lose(LossReason::QueueFull, pushed_out);
        });
    }

    /// A call has come back.
    pub(super) fn settle(&self, processor: usize, outcome: Outcome) {
        self.with(processor, |account| {
            account.stats.calls += 1;
            account.stats.retries += u64::from(outcome.is_retry);
            account.stats.panics += u64::from(outcome.is_panic);
            account.stats.processed += outcome.processed as u64;
            account.stats.waiting -= outcome.processed as u64;
            if let Some(reason) = outcome.reason {
                account.lose(reason, outcome.lost as u64);
            }
        });
    }

    /// A processor panicked while it flushed or ended.
    pub(super) fn note_panic(&self, processor: usize) {
        if let Some(account) = self.open().get_mut(processor) {
            account.stats.panics += 1;
        }
    }

    /// Everything that waits is lost, and nothing counts any more.
    pub(super) fn close(&self) {
        for account in &mut *self.open() {
            account.lose(LossReason::ShutdownDeadline, account.stats.waiting);
            account.is_closed = true;
        }
    }

    /// Whether a shutdown gave up.
    pub(super) fn is_closed(&self) -> bool {
        self.open().iter().any(|account| account.is_closed)
    }

    pub(super) fn stats(&self) -> Vec<ProcessorStats> {
        let accounts = self.open();
        accounts
            .iter()
            .map(|account| account.stats.clone())
            .collect()
    }

    fn with(&self, processor: usize, change: impl FnOnce(&mut Account)) {
        let mut accounts = self.open();
        if let Some(account) = accounts.get_mut(processor)
            && !account.is_closed
        {
            change(account);
        }
    }

    fn open(&self) -> MutexGuard<'_, Vec<Account>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Account {
    fn lose(&mut self, reason: LossReason, count: u64) {
        self.stats.waiting -= count;
        self.stats.lost.add(reason, count);
    }
}
