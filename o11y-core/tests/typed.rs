//! Typed events say what the mirrored system's do, are read back as they were told, and bill
//! nothing by themselves.

use std::time::Duration;

use o11y_core::{
    Attributes, Context, Cost, EvaluationEvent, Event, LlmEvent, Module, ModuleEvent,
    ObservationType, OptimizationEvent, OptimizationPhase, Usage, Value, ValueRef, Veto,
    attributes, events, key,
};
use proptest::prelude::*;

#[path = "support/memory.rs"]
mod memory;
use memory::memory;

fn call() -> LlmEvent {
    LlmEvent::new("openai", "gpt-4o-mini")
}

fn read(name: &'static str, attributes: Attributes) -> Option<LlmEvent> {
    LlmEvent::from_event(&Event::new(name, attributes))
}

#[test]
fn a_call_fills_the_keys_that_a_real_call_fills() {
    let event = Event::from(
        call()
            .response_model("gpt-4o-mini-2024-07-18")
            .usage(Usage::new().input(23).cached(8).output(2))
            .cost(Cost::usd(0.000_1))
            .duration(Duration::from_micros(1_250_500))
            .temperature(0.7)
            .max_tokens(100)
            .finish_reasons(&["stop"]),
    );

    assert_eq!(event.name(), "llm.generate");
    let expected = attributes! {
        key::INPUT_TOKENS => 31,
        key::OUTPUT_TOKENS => 2,
        key::PROMPT_TOKENS => 31,
        key::COMPLETION_TOKENS => 2,
        key::USAGE => Usage::new().input(23).cached(8).output(2),
        key::TOTAL_TOKENS => 33,
        key::PROVIDER_NAME => "openai",
        key::REQUEST_MODEL => "gpt-4o-mini",
        key::RESPONSE_MODEL => "gpt-4o-mini-2024-07-18",
        key::COST => Cost::usd(0.000_1),
        key::DURATION_MS => 1_250.5,
        key::REQUEST_TEMPERATURE => 0.7,
        key::REQUEST_MAX_TOKENS => 100,
        key::FINISH_REASONS => r#"["stop"]"#,
    };
    assert_eq!(*event.attributes(), expected);
}

#[test]
fn false_and_zero_are_told_and_nothing_else_is() {
    let stream = Event::from(call().stream(false).temperature(0.0).max_tokens(0));
    let module = Event::from(ModuleEvent::complete("Barista").success(false));
    let outcome = Event::from(EvaluationEvent::new("Barista").passed(false).score(0.0));

    let of = |event: &Event, key: &str| event.attribute(key).cloned();
    assert_eq!(of(&stream, key::REQUEST_STREAM), Some(false.into()));
    assert_eq!(of(&stream, key::REQUEST_TEMPERATURE), Some(0.0.into()));
    assert_eq!(of(&stream, key::REQUEST_MAX_TOKENS), Some(0.into()));
    assert_eq!(stream.attributes().len(), 5); // with provider and model
    assert_eq!(of(&module, key::MODULE_SUCCESS), Some(false.into()));
    assert_eq!(module.attributes().len(), 2);
    assert_eq!(of(&outcome, key::EVALUATION_PASSED), Some(false.into()));
    assert_eq!(of(&outcome, key::EVALUATION_SCORE), Some(0.0.into()));
}

#[test]
fn any_provider_is_taken_and_written_in_lower_case() {
    for (given, kept) in [
        ("OpenAI", "openai"),
        ("mistral", "mistral"),
        ("AWS Bedrock", "aws bedrock"),
        ("ΔΕΛΤΑ", "δελτα"),
        ("", ""),
    ] {
        let event = Event::from(LlmEvent::new(given, "m"));

        let provider = event.attribute(key::PROVIDER_NAME).and_then(Value::as_str);
        assert_eq!(provider, Some(kept));
    }
    let told = read("llm.generate", attributes! { "gen_ai.system" => "Groq" });
    assert_eq!(told.unwrap().provider(), Some("groq"));
}

#[test]
fn an_error_makes_it_an_error_event_unless_it_has_a_name_of_its_own() {
    assert_eq!(call().error_type("timeout").name(), "llm.error");
    assert_eq!(call().error_type(None::<&str>).name(), "llm.generate");
    let own = call().named("llm.retry").error_type("timeout");
    assert_eq!(
        (own.name(), own.get_error_type()),
        ("llm.retry", Some("timeout"))
    );
    let ends = [call(), call().error_type("timeout")].map(|end| end.is_end());
    assert_eq!(ends, [true, true]);
    assert!(!LlmEvent::request("openai", "gpt-4o-mini").is_end());
}

#[test]
fn older_and_mirrored_names_are_understood() {
    let older = read(
        "llm.generate",
        attributes! {
            "gen_ai.system" => "openai",
            "model" => "gpt-4",
            "gen_ai.usage.prompt_tokens" => 100,
            "gen_ai.usage.completion_tokens" => 50,
            "duration_ms" => 1_250,
            "stream" => false,
            "finish_reason" => "stop",
        },
    )
    .unwrap();

    let expected = LlmEvent::new("openai", "gpt-4")
        .usage(Usage::new().input(100).output(50))
        .stream(false)
        .finish_reasons("stop");
    assert_eq!(older.get_duration(), Some(Duration::from_millis(1_250)));
    assert_eq!(older, expected.duration(Duration::from_millis(1_250)));
    assert_eq!(older.get_finish_reasons(), ["stop"]);

    let short = read(
        "lm.tokens",
        attributes! { "gen_ai.request.model" => "gpt-4", "input_tokens" => 9, "cached_tokens" => 4, "output_tokens" => 1 },
    );
    let usage = short.unwrap().get_usage();
    assert_eq!(usage, Some(Usage::new().input(5).cached(4).output(1)));
}

#[test]
fn the_current_name_wins_over_an_older_one_and_a_wrong_type_over_neither() {
    let told = read(
        "llm.generate",
        attributes! {
            "duration_ms" => 1,
            key::DURATION_MS => 2,
            key::REQUEST_STREAM => "yes",
            "stream" => true,
            key::REQUEST_MAX_TOKENS => -1,
            key::INPUT_TOKENS => "many",
            key::PROMPT_TOKENS => 3,
            key::COST => "dear",
        },
    )
    .unwrap();

    assert_eq!(told.get_duration(), Some(Duration::from_millis(2)));
    assert_eq!(told.get_stream(), Some(true));
    assert_eq!(told.get_max_tokens(), None);
    assert_eq!(told.get_usage(), Some(Usage::new().input(3)));
    assert_eq!(told.get_cost(), None);
}

#[test]
fn a_total_alone_is_a_total_and_no_class() {
    let told = read("llm.generate", attributes! { key::TOTAL_TOKENS => 150 }).unwrap();

    assert_eq!(
        (told.get_usage(), told.get_total_tokens()),
        (None, Some(150))
    );
}

#[test]
fn the_order_of_usage_and_total_does_not_matter() {
    let usage = Usage::new().input(3).output(4);

    assert_eq!(call().usage(usage).total_tokens(7), call().usage(usage));
    assert_eq!(call().total_tokens(7).usage(usage), call().usage(usage));
    let more = call().usage(usage).total_tokens(9);
    assert_eq!(more.get_total_tokens(), Some(9));
    assert_eq!(LlmEvent::from_event(&Event::from(more.clone())), Some(more));
}

#[test]
fn what_is_not_about_a_call_and_what_only_repeats_is_not_read() {
    assert!(read("deploy.done", attributes! { "model" => "T" }).is_none());
    assert!(read("llmish", attributes! {}).is_none());
    assert!(read("chat.done", attributes! { key::PROVIDER_NAME => "groq" }).is_some());
    let mirror = attributes! { key::TOTAL_TOKENS => 5, key::MIRROR => true };
    assert!(read("lm.tokens", mirror).is_none());
}

#[test]
fn a_request_is_vetoed_by_what_its_estimate_says() {
    let careful = events().subscribe("llm.request", |event: &Event| {
        let call = LlmEvent::from_event(event).unwrap();
        match call.get_estimate() {
            Some(900) if call.model() == Some("vetoed-model") => Err(Veto::new("too large")),
            _ => Ok(()),
        }
    });

    let request = || LlmEvent::request("openai", "vetoed-model");

    assert!(request().estimate(900).try_emit().is_err());
    assert!(request().estimate(100).try_emit().is_ok());
    drop(careful);
}

#[test]
fn the_request_that_is_served_is_known_where_the_event_does_not_say_it() {
    let event = Context::with_request("req-1", || Event::from(call()));

    let told = LlmEvent::from_event(&event).unwrap();

    assert_eq!(told.get_request_id(), Some("req-1"));
}

#[test]
fn inside_a_span_it_becomes_an_observation_of_type_event() {
    memory();

    let trace = Context::with_span("root", |span| {
        call().usage(Usage::new().input(1)).emit();
        ModuleEvent::complete("Barista").input("order").emit();
        Event::from(EvaluationEvent::new("Barista"))
            .unrecorded()
            .emit();
        span.context().trace_id().unwrap()
    });

    assert_eq!(
        memory().outline(trace),
        "span root\n  event llm.generate\n  event module.complete\n"
    );
    memory().look(trace, "module.complete", |record| {
        assert_eq!(record.observation(), ObservationType::Event);
        let input = record.attributes().get(key::INPUT).map(Value::as_ref);
        assert_eq!(input, Some(ValueRef::Text("order")));
    });
}

#[test]
fn a_module_is_known_by_its_older_keys_or_by_where_it_works() {
    let of =
        |name: &'static str, attributes| ModuleEvent::from_event(&Event::new(name, attributes));

    let older = of(
        "chain_of_thought.complete",
        attributes! {
            "module_name" => "Barista",
            "signature_name" => "OrderToDrink",
            "input_fields" => &["order"],
            "success" => false,
            "duration_ms" => 500,
        },
    );
    let expected = ModuleEvent::complete("Barista")
        .named("chain_of_thought.complete")
        .signature("OrderToDrink")
        .input(&["order"])
        .success(false)
        .duration(Duration::from_millis(500));
    assert_eq!(older, Some(expected));

    let around = Context::with_module(Module::new("Waiter"), || {
        of("module.complete", attributes! { "success" => true })
    });
    assert_eq!(around.unwrap().module(), Some("Waiter"));
    assert_eq!(
        of("module.complete", attributes! {}).unwrap().module(),
        None
    );
    assert_eq!(
        of("react.complete", attributes! { "success" => true }),
        None
    );
}

#[test]
fn an_optimisation_has_phases_under_both_sets_of_names() {
    use OptimizationPhase::{Completed, Started, TrialCompleted, TrialStarted};

    let told = [
        OptimizationEvent::started("MIPROv2"),
        OptimizationEvent::trial_started("MIPROv2", 1),
        OptimizationEvent::trial_completed("MIPROv2", 1),
        OptimizationEvent::completed("MIPROv2"),
        OptimizationEvent::started("MIPROv2").named("optimization.session_start"),
        OptimizationEvent::started("MIPROv2").named("optimization.trial_end"),
        OptimizationEvent::started("MIPROv2").named("optimization.session_complete"),
        OptimizationEvent::started("MIPROv2").named("optimization.error"),
        OptimizationEvent::started("MIPROv2").named("start"),
    ];

    assert_eq!(
        told.map(|step| step.phase()),
        [
            Some(Started),
            Some(TrialStarted),
            Some(TrialCompleted),
            Some(Completed),
            Some(Started),
            Some(TrialCompleted),
            Some(Completed),
            None,
            None,
        ]
    );
}

#[test]
fn an_optimisation_and_an_evaluation_are_read_from_the_mirrored_names() {
    let trial = Event::new(
        "optimization.trial_complete",
        attributes! { "optimizer_name" => "MIPROv2", "trial_number" => 5, "score" => 0.85, "best_score" => 0.92, "parameters" => r#"{"temperature":0.7}"# },
    );
    let expected = OptimizationEvent::trial_completed("MIPROv2", 5)
        .score(0.85)
        .best_score(0.92)
        .parameters(r#"{"temperature":0.7}"#);
    assert_eq!(OptimizationEvent::from_event(&trial), Some(expected));

    let batch = Event::new(
        "evals.batch.complete",
        attributes! { "program" => "Barista", "total_examples" => 10, "passed_examples" => 8, "score" => 1 },
    );
    let expected = EvaluationEvent::new("Barista")
        .named("evals.batch.complete")
        .total_examples(10)
        .passed_examples(8)
        .score(1.0);
    assert_eq!(EvaluationEvent::from_event(&batch), Some(expected));

    let other = Event::new(
        "deploy.done",
        attributes! { "program" => "x", "score" => 1 },
    );
    assert_eq!(EvaluationEvent::from_event(&other), None);
    assert_eq!(OptimizationEvent::from_event(&other), None);
}

#[test]
fn odd_numbers_are_not_said() {
    let step = OptimizationEvent::started("MIPROv2")
        .score(f64::NAN)
        .best_score(f64::INFINITY)
        .trial(u64::MAX);

    assert_eq!((step.get_score(), step.get_best_score()), (None, None));
    assert_eq!(step.get_trial(), Some(i64::MAX.unsigned_abs()));
}

#[test]
fn debug_output_shows_what_is_said_and_no_content() {
    let work = ModuleEvent::complete("Barista")
        .input("secret")
        .success(false);

    assert_eq!(
        format!("{work:?}"),
        r#"ModuleEvent { name: "module.complete", module: Text(7 bytes), success: Bool(false), input: Text(6 bytes) }"#
    );
}

proptest! {
    #[test]
    fn a_call_is_read_back_as_it_was_told(
        (provider, model, reason) in (".*", ".*", ".*"),
        (input, cached, reasoning) in (0..1_u64 << 40, 0..1_u64 << 40, 0..1_u64 << 40),
        total in proptest::option::of(0..1_u64 << 50),
        millis in 0..1_u64 << 26, // 18 hours
        temperature in any::<f64>(),
        stream in any::<bool>(),
    ) {
        let mut told = LlmEvent::new(provider, model)
            .usage(Usage::new().input(input).cached(cached).reasoning(reasoning))
            .cost(Cost::from_picodollars(input))
            .duration(Duration::from_millis(millis))
            .temperature(temperature)
            .finish_reasons(&[&reason])
            .call_id("00f067aa0ba902b7")
            .request_id("req-1")
            .stream(stream);
        if let Some(total) = total {
            told = told.total_tokens(total);
        }

        let read = LlmEvent::from_event(&Event::from(told.clone())).unwrap();

        prop_assert_eq!(read.get_duration(), Some(Duration::from_millis(millis)));
        prop_assert_eq!(read.get_finish_reasons(), vec![reason]);
        prop_assert_eq!(read, told);
    }

    #[test]
    fn reading_any_event_never_fails_and_reads_nothing_odd(
        name in "(llm|lm|module|optimization|evaluation|evals)[.].*",
        key in prop_oneof![
            Just(key::DURATION_MS), Just("cached_tokens"), Just(key::TOTAL_TOKENS),
            Just(key::INPUT_TOKENS), Just(key::FINISH_REASONS), Just("score"),
        ],
        number in any::<f64>(), text in ".*", whole in any::<i64>(), kind in 0..3,
    ) {
        let value = match kind { 0 => Value::from(number), 1 => text.into(), _ => whole.into() };
        let mut attributes = Attributes::new();
        attributes.set(key, value);
        let event = Event::new(name, attributes);

        if let Some(call) = LlmEvent::from_event(&event) {
            prop_assert!(call.get_usage().is_none() || call.get_total_tokens().is_some());
            drop((call.get_duration(), call.get_finish_reasons()));
        }
        let score = EvaluationEvent::from_event(&event).and_then(|outcome| outcome.get_score());
        prop_assert!(score.is_none_or(f64::is_finite));
        prop_assert!(ModuleEvent::from_event(&event).is_none_or(|work| work.module().is_none()));
    }
}
