//! The bounded queue between the program and the worker. Full means that the oldest make room.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use crossbeam_queue::ArrayQueue;
use o11y_core::Record;

use crate::wake::Wake;

/// Records by value, bounded by count and by the bytes of their content.
///
/// A hand-over takes no lock, wakes nobody and never waits. Its counters guard nothing and need
/// no order (`Relaxed`); the order between counting and waking is in [`Wake`].
#[derive(Debug)]
pub(crate) struct Queue {
    ring: ArrayQueue<Record>,
    bytes: AtomicUsize,
    max_bytes: usize,
    pushed_out: AtomicU64,
    late: AtomicU64,
    closed: AtomicBool,
    pub(crate) wake: Wake,
}

impl Queue {
    pub(crate) fn new(max_records: usize, max_bytes: usize) -> Self {
        Self {
            ring: ArrayQueue::new(max_records),
            bytes: AtomicUsize::new(0),
            max_bytes,
            pushed_out: AtomicU64::new(0),
            late: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            wake: Wake::new(),
        }
    }

    /// Hands a record over; the oldest are pushed out and counted if there is no room.
    pub(crate) fn push(&self, record: Record) {
        self.wake.accept();
        if self.closed.load(Ordering::Relaxed) {
            self.late.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let content = record.content_bytes();
        let bytes = self.bytes.fetch_add(content, Ordering::Relaxed) + content;
        if let Some(oldest) = self.ring.force_push(record) {
            self.push_out(oldest);
        }
        if bytes > self.max_bytes {
            self.make_room();
        }
    }

    /// Takes the oldest record; its content leaves the byte budget through [`Queue::settle`] only
    /// when it has left the worker's hands.
    pub(crate) fn pop(&self) -> Option<Record> {
        self.ring.pop()
    }

    /// Gives back the bytes of records that were popped.
    pub(crate) fn settle(&self, content: usize) {
        self.bytes.fetch_sub(content, Ordering::Relaxed);
    }

    pub(crate) fn len(&self) -> usize {
        self.ring.len()
    }

    /// The bytes of content in the queue and in the worker's hands.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Records that were lost because there was no room.
    pub(crate) fn pushed_out(&self) -> u64 {
        self.pushed_out.load(Ordering::Relaxed)
    }

    /// Records that came after the end.
    pub(crate) fn late(&self) -> u64 {
        self.late.load(Ordering::Relaxed)
    }

    /// Takes no more records.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    #[cold]
    fn make_room(&self) {
        while self.bytes() > self.max_bytes {
            match self.ring.pop() {
                Some(oldest) => self.push_out(oldest),
                // What is left is in the worker's hands.
                None => return,
            }
        }
    }

    #[cold]
    fn push_out(&self, oldest: Record) {
        self.settle(oldest.content_bytes());
        self.pushed_out.fetch_add(1, Ordering::Relaxed);
        drop(oldest);
    }
}
