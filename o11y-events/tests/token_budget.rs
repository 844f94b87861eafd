//! A token budget counts every call once and stops the run, whatever the call is made with.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::sync::{
    Arc, Barrier, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use o11y_core::{
    Attributes, Context, Ended, Event, EventBus, Generation, GenerationError, Observability, Sink,
    Usage, Value, Veto, Vetoed, attributes, event, events, key, try_event,
};
use o11y_events::{
    Attached, BaseSubscriber, Subscriptions, TokenBudgetExceeded, TokenBudgetTracker,
};

/// A budget on the bus of the process hears the calls of all tests, so one runs at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

type Answer = Result<&'static str, GenerationError<std::io::Error>>;

fn ask(tokens: u64) -> Answer {
    Context::generation_blocking(Generation::new("openai", "gpt-4o-mini"), |call| {
        call.set_usage(Usage::new().input(tokens));
        Ok("an answer")
    })
}

fn ask_with_estimate(estimate: u64) -> Answer {
    let request = Generation::new("openai", "gpt-4o-mini").estimate(estimate);
    Context::generation_blocking(request, |_call| Ok("an answer"))
}

#[track_caller]
fn exceeded(answer: Answer) -> TokenBudgetExceeded {
    match answer {
        Err(GenerationError::Vetoed(vetoed)) => vetoed
            .downcast_ref::<TokenBudgetExceeded>()
            .unwrap()
            .clone(),
        other => panic!("not stopped: {other:?}"),
    }
}

fn tokens(total: u64) -> Attributes {
    attributes! { key::TOTAL_TOKENS => total }
}

/// Counts the announcements.
#[derive(Default)]
struct Alarm {
    heard: AtomicU64,
}

impl Alarm {
    fn sound(self) -> Attached<Self> {
        self.attach(events())
    }
}

impl BaseSubscriber for Alarm {
    fn subscribe(self: &Arc<Self>, subscriptions: &mut Subscriptions<Self>) {
        subscriptions.add_subscription("token_budget.exceeded", |this: &Self, _: &Event| {
            this.heard.fetch_add(1, Relaxed);
        });
    }
}

struct Discard;

impl Sink for Discard {
    fn on_end(&self, ended: Ended<'_>) {
        drop(ended.take());
    }
}

/// Runs `scenario` with telemetry off and then on.
fn off_and_on(scenario: impl Fn()) {
    Observability::disable("a test");
    scenario();
    Observability::enable(Arc::new(Discard));
    scenario();
    Observability::disable("a test");
}

#[test]
fn a_budget_stops_a_run_of_blocking_calls() {
    let _alone = alone();
    off_and_on(|| {
        let budget = TokenBudgetTracker::new(1_000).attach(events());

        assert_eq!(ask(600).unwrap(), "an answer");
        assert_eq!(ask(600).unwrap(), "an answer");
        let stopped = exceeded(ask(600));

        assert_eq!(
            (stopped.limit(), stopped.used(), stopped.asked()),
            (1_000, 1_200, None)
        );
        assert_eq!((budget.used(), budget.remaining()), (1_200, 0));
        assert_eq!((budget.requests(), budget.refused()), (2, 1));
        assert!(budget.is_exceeded());
    });
}

#[test]
fn a_budget_stops_a_run_of_async_calls() {
    #[derive(Debug, thiserror::Error)]
    enum ProgramError {
        #[error("the budget is used up")]
        OverBudget(#[from] Vetoed),
    }
    let _alone = alone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    off_and_on(|| {
        let budget = TokenBudgetTracker::new(1_000).attach(events());
        let made = AtomicU64::new(0);
        let run = async || -> Result<(), ProgramError> {
            loop {
                let request = Generation::new("openai", "gpt-4o-mini");
                Context::generation(request, async |call| -> Result<(), ProgramError> {
                    tokio::task::yield_now().await;
                    made.fetch_add(1, Relaxed);
                    call.set_usage(Usage::new().input(300).output(100));
                    Ok(())
                })
                .await?;
            }
        };

        let stopped = runtime.block_on(run()).unwrap_err();

        let ProgramError::OverBudget(vetoed) = stopped;
        let cause = vetoed.downcast_ref::<TokenBudgetExceeded>().unwrap();
        assert_eq!(cause.used(), 1_200);
        assert_eq!(made.load(Relaxed), 3);
        assert_eq!(budget.requests(), 3);
    });
}

#[test]
fn a_call_that_would_go_beyond_the_limit_is_refused_and_a_smaller_one_passes() {
    let _alone = alone();
    let budget = TokenBudgetTracker::new(1_000).attach(events());
    event("llm.generate", tokens(700));

    let refused = exceeded(ask_with_estimate(301));

    assert_eq!((refused.used(), refused.asked()), (700, Some(301)));
    assert!(ask_with_estimate(300).is_ok());
    assert!(!budget.is_exceeded());
}

#[test]
fn tokens_are_counted_once_from_answers_and_errors_but_not_from_mirrors() {
    let _alone = alone();
    let budget = TokenBudgetTracker::new(1_000_000).attach(events());

    ask(100).unwrap(); // its `lm.tokens` repeats the 100
    event("llm.generate", tokens(10));
    event("llm.error", tokens(1));
    event(
        "llm.generate",
        attributes! { key::INPUT_TOKENS => 1_000, key::OUTPUT_TOKENS => 2_000 },
    );
    event(
        "llm.generate",
        attributes! { key::TOTAL_TOKENS => 7, key::MIRROR => true },
    );
    event("lm.tokens", tokens(7));
    event("llm.chunk", tokens(7));
    event("llm.vetoed", tokens(7));

    assert_eq!(budget.used(), 3_111);
    assert_eq!(budget.requests(), 4);
}

#[test]
fn a_failed_call_counts_what_it_used() {
    let _alone = alone();
    let budget = TokenBudgetTracker::new(1_000).attach(events());

    let failed: Answer =
        Context::generation_blocking(Generation::new("openai", "gpt-4o-mini"), |call| {
            call.set_usage(Usage::new().input(40));
            Err(GenerationError::Call(std::io::Error::other("cut off")))
        });

    assert!(failed.is_err());
    assert_eq!((budget.used(), budget.requests()), (40, 1));
}

#[test]
fn usage_is_known_by_model_the_largest_first() {
    let bus = EventBus::new();
    let budget = TokenBudgetTracker::new(1_000).attach(&bus);
    let told = |model: &'static str, total: u64| {
        let attributes = attributes! { key::REQUEST_MODEL => model, key::TOTAL_TOKENS => total };
        bus.event("llm.generate", attributes);
    };

    told("small", 10);
    told("large", 300);
    told("small", 20);
    bus.event("llm.generate", tokens(5));

    let lines: Vec<_> = budget
        .by_model()
        .into_iter()
        .map(|line| (line.model, line.requests, line.tokens))
        .collect();
    assert_eq!(
        lines,
        [
            ("large".to_owned(), 1, 300),
            ("small".to_owned(), 2, 30),
            ("(unknown)".to_owned(), 1, 5)
        ]
    );
}

#[test]
fn the_crossing_is_announced_once_and_again_after_a_reset() {
    let _alone = alone();
    let alarm = Alarm::default().sound();
    let budget = TokenBudgetTracker::new(100).attach(events());

    event("llm.generate", tokens(99));
    assert_eq!(alarm.heard.load(Relaxed), 0);
    for _ in 0..3 {
        event("llm.generate", tokens(1));
    }
    assert_eq!(alarm.heard.load(Relaxed), 1);

    budget.reset();
    assert_eq!(
        (budget.used(), budget.requests(), budget.refused()),
        (0, 0, 0)
    );
    event("llm.generate", tokens(100));
    assert_eq!(alarm.heard.load(Relaxed), 2);
}

#[test]
fn the_crossing_is_announced_once_by_eight_threads() {
    let _alone = alone();
    let alarm = Alarm::default().sound();
    let budget = TokenBudgetTracker::new(1_000).attach(events());
    let start = Barrier::new(8);

    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                start.wait();
                for _ in 0..500 {
                    event("llm.generate", tokens(1));
                }
            });
        }
    });

    assert_eq!(budget.used(), 4_000);
    assert_eq!(alarm.heard.load(Relaxed), 1);
}

#[test]
fn whoever_hears_the_announcement_may_use_the_budget() {
    let _alone = alone();
    let budget = Arc::new(TokenBudgetTracker::new(100).attach(events()));
    let seen = Arc::new(AtomicU64::new(0));
    let handler = (Arc::clone(&budget), Arc::clone(&seen));
    let _subscription = events().subscribe("token_budget.exceeded", move |told: &Event| {
        let (budget, seen) = &handler;
        let used = told.attribute("token_budget.used").and_then(Value::as_u64);
        seen.store(used.unwrap(), Relaxed);
        budget.reset();
        event("llm.generate", tokens(5)); // says goodbye
    });

    event("llm.generate", tokens(120));

    assert_eq!(seen.load(Relaxed), 120);
    assert_eq!(budget.used(), 5);
}

#[test]
fn nothing_is_counted_or_refused_after_the_guard_is_dropped() {
    let _alone = alone();
    let budget = TokenBudgetTracker::new(0).attach(events());
    assert!(ask(1).is_err());

    drop(budget);

    assert!(ask(1).is_ok());
}

#[test]
fn a_panicking_neighbour_does_not_open_the_budget() {
    let _alone = alone();
    let _panics = events().subscribe("llm.*", |_: &Event| -> Result<(), Veto> {
        panic!("out of beans")
    });
    let budget = TokenBudgetTracker::new(10).attach(events());

    ask(10).unwrap();

    assert_eq!(exceeded(ask(10)).used(), 10);
    assert_eq!(budget.refused(), 1);
}

#[test]
fn a_budget_of_another_bus_leaves_the_process_alone() {
    let _alone = alone();
    let bus = EventBus::new();
    let own = TokenBudgetTracker::new(0).attach(&bus);
    let global = TokenBudgetTracker::new(100).attach(events());

    bus.event("llm.generate", tokens(7));
    event("llm.generate", tokens(70));

    assert_eq!((own.used(), global.used()), (7, 70));
    assert!(try_event("llm.request", attributes! {}).is_ok());
}

#[test]
fn the_summary_is_one_line() {
    let _alone = alone();
    let budget = TokenBudgetTracker::new(100).attach(events());

    ask(60).unwrap();
    assert_eq!(
        budget.to_string(),
        "60 of 100 tokens used in 1 call, 40 left"
    );

    ask(60).unwrap();
    assert!(ask(60).is_err());
    assert_eq!(
        budget.to_string(),
        "120 of 100 tokens used in 2 calls, none left, 1 call refused"
    );
}
