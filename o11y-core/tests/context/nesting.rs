//! Spans nest as the code does, and end through errors and panics.

use std::panic::{AssertUnwindSafe, catch_unwind};

use o11y_core::{Context, Generation, Level, ObservationType, SpanSpec, Status, attributes, event};

use super::{memory, traced};

#[test]
fn closures_nest_and_return_their_value() {
    let trace = traced(|| {
        let sum = Context::with_span("outer", |span| {
            span.set_attribute("k", 1);
            Context::with_span("inner", |_span| 1) + Context::with_span("sibling", |_span| 2)
        });
        assert_eq!(sum, 3);
    });

    assert_eq!(
        memory().outline(trace),
        "span root\n  span outer\n    span inner\n    span sibling\n"
    );
}

#[test]
fn nothing_is_current_outside_of_a_span() {
    memory();

    assert_eq!(Context::current().trace_id(), None);
    let first = traced(|| ());
    let second = traced(|| ());
    assert_ne!(first, second);
}

#[test]
fn an_error_marks_its_span_and_is_returned_as_it_is() {
    let trace = traced(|| {
        let refused = Context::try_with_span("parse", |_span| "x".parse::<u8>());
        assert_eq!(refused, "x".parse::<u8>());
    });

    memory().look(trace, "parse", |record| {
        assert_eq!(record.status(), Status::Error);
        assert_eq!(record.level(), Level::Error);
        assert_eq!(
            record.status_message(),
            Some("invalid digit found in string")
        );
        let kind = record
            .attribute("error.type")
            .and_then(o11y_core::Value::as_str);
        assert_eq!(kind, Some("core::num::error::ParseIntError"));
    });
    memory().look(trace, "root", |record| {
        assert_eq!(record.status(), Status::Unset);
    });
}

#[test]
fn the_causes_of_an_anyhow_error_are_part_of_the_message() {
    use anyhow::Context as _;

    let trace = traced(|| {
        let _failed = Context::try_with_span("read", |_span| -> anyhow::Result<u8> {
            "x".parse::<u8>().context("no number of cups")
        });
    });

    memory().look(trace, "read", |record| {
        assert_eq!(
            record.status_message(),
            Some("no number of cups: invalid digit found in string")
        );
    });
}

#[test]
fn a_panic_marks_every_span_it_passes_and_goes_on() {
    let trace = traced(|| {
        let missing = String::from("beans");
        let caught = catch_unwind(AssertUnwindSafe(|| {
            Context::with_span("outer", |_span| {
                Context::with_span("inner", |_span| panic!("out of {missing}"))
            })
        }));
        let payload = caught.expect_err("the panic goes on");
        assert_eq!(
            payload.downcast_ref::<String>().map(String::as_str),
            Some("out of beans")
        );
        Context::with_span("after", |_span| ());
    });

    assert_eq!(
        memory().outline(trace),
        "span root\n  span after\n  span outer [ERROR]\n    span inner [ERROR]\n"
    );
    memory().look(trace, "inner", |record| {
        assert_eq!(record.status_message(), Some("panicked: out of beans"));
    });
}

#[test]
fn a_description_in_full_reaches_the_record() {
    let spec = SpanSpec::new(String::from("search"))
        .observation(ObservationType::Retriever)
        .level(Level::Debug)
        .attribute("top_k", 3)
        .input(&["flat", "white"][..]);
    let trace = traced(|| Context::with_span(spec, |span| span.set_output("found")));

    memory().look(trace, "search", |record| {
        assert_eq!(record.observation(), ObservationType::Retriever);
        assert_eq!(record.level(), Level::Debug);
        let text = |key| record.attribute(key).and_then(|value| value.as_str());
        assert_eq!(text(o11y_core::key::INPUT), Some(r#"["flat","white"]"#));
        assert_eq!(text(o11y_core::key::OUTPUT), Some("found"));
    });
}

#[test]
fn an_input_set_again_while_the_span_is_open_is_the_one_that_counts() {
    let spec = SpanSpec::new("corrected").input("first");
    let trace = traced(|| Context::with_span(spec, |span| span.set_input("second")));

    memory().look(trace, "corrected", |record| {
        let input = record.attribute(o11y_core::key::INPUT);
        assert_eq!(input.and_then(o11y_core::Value::as_str), Some("second"));
        assert_eq!(record.attributes().len(), 1);
    });
}

#[test]
fn an_event_inside_a_span_becomes_an_instant_observation() {
    let trace = traced(|| event("react.iteration_complete", attributes! { "iteration" => 1 }));
    event("outside.of_any_span", attributes! {});

    assert_eq!(memory().count("outside.of_any_span"), 0);
    memory().look(trace, "react.iteration_complete", |record| {
        assert_eq!(record.observation(), ObservationType::Event);
        assert!(record.duration().is_zero());
        assert_eq!(
            record
                .attribute("iteration")
                .and_then(o11y_core::Value::as_i64),
            Some(1)
        );
    });
}

#[test]
fn a_model_call_several_spans_deep_belongs_to_the_trace() {
    let spec = |name| SpanSpec::new(name).observation(ObservationType::Chain);
    let trace = traced(|| {
        Context::with_span(spec("plan"), |_span| {
            Context::with_span(spec("think"), |_span| {
                let call = Generation::new("openai", "gpt-4o-mini");
                let answer = Context::generation_blocking(call, |_call| -> anyhow::Result<u8> {
                    Context::with_span("parse", |_span| Ok(42))
                });
                assert_eq!(answer.expect("no veto"), 42);
            });
        });
    });

    assert_eq!(
        memory().outline(trace),
        "span root\n  chain plan\n    chain think\n      generation llm.generate\n        span parse\n"
    );
}
