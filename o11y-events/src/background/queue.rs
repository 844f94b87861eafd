//! The bounded queue between whoever emits and the thread of the handlers.
//!
//! One lock, held for a push or a take. Events are freed and handlers run outside of it.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use o11y_core::Event;

/// A handler that says whether it refused.
pub(crate) type Handler = Arc<dyn Fn(&Event) -> bool + Send + Sync>;

/// What became of the events of a background subscriber:
/// `accepted = handled + lost + waiting`, with the one that is being handled among the waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct BackgroundStats {
    /// Events that were heard.
    pub accepted: u64,
    /// Those that a handler has taken, by panics as well.
    pub handled: u64,
    /// Those that were pushed out because the queue was full, or were left at the end.
    pub lost: u64,
    /// Those that wait or are being handled.
    pub waiting: u64,
    /// Handlers that panicked.
    pub panics: u64,
    /// Vetoes, which come too late here.
    pub ignored_vetoes: u64,
}

/// An event for a handler.
pub(super) struct Job {
    pub(super) event: Event,
    pub(super) handler: Handler,
    number: u64,
}

pub(crate) struct Queue {
    capacity: usize,
    state: Mutex<State>,
    /// Something to do, or the end.
    work: Condvar,
    /// Something was done.
    progress: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    /// The number of the job that is being handled.
    in_hand: Option<u64>,
    stats: BackgroundStats,
    closing: bool,
    ended: bool,
}

impl Queue {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            state: Mutex::default(),
            work: Condvar::new(),
            progress: Condvar::new(),
        }
    }

    /// Puts an event in line; the oldest makes room.
    pub(crate) fn push(&self, event: Event, handler: Handler) {
        let mut state = self.lock();
        let number = state.stats.accepted;
        state.stats.accepted += 1;
        let job = Job {
            event,
            handler,
            number,
        };
        let pushed_out = if state.closing {
            Some(job)
        } else {
            let is_full = state.jobs.len() >= self.capacity;
            let oldest = is_full.then(|| state.jobs.pop_front()).flatten();
            state.jobs.push_back(job);
            oldest
        };
        state.stats.lost += u64::from(pushed_out.is_some());
        let wakes = state.in_hand.is_none() && state.jobs.len() == 1;
        drop(state);
        if wakes {
            self.work.notify_one();
        }
        drop(pushed_out);
    }

    /// The next job; none at the end. Waits for one.
    pub(super) fn take(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                state.in_hand = Some(job.number);
                return Some(job);
            }
            if state.closing {
                return None;
            }
            state = self
                .work
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The job in hand is done.
    pub(super) fn done(&self, panicked: bool, refused: bool) {
        let mut state = self.lock();
        state.in_hand = None;
        state.stats.handled += 1;
        state.stats.panics += u64::from(panicked);
        state.stats.ignored_vetoes += u64::from(refused);
        drop(state);
        self.progress.notify_all();
    }

    /// The thread ends.
    pub(super) fn ended(&self) {
        self.lock().ended = true;
        self.progress.notify_all();
    }

    /// Waits until what was accepted before is handled or lost.
    pub(super) fn wait_for_all(&self, timeout: Duration) -> bool {
        let target = self.lock().stats.accepted;
        self.wait(timeout, |state| {
            let first = state.jobs.front().map(|job| job.number);
            let is_later = |number: Option<u64>| number.is_none_or(|number| number >= target);
            is_later(first) && is_later(state.in_hand)
        })
    }

    /// Takes no more. What waits is still handled.
    pub(super) fn close(&self) {
        self.lock().closing = true;
        self.work.notify_one();
    }

    /// Waits until the thread has ended; what is left after that is lost.
    pub(super) fn wait_for_end(&self, timeout: Duration) -> bool {
        let has_ended = self.wait(timeout, |state| state.ended);
        if !has_ended {
            let mut state = self.lock();
            let left = std::mem::take(&mut state.jobs);
            state.stats.lost += left.len() as u64;
            drop(state);
            drop(left);
        }
        has_ended
    }

    pub(super) fn stats(&self) -> BackgroundStats {
        let state = self.lock();
        let waiting = state.jobs.len() as u64 + u64::from(state.in_hand.is_some());
        BackgroundStats {
            waiting,
            ..state.stats
        }
    }

    fn wait(&self, timeout: Duration, is_over: impl Fn(&State) -> bool) -> bool {
        let start = Instant::now();
        let mut state = self.lock();
        while !is_over(&state) {
            let left = timeout.saturating_sub(start.elapsed());
            if left.is_zero() {
                return false;
            }
            let waited = self.progress.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
