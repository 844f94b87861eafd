//! Every interleaving of calls that reserve, settle and release, under the model checker.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use loom::thread;
use o11y_core::{Cost, Event, Usage, Value, events};

use super::{Amounts, Ask, Budget, Caller, Ended, KeyedBudgets, Limits, Names, Tally};

const MINUTE: Duration = Duration::from_secs(60);

/// A budget of 100 tokens around one of 80.
fn budgets() -> (Budget, Budget) {
    let outer = Budget::new("outer", Limits::new().tokens(100));
    let inner = Budget::within(&outer, "inner", Limits::new().tokens(80));
    (outer, inner)
}

/// What is spent and reserved is never beyond the limit, at whatever moment one looks.
fn check(budget: &Budget, limit: u64) {
    let snapshot = budget.snapshot();
    assert!(snapshot.spent.tokens + snapshot.reserved.tokens <= limit);
}

#[test]
fn no_interleaving_passes_a_limit_and_nothing_is_left_reserved() {
    loom::model(|| {
        let (outer, inner) = budgets();
        let calls = [(outer.clone(), 60, true), (inner.clone(), 60, false)];

        let threads = calls.map(|(budget, asked, settles)| {
            let outer = outer.clone();
            thread::spawn(move || {
                let Ok(call) = budget.reserve(Ask::new().tokens(asked)) else {
                    return false;
                };
                check(&outer, 100);
                if settles {
                    call.settle(Usage::new().input(50), Cost::ZERO);
                } else {
                    drop(call); // a call that failed or was cancelled
                }
                true
            })
        });
        check(&outer, 100);
        let admitted = threads.map(|thread| thread.join().unwrap_or(false));

        // 60 and 60 do not fit together, but one after the other they may.
        assert!(admitted[0] || admitted[1]);
        let spent = if admitted[0] { 50 } else { 0 };
        assert_eq!((outer.spent().tokens, outer.reserved().tokens), (spent, 0));
        assert_eq!((inner.spent().tokens, inner.reserved().tokens), (0, 0));
    });
}

/// The end of a call that used 50 tokens.
fn ended() -> Ended<'static> {
    Ended {
        used: Amounts::of_call(Usage::new().input(50), None),
        names: Names::default(),
        metered: true,
        as_asked: false,
    }
}

fn settle(budget: &Budget) -> bool {
    let call = budget.reserve(Ask::new().tokens(50));
    call.map(|call| call.settle(Usage::new().input(50), Cost::ZERO))
        .is_ok()
}

#[test]
fn a_call_that_two_trackers_hold_counts_once_in_each_budget() {
    loom::model(|| {
        let (outer, inner) = budgets();

        let calls = ["a", "b"].map(|call| {
            let (outer, inner) = (outer.clone(), inner.clone());
            thread::spawn(move || {
                let trackers = [(1, &outer), (2, &inner)];
                let caller = |tracker| Caller { tracker, call };
                let ask = Ask::new().tokens(60);
                let begin = |(tracker, budget): (u64, &Budget)| {
                    budget
                        .begin(Some(caller(tracker)), &ask.bounds, None)
                        .is_ok()
                };
                let admitted = trackers.into_iter().all(begin);
                check(&outer, 100);
                for (tracker, budget) in trackers {
                    if admitted {
                        budget.end(caller(tracker), &ended());
                    } else {
                        budget.give_back(caller(tracker));
                    }
                }
                u64::from(admitted)
            })
        });
        let admitted: u64 = calls.into_iter().map(|call| call.join().unwrap_or(0)).sum();

        for budget in [outer, inner] {
            assert_eq!(budget.reserved(), Tally::default());
            assert_eq!(
                (budget.spent().calls, budget.spent().tokens),
                (admitted, 50 * admitted)
            );
            assert_eq!(budget.snapshot().open, 0);
        }
    });
}

#[test]
fn a_call_that_expires_while_it_ends_is_added_once_and_holds_nothing() {
    loom::model(|| {
        let now = Arc::new(AtomicU64::new(0));
        let clock = Arc::clone(&now);
        let limits = Limits::new().tokens(200);
        let budget = Budget::with_clock("b", limits, move || {
            Duration::from_secs(clock.load(Relaxed))
        });
        let ask = Ask::new().tokens(60);
        let caller = |call| Caller { tracker: 1, call };
        let begin = |call| {
            budget
                .begin(Some(caller(call)), &ask.bounds, Some(MINUTE))
                .is_ok()
        };
        assert!(begin("slow"));

        let slow = thread::spawn({
            let budget = budget.clone();
            move || {
                if !budget.end(caller("slow"), &ended()) {
                    budget.add(&ended()); // it was given up
                }
            }
        });
        now.store(61, Relaxed);
        assert!(begin("other"));
        slow.join().unwrap();

        assert_eq!((budget.spent().tokens, budget.reserved().tokens), (50, 60));
        assert_eq!((budget.spent().calls, budget.snapshot().open), (1, 1));
    });
}

#[test]
fn a_window_holds_what_was_made_and_not_what_was_released() {
    loom::model(|| {
        let limits = Limits::new().calls_per(1, MINUTE).tokens_per(100, MINUTE);
        let budget = Budget::with_clock("b", limits, || Duration::ZERO);

        let released = thread::spawn({
            let budget = budget.clone();
            move || drop(budget.reserve(Ask::new().tokens(100)))
        });
        let settled = u64::from(settle(&budget));
        released.join().unwrap();

        let snapshot = budget.snapshot();
        let spent = |limit: usize| snapshot.limits[limit].spent.count();
        assert_eq!((spent(0), spent(1)), (Some(settled), Some(50 * settled)));
        assert_eq!(snapshot.reserved, Tally::default());
    });
}

#[test]
fn a_reset_in_the_middle_of_calls_leaves_nothing_reserved_and_nothing_twice() {
    loom::model(|| {
        let (outer, inner) = budgets();

        let call = thread::spawn({
            let inner = inner.clone();
            move || {
                drop(inner.reserve(Ask::new().tokens(50)));
                settle(&inner)
            }
        });
        inner.reset();
        assert!(call.join().unwrap());

        assert_eq!(outer.spent().tokens, 50);
        assert!(matches!(inner.spent().tokens, 0 | 50));
        assert_eq!(
            (outer.reserved(), inner.reserved()),
            (Tally::default(), Tally::default())
        );
    });
}

// Threads of the checker share one of the system's, and so its context: the bus of the process is
// the one that all of them have.
#[test]
fn a_line_that_two_calls_cross_is_told_once() {
    loom::model(|| {
        let told = [Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0))];
        let counters = told.clone();
        let _subscription = events().subscribe("budget.*", move |event: &Event| {
            if event.attribute("budget.name").and_then(Value::as_str) == Some("crossed") {
                let place = usize::from(event.name() == "budget.exceeded");
                counters[place].fetch_add(1, Relaxed);
            }
        });
        let budget = Budget::new("crossed", Limits::new().tokens(100));

        let spend = {
            let budget = budget.clone();
            move || while settle(&budget) {}
        };
        let other = thread::spawn(spend.clone());
        spend();
        other.join().unwrap();

        assert_eq!(budget.spent().tokens, 100);
        assert_eq!(told.map(|told| told.load(Relaxed)), [1, 1]);
    });
}

#[test]
fn keys_that_push_each_other_out_lose_nothing_of_what_is_around() {
    loom::model(|| {
        let users = KeyedBudgets::new("user", Limits::new().tokens(100)).capacity(1);

        let other = thread::spawn({
            let users = users.clone();
            move || settle(&users.get("grace"))
        });
        assert!(settle(&users.get("ada")));
        assert!(other.join().unwrap());

        assert_eq!((users.len(), users.evictions()), (1, 1));
        assert_eq!(users.outer().spent().tokens, 100);
        assert_eq!(users.outer().reserved(), Tally::default());
    });
}
