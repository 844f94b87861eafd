//! 64 tasks against one budget, some cancelled, some panicking: the limit holds, nothing leaks.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use o11y_core::{Context, Cost, Event, Generation, Usage, Value, events};
use o11y_events::{BaseSubscriber as _, Budget, BudgetTracker, Limits, Tally, TokenBudgetTracker};

const TASKS: u64 = 64;
const CALLS: u64 = 200;
const ESTIMATE: u64 = 97;
const LIMIT: u64 = 100_000;

#[derive(Debug, thiserror::Error)]
#[error("refused")]
struct Refused(#[from] o11y_core::Vetoed);

fn out_of_beans(number: u64) {
    assert!(!number.is_multiple_of(31), "out of beans");
}

/// One call: a third are cancelled, some panic, some fail, the others use up to what they stated.
async fn one_call(number: u64) -> bool {
    let request = Generation::new("openai", "gpt-4o-mini").estimate(ESTIMATE);
    let call = Context::generation(request, async move |call| -> Result<(), Refused> {
        tokio::task::yield_now().await;
        call.set_usage(Usage::new().input(number % 60).output(number % 38));
        call.set_cost(Cost::from_picodollars(number % 1_000));
        out_of_beans(number);
        for _ in 0..number % 3 {
            tokio::task::yield_now().await;
        }
        Ok(())
    });
    if number.is_multiple_of(3) {
        tokio::select! {
            biased;
            answer = call => answer.is_ok(),
            () = tokio::task::yield_now() => true, // dropped half-way
        }
    } else {
        call.await.is_ok()
    }
}

#[test]
fn the_limit_holds_and_nothing_leaks_however_many_calls_are_made_at_once() {
    std::panic::set_hook(Box::new(|_| ()));
    let exceeded = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&exceeded);
    let _told = events().subscribe("budget.exceeded", move |event: &Event| {
        if event.attribute("budget.name").and_then(Value::as_str) == Some("agent") {
            counter.fetch_add(1, Relaxed);
        }
    });
    let process = Budget::new("process", Limits::new().tokens(LIMIT * 2));
    let agent = Budget::within(&process, "agent", Limits::new().tokens(LIMIT));
    let watched = agent.clone();
    let passed = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&passed);
    let _watching = events().subscribe("llm.*", move |_: &Event| {
        let now = watched.snapshot();
        let taken = now.spent.tokens + now.reserved.tokens;
        counter.fetch_add(u64::from(taken > LIMIT), Relaxed);
    });
    let _agent = BudgetTracker::new(&agent).attach(events());
    let _process = BudgetTracker::new(&process).attach(events());
    let tokens = TokenBudgetTracker::new(LIMIT * 4).attach(events());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .build()
        .unwrap();

    let refused = runtime.block_on(async {
        let tasks: Vec<_> = (0..TASKS)
            .map(|task| {
                tokio::spawn(async move {
                    let mut refused = 0;
                    for turn in 0..CALLS {
                        let number = task * CALLS + turn;
                        // A panic ends its task only.
                        let call = tokio::spawn(one_call(number));
                        refused += u64::from(matches!(call.await, Ok(false)));
                    }
                    refused
                })
            })
            .collect();
        let mut refused = 0;
        for task in tasks {
            refused += task.await.unwrap();
        }
        refused
    });

    assert_eq!(passed.load(Relaxed), 0);
    assert!(refused > 0, "the load was too small");
    assert!(agent.spent().tokens <= LIMIT);
    assert!(agent.spent().tokens > LIMIT - 2 * ESTIMATE);
    for budget in [&agent, &process, tokens.budget()] {
        assert_eq!(budget.reserved(), Tally::default());
        assert_eq!(budget.snapshot().open, 0);
        assert_eq!(budget.spent(), agent.spent());
    }
    assert_eq!(agent.snapshot().refused, refused);
    assert_eq!(exceeded.load(Relaxed), 1);
}
