//! What the program's threads and the worker share: the lanes, and what they say together.

use std::{
    hash::{BuildHasher as _, RandomState},
    sync::OnceLock,
    thread::ThreadId,
};

use o11y_core::Record;

use crate::{
    config::Config,
    lane::Lane,
    stats::{LossReason, Stats},
};

/// One exporter, seen from both of its sides.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) spans: Lane<Record>,
    /// Where chance comes from.
    pub(crate) seed: u64,
    pub(crate) worker: OnceLock<ThreadId>,
}

impl Shared {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            spans: Lane::new(
                [config.queue_size, config.queue_bytes],
                [config.batch_size.trigger(), config.request_bytes],
            ),
            seed: RandomState::new().hash_one(0),
            worker: OnceLock::new(),
        }
    }

    /// Takes nothing more; what waits is still delivered.
    pub(crate) fn close(&self) {
        self.spans.queue.close();
    }

    /// Nobody will take anything out any more, but for a last sweep after this call.
    pub(crate) fn end(&self) {
        self.spans.queue.end();
    }

    /// Loses everything that waits.
    pub(crate) fn discard(&self, reason: LossReason) {
        self.spans.discard(reason);
    }

    /// The worker is gone for good.
    pub(crate) fn give_up(&self) {
        self.spans.give_up();
    }

    pub(crate) fn stats(&self) -> Stats {
        Stats::new(self.spans.figures())
    }
}
