//! A call that is told by hand counts in a budget as a real call does.

use o11y_core::{
    Attributes, Context, Cost, EventBus, Generation, LlmEvent, Telemetry, Usage, attributes,
    events, key,
};
use o11y_events::{
    BaseSubscriber as _, Budget, BudgetTracker, Limits, LlmUsage, TokenBudgetTracker,
};

// The only test of this file on the bus of the process: a budget there hears the calls of all.
#[test]
fn a_call_told_by_hand_is_counted_as_a_real_call_is_and_once() {
    let usage = Usage::new()
        .input(300)
        .cached(100)
        .output(150)
        .reasoning(50);
    let budget = TokenBudgetTracker::new(2_000).attach(events());

    let answer: anyhow::Result<()> =
        Context::generation_blocking(Generation::new("openai", "gpt-4o-mini"), |call| {
            call.set_usage(usage);
            Ok(())
        });
    let real = (budget.used(), budget.requests(), budget.by_model());
    budget.reset();
    LlmEvent::new("openai", "gpt-4o-mini").usage(usage).emit();

    assert!(answer.is_ok());
    assert_eq!((real.0, real.1), (600, 1));
    assert_eq!((budget.used(), budget.requests(), budget.by_model()), real);
}

/// The same call as each of those who tell of calls would tell it.
fn told() -> [Attributes; 6] {
    let usage = Usage::new().input(5).cached(2).output(3);
    let model = |mut told: Attributes| {
        told.set(key::PROVIDER_NAME, "openai");
        told.set(key::REQUEST_MODEL, "gpt-4o-mini");
        told
    };
    [
        model(attributes! { key::USAGE => usage, key::TOTAL_TOKENS => 10 }),
        // The conventions of today.
        model(attributes! {
            key::INPUT_TOKENS => 7, key::OUTPUT_TOKENS => 3,
            "gen_ai.usage.cache_read.input_tokens" => 2,
        }),
        // All names at once.
        model(attributes! {
            key::USAGE => usage, key::INPUT_TOKENS => 7, key::OUTPUT_TOKENS => 3,
            key::PROMPT_TOKENS => 7, key::COMPLETION_TOKENS => 3, key::TOTAL_TOKENS => 10,
        }),
        // The mirrored system's.
        attributes! {
            "gen_ai.system" => "openai", key::REQUEST_MODEL => "gpt-4o-mini",
            key::PROMPT_TOKENS => 7, key::COMPLETION_TOKENS => 3, key::TOTAL_TOKENS => 10,
            "cached_tokens" => 2,
        },
        attributes! {
            "provider" => "openai", "model" => "gpt-4o-mini",
            "input_tokens" => 7, "output_tokens" => 3, "total_tokens" => 10, "cached_tokens" => 2,
        },
        // A response alone.
        attributes! {
            key::PROVIDER_NAME => "openai", key::RESPONSE_MODEL => "gpt-4o-mini",
            key::USAGE => usage,
        },
    ]
}

#[test]
fn a_budget_and_the_figures_agree_on_each_way_to_tell_of_a_call() {
    for told in told() {
        let bus = EventBus::new();
        let budget = Budget::new("b", Limits::new().cost(Cost::usd(1.0)));
        let _tracker = BudgetTracker::new(&budget).attach(&bus);
        let figures = LlmUsage::new().attach(&bus);
        let shown = format!("{told:?}");

        bus.event("llm.generate", told);
        let mirror = attributes! { key::TOTAL_TOKENS => 10, key::MIRROR => true };
        bus.event("lm.tokens", mirror);

        let spent = budget.spent();
        let cost = Cost::usd(0.000_002_7); // 5 of $0.15, 2 of $0.075, 3 of $0.60 a million
        assert_eq!((spent.calls, spent.tokens), (1, 10), "{shown}");
        assert_eq!((spent.input_tokens, spent.output_tokens), (7, 3), "{shown}");
        assert_eq!(spent.cost, cost, "{shown}");
        assert_eq!(budget.by_model()[0].name, "gpt-4o-mini", "{shown}");
        assert_eq!(budget.by_provider()[0].name, "openai", "{shown}");
        let total = figures.snapshot().total;
        assert_eq!(
            (total.calls, total.tokens, total.cost),
            (1, 10, cost),
            "{shown}"
        );
    }
}

#[test]
fn a_typed_request_is_judged_by_what_it_estimates() {
    let bus = EventBus::new();
    let budget = TokenBudgetTracker::new(1_000).attach(&bus);
    let request = |tokens| LlmEvent::request("openai", "gpt-4o-mini").estimate(tokens);

    let answers = Telemetry::events_only(bus).run(|| {
        let refused = request(1_001).try_emit();
        let admitted = request(1_000).call_id("1").try_emit();
        let held = budget.reserved();
        LlmEvent::new("openai", "gpt-4o-mini")
            .call_id("1")
            .cost(Cost::usd(0.5))
            .total_tokens(600)
            .emit();
        (refused.is_err(), admitted.is_ok(), held)
    });

    assert_eq!(answers, (true, true, 1_000));
    assert_eq!((budget.used(), budget.reserved()), (600, 0));
    assert_eq!(budget.budget().spent().cost, Cost::usd(0.5));
}
