//! A budget is never passed by calls that keep to what they asked for, and nothing that was reserved
//! is lost.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    sync::{
        Arc, Barrier,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use o11y_core::{Cost, Event, Subscription, Usage, Value, events};
use o11y_events::{
    Amount, Ask, Budget, BudgetExceeded, KeyedBudgets, Limits, Measure, Reservation,
};

const MINUTE: Duration = Duration::from_secs(60);

/// A call that used so many tokens.
fn spend(budget: &Budget, tokens: u64) -> Result<(), BudgetExceeded> {
    let call = budget.reserve(Ask::new())?;
    call.settle(Usage::new().input(tokens), None);
    Ok(())
}

fn bounded(tokens: u64) -> Ask {
    Ask::new().tokens(tokens)
}

/// Counts the events of one budget, by name and reason.
struct Heard {
    threshold: Arc<AtomicU64>,
    exceeded: Arc<AtomicU64>,
    _subscription: Subscription,
}

impl Heard {
    fn of(budget: &'static str) -> Self {
        let threshold = Arc::new(AtomicU64::new(0));
        let exceeded = Arc::new(AtomicU64::new(0));
        let counters = (Arc::clone(&threshold), Arc::clone(&exceeded));
        let subscription = events().subscribe("budget.*", move |event: &Event| {
            if event.attribute("budget.name").and_then(Value::as_str) == Some(budget) {
                let (threshold, exceeded) = &counters;
                match event.name() {
                    "budget.threshold" => threshold.fetch_add(1, Relaxed),
                    _ => exceeded.fetch_add(1, Relaxed),
                };
            }
        });
        Self {
            threshold,
            exceeded,
            _subscription: subscription,
        }
    }

    fn counts(&self) -> (u64, u64) {
        (self.threshold.load(Relaxed), self.exceeded.load(Relaxed))
    }
}

/// A clock that is moved by hand.
#[derive(Clone, Default)]
struct Hand(Arc<AtomicU64>);

impl Hand {
    fn pass(&self, time: Duration) {
        self.0
            .fetch_add(time.as_millis().try_into().unwrap(), Relaxed);
    }

    fn budget(&self, name: &'static str, limits: Limits) -> Budget {
        let hand = self.clone();
        Budget::with_clock(name, limits, move || {
            Duration::from_millis(hand.0.load(Relaxed))
        })
    }
}

#[test]
fn what_is_reserved_counts_until_it_is_settled_or_given_back() {
    let budget = Budget::new("b", Limits::new().tokens(100));

    let first = budget.reserve(bounded(60)).unwrap();
    let refused = budget.reserve(bounded(41)).unwrap_err();
    let second = budget.reserve(bounded(40)).unwrap();

    assert_eq!(
        (refused.spent(), refused.reserved(), refused.asked()),
        (Amount::Count(0), Amount::Count(60), Some(Amount::Count(41)))
    );
    assert_eq!(budget.reserved().tokens, 100);
    first.settle(Usage::new().input(10), None);
    drop(second);
    assert_eq!((budget.spent().tokens, budget.reserved().tokens), (10, 0));
    assert_eq!((budget.spent().calls, budget.reserved().calls), (1, 0));
}

#[test]
fn each_measure_has_its_limit_and_the_refusal_says_which() {
    let limits = Limits::new()
        .tokens(1_000)
        .input_tokens(100)
        .output_tokens(50)
        .cost(Cost::usd(1.0))
        .calls(3);
    let budget = Budget::new("b", limits);
    let measure = |ask: Ask| budget.reserve(ask).unwrap_err().limit().measure();

    assert_eq!(measure(Ask::new().input_tokens(101)), Measure::InputTokens);
    assert_eq!(measure(Ask::new().output_tokens(51)), Measure::OutputTokens);
    assert_eq!(measure(bounded(1_001)), Measure::Tokens);
    assert_eq!(measure(Ask::new().cost(Cost::usd(1.1))), Measure::Cost);
    let calls: Vec<_> = (0..3)
        .map(|_| budget.reserve(Ask::new().cost(Cost::usd(0.1))).unwrap())
        .collect();
    assert_eq!(measure(Ask::new()), Measure::Calls);
    drop(calls);
    assert_eq!(budget.snapshot().refused, 5);
}

#[test]
fn a_call_that_does_not_say_what_it_uses_is_admitted_while_anything_is_left() {
    let budget = Budget::new("b", Limits::new().tokens(100));

    let all_but_one = budget.reserve(bounded(99)).unwrap();
    let blind = budget.reserve(Ask::new()).unwrap();
    all_but_one.settle(Usage::new().input(99), None);
    blind.settle(Usage::new().input(500), None);

    assert_eq!(budget.spent().tokens, 599);
    let refused = budget.reserve(Ask::new()).unwrap_err();
    assert_eq!(refused.asked(), None);
    assert_eq!(budget.remaining(Measure::Tokens), Some(Amount::Count(0)));
}

#[test]
fn a_call_that_costs_nothing_is_not_held_back_by_what_others_cost() {
    let budget = Budget::new("b", Limits::new().cost(Cost::usd(1.0)));
    let call = budget.reserve(Ask::new()).unwrap();
    call.settle(Usage::new().input(1), Cost::usd(2.0));

    assert!(budget.reserve(Ask::new()).is_err());
    assert!(budget.reserve(Ask::new().cost(Cost::ZERO)).is_ok());
}

#[test]
fn a_call_fits_into_all_budgets_around_or_none_is_touched() {
    let process = Budget::new("process", Limits::new().tokens(100));
    let user = Budget::within(&process, "user", Limits::new().calls(10));
    let agent = Budget::within(&user, "agent", Limits::new().tokens(80));

    let held = agent.reserve(bounded(70)).unwrap();
    let by_agent = agent.reserve(bounded(20)).unwrap_err();
    let by_process = user.reserve(bounded(31)).unwrap_err();

    assert_eq!(
        (by_agent.budget(), by_process.budget()),
        ("agent", "process")
    );
    for budget in [&process, &user, &agent] {
        assert_eq!(budget.reserved().tokens, 70);
        assert_eq!(budget.snapshot().open, 1);
    }
    let refused = [&process, &user, &agent].map(|budget| budget.snapshot().refused);
    assert_eq!(refused, [1, 1, 1]); // the agent's is not one of those around
    held.settle(Usage::new().output(50), Cost::usd(0.5));
    assert_eq!(process.spent(), agent.spent());
    assert_eq!(agent.remaining(Measure::Tokens), Some(Amount::Count(30)));
    assert_eq!(agent.remaining(Measure::Calls), Some(Amount::Count(9)));
    assert_eq!(agent.remaining(Measure::Cost), None);
}

#[test]
fn a_panic_gives_back_what_was_reserved() {
    let budget = Budget::new("b", Limits::new().tokens(100));
    let inside = budget.clone();

    let panicked = std::panic::catch_unwind(move || {
        let _call = inside.reserve(bounded(100)).unwrap();
        panic!("out of beans");
    });

    assert!(panicked.is_err());
    assert_eq!(budget.reserved(), o11y_events::Tally::default());
    assert!(budget.reserve(bounded(100)).is_ok());
}

#[test]
fn a_window_frees_up_and_the_refusal_says_when() {
    let hand = Hand::default();
    let budget = hand.budget("b", Limits::new().tokens_per(100, MINUTE).tokens(1_000));

    spend(&budget, 60).unwrap();
    hand.pass(MINUTE / 2);
    spend(&budget, 30).unwrap();
    let refused = budget.reserve(bounded(50)).unwrap_err();
    let never = budget.reserve(bounded(101)).unwrap_err();

    assert_eq!(refused.spent(), Amount::Count(90));
    assert_eq!(refused.frees_in(), Some(Duration::from_secs(31)));
    assert_eq!(never.frees_in(), None);
    hand.pass(refused.frees_in().unwrap());
    assert!(budget.reserve(bounded(50)).is_ok());
    assert_eq!(budget.spent().tokens, 90);
}

#[test]
fn a_call_counts_in_a_window_from_when_it_begins_and_not_if_it_was_not_made() {
    let hand = Hand::default();
    let budget = hand.budget("b", Limits::new().calls_per(2, MINUTE));

    let long = budget.reserve(Ask::new()).unwrap();
    drop(budget.reserve(Ask::new()).unwrap());
    let other = budget.reserve(Ask::new()).unwrap();
    assert!(budget.reserve(Ask::new()).is_err());
    hand.pass(Duration::from_secs(61));

    let third = budget.reserve(Ask::new()).unwrap();
    long.settle(Usage::new(), None); // begins to count no second time
    other.settle(Usage::new(), None);
    assert!(budget.reserve(Ask::new()).is_ok());
    drop(third);
    assert_eq!(budget.spent().calls, 2);
}

#[test]
fn a_call_from_before_a_reset_takes_nothing_from_those_after() {
    let hand = Hand::default();
    let budget = hand.budget("b", Limits::new().calls_per(1, MINUTE).tokens(100));

    let before = budget.reserve(bounded(40)).unwrap();
    budget.reset();
    assert_eq!(budget.reserved().tokens, 40);
    let after = budget.reserve(bounded(50)).unwrap();
    drop(before);

    assert!(budget.reserve(Ask::new()).is_err()); // `after` is still in the window
    after.settle(Usage::new().input(50), None);
    assert_eq!((budget.spent().tokens, budget.reserved().tokens), (50, 0));
}

#[test]
fn lines_are_told_once_and_again_after_a_reset() {
    let heard = Heard::of("told once");
    let budget = Budget::new("told once", Limits::new().tokens(100).threshold(0.5));

    spend(&budget, 49).unwrap();
    assert_eq!(heard.counts(), (0, 0));
    spend(&budget, 1).unwrap();
    spend(&budget, 20).unwrap();
    assert_eq!(heard.counts(), (1, 0));
    for _ in 0..3 {
        assert!(budget.reserve(bounded(31)).is_err()); // refused before all is spent
    }
    assert_eq!(heard.counts(), (1, 1));
    spend(&budget, 40).unwrap();
    assert_eq!(heard.counts(), (1, 1));

    budget.reset();
    spend(&budget, 200).unwrap();
    assert_eq!(heard.counts(), (2, 2));
}

#[test]
fn lines_of_a_window_are_told_again_after_they_were_left() {
    let heard = Heard::of("told per window");
    let hand = Hand::default();
    let budget = hand.budget("told per window", Limits::new().tokens_per(10, MINUTE));

    spend(&budget, 10).unwrap();
    hand.pass(MINUTE / 2);
    assert!(spend(&budget, 10).is_err());
    assert_eq!(heard.counts(), (1, 1));
    hand.pass(MINUTE);
    spend(&budget, 10).unwrap();

    assert_eq!(heard.counts(), (2, 2));
}

#[test]
fn a_limit_of_nothing_is_crossed_by_a_refusal_or_by_what_was_used_and_not_by_free_calls() {
    let heard = Heard::of("told of nothing");
    let free = Ask::new().cost(Cost::ZERO);
    let budget = Budget::new("told of nothing", Limits::new().cost(Cost::ZERO));

    let call = budget.reserve(free.clone()).unwrap();
    call.settle(Usage::new().input(5), Cost::ZERO);
    assert_eq!(heard.counts(), (0, 0));
    let call = budget.reserve(free).unwrap();
    call.settle(Usage::new().input(5), Cost::usd(0.1)); // it was not free
    assert_eq!(heard.counts(), (1, 1));
    assert!(budget.reserve(Ask::new()).is_err());
    assert_eq!(heard.counts(), (1, 1));

    budget.reset();
    assert!(budget.reserve(Ask::new()).is_err());
    assert!(budget.reserve(Ask::new()).is_err());
    assert_eq!(heard.counts(), (1, 2));
}

#[test]
fn refusals_of_a_window_are_told_once_in_its_length() {
    let heard = Heard::of("refused per window");
    let hand = Hand::default();
    let limits = Limits::new().tokens_per(10, MINUTE).calls_per(0, MINUTE);
    let budget = hand.budget("refused per window", limits);

    for _ in 0..3 {
        assert!(budget.reserve(bounded(11)).is_err());
        hand.pass(Duration::from_secs(19));
    }
    assert_eq!(heard.counts(), (0, 2)); // one for each limit
    hand.pass(MINUTE);
    assert!(budget.reserve(bounded(11)).is_err());

    assert_eq!(heard.counts(), (0, 4));
}

#[test]
fn eight_threads_cross_each_line_once_and_never_pass_the_limit() {
    let heard = Heard::of("eight threads");
    let process = Budget::new("process", Limits::new());
    let budget = Budget::within(&process, "eight threads", Limits::new().tokens(10_000));
    let start = Barrier::new(8);

    std::thread::scope(|scope| {
        for thread in 0..8_u64 {
            let (budget, start) = (&budget, &start);
            scope.spawn(move || {
                start.wait();
                for turn in 0..500 {
                    let Ok(call) = budget.reserve(bounded(7)) else {
                        continue;
                    };
                    let now = budget.snapshot();
                    assert!(now.spent.tokens + now.reserved.tokens <= 10_000);
                    if (thread + turn) % 3 == 0 {
                        drop(call);
                    } else {
                        call.settle(Usage::new().output(1 + turn % 7), None);
                    }
                }
            });
        }
    });

    // Whoever was refused while others held something may have left a little.
    while let Ok(call) = budget.reserve(bounded(7)) {
        call.settle(Usage::new().output(7), None);
    }
    assert!(budget.spent().tokens <= 10_000);
    assert!(budget.spent().tokens > 10_000 - 7);
    assert_eq!(budget.reserved(), process.reserved());
    assert_eq!(budget.reserved().tokens, 0);
    assert_eq!(heard.counts(), (1, 1));
}

#[test]
fn whoever_hears_a_line_may_use_the_budget() {
    let budget = Budget::new("reentrant", Limits::new().tokens(10));
    let inside = budget.clone();
    let _subscription = events().subscribe("budget.exceeded", move |event: &Event| {
        if event.attribute("budget.name").and_then(Value::as_str) == Some("reentrant") {
            inside.reset();
        }
    });

    spend(&budget, 12).unwrap();

    assert_eq!(budget.spent().tokens, 0);
}

#[test]
fn shares_are_known_by_model_provider_and_user() {
    let budget = Budget::new("b", Limits::new());
    let ask = |model: &'static str| Ask::new().model(model).provider("openai").user("ada");

    let cheap = budget.reserve(ask("small")).unwrap();
    cheap.settle(Usage::new().input(100), Cost::usd(0.1));
    let dear = budget.reserve(ask("large")).unwrap();
    dear.model("large-2026")
        .settle(Usage::new().input(10), Cost::usd(0.2));
    drop(budget.reserve(ask("never")).unwrap());

    let models: Vec<_> = budget
        .by_model()
        .into_iter()
        .map(|share| (share.name, share.spent.tokens))
        .collect();
    assert_eq!(
        models,
        [("large-2026".to_owned(), 10), ("small".to_owned(), 100)]
    );
    assert_eq!(budget.by_provider()[0].spent.calls, 2);
    assert_eq!(budget.by_user()[0].name, "ada");
}

#[test]
fn what_is_unknown_can_be_charged_as_asked() {
    let budget = Budget::new("b", Limits::new().tokens(100));

    budget.reserve(bounded(30)).unwrap().settle_as_asked();

    assert_eq!(budget.spent().tokens, 30);
    assert_eq!(budget.snapshot().unmetered, 1);
    assert_eq!(
        budget.to_string(),
        "b: 30 of 100 tokens; 0 calls open, 0 refused"
    );
}

#[test]
fn a_place_in_the_tree_is_used_again() {
    let users = KeyedBudgets::new("user", Limits::new().tokens(10)).capacity(1);
    for user in 0..1_000 {
        let budget = users.get(&user.to_string());
        assert_eq!(budget.spent().tokens, 0);
        spend(&budget, 10).unwrap();
        assert!(spend(&budget, 1).is_err());
    }
    assert_eq!(users.outer().spent().tokens, 10_000);
    assert_eq!(users.evictions(), 999);
}

#[test]
fn handles_are_shared_between_threads() {
    fn assert_shared<T: Send + Sync + 'static>() {}
    assert_shared::<Budget>();
    assert_shared::<KeyedBudgets>();
    assert_shared::<Reservation>();
}
