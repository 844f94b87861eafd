//! What waits to be written, bounded by bytes, and the signals between callers and the worker.

use std::{
    mem,
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use o11y_core::{FlushError, Record};

use super::stats::JsonLinesStats;

/// How long the worker lets lines gather before it writes them: a wake costs the caller more than a
/// line does.
const GATHER: Duration = Duration::from_millis(100);

/// One line: an event's is made where it happens, a span's by the worker.
#[expect(
    clippy::large_enum_variant,
    reason = "a box for each span would cost its thread more"
)]
pub(super) enum Item {
    Line(Vec<u8>),
    Record(Record),
}

impl Item {
    fn bytes(&self) -> usize {
        let outside = match self {
            Self::Line(line) => line.capacity(),
            Self::Record(record) => record.content_bytes(),
        };
        size_of::<Self>() + outside
    }
}

pub(super) struct Queue {
    state: Mutex<State>,
    /// The worker waits for lines, or to be told to hurry.
    work: Condvar,
    /// Whoever flushes or closes waits for the worker.
    done: Condvar,
    max_bytes: usize,
    hears_events: AtomicBool,
}

#[derive(Default)]
struct State {
    items: Vec<Item>,
    bytes: usize,
    /// Taken by the worker and not yet settled.
    in_hand: u64,
    /// What the worker has taken; it counts until the worker comes back.
    bytes_in_hand: usize,
    stats: JsonLinesStats,
    /// Somebody waits.
    hurry: bool,
    closing: bool,
    ended: bool,
}

impl State {
    fn settled(&self) -> u64 {
        self.stats.written + self.stats.failed
    }

    fn waiting(&self) -> u64 {
        self.items.len() as u64 + self.in_hand
    }
}

impl Queue {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self {
            state: Mutex::default(),
            work: Condvar::new(),
            done: Condvar::new(),
            max_bytes,
            hears_events: AtomicBool::new(false),
        }
    }

    pub(super) fn hears_events(&self) {
        self.hears_events.store(true, Ordering::Relaxed); // a flag of its own
    }

    pub(super) fn is_hearing_events(&self) -> bool {
        self.hears_events.load(Ordering::Relaxed)
    }

    pub(super) fn push(&self, item: Item) {
        let bytes = item.bytes();
        let mut state = self.lock();
        let before = state.bytes;
        let held = before.saturating_add(state.bytes_in_hand);
        if state.closing || held.saturating_add(bytes) > self.max_bytes {
            state.stats.dropped += 1;
            drop(state); // before the item, which may be large
            return;
        }
        state.bytes += bytes;
        state.items.push(item);
        // The worker rests only while there is nothing, and gathers until half is full.
        let half = self.max_bytes / 2;
        let wakes = before == 0 || (before <= half && state.bytes > half);
        drop(state);
        if wakes {
            self.work.notify_one();
        }
    }

    /// What there is to write, none at the end. Waits for something, then for a bit more.
    pub(super) fn take(&self) -> Option<Vec<Item>> {
        let mut state = self.lock();
        state.bytes_in_hand = 0;
        while state.items.is_empty() {
            if state.closing {
                return None;
            }
            state.hurry = false;
            state = self
                .work
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        let gathering =
            |state: &mut State| !state.hurry && !state.closing && state.bytes <= self.max_bytes / 2;
        let waited = self.work.wait_timeout_while(state, GATHER, gathering);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.bytes_in_hand = mem::take(&mut state.bytes);
        state.in_hand = state.items.len() as u64;
        state.hurry = false;
        Some(mem::take(&mut state.items))
    }

    /// Some of what was taken is in the file, or never will be.
    pub(super) fn settle(&self, written: u64, failed: u64) {
        let mut state = self.lock();
        state.stats.written += written;
        state.stats.failed += failed;
        state.in_hand = state.in_hand.saturating_sub(written + failed);
        drop(state);
        self.done.notify_all();
    }

    pub(super) fn note(&self, change: impl FnOnce(&mut JsonLinesStats)) {
        change(&mut self.lock().stats);
    }

    /// The worker has ended, by itself or by a panic; what waits now is not written.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        state.stats.failed += state.waiting();
        state.in_hand = 0;
        state.bytes = 0;
        state.closing = true;
        state.ended = true;
        let items = mem::take(&mut state.items);
        drop(state);
        drop(items);
        self.done.notify_all();
    }

    pub(super) fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        let mut state = self.lock();
        let target = state.settled() + state.waiting();
        if state.waiting() == 0 {
            return Ok(());
        }
        state.hurry = true;
        self.work.notify_one();
        let begin = Instant::now();
        loop {
            if state.settled() >= target || state.ended {
                return Ok(());
            }
            let left = timeout.saturating_sub(begin.elapsed());
            if left.is_zero() {
                let waiting = target - state.settled();
                return Err(FlushError::Timeout { waiting, timeout });
            }
            let waited = self.done.wait_timeout(state, left);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Lets the worker write what waits, and end. Whether it did so in time.
    pub(super) fn close(&self, timeout: Duration) -> bool {
        let mut state = self.lock();
        state.closing = true;
        self.work.notify_one();
        let waited = self
            .done
            .wait_timeout_while(state, timeout, |state| !state.ended);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.ended
    }

    pub(super) fn stats(&self) -> JsonLinesStats {
        let state = self.lock();
        JsonLinesStats {
            waiting: state.waiting(),
            ..state.stats.clone()
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
