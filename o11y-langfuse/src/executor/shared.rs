//! What the program's threads and the worker of an executor share: the queue and the accounts.

use std::sync::{
    OnceLock,
    atomic::{AtomicU64, Ordering},
};
use std::thread::ThreadId;

use super::{book::Books, builder::Settings, intake::Item, stats::ExecutorStats};
use crate::lane::Lane;

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) lane: Lane<Item>,
    pub(super) books: Books,
    pub(super) worker: OnceLock<ThreadId>,
    restarts: AtomicU64,
}

impl Shared {
    pub(super) fn new(settings: &Settings, books: Books) -> Self {
        let due = if settings.linger.is_zero() {
            1
        } else {
            settings.batch_size
        };
        Self {
            lane: Lane::new(
                [settings.queue_size, settings.queue_bytes],
                [due, settings.queue_bytes],
            ),
            books,
            worker: OnceLock::new(),
            restarts: AtomicU64::new(0),
        }
    }

    pub(super) fn note_restart(&self) {
        self.restarts.fetch_add(1, Ordering::Relaxed); // a counter that guards nothing
    }

    pub(super) fn stats(&self) -> ExecutorStats {
        let restarts = self.restarts.load(Ordering::Relaxed);
        ExecutorStats::new(&self.lane.figures(), restarts, self.books.stats())
    }
}
