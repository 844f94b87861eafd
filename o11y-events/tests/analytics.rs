//! Figures of calls, modules, optimisations and events: each counted once, under whichever names.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use o11y_core::{
    Attributes, Context, Cost, Event, EventBus, Generation, GenerationError, LlmEvent, Module,
    ModuleEvent, OptimizationEvent, Telemetry, TraceAttributes, Usage, Veto, attributes, key,
};
use o11y_events::{
    Alert, Alerts, BaseSubscriber as _, EventCounter, Histogram, LlmUsage, ModulePerformance,
    OptimizationProgress, Pricing,
};

fn bus() -> (EventBus, Telemetry) {
    let bus = EventBus::new();
    (bus.clone(), Telemetry::events_only(bus))
}

type Answer = Result<(), GenerationError<std::io::Error>>;

fn ask(tokens: u64) -> Answer {
    Context::generation_blocking(Generation::new("openai", "gpt-4o"), |call| {
        call.set_usage(Usage::new().input(tokens).cached(5));
        Ok(())
    })
}

fn near(told: Option<Duration>, milliseconds: u64) -> bool {
    let exact = Duration::from_millis(milliseconds);
    told.unwrap().abs_diff(exact) <= exact / 32
}

#[test]
fn a_real_call_counts_once_though_it_is_told_twice() {
    let (bus, telemetry) = bus();
    let usage = LlmUsage::new().attach(&bus);

    telemetry.run(|| {
        Context::with_trace(TraceAttributes::new().user("gus"), || {
            Context::with_module(Module::new("Agent").label("planner"), || ask(100).unwrap());
        });
    });

    let snapshot = usage.snapshot();
    for figures in [
        &snapshot.total,
        snapshot.model("gpt-4o").unwrap(),
        snapshot.provider("openai").unwrap(),
        snapshot.user("gus").unwrap(),
        snapshot.module("Agent/planner").unwrap(),
    ] {
        assert_eq!((figures.calls, figures.errors, figures.tokens), (1, 0, 105));
        assert_eq!(figures.usage.get_cached(), 5);
        assert_eq!(figures.latency.count(), 1);
    }
}

#[test]
fn each_way_to_tell_of_a_call_counts_once() {
    let told: [(&str, Attributes); 6] = [
        // The conventions of today, and all names at once.
        (
            "llm.generate",
            attributes! { key::INPUT_TOKENS => 7, key::OUTPUT_TOKENS => 3 },
        ),
        (
            "llm.generate",
            attributes! {
                key::INPUT_TOKENS => 7, key::OUTPUT_TOKENS => 3, key::TOTAL_TOKENS => 10,
                key::PROMPT_TOKENS => 7, key::COMPLETION_TOKENS => 3,
            },
        ),
        // The mirrored system's, before and now.
        (
            "llm.generate",
            attributes! { key::PROMPT_TOKENS => 7, key::COMPLETION_TOKENS => 3 },
        ),
        (
            "llm.generate",
            attributes! { "prompt_tokens" => 7, "completion_tokens" => 3 },
        ),
        (
            "lm.tokens",
            attributes! { "input_tokens" => 7, "output_tokens" => 3, "total_tokens" => 10 },
        ),
        // Only the sum.
        ("llm.generate", attributes! { key::TOTAL_TOKENS => 10 }),
    ];
    for (name, mut attributes) in told {
        let (bus, _telemetry) = bus();
        let usage = LlmUsage::new().attach(&bus);
        attributes.set("gen_ai.system", "OpenAI");
        attributes.set("gen_ai.request.model", "gpt-4o");

        bus.event(name, attributes);
        bus.event(
            "lm.tokens",
            attributes! { "total_tokens" => 10, key::MIRROR => true },
        );
        bus.event("llm.request", attributes! { key::TOTAL_TOKENS => 10 });

        let snapshot = usage.snapshot();
        let model = snapshot.model("gpt-4o").unwrap();
        assert_eq!((model.calls, model.tokens), (1, 10), "{name}");
        assert_eq!(snapshot.total.calls, 1, "{name}");
        assert_eq!(snapshot.provider("openai").unwrap().calls, 1, "{name}");
    }
}

#[test]
fn a_call_is_priced_by_the_model_that_answered_where_that_has_a_price() {
    let (bus, telemetry) = bus();
    let usage = LlmUsage::new().attach(&bus);
    let answered = |asked: &'static str, answered: &'static str| {
        let call = LlmEvent::new("openai", asked).response_model(answered);
        telemetry.run(|| call.usage(Usage::new().input(1_000_000)).emit());
        let model = usage.snapshot().model(asked).cloned();
        usage.reset();
        model.unwrap().cost
    };

    assert_eq!(answered("gpt-4o", "gpt-4o-2024-08-06"), Cost::usd(2.5));
    assert_eq!(answered("gpt-4o", "gpt-4o-2024-05-13"), Cost::usd(5.0));
    assert_eq!(answered("our-alias", "gpt-4o-mini"), Cost::usd(0.15));
    assert_eq!(
        answered("gpt-4o", "an-alias-of-the-gateway"),
        Cost::usd(2.5)
    );
}

#[test]
fn errors_refusals_retries_and_first_tokens_are_told_apart() {
    let (bus, telemetry) = bus();
    let usage = LlmUsage::new().attach(&bus);
    let no = bus.subscribe("llm.request", |event: &Event| {
        match event
            .attribute(key::REQUEST_MODEL)
            .and_then(|model| model.as_str())
        {
            Some("dear") => Err(Veto::new("too dear")),
            _ => Ok(()),
        }
    });

    telemetry.run(|| {
        let failed: Answer = Context::generation_blocking(Generation::new("x", "y"), |_| {
            Err(GenerationError::Call(std::io::Error::other("timeout")))
        });
        assert!(failed.is_err());
        let refused: Answer =
            Context::generation_blocking(Generation::new("x", "dear"), |_| Ok(()));
        assert!(refused.is_err());
    });
    let streamed = attributes! {
        key::REQUEST_MODEL => "y", key::DURATION_MS => 900.0, key::RETRIES => 2,
        key::TIME_TO_FIRST_TOKEN_MS => 120.0,
    };
    bus.event("llm.generate", streamed);
    bus.event(
        "llm.generate",
        attributes! { key::REQUEST_MODEL => "y", key::TIME_TO_FIRST_CHUNK => 0.25 },
    );
    drop(no);

    let snapshot = usage.snapshot();
    let figures = snapshot.model("y").unwrap();
    assert_eq!((figures.calls, figures.errors, figures.retries), (3, 1, 2));
    assert_eq!(figures.error_rate(), Some(1.0 / 3.0));
    assert!(
        near(figures.latency.quantile(1.0), 900),
        "the failed one has none"
    );
    assert!(near(figures.first_token.quantile(0.0), 120));
    assert!(near(figures.first_token.quantile(1.0), 250));
    let refused = snapshot.model("dear").unwrap();
    assert_eq!((refused.calls, refused.refused), (0, 1));
}

#[test]
fn a_call_costs_what_it_says_or_what_the_table_says() {
    let (bus, telemetry) = bus();
    let usage = LlmUsage::new().attach(&bus);
    let unpriced = LlmUsage::new().priced_by(Pricing::new()).attach(&bus);
    let tokens = Usage::new().input(1_000_000);

    telemetry.run(|| {
        LlmEvent::new("openai", "gpt-4o")
            .usage(tokens)
            .cost(Cost::usd(0.5))
            .emit();
        LlmEvent::new("openai", "gpt-4o").usage(tokens).emit();
        LlmEvent::new("nobody", "knows").usage(tokens).emit();
    });

    let by_table = Pricing::builtin().cost(
        Some("openai"),
        "gpt-4o",
        &tokens,
        o11y_events::ServiceTier::Standard,
    );
    let total = usage.snapshot().total;
    assert_eq!(
        (total.cost, total.priced),
        (Cost::usd(0.5) + by_table.unwrap(), 2)
    );
    assert_eq!(unpriced.snapshot().total.cost, Cost::usd(0.5));
}

#[test]
fn names_are_bounded_and_nothing_is_lost_by_it() {
    let (bus, _telemetry) = bus();
    let usage = LlmUsage::new().attach(&bus);
    let counter = EventCounter::new().attach(&bus);

    let performance = ModulePerformance::new().attach(&bus);

    for number in 0..1_000 {
        let name = format!("name-{number}");
        let told = attributes! {
            key::REQUEST_MODEL => name.clone(), key::PROVIDER_NAME => name.clone(),
            "user.id" => name.clone(), key::MODULE_NAME => name.clone(), key::TOTAL_TOKENS => 1,
        };
        bus.event("llm.generate", told);
        bus.event(format!("made.up{number}"), attributes! {});
        let module =
            attributes! { key::MODULE_NAME => name.clone(), key::MODULE_SIGNATURE => name };
        bus.event("module.complete", module);
    }

    let snapshot = usage.snapshot();
    for groups in [
        snapshot.models,
        snapshot.providers,
        snapshot.users,
        snapshot.modules,
    ] {
        assert_eq!((groups.len(), groups[0].0.as_str()), (65, "(other)"));
        let calls: u64 = groups.iter().map(|(_, figures)| figures.calls).sum();
        assert_eq!(calls, 1_000);
    }
    let modules = performance.snapshot();
    for groups in [modules.modules, modules.signatures] {
        assert_eq!((groups.len(), groups[0].0.as_str()), (129, "(other)"));
        let runs: u64 = groups.iter().map(|(_, figures)| figures.runs).sum();
        assert_eq!(runs, 1_000);
    }
    let counts = counter.snapshot();
    assert_eq!((counts.total, counts.names.len()), (3_000, 257));
    assert_eq!(
        counts.names.iter().map(|(_, count)| count).sum::<u64>(),
        3_000
    );
    assert_eq!(counts.of_category("made"), 1_000);
}

#[test]
fn figures_of_eight_threads_add_up() {
    let (bus, _telemetry) = bus();
    let usage = LlmUsage::new().attach(&bus);

    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..500 {
                    bus.event("llm.generate", attributes! { key::TOTAL_TOKENS => 2 });
                }
            });
        }
    });

    let total = usage.snapshot().total;
    assert_eq!((total.calls, total.tokens), (4_000, 8_000));
    usage.reset();
    assert_eq!(usage.snapshot().total.calls, 0);
}

#[test]
fn the_table_of_usage_is_aligned() {
    let (bus, telemetry) = bus();
    let usage = LlmUsage::new().priced_by(Pricing::new()).attach(&bus);

    telemetry.run(|| {
        let call = LlmEvent::new("openai", "gpt-4o").usage(Usage::new().input(10).cached(2));
        call.cost(Cost::usd(0.25))
            .duration(Duration::from_millis(10))
            .emit();
    });

    let printed = usage.snapshot().to_string();
    let expected = "\
model   calls  errors  retries  tokens  cached       cost      p50      p95  first p50
gpt-4o      1   0.0 %        0      12       2  $0.250000  10.0 ms  10.0 ms          -
";
    assert!(printed.starts_with(expected), "{printed}");
}

#[test]
fn modules_are_known_by_both_names_and_by_what_surrounds_them() {
    let (bus, telemetry) = bus();
    let performance = ModulePerformance::new().attach(&bus);

    telemetry.run(|| {
        ModuleEvent::complete("Barista")
            .signature("Order")
            .duration(Duration::from_millis(20))
            .emit();
        o11y_core::event(
            "module.complete",
            attributes! { "module_name" => "Barista", "success" => false },
        );
        Context::with_module(Module::new("Barista"), || {
            o11y_core::event("module.complete", attributes! {});
        });
        o11y_core::event(
            "chain_of_thought.complete",
            attributes! { "dspy.module" => "Thought" },
        );
        o11y_core::event("download.complete", attributes! {}); // of no module
    });

    let snapshot = performance.snapshot();
    let barista = snapshot.module("Barista").unwrap();
    assert_eq!(
        (barista.runs, barista.failures, barista.success_rate()),
        (3, 1, Some(2.0 / 3.0))
    );
    assert_eq!(snapshot.module("Thought").unwrap().runs, 1);
    assert_eq!((snapshot.modules.len(), snapshot.signatures.len()), (2, 1));
    assert!(
        snapshot.to_string().starts_with(
            "module   runs  success      p50      p95  longest\nBarista     3   66.7 %"
        )
    );
}

#[test]
fn a_histogram_may_be_kept_by_anybody() {
    let mut all = Histogram::new();
    let mut part = Histogram::new();
    part.record(Duration::from_secs(2));

    all.merge(&part);
    all.merge(&part);

    assert_eq!((all.count(), all.sum()), (2, Duration::from_secs(4)));
    assert_eq!(
        format!("{all:?}"),
        "Histogram(p50 2.00 s, p95 2.00 s, p99 2.00 s, 2 in all)"
    );
}

#[test]
fn an_optimisation_is_reported_in_markdown() {
    let (bus, telemetry) = bus();
    let progress = OptimizationProgress::new().attach(&bus);

    telemetry.run(|| {
        OptimizationEvent::started("MIPROv2").emit();
        for (number, score) in [(1, Some(0.5)), (2, Some(0.75)), (3, None)] {
            OptimizationEvent::trial_started("MIPROv2", number).emit();
            let trial = OptimizationEvent::trial_completed("MIPROv2", number)
                .duration(Duration::from_secs(2));
            let trial = trial.parameters(&[("temperature", number)]);
            score
                .map_or(trial.clone(), |score| trial.score(score))
                .emit();
        }
        OptimizationEvent::completed("MIPROv2")
            .duration(Duration::from_secs(6))
            .emit();
    });

    let report = progress.report("MIPROv2").unwrap();
    assert_eq!(
        report.to_string(),
        "MIPROv2: 3 trials, best 0.7500, average 0.6250, 66.7 % succeeded"
    );
    assert_eq!(
        report.to_markdown(),
        "\
# Optimisation by MIPROv2

| state | trials | succeeded | best | average | took |
|---|---:|---:|---:|---:|---:|
| complete | 3 | 66.7 % | 0.7500 | 0.6250 | 6.00 s |

Best: trial 2 with 0.7500, by `[[\"temperature\",2]]`

## Trials

| trial | score | best so far | took | parameters |
|---:|---:|---:|---:|---|
| 1 | 0.5000 | 0.5000 | 2.00 s | `[[\"temperature\",1]]` |
| 2 | 0.7500 | 0.7500 | 2.00 s | `[[\"temperature\",2]]` |
| 3 | failed | 0.7500 | 2.00 s | `[[\"temperature\",3]]` |
"
    );
}

#[test]
fn an_optimisation_keeps_a_bounded_number_of_trials_and_always_the_best() {
    let (bus, telemetry) = bus();
    let progress = OptimizationProgress::new().attach(&bus);

    telemetry.run(|| {
        for number in 1..=1_500_u32 {
            let score = if number == 1_200 { 0.9 } else { 0.1 };
            OptimizationEvent::trial_completed("random", number.into())
                .score(score)
                .emit();
        }
        for run in 0..40 {
            OptimizationEvent::started(format!("other {run}")).emit();
        }
        OptimizationEvent::started("random").emit();
    });

    let reports = progress.reports();
    assert_eq!(reports.len(), 16);
    assert_eq!(
        progress.report("random").unwrap().trials_completed,
        0,
        "the new one"
    );
    assert!(progress.report("other 0").is_none());

    let long = "x".repeat(300);
    telemetry.run(|| {
        OptimizationEvent::started(long.clone()).emit();
        OptimizationEvent::trial_completed(long.clone(), 1).emit();
    });
    assert_eq!(
        progress.report(&long).unwrap().trials_completed,
        1,
        "a name that is cut is the same name"
    );

    let progress = OptimizationProgress::new().attach(&bus);
    telemetry.run(|| {
        for number in 1..=1_500_u32 {
            let score = if number == 1_200 { 0.9 } else { 0.1 };
            OptimizationEvent::trial_completed("random", number.into())
                .score(score)
                .emit();
        }
    });
    let report = progress.report("random").unwrap();
    assert_eq!(
        (report.trials.len(), report.trials_completed),
        (1_000, 1_500)
    );
    assert_eq!(report.best_trial().map(|trial| trial.number), Some(1_200));
}

#[test]
fn an_alert_is_raised_and_cleared_once_per_crossing() {
    let (bus, telemetry) = bus();
    let slow = Alert::latency("slow", 0.5, Duration::from_secs(2))
        .of_model("gpt-4o")
        .over(4)
        .after(2);
    let failing = Alert::error_rate("failing", 0.25).over(4).after(4);
    let alerts = Alerts::new([slow, failing]).attach(&bus);
    let told = Arc::new(Mutex::new(Vec::new()));
    let _pager = bus.subscribe("alert.*", {
        let told = Arc::clone(&told);
        move |event: &Event| {
            let text = |key| {
                event
                    .attribute(key)
                    .map(ToString::to_string)
                    .unwrap_or_default()
            };
            let line = format!(
                "{} {} {} {}",
                event.name(),
                text("alert.name"),
                text("alert.value"),
                text("alert.model")
            );
            told.lock().unwrap().push(line);
        }
    });
    let call = |model: &'static str, seconds| {
        telemetry.run(|| {
            LlmEvent::new("openai", model)
                .duration(Duration::from_secs(seconds))
                .emit();
        });
    };

    for (model, seconds) in [("gpt-4o", 3), ("other", 9), ("gpt-4o", 3), ("gpt-4o", 3)] {
        call(model, seconds);
    }
    for _ in 0..4 {
        call("gpt-4o", 1);
    }
    call("gpt-4o", 3); // not enough of them to raise it again

    assert_eq!(
        *told.lock().unwrap(),
        ["alert.raised slow 3 gpt-4o", "alert.cleared slow 1 gpt-4o"]
    );
    let states = alerts.states();
    assert_eq!(
        (states[0].is_raised, states[0].raised, states[1].raised),
        (false, 1, 0)
    );
    assert_eq!(
        states[0].to_string(),
        "slow: p50 latency 1.00 s, limit 2.00 s: in order"
    );
}

#[test]
fn everybody_hears_of_crossings_in_the_order_in_which_they_happened() {
    let (bus, telemetry) = bus();
    let _alerts = Alerts::new([Alert::tokens_per_call("long", 100).over(1).after(1)]).attach(&bus);
    let call = |tokens: u64| {
        o11y_core::event("llm.generate", attributes! { key::TOTAL_TOKENS => tokens });
    };
    let _mender = bus.subscribe("alert.raised", move |_: &Event| call(1));
    let told = Arc::new(Mutex::new(Vec::new()));
    let _pager = bus.subscribe("alert.*", {
        let told = Arc::clone(&told);
        move |event: &Event| told.lock().unwrap().push(event.name().to_owned())
    });

    telemetry.run(|| {
        call(500);
        call(500);
    });

    let once = ["alert.raised", "alert.cleared"];
    assert_eq!(*told.lock().unwrap(), [once, once].concat());
}

#[test]
fn an_alert_is_raised_once_by_eight_threads_and_its_handler_may_call() {
    let (bus, telemetry) = bus();
    let alerts = Alerts::new([Alert::tokens_per_call("long", 100).after(1)]).attach(&bus);
    let raised = Arc::new(Mutex::new(0));
    let _pager = bus.subscribe("alert.raised", {
        let (raised, bus) = (Arc::clone(&raised), bus.clone());
        move |_: &Event| {
            *raised.lock().unwrap() += 1;
            bus.event("llm.generate", attributes! { key::TOTAL_TOKENS => 500 });
        }
    });

    thread::scope(|scope| {
        for _ in 0..8 {
            let telemetry = &telemetry;
            scope.spawn(|| {
                telemetry.run(|| {
                    for _ in 0..200 {
                        o11y_core::event("llm.generate", attributes! { key::TOTAL_TOKENS => 500 });
                    }
                });
            });
        }
    });

    assert_eq!(*raised.lock().unwrap(), 1);
    assert_eq!(alerts.states()[0].calls, 100);
}
