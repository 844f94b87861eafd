//! Scores as data: what is refused, what they judge, and what travels on the bus.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    sync::{Arc, Mutex},
    time::{Duration, UNIX_EPOCH},
};

use o11y_core::{
    Attributes, Context, Event, Score, ScoreDataType, ScoreValue, SpanId, TraceAttributes, TraceId,
    Value, attributes, events, key, score,
};
use proptest::prelude::*;

#[path = "support/memory.rs"]
mod support;
use support::memory;

fn trace() -> TraceId {
    TraceId::random()
}

/// What subscribers make of the events that `emit` leads to, by the id of their score.
fn heard(id: &'static str, emit: impl FnOnce()) -> Vec<Result<Score, String>> {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hearing = Arc::clone(&heard);
    let subscription = events().subscribe(Score::EVENT, move |event: &Event| {
        if event.attribute(key::SCORE_ID).and_then(Value::as_str) == Some(id) {
            let read = Score::from_event(event).map_err(|error| error.to_string());
            hearing.lock().unwrap().push(read);
        }
    });
    emit();
    drop(subscription);
    std::mem::take(&mut *heard.lock().unwrap())
}

#[test]
fn a_score_is_of_the_current_trace_and_travels_whole() {
    memory();
    let moment = UNIX_EPOCH + Duration::new(1_700_000_000, 123_456_789);
    let mut given = None;

    let heard = heard("whole", || {
        let place = TraceAttributes::new().environment("staging");
        Context::with_trace(place, || {
            Context::with_span("judged", |span| {
                let made = Score::numeric("accuracy", 0.95)
                    .id("whole")
                    .comment("close")
                    .metadata("model", "judge-1")
                    .metadata("votes", 3)
                    .metadata("nothing", None::<i64>)
                    .config_id("config")
                    .queue_id("queue")
                    .timestamp(moment);
                let trace = Context::current().trace_id();
                given = Some((score(made).unwrap(), trace, span.is_recording()));
            });
        });
    });

    let (given, trace, is_recording) = given.unwrap();
    assert!(is_recording);
    assert_eq!(heard, [Ok(given.clone())]);
    assert_eq!(given.trace_id(), trace);
    assert_eq!(given.observation_id(), None);
    assert_eq!(given.is_sampled(), Some(true));
    assert_eq!(given.get_environment(), Some("staging"));
    assert_eq!(given.timestamp_text(), "2023-11-14T22:13:20.123Z");
    assert_eq!(given.metadata_entries().count(), 2);
    assert_eq!(memory().count(Score::EVENT), 0, "it is no observation");
}

#[test]
fn ids_are_random_unless_one_is_given() {
    let accuracy = || Score::numeric("accuracy", 1.0).trace(trace());

    let first = score(accuracy()).unwrap();
    let second = score(accuracy()).unwrap();

    assert_eq!(first.get_id().map(str::len), Some(32));
    assert_ne!(first.get_id(), second.get_id());
}

#[test]
fn each_target_is_what_it_says() {
    memory();
    let of_trace = score(Score::boolean("ok", true).trace(trace())).unwrap();
    let of_session = score(Score::boolean("ok", true).session("s")).unwrap();
    let of_run = score(Score::boolean("ok", true).dataset_run("r")).unwrap();
    let (of_span, of_current, ids) = Context::with_span("judged", |span| {
        let current = Context::current();
        (
            score(Score::boolean("ok", true).of_span(span)).unwrap(),
            score(Score::boolean("ok", true).of_current_span()).unwrap(),
            (current.trace_id(), current.span_id()),
        )
    });

    assert!(of_trace.trace_id().is_some());
    assert_eq!(of_trace.is_sampled(), None, "nobody knows here");
    assert_eq!(of_session.session_id(), Some("s"));
    assert_eq!(of_session.trace_id(), None);
    assert_eq!(of_run.dataset_run_id(), Some("r"));
    assert_eq!((of_span.trace_id(), of_span.observation_id()), ids);
    assert_eq!((of_current.trace_id(), of_current.observation_id()), ids);
    assert!(ids.1.is_some());
}

#[test]
fn a_session_is_judged_without_the_trace_that_is_open() {
    memory();

    let given = Context::with_span("judged", |_span| {
        score(Score::text("mood", "fine").session("s")).unwrap()
    });

    assert_eq!(given.trace_id(), None);
}

/// Every refusal names the part and what is accepted, and gives the score back.
#[test]
fn what_langfuse_would_not_take_is_refused_by_name() {
    memory();
    let good = || Score::numeric("n", 1.0).trace(trace());
    let long = "x".repeat(801);
    for (bad, field, says) in [
        (Score::numeric("", 1.0), "name", "is empty"),
        (Score::numeric("n", f64::NAN), "value", "is NaN"),
        (Score::numeric("n", f64::INFINITY), "value", "is inf"),
        (Score::text("n", ""), "value", "1 to 500"),
        (Score::text("n", "x".repeat(501)), "value", "has 501"),
        // 251 characters of two UTF-16 units each.
        (Score::text("n", "🦀".repeat(251)), "value", "has 502"),
        (good().id(""), "id", "is empty"),
        (good().id(long), "id", "has 801"),
        (good().id("a\rb"), "id", "carriage return"),
        (good().config_id(""), "config_id", "is empty"),
        (good().queue_id(""), "queue_id", "is empty"),
        (Score::numeric("n", 1.0).session(""), "session", "is empty"),
        (good().session("s"), "trace", "exactly one"),
        (
            Score::numeric("n", 1.0).session("s").dataset_run("r"),
            "trace",
            "exactly one",
        ),
        (
            Score::numeric("n", 1.0)
                .session("s")
                .observation(SpanId::random()),
            "observation",
            "a trace",
        ),
        (
            Score::correction("better").session("s"),
            "session",
            "a trace",
        ),
        (
            Score::correction("better").trace(trace()).config_id("c"),
            "config_id",
            "none",
        ),
        (good().environment("Prod"), "environment", "lower-case"),
        (
            good().environment("langfuse-x"),
            "environment",
            "lower-case",
        ),
        (
            good().timestamp(UNIX_EPOCH - Duration::from_secs(1)),
            "timestamp",
            "1970",
        ),
        (Score::numeric("n", 1.0), "trace", "inside of a span"),
    ] {
        let refused = score(bad.clone()).unwrap_err();

        assert_eq!(refused.field(), field, "{refused}");
        assert!(refused.to_string().contains(says), "{refused}");
        let returned = refused.into_score().unwrap();
        // NaN equals nothing, not even itself.
        assert_eq!(format!("{returned:?}"), format!("{bad:?}"));
    }
}

#[test]
fn a_text_of_five_hundred_characters_is_taken() {
    let made = Score::text("note", "é".repeat(500)).trace(trace());

    assert!(score(made).is_ok());
}

#[test]
fn an_event_emitted_by_hand_with_the_mirrored_names_is_a_score() {
    let emit = |attributes: Attributes| {
        heard("by hand", || {
            Event::new("score.create", attributes).unrecorded().emit();
        })
    };

    let heard = emit(attributes! {
        "score_id" => "by hand",
        "score_name" => "is_valid",
        "score_value" => 1,
        "score_data_type" => "BOOLEAN",
        "score_comment" => "well formed",
        "trace_id" => "0af7651916cd43dd8448eb211c80319c",
        "observation_id" => "00f067aa0ba902b7",
        "timestamp" => "2026-01-31T23:59:59+01:00",
    });

    let [Ok(read)] = &heard[..] else {
        panic!("{heard:?}");
    };
    assert_eq!(read.name(), "is_valid");
    assert_eq!(read.value(), ScoreValue::Boolean(true));
    assert_eq!(read.get_comment(), Some("well formed"));
    assert_eq!(read.timestamp_text(), "2026-01-31T22:59:59.000Z");
    let id = read.observation_id().map(|id| id.to_string());
    assert_eq!(id.as_deref(), Some("00f067aa0ba902b7"));
}

#[test]
fn the_type_that_fits_is_taken_where_none_is_named() {
    for (value, expected) in [
        (Value::from(0.5), ScoreDataType::Numeric),
        (Value::from(2), ScoreDataType::Numeric),
        (Value::from(true), ScoreDataType::Boolean),
        (Value::from("good"), ScoreDataType::Categorical),
    ] {
        let event = Event::new(
            Score::EVENT,
            attributes! { "score_name" => "n", "score_value" => value, "session_id" => "s" },
        );

        assert_eq!(Score::from_event(&event).unwrap().data_type(), expected);
    }
}

#[test]
fn an_event_that_is_no_score_is_refused_by_name() {
    let good = || attributes! { "score_name" => "n", "score_value" => 1, "session_id" => "s" };
    let with = |key: &'static str, value: Value| {
        let mut attributes = good();
        attributes.set(key, value);
        attributes
    };
    for (attributes, field) in [
        (attributes! {}, "name"),
        (attributes! { "score_name" => "n" }, "value"),
        (
            attributes! { "score_name" => "n", "score_value" => 1 },
            "trace",
        ),
        (with("score_data_type", "numeric".into()), "data_type"),
        (with("score_data_type", "TEXT".into()), "value"),
        (with("score_data_type", "CATEGORICAL".into()), "value"),
        (with("trace_id", "42".into()), "trace"),
        (with("observation_id", "42".into()), "observation"),
        (with("timestamp", "yesterday".into()), "timestamp"),
        (with("score_id", "".into()), "id"),
    ] {
        let refused = Score::from_event(&Event::new(Score::EVENT, attributes)).unwrap_err();

        assert_eq!(refused.field(), field, "{refused}");
    }
}

#[test]
fn two_is_no_truth() {
    let event = Event::new(
        Score::EVENT,
        attributes! {
            "score_name" => "n", "score_value" => 2, "score_data_type" => "BOOLEAN", "session_id" => "s",
        },
    );

    assert_eq!(Score::from_event(&event).unwrap_err().field(), "value");
}

#[test]
fn debug_output_shows_no_content() {
    let made = Score::text("note", "a secret remark")
        .comment("another secret")
        .metadata("key", "a third secret")
        .trace(trace());

    let shown = format!("{made:?} {:?}", made.value());
    let error = score(made.session("s")).unwrap_err();

    assert!(!shown.contains("secret"), "{shown}");
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains("secret"), "{shown}");
}

#[test]
fn a_trace_is_sampled_everywhere_alike() {
    let traces: Vec<_> = (0..4_000).map(|_| trace()).collect();
    let kept = |share| {
        traces
            .iter()
            .filter(|trace| trace.is_sampled_at(share))
            .count()
    };

    assert_eq!((kept(0.0), kept(1.0)), (0, 4_000));
    assert!((800..1_200).contains(&kept(0.25)), "{}", kept(0.25));
    assert!(
        traces
            .iter()
            .all(|trace| !trace.is_sampled_at(0.25) || trace.is_sampled_at(0.5))
    );
}

fn any_score() -> impl Strategy<Value = Score> {
    let value = prop_oneof![
        proptest::num::f64::NORMAL.prop_map(|number| Score::numeric("n", number)),
        any::<i32>().prop_map(|number| Score::numeric("n", number.into())),
        any::<bool>().prop_map(|yes| Score::boolean("b", yes)),
        ".{0,60}".prop_map(|label| Score::categorical("c", label)),
        ".{1,60}".prop_map(|text| Score::text("t", text)),
        ".{0,60}".prop_map(Score::correction),
    ];
    let extras = (
        proptest::option::of(".{0,60}"),
        proptest::collection::vec(("[a-z.]{0,8}", ".{0,30}"), 0..6),
        any::<[u8; 16]>(),
        0_u64..4_000_000_000_000,
    );
    (value, extras).prop_map(|(score, (comment, metadata, id, millis))| {
        let mut score = score
            .timestamp(UNIX_EPOCH + Duration::from_millis(millis))
            .id("any");
        if let Some(id) = TraceId::from_bytes(id) {
            score = score.trace(id);
        } else {
            score = score.trace(trace());
        }
        if let Some(comment) = comment {
            score = score.comment(comment);
        }
        for (key, value) in metadata {
            score = score.metadata(key, value);
        }
        score
    })
}

proptest! {
    #[test]
    fn any_score_reads_back_from_its_event(made in any_score()) {
        let mut given = None;

        let heard = heard("any", || given = Some(score(made).unwrap()));

        prop_assert_eq!(heard, [Ok(given.unwrap())]);
    }
}
