//! A cost budget adds up what calls cost, by their own word or by a price, and takes none for free.

use std::sync::{Arc, Mutex};

use o11y_core::{
    Attributes, Context, Cost, Event, EventBus, Generation, Telemetry, Usage, Value, Vetoed,
    attributes, events, key,
};
use o11y_events::{
    Amount, Ask, BaseSubscriber as _, Budget, BudgetExceeded, BudgetTracker, CostBudgetTracker,
    Limits, LlmUsage, Measure, Unpriced,
};
use serde_json::json;

/// A dollar per thousand tokens of input, two of output, for models whose name begins with `gpt`.
fn price(_provider: Option<&str>, model: &str, usage: &Usage) -> Option<Cost> {
    let millis = usage.input_total() + 2 * usage.output_total();
    model
        .starts_with("gpt")
        .then(|| Cost::from_picodollars(millis * 1_000_000_000))
}

fn budget(dollars: f64) -> CostBudgetTracker {
    CostBudgetTracker::new(Cost::usd(dollars)).priced_by(price)
}

fn call(id: &'static str, model: &'static str) -> Attributes {
    attributes! {
        key::CALL_ID => id, key::REQUEST_MODEL => model, key::PROVIDER_NAME => "openai",
    }
}

fn end(id: &'static str, model: &'static str, usage: Usage) -> Attributes {
    let mut end = call(id, model);
    end.set(key::USAGE, usage);
    end
}

#[test]
fn a_call_costs_what_it_says_or_else_what_its_tokens_cost() {
    let bus = EventBus::new();
    let budget = budget(10.0).attach(&bus);

    bus.event(
        "llm.generate",
        end("1", "gpt", Usage::new().input(100).output(200)),
    );
    let mut own = end("2", "gpt", Usage::new().input(100));
    own.set(key::COST, Cost::usd(2.0));
    bus.event("llm.error", own);

    assert_eq!(budget.spent(), Cost::usd(2.5));
    assert_eq!(budget.remaining(), Cost::usd(7.5));
    assert_eq!((budget.requests(), budget.unpriced_calls()), (2, 0));
    assert_eq!(budget.by_provider()[0].spent.cost, Cost::usd(2.5));
    assert_eq!(budget.by_model()[0].name, "gpt");
}

#[test]
fn the_most_that_a_call_can_cost_is_held_while_it_runs() {
    let bus = EventBus::new();
    let budget = budget(1.0).attach(&bus);
    let with_estimate = |id| {
        let mut request = call(id, "gpt");
        request.set(key::ESTIMATED_TOKENS, 400);
        request.set(key::REQUEST_MAX_TOKENS, 100);
        bus.try_event("llm.request", request)
    };

    with_estimate("1").unwrap(); // 300 of input, 100 of output
    assert_eq!(budget.reserved(), Cost::usd(0.5));
    with_estimate("2").unwrap();
    let refused = with_estimate("3").unwrap_err();

    let exceeded = refused.downcast_ref::<BudgetExceeded>().unwrap();
    assert_eq!(exceeded.limit().measure(), Measure::Cost);
    assert_eq!(exceeded.reserved(), Amount::Cost(Cost::usd(1.0)));
    bus.event("llm.generate", end("1", "gpt", Usage::new().input(50)));
    bus.event("llm.vetoed", call("2", "gpt"));
    assert_eq!(
        (budget.spent(), budget.reserved()),
        (Cost::usd(0.05), Cost::ZERO)
    );
}

#[test]
fn a_cost_that_is_estimated_by_hand_is_held_as_it_is() {
    let bus = EventBus::new();
    let budget = budget(1.0)
        .estimate_by(|_request| Ask::new().tokens(400).cost(Cost::usd(0.1)))
        .attach(&bus);

    bus.try_event("llm.request", call("1", "gpt")).unwrap();

    assert_eq!(budget.reserved(), Cost::usd(0.1)); // 400 of output would be 0.8
    assert_eq!(budget.budget().reserved().tokens, 400);
}

#[test]
fn a_model_without_a_price_is_told_once_and_never_taken_for_free() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let models = Arc::clone(&told);
    let _subscription = events().subscribe("budget.unpriced", move |event: &Event| {
        let model = event.attribute(key::REQUEST_MODEL).and_then(Value::as_str);
        models.lock().unwrap().push(model.unwrap().to_owned());
    });
    let bus = EventBus::new();
    let budget = budget(10.0).attach(&bus);

    for _ in 0..3 {
        bus.event("llm.generate", end("1", "llama", Usage::new().input(1)));
    }
    bus.event("llm.generate", end("2", "mistral", Usage::new().output(1)));
    bus.event("llm.generate", call("3", "silent")); // no tokens, nothing to price

    assert_eq!(*told.lock().unwrap(), ["llama", "mistral"]);
    assert_eq!(budget.unpriced_calls(), 4);
    assert_eq!(budget.unpriced_models(), ["llama", "mistral"]);
    assert_eq!(
        budget.to_string(),
        "$0.000000 of $10.000000 spent in 5 calls, $10.000000 left, 4 calls unpriced"
    );
    budget.reset();
    assert_eq!((budget.unpriced_calls(), budget.requests()), (0, 0));
}

#[test]
fn models_without_a_price_can_be_refused() {
    let bus = EventBus::new();
    let budget = budget(10.0).refuse_unpriced().attach(&bus);

    let refused = bus
        .try_event("llm.request", call("1", "llama"))
        .unwrap_err();

    let unpriced = refused.downcast_ref::<Unpriced>().unwrap();
    assert!(unpriced.to_string().contains("llama"));
    assert!(bus.try_event("llm.request", call("2", "gpt")).is_ok());
    assert_eq!((budget.refused(), budget.unpriced_calls()), (1, 0));
    budget.reset();
    assert_eq!(budget.refused(), 0);
}

#[test]
fn prices_come_from_the_table_unless_others_are_given() {
    let bus = EventBus::new();
    let budget = CostBudgetTracker::new(Cost::usd(1.0))
        .assume_model_maximum()
        .attach(&bus);

    bus.try_event("llm.request", call("1", "gpt-4o-mini"))
        .unwrap();
    assert_eq!(budget.reserved(), Cost::usd(0.009_830_4)); // 16,384 of output, $0.60 a million
    let usage = Usage::new().input(1_000_000).output(100_000);
    bus.event("llm.generate", end("1", "gpt-4o-mini", usage));

    assert_eq!(budget.spent(), Cost::usd(0.21));
    assert_eq!(budget.reserved(), Cost::ZERO);
}

#[test]
fn users_are_told_apart() {
    let bus = EventBus::new();
    let budget = budget(10.0).attach(&bus);
    let as_user = |user: &'static str, tokens| {
        let trace = o11y_core::TraceAttributes::new().user(user);
        Context::with_trace(trace, || {
            bus.event("llm.generate", end("1", "gpt", Usage::new().input(tokens)));
        });
    };

    as_user("ada", 100);
    as_user("grace", 300);

    let users: Vec<_> = budget
        .by_user()
        .into_iter()
        .map(|share| (share.name, share.spent.cost))
        .collect();
    assert_eq!(
        users,
        [
            ("grace".to_owned(), Cost::usd(0.3)),
            ("ada".to_owned(), Cost::usd(0.1))
        ]
    );
}

#[test]
fn a_call_is_priced_by_the_service_tier_that_it_names_or_that_the_answer_says() {
    let bus = EventBus::new();
    let telemetry = Telemetry::events_only(bus.clone());
    let figures = LlmUsage::new().attach(&bus);
    let budget = CostBudgetTracker::new(Cost::usd(100.0)).attach(&bus);
    let million = Usage::new().input(1_000_000);
    let cost = |asked: Option<&'static str>, served: Option<&'static str>, streams: bool| {
        let mut call = Generation::new("openai", "gpt-5").estimate_usage(million);
        if let Some(tier) = asked {
            call = call.service_tier(tier);
        }
        let mut reserved = Cost::ZERO;
        let answer = json!({
            "choices": [], "service_tier": served,
            "usage": {"prompt_tokens": 1_000_000, "completion_tokens": 0},
        });
        let answered = Context::generation_blocking(call, |call| {
            reserved = budget.reserved();
            if streams {
                call.record_chunk(&answer);
            } else {
                call.record_response(&answer);
            }
            Ok::<_, Vetoed>(())
        });
        answered.unwrap();
        let costs = (reserved, budget.spent());
        assert_eq!(figures.snapshot().total.cost, costs.1);
        figures.reset();
        budget.reset();
        costs
    };
    let usd = Cost::usd;

    telemetry.run(|| {
        assert_eq!(cost(None, None, false), (usd(1.25), usd(1.25)));
        assert_eq!(
            cost(Some("auto"), Some("default"), true),
            (usd(1.25), usd(1.25))
        );
        assert_eq!(cost(Some("flex"), None, false), (usd(0.625), usd(0.625)));
        assert_eq!(
            cost(Some("flex"), Some("default"), false),
            (usd(0.625), usd(1.25))
        );
        assert_eq!(cost(None, Some("priority"), true), (usd(1.25), usd(2.5)));
        assert_eq!(
            cost(None, Some("warp"), false),
            (usd(1.25), Cost::ZERO),
            "it may cost anything"
        );
    });
    let unpriced = CostBudgetTracker::new(usd(1.0))
        .refuse_unpriced()
        .attach(&bus);
    let mut request = call("1", "gpt-5");
    request.set(key::REQUEST_SERVICE_TIER, "warp");
    let refused = bus.try_event("llm.request", request).unwrap_err();
    assert_eq!(
        refused.downcast_ref::<Unpriced>().unwrap().to_string(),
        "no price is known for model `gpt-5` of provider `openai` in the tier `warp`"
    );
    drop(unpriced);
}

#[test]
fn a_price_or_an_estimate_that_panics_neither_opens_the_budget_nor_leaves_anything_held() {
    let bus = EventBus::new();
    let budget = Budget::new("b", Limits::new().tokens(100).cost(Cost::usd(1.0)));
    let tracker = BudgetTracker::new(&budget)
        .estimate_by(
            |request| match request.attribute("tokens").and_then(Value::as_u64) {
                Some(tokens) => Ask::new().tokens(tokens).cost(Cost::ZERO),
                None => panic!("no estimate"),
            },
        )
        .priced_by(|_, _, _| panic!("no price"))
        .attach(&bus);
    let mut stated = call("1", "gpt");
    stated.set("tokens", 60);

    let mut bounded = call("0", "gpt");
    bounded.set(key::ESTIMATED_TOKENS, 30);

    bus.try_event("llm.request", bounded).unwrap(); // its price panics
    assert_eq!(budget.reserved().tokens, 30);
    bus.event("llm.vetoed", call("0", "gpt"));
    bus.try_event("llm.request", stated).unwrap();
    bus.try_event("llm.request", call("2", "gpt")).unwrap(); // is admitted, because something is left
    assert_eq!(budget.snapshot().open, 2);
    for id in ["1", "2"] {
        bus.event("llm.generate", end(id, "gpt", Usage::new().input(50)));
    }
    let refused = bus.try_event("llm.request", call("3", "gpt"));

    assert!(
        refused
            .unwrap_err()
            .downcast_ref::<BudgetExceeded>()
            .is_some()
    );
    let snapshot = budget.snapshot();
    assert_eq!(
        (
            snapshot.spent.tokens,
            snapshot.reserved.tokens,
            snapshot.open
        ),
        (100, 0, 0)
    );
    assert_eq!((bus.panics(), tracker.unpriced_calls()), (4, 2));
}
