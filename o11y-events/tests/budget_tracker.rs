//! Every model call on the bus is held to the budgets that watch it, and leaves nothing behind.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use o11y_core::{
    Attributes, Context, Cost, Event, EventBus, Generation, GenerationError, Module,
    TraceAttributes, Usage, Veto, Vetoed, attributes, events, key,
};
use o11y_events::{
    Ask, BaseSubscriber as _, Budget, BudgetExceeded, BudgetTracker, CostBudgetTracker,
    KeyedBudgets, Limits, ModuleScope, Scope, Tally, TokenBudgetExceeded, TokenBudgetTracker,
};

/// What watches the bus of the process hears the calls of all tests, so one runs at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

type Answer = Result<(), GenerationError<std::io::Error>>;

fn call(request: Generation, tokens: u64) -> Answer {
    Context::generation_blocking(request, |call| {
        call.set_usage(Usage::new().input(tokens));
        Ok(())
    })
}

fn ask(estimate: u64, tokens: u64) -> Answer {
    call(
        Generation::new("openai", "gpt-4o-mini").estimate(estimate),
        tokens,
    )
}

#[track_caller]
fn vetoed(answer: Answer) -> Vetoed {
    match answer {
        Err(GenerationError::Vetoed(vetoed)) => vetoed,
        other => panic!("not stopped: {other:?}"),
    }
}

fn request(id: &'static str, estimate: u64) -> Attributes {
    attributes! { key::CALL_ID => id, key::ESTIMATED_TOKENS => estimate }
}

fn end(id: &'static str, tokens: u64) -> Attributes {
    attributes! { key::CALL_ID => id, key::TOTAL_TOKENS => tokens }
}

fn nothing() -> Tally {
    Tally::default()
}

#[test]
fn what_a_call_may_use_is_held_while_it_runs() {
    let _alone = alone();
    let budget = TokenBudgetTracker::new(1_000).attach(events());
    let request = Generation::new("openai", "gpt-4o-mini").estimate(600);

    let inner = Context::generation_blocking(request, |call| {
        assert_eq!((budget.used(), budget.reserved()), (0, 600));
        call.set_usage(Usage::new().input(100));
        Ok::<_, GenerationError<std::io::Error>>(vetoed(ask(401, 0)))
    });

    let inner = inner.unwrap();
    let exceeded = inner.downcast_ref::<TokenBudgetExceeded>().unwrap();
    assert_eq!((exceeded.used(), exceeded.reserved()), (0, 600));
    assert_eq!((budget.used(), budget.reserved()), (100, 0));
    assert_eq!((budget.requests(), budget.refused()), (1, 1));
}

#[test]
fn every_end_of_a_call_gives_back_what_was_held() {
    let _alone = alone();
    let budget = Budget::new("b", Limits::new().tokens(1_000));
    let _tracker = BudgetTracker::new(&budget).attach(events());
    let request = || Generation::new("openai", "gpt-4o-mini").estimate(1_000);

    let failed: Answer = Context::generation_blocking(request(), |_| {
        Err(GenerationError::Call(std::io::Error::other("cut off")))
    });
    assert!(failed.is_err());
    assert_eq!(budget.reserved(), nothing());

    let panicked = std::panic::catch_unwind(|| {
        Context::generation_blocking(request(), |_| -> Answer { panic!("out of beans") })
    });
    assert!(panicked.is_err());
    assert_eq!(budget.reserved(), nothing());

    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut cancelled = Box::pin(Context::generation(request(), async |_| -> Answer {
            std::future::pending().await
        }));
        tokio::select! {
            biased;
            _ = &mut cancelled => unreachable!("it never ends"),
            () = std::future::ready(()) => assert_eq!(budget.reserved().tokens, 1_000),
        }
        drop(cancelled);
    });
    assert_eq!(budget.reserved(), nothing());

    let without_usage: Answer = Context::generation_blocking(request(), |_| Ok(()));
    assert!(without_usage.is_ok());
    assert_eq!(budget.reserved(), nothing());
    assert_eq!(budget.spent().calls, 4);
    assert_eq!(budget.snapshot().unmetered, 1);
}

#[test]
fn what_was_held_for_a_call_that_another_enforcer_refuses_is_given_back() {
    let _alone = alone();
    let before = Budget::new("before", Limits::new());
    let after = Budget::new("after", Limits::new());
    let _before = BudgetTracker::new(&before).attach(events());
    let _refuses = events().subscribe("llm.request", |_: &Event| Err(Veto::new("no")));
    let _after = BudgetTracker::new(&after).attach(events());

    assert!(ask(10, 10).is_err());

    for budget in [before, after] {
        assert_eq!((budget.reserved(), budget.spent()), (nothing(), nothing()));
        assert_eq!(budget.snapshot().open, 0);
    }
}

#[test]
fn events_by_hand_leave_nothing_behind_and_never_go_below_nothing() {
    let bus = EventBus::new();
    let budget = Budget::new("b", Limits::new().tokens(100));
    let _tracker = BudgetTracker::new(&budget).attach(&bus);

    let no_id = attributes! { key::ESTIMATED_TOKENS => 60 };
    assert!(bus.try_event("llm.request", no_id).is_ok());
    assert_eq!(budget.reserved(), nothing());
    bus.event("llm.generate", end("unasked", 10));
    bus.event("llm.vetoed", end("unasked", 10));
    assert_eq!((budget.spent().tokens, budget.reserved()), (10, nothing()));

    assert!(bus.try_event("llm.request", request("again", 60)).is_ok());
    assert!(bus.try_event("llm.request", request("again", 80)).is_ok());
    assert_eq!(budget.reserved().tokens, 80);
    bus.event("llm.generate", end("again", 20));
    bus.event("llm.error", end("again", 5));
    assert_eq!((budget.spent().tokens, budget.reserved()), (35, nothing()));
}

#[test]
fn calls_whose_end_never_comes_are_bounded_and_can_expire() {
    let bus = EventBus::new();
    let now = Arc::new(AtomicU64::new(0));
    let clock = Arc::clone(&now);
    let budget = Budget::with_clock("b", Limits::new().tokens(100), move || {
        Duration::from_secs(clock.load(Relaxed))
    });
    let age = Duration::from_secs(600);
    let _tracker = BudgetTracker::new(&budget).expire_after(age).attach(&bus);

    assert!(bus.try_event("llm.request", request("leaked", 100)).is_ok());
    assert!(bus.try_event("llm.request", request("other", 1)).is_err());
    now.store(601, Relaxed);
    assert!(bus.try_event("llm.request", request("other", 1)).is_ok());
    assert_eq!(budget.reserved().tokens, 1);
    bus.event("llm.generate", end("leaked", 50)); // it does come, late
    assert_eq!((budget.spent().tokens, budget.reserved().tokens), (50, 1));

    let counting = Budget::new("counting", Limits::new());
    let _counting = BudgetTracker::new(&counting).attach(&bus);
    for id in 0..70_000 {
        let request = attributes! { key::CALL_ID => id.to_string() };
        assert!(bus.try_event("llm.request", request).is_ok());
    }
    assert!(counting.snapshot().open <= 65_536);
    assert!(counting.snapshot().open > 50_000);
}

#[test]
fn a_call_counts_once_in_a_budget_that_several_trackers_reach() {
    let _alone = alone();
    let process = Budget::new("process", Limits::new().tokens(10_000));
    let module = Module::new("Agent");
    let all = BudgetTracker::new(&process).attach(events());
    let agent = TokenBudgetTracker::new(1_000)
        .within(&process)
        .scoped(ModuleScope::descendants(&module))
        .attach(events());
    let money = CostBudgetTracker::new(Cost::usd(1.0))
        .within(&process)
        .attach(events());

    let held = Context::with_module(module.clone(), || {
        let request = Generation::new("openai", "gpt-4o-mini").estimate(500);
        Context::generation_blocking(request, |call| {
            call.set_usage(Usage::new().input(400));
            call.set_cost(Cost::usd(0.5));
            Ok::<_, GenerationError<std::io::Error>>((process.reserved(), agent.reserved()))
        })
    });
    ask(100, 100).unwrap();

    let (in_process, in_agent) = held.unwrap();
    assert_eq!(
        (in_process.tokens, in_process.calls, in_agent),
        (500, 1, 500)
    );
    assert_eq!((process.spent().tokens, process.spent().calls), (500, 2));
    assert_eq!((agent.used(), agent.requests()), (400, 1));
    let cost = Cost::usd(0.500_015); // the second call by its price
    assert_eq!((money.spent(), money.requests()), (cost, 2));
    assert_eq!(process.spent().cost, cost);
    assert_eq!(all.budget().reserved(), nothing());
}

#[test]
fn a_limit_that_is_reached_through_another_tracker_is_announced_all_the_same() {
    let _alone = alone();
    let told = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&told);
    let _alarm = events().subscribe("token_budget.exceeded", move |_: &Event| {
        counter.fetch_add(1, Relaxed);
    });
    let outer = TokenBudgetTracker::new(100);
    let inner = Budget::within(outer.budget(), "inner", Limits::new());
    let _inner = BudgetTracker::new(&inner).attach(events()); // hears each end first
    let outer = outer.attach(events());

    ask(50, 50).unwrap();
    ask(50, 50).unwrap();
    assert!(ask(50, 50).is_err());

    assert_eq!((outer.used(), told.load(Relaxed)), (100, 1));
}

#[test]
fn the_budget_around_refuses_under_its_own_name() {
    let _alone = alone();
    let process = Budget::new("process", Limits::new().tokens(100));
    let _tracker = TokenBudgetTracker::new(1_000)
        .within(&process)
        .attach(events());

    let refused = vetoed(ask(101, 0));

    assert!(refused.downcast_ref::<TokenBudgetExceeded>().is_none());
    let exceeded = refused.downcast_ref::<BudgetExceeded>().unwrap();
    assert_eq!(exceeded.budget(), "process");
}

#[test]
fn a_tracker_watches_only_its_scope() {
    let _alone = alone();
    let as_user = |user: &'static str, session: &'static str| {
        let trace = TraceAttributes::new().user(user).session(session);
        Context::with_trace(trace, || ask(10, 10))
    };
    let ada = TokenBudgetTracker::new(10)
        .scoped(Scope::user("ada"))
        .attach(events());
    let session = TokenBudgetTracker::new(100)
        .scoped(Scope::session("s1"))
        .attach(events());
    let chosen = TokenBudgetTracker::new(100)
        .scoped(Scope::when(|event| event.request_id() == Some("r1")))
        .attach(events());

    as_user("ada", "s1").unwrap();
    assert!(as_user("ada", "s2").is_err());
    as_user("grace", "s1").unwrap();
    Context::with_request("r1", || ask(10, 10)).unwrap();

    assert_eq!((ada.used(), session.used(), chosen.used()), (10, 20, 10));
}

#[test]
fn each_model_and_each_session_has_its_own_budget() {
    let _alone = alone();
    let models = KeyedBudgets::new("model", Limits::new().calls(1));
    let sessions = KeyedBudgets::within(models.outer(), "session", Limits::new().calls(2));
    let _models = BudgetTracker::per_model(&models).attach(events());
    let _sessions = BudgetTracker::per_session(&sessions).attach(events());
    let to = |model: &'static str| {
        Context::with_trace(TraceAttributes::new().session("s1"), || {
            call(Generation::new("openai", model), 5)
        })
    };

    to("small").unwrap();
    let again = vetoed(to("small"));
    to("large").unwrap();
    let session = vetoed(to("other"));

    let named = |vetoed: &Vetoed| {
        vetoed
            .downcast_ref::<BudgetExceeded>()
            .unwrap()
            .budget()
            .to_owned()
    };
    assert_eq!(named(&again), "model/small");
    assert_eq!(named(&session), "session/s1");
    assert_eq!(models.outer().spent().calls, 2);
    assert_eq!(models.outer().reserved(), nothing());
}

#[test]
fn calls_that_state_nothing_are_held_by_what_is_assumed() {
    let _alone = alone();
    let budget = TokenBudgetTracker::new(1_000).assume(600).attach(events());
    let silent = || Generation::new("openai", "gpt-4o-mini");

    let inner = Context::generation_blocking(silent(), |_| {
        let stated = silent().max_tokens(400);
        assert!(call(stated, 100).is_ok()); // what is stated comes first
        Ok::<_, GenerationError<std::io::Error>>(call(silent(), 100))
    });

    assert!(inner.unwrap().is_err());
    assert_eq!((budget.used(), budget.reserved()), (100, 0));
}

#[test]
fn an_answer_without_usage_can_be_charged_as_asked() {
    let bus = EventBus::new();
    let budget = Budget::new("b", Limits::new().tokens(100));
    let _tracker = BudgetTracker::new(&budget)
        .charge_unmetered()
        .estimate_by(|_| Ask::new().tokens(30))
        .attach(&bus);
    let id = |id: &'static str| attributes! { key::CALL_ID => id };

    bus.try_event("llm.request", id("answered")).unwrap();
    bus.event("llm.generate", id("answered"));
    bus.try_event("llm.request", id("failed")).unwrap();
    bus.event("llm.error", id("failed"));

    assert_eq!((budget.spent().tokens, budget.reserved()), (30, nothing()));
    assert_eq!((budget.spent().calls, budget.snapshot().unmetered), (2, 1));
}

#[test]
fn a_tracker_that_hears_no_more_holds_nothing() {
    let bus = EventBus::new();
    let process = Budget::new("process", Limits::new().tokens(100));
    let tracker = TokenBudgetTracker::new(50).within(&process).attach(&bus);
    bus.try_event("llm.request", request("open", 50)).unwrap();
    assert_eq!(process.reserved().tokens, 50);

    drop(tracker);

    assert_eq!(process.reserved(), nothing());
    assert_eq!(process.snapshot().open, 0);
}
