//! When the worker sleeps long, and who wakes it.
//!
//! Waking a thread costs its waker some 8 µs, so nobody wakes the worker per span: it looks by
//! itself, and only a worker that rests is woken, once, by the span that makes a batch due.
//!
//! Invariant: if the worker rests, then either fewer spans wait than make a batch due, or a wake
//! is on its way. Why it holds: a producer counts its span *before* it looks whether the worker
//! rests, and the worker says that it rests *before* it looks at the count. All four steps are
//! `SeqCst`, so they have one order, and in any order at least one of the two sees the other.
//! Modelled with loom below, and with the queue and the ledger around it in `lane/model.rs`.

use std::{sync::atomic::Ordering, time::Duration};

use crate::sync::{AtomicBool, AtomicU64, sequential};

/// How long a worker rests at most: two looks a second cost nothing that can be measured.
pub(crate) const LONGEST_REST: Duration = Duration::from_millis(500);

/// The spans handed over, and whether the worker is to be woken.
#[derive(Debug)]
pub(crate) struct Wake {
    accepted: AtomicU64,
    resting: AtomicBool,
}

impl Wake {
    pub(crate) fn new() -> Self {
        Self {
            accepted: AtomicU64::new(0),
            resting: AtomicBool::new(false),
        }
    }

    /// Counts a span; before it is pushed, so that a flush which reads the count waits for it.
    pub(crate) fn accept(&self) {
        self.accepted.fetch_add(1, Ordering::SeqCst); // before the look at `resting`, see above
        sequential();
    }

    /// The spans handed over so far.
    pub(crate) fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::SeqCst) // after `resting` was set, see above
    }

    /// Whether the worker rests: one plain load on the hot path.
    pub(crate) fn is_resting(&self) -> bool {
        self.resting.load(Ordering::SeqCst) // after the span was counted, see above
    }

    /// Claims the waking of a resting worker; true for exactly one caller.
    pub(crate) fn claim(&self) -> bool {
        self.resting.swap(false, Ordering::SeqCst)
    }

    /// The worker is about to rest; it must look at `accepted` once more before it does.
    pub(crate) fn rest(&self) {
        self.resting.store(true, Ordering::SeqCst); // before the look at `accepted`, see above
        sequential();
    }

    /// The worker is up.
    pub(crate) fn rise(&self) {
        self.resting.store(false, Ordering::SeqCst);
    }
}

#[cfg(all(test, o11y_loom))]
mod model {
    use loom::{
        sync::{
            Arc, Mutex,
            atomic::{AtomicUsize, Ordering},
        },
        thread,
    };

    use super::Wake;

    const DUE: u64 = 2;

    /// Two producers make a batch due while the worker goes to rest: if it does rest, it is woken.
    #[test]
    fn a_due_batch_never_meets_a_resting_worker_that_nobody_wakes() {
        loom::model(|| {
            let wake = Arc::new(Wake::new());
            let ring = Arc::new(Mutex::new(0_u64));
            let wakes = Arc::new(AtomicUsize::new(0));

            let producers: Vec<_> = (0..2)
                .map(|_| {
                    let (wake, ring, wakes) = (wake.clone(), ring.clone(), wakes.clone());
                    thread::spawn(move || {
                        wake.accept();
                        let waiting = {
                            let mut ring = ring.lock().unwrap();
                            *ring += 1;
                            *ring
                        };
                        if wake.is_resting() && waiting >= DUE && wake.claim() {
                            wakes.fetch_add(1, Ordering::SeqCst);
                        }
                    })
                })
                .collect();

            wake.rest();
            let rests = wake.accepted() < DUE;
            if !rests {
                wake.rise();
            }
            for producer in producers {
                producer.join().unwrap();
            }

            let woken = wakes.load(Ordering::SeqCst);
            assert!(!rests || woken == 1, "rests: {rests}, woken: {woken}");
        });
    }
}
