//! Every interleaving of calls and resets that a token budget hears of, under the model checker.
//!
//! Threads of the checker share one of the system's, and so its context: the bus of the process is
//! the one that all of them have. Budgets on it are told apart by their limits.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use loom::thread;
use o11y_core::{Event, Subscription, Value, attributes, events, key};

use super::TokenBudgetTracker;

/// A budget that one call uses up, and how often its crossing was told.
struct Watched {
    budget: TokenBudgetTracker,
    told: Arc<AtomicU64>,
    _subscription: Subscription,
}

impl Watched {
    fn new(limit: u64) -> Arc<Self> {
        let told = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&told);
        let subscription = events().subscribe("token_budget.exceeded", move |event: &Event| {
            let told = event
                .attribute("token_budget.limit")
                .and_then(Value::as_u64);
            if told == Some(limit) {
                counter.fetch_add(1, Relaxed);
            }
        });
        Arc::new(Self {
            budget: TokenBudgetTracker::new(limit),
            told,
            _subscription: subscription,
        })
    }

    /// Hears the end of a call that used all there is, as from the bus.
    fn call(&self) {
        let used = attributes! { key::TOTAL_TOKENS => self.budget.limit() };
        let answer = self.budget.on_llm(&Event::new("llm.generate", used));
        assert!(answer.is_ok());
    }

    fn told(&self) -> u64 {
        self.told.load(Relaxed)
    }
}

#[test]
fn two_calls_that_cross_the_limit_at_once_are_told_once() {
    loom::model(|| {
        let watched = Watched::new(10);

        let other = thread::spawn({
            let watched = Arc::clone(&watched);
            move || watched.call()
        });
        watched.call();
        other.join().unwrap();

        assert_eq!((watched.budget.used(), watched.told()), (20, 1));
    });
}

#[test]
fn a_reset_comes_before_a_crossing_or_after_it() {
    loom::model(|| {
        let watched = Watched::new(11);

        let call = thread::spawn({
            let watched = Arc::clone(&watched);
            move || watched.call()
        });
        watched.budget.reset();
        call.join().unwrap();

        // What is still spent was told; what was forgotten may have been, and is told anew.
        let (used, told) = (watched.budget.used(), watched.told());
        assert!(
            matches!((used, told), (11, 1) | (0, 0 | 1)),
            "{used} {told}"
        );
        watched.call();
        let expected = if used == 0 { told + 1 } else { told };
        assert_eq!(watched.told(), expected);
    });
}
