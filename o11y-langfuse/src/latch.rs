//! Something that happens once and can be waited for, with a deadline.

use std::{
    sync::{Condvar, Mutex, PoisonError},
    time::Instant,
};

#[derive(Debug, Default)]
pub(crate) struct Latch {
    happened: Mutex<bool>,
    changed: Condvar,
    /// How many have begun to wait, ever.
    #[cfg(test)]
    waits: std::sync::atomic::AtomicUsize,
}

impl Latch {
    /// It has happened.
    pub(crate) fn open(&self) {
        *self.happened.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    /// Waits until it has happened; false if the deadline came first.
    pub(crate) fn wait(&self, deadline: Instant) -> bool {
        #[cfg(test)]
        self.waits
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let happened = self.happened.lock().unwrap_or_else(PoisonError::into_inner);
        let left = deadline.saturating_duration_since(Instant::now());
        let (happened, _) = self
            .changed
            .wait_timeout_while(happened, left, |happened| !*happened)
            .unwrap_or_else(PoisonError::into_inner);
        *happened
    }

    #[cfg(test)]
    pub(crate) fn waits(&self) -> usize {
        self.waits.load(std::sync::atomic::Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn whoever_waits_is_let_go_when_it_happens_or_when_the_time_is_up() {
        let latch = Latch::default();
        assert!(!latch.wait(Instant::now()));

        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| latch.wait(Instant::now() + Duration::from_secs(20)));
            latch.open();
            assert!(waiting.join().unwrap());
        });

        assert!(latch.wait(Instant::now()));
    }
}
