//! A budget asked by hand: reserved before a call, settled after it.

use std::{hint::black_box, time::Duration};

use o11y_core::{Cost, Usage};
use o11y_events::{Ask, Budget, Limits};

/// A budget by itself, never used up.
pub fn plain() -> Budget {
    Budget::new("agent", wide().tokens(u64::MAX))
}

/// A budget in a budget in a budget.
pub fn nested() -> Budget {
    let process = Budget::new("process", wide().cost(Cost::from_picodollars(u64::MAX)));
    let user = Budget::within(&process, "user", wide().tokens(u64::MAX));
    Budget::within(&user, "agent", wide().tokens(u64::MAX))
}

/// A budget that looks back over the last minute.
pub fn window() -> Budget {
    let minute = Duration::from_secs(60);
    Budget::new("minute", wide().tokens_per(u64::MAX, minute))
}

/// One call: what it may use is reserved, what it did use is settled.
pub fn reserve_and_settle(budget: &Budget) {
    let ask = Ask::new()
        .input_tokens(4_000)
        .output_tokens(2_000)
        .model("gpt-4o-mini");
    if let Ok(call) = black_box(budget.reserve(ask)) {
        call.settle(Usage::new().input(3_500).output(1_500), Cost::usd(0.02));
    }
}

fn wide() -> Limits {
    Limits::new().threshold(1.0)
}
