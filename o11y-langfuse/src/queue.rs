//! The bounded queue between the program and the worker. Full means that the oldest make room.

use std::sync::atomic::Ordering;

use crate::{
    sync::{ArrayQueue, AtomicU8, AtomicU64, AtomicUsize},
    wake::Wake,
};

/// What waits in a queue.
pub(crate) trait Item {
    /// The bytes that it holds beside itself.
    fn content_bytes(&self) -> usize;
}

/// Items are taken.
const OPEN: u8 = 0;
/// Items are not taken, those in the ring are delivered.
const CLOSED: u8 = 1;
/// The worker is at its end.
const ENDED: u8 = 2;

/// Items by value, bounded by count and by the bytes of their content.
///
/// A hand-over takes no lock, wakes nobody and waits for nobody but another hand-over to the same
/// place. Counters guard nothing and need no order (`Relaxed`) unless it says otherwise; the order
/// between counting and waking is in [`Wake`].
#[derive(Debug)]
pub(crate) struct Queue<T> {
    ring: ArrayQueue<T>,
    bytes: AtomicUsize,
    max_bytes: usize,
    /// The most that ever waited, as far as something has left since.
    most_items: AtomicUsize,
    most_bytes: AtomicUsize,
    pushed_out: AtomicU64,
    late: AtomicU64,
    /// `OPEN`, `CLOSED` or `ENDED`.
    state: AtomicU8,
    pub(crate) wake: Wake,
}

impl<T: Item> Queue<T> {
    pub(crate) fn new(max_items: usize, max_bytes: usize) -> Self {
        Self {
            ring: ArrayQueue::new(max_items),
            bytes: AtomicUsize::new(0),
            max_bytes,
            most_items: AtomicUsize::new(0),
            most_bytes: AtomicUsize::new(0),
            pushed_out: AtomicU64::new(0),
            late: AtomicU64::new(0),
            state: AtomicU8::new(OPEN),
            wake: Wake::new(),
        }
    }

    /// Hands over an item that holds `content` bytes; the oldest are pushed out and counted if there
    /// is no room. `take` fetches it at the last moment, so that it moves into the ring from where it
    /// lay.
    #[inline]
    pub(crate) fn push_with(&self, content: usize, take: impl FnOnce() -> T) {
        self.wake.accept();
        if self.state.load(Ordering::Relaxed) != OPEN {
            self.late.fetch_add(1, Ordering::Relaxed);
            return;
        }
        // Before the look whether the worker rests, like the count. Most spans hold nothing.
        let is_too_much = content > 0
            && self.bytes.fetch_add(content, Ordering::SeqCst) + content > self.max_bytes;
        if let Some(oldest) = self.ring.force_push(take()) {
            raise(&self.most_items, self.ring.capacity());
            self.push_out(oldest);
        }
        if is_too_much {
            self.make_room();
        }
        // `SeqCst` with the store in `end`: either that sees this item, or this sees the end.
        if self.state.load(Ordering::SeqCst) == ENDED {
            self.take_back();
        }
    }

    #[cfg(test)]
    pub(crate) fn push(&self, item: T) {
        self.push_with(item.content_bytes(), || item);
    }

    /// Counts an item that comes after the end, without having it.
    pub(crate) fn turn_away(&self) {
        self.wake.accept();
        self.late.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether items are not taken any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.state.load(Ordering::Relaxed) != OPEN
    }

    /// Takes the oldest item; its content leaves the byte budget through [`Queue::settle`] only
    /// when it has left the worker's hands.
    pub(crate) fn pop(&self) -> Option<T> {
        // A queue grows until something leaves, so right before that is the moment to look.
        raise(&self.most_items, self.ring.len());
        self.ring.pop()
    }

    /// Gives back the bytes of items that were popped.
    pub(crate) fn settle(&self, content: usize) {
        let before = self.bytes.fetch_sub(content, Ordering::Relaxed);
        raise(&self.most_bytes, before);
    }

    pub(crate) fn len(&self) -> usize {
        self.ring.len()
    }

    /// The most items that may wait.
    pub(crate) fn room(&self) -> usize {
        self.ring.capacity()
    }

    /// The bytes of content in the queue and in the worker's hands.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::SeqCst) // after the worker said that it rests
    }

    /// The most items that ever waited at once.
    pub(crate) fn most_items(&self) -> usize {
        self.most_items.load(Ordering::Relaxed).max(self.len())
    }

    /// The most bytes of content that were ever in the queue and in the worker's hands at once.
    pub(crate) fn most_bytes(&self) -> usize {
        self.most_bytes.load(Ordering::Relaxed).max(self.bytes())
    }

    /// Items that were lost because there was no room.
    pub(crate) fn pushed_out(&self) -> u64 {
        self.pushed_out.load(Ordering::Relaxed)
    }

    /// Items that came after the end.
    pub(crate) fn late(&self) -> u64 {
        self.late.load(Ordering::Relaxed)
    }

    /// Takes no more items; what is in the ring is still delivered.
    pub(crate) fn close(&self) {
        self.state.store(CLOSED, Ordering::Relaxed);
    }

    /// Nobody will take anything out any more, but for a last sweep after this call.
    pub(crate) fn end(&self) {
        self.state.store(ENDED, Ordering::SeqCst); // see `push`
    }

    #[cfg(all(test, o11y_loom))]
    pub(crate) fn holds(&self, wanted: impl Fn(&T) -> bool) -> bool {
        self.ring.holds(wanted)
    }

    /// A thread that was overtaken by the end in the middle of a hand-over cleans up after itself.
    #[cold]
    fn take_back(&self) {
        while let Some(item) = self.ring.pop() {
            self.settle(item.content_bytes());
            self.late.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[cold]
    fn make_room(&self) {
        while self.bytes() > self.max_bytes {
            match self.pop() {
                Some(oldest) => self.push_out(oldest),
                // What is left is in the worker's hands.
                None => return,
            }
        }
    }

    #[cold]
    fn push_out(&self, oldest: T) {
        self.settle(oldest.content_bytes());
        self.pushed_out.fetch_add(1, Ordering::Relaxed);
        drop(oldest);
    }
}

/// Notes a larger figure.
fn raise(most: &AtomicUsize, figure: usize) {
    if most.load(Ordering::Relaxed) < figure {
        most.fetch_max(figure, Ordering::Relaxed);
    }
}
