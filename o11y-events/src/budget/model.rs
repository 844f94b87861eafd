//! Every interleaving of calls that reserve, settle and release, under the model checker.

use loom::thread;
use o11y_core::{Cost, Usage};

use super::{Ask, Budget, Limits};

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
