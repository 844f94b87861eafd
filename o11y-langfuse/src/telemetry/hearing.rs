//! The buses whose scores an exporter hears.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError},
    thread,
    time::{Duration, Instant},
};

use o11y_core::{Event, EventBus, Observability, Score, Sink, Subscription};

use crate::exporter::Exporter;

/// In a child, the time to wait for a lock that another thread may have held at the fork.
const PATIENCE: Duration = Duration::from_millis(100);

/// A subscription to each bus. They live as long as the guard, so that late scores are counted.
pub(super) struct Hearing {
    subscriptions: Mutex<Vec<Subscription>>,
    /// The one that made this.
    process: u32,
}

impl Hearing {
    pub(super) fn new() -> Self {
        Self {
            subscriptions: Mutex::default(),
            process: std::process::id(),
        }
    }

    /// Has the exporter hear the scores of that bus from now on, if it does not yet.
    pub(super) fn hear(&self, exporter: &Arc<Exporter>, bus: &EventBus) {
        let Some(mut subscriptions) = self.subscriptions() else {
            return;
        };
        if !subscriptions.iter().any(|known| known.is_on(bus)) {
            subscriptions.push(subscribe(exporter, bus));
        }
    }

    /// None in a child whose parent forked while another thread was in here: nobody will ever open
    /// that lock, and it is held for microseconds otherwise.
    fn subscriptions(&self) -> Option<MutexGuard<'_, Vec<Subscription>>> {
        let lock = &self.subscriptions;
        if self.process == std::process::id() {
            return Some(lock.lock().unwrap_or_else(PoisonError::into_inner));
        }
        let start = Instant::now();
        loop {
            match lock.try_lock() {
                Ok(subscriptions) => return Some(subscriptions),
                Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) if start.elapsed() > PATIENCE => return None,
                Err(TryLockError::WouldBlock) => thread::yield_now(),
            }
        }
    }
}

/// Has the exporter hear the scores that are given where spans go to it: one that was replaced gets
/// no spans any more, and then no scores either.
fn subscribe(exporter: &Arc<Exporter>, bus: &EventBus) -> Subscription {
    let exporter = Arc::clone(exporter);
    let sink: Arc<dyn Sink> = exporter.clone();
    bus.subscribe(Score::EVENT, move |event: &Event| {
        if Observability::is_in_use(&sink) {
            exporter.on_score(event);
        }
    })
}
