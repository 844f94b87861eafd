//! What stands for the ring under the model checker: the same calls around a lock. The ring itself is
//! `crossbeam-queue`'s, and tested there; each of its operations is one step for whoever looks on.

use std::{collections::VecDeque, sync::PoisonError};

use loom::sync::{Mutex, MutexGuard};

#[derive(Debug)]
pub(crate) struct ArrayQueue<T> {
    items: Mutex<VecDeque<T>>,
    capacity: usize,
}

impl<T> ArrayQueue<T> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            items: Mutex::new(VecDeque::new()),
            capacity,
        }
    }

    pub(crate) fn force_push(&self, item: T) -> Option<T> {
        let mut items = self.items();
        let is_full = items.len() == self.capacity;
        let oldest = if is_full { items.pop_front() } else { None };
        items.push_back(item);
        oldest
    }

    pub(crate) fn pop(&self) -> Option<T> {
        self.items().pop_front()
    }

    pub(crate) fn len(&self) -> usize {
        self.items().len()
    }

    pub(crate) const fn capacity(&self) -> usize {
        self.capacity
    }

    /// What only a model can ask.
    #[cfg(test)]
    pub(crate) fn holds(&self, wanted: impl Fn(&T) -> bool) -> bool {
        self.items().iter().any(wanted)
    }

    fn items(&self) -> MutexGuard<'_, VecDeque<T>> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
