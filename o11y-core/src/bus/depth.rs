//! How many handlers are running inside one another.

use std::cell::Cell;

/// How deep handlers may emit from inside handlers. A handler that emits what it hears would
/// otherwise end the program; no sensible chain is longer.
pub(super) const MAX_DEPTH: u8 = 16;

/// Counts how many handlers are running inside one another on this thread.
pub(super) struct Depth;

thread_local! {
    static DEPTH: Cell<u8> = const { Cell::new(0) };
}

impl Depth {
    pub(super) fn enter() -> Option<Self> {
        let depth = DEPTH.get();
        (depth < MAX_DEPTH).then(|| {
            DEPTH.set(depth + 1);
            Self
        })
    }
}

impl Drop for Depth {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
    }
}
