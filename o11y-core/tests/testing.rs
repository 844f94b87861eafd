//! The recording that users' tests are written with.

#![cfg(feature = "testing")]

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
};

use o11y_core::{
    Context, Event, Level, ObservationType, SpanSpec, Veto, attributes, event, testing::Recording,
    try_event,
};

#[test]
fn recordings_of_parallel_tests_do_not_see_each_other() {
    let recordings: Vec<_> = (0..8).map(|_| Recording::new()).collect();

    thread::scope(|threads| {
        for (number, recording) in recordings.iter().enumerate() {
            threads.spawn(move || {
                let _here = recording.attach();
                for _ in 0..=number {
                    Context::with_span("brew", |_span| event("cup.filled", attributes! {}));
                }
            });
        }
    });

    for (number, recording) in recordings.iter().enumerate() {
        let cups = recording.of_type(ObservationType::Event);
        assert_eq!(
            (cups.len(), recording.records().len()),
            (number + 1, 2 * number + 2)
        );
    }
}

#[test]
fn an_outline_shows_order_failures_and_the_attributes_that_are_asked_for() {
    let recording = Recording::new();
    let _closed = recording
        .events()
        .subscribe("order.*", |_: &Event| Err(Veto::new("closed")));

    recording.run(|| {
        Context::with_span("serve", |span| {
            span.set_attribute("order", "latte");
            span.set_attribute("table", 7);
            let _refused = try_event("order.placed", attributes! {});
            let failed = Context::try_with_span("brew", |_span| Err::<(), _>("no beans"));
            let spec = SpanSpec::new("look").observation(ObservationType::Tool);
            Context::with_span(spec.level(Level::Debug), |_span| failed.is_err())
        })
    });

    let lines = |lines: &[&str]| lines.join("\n") + "\n";
    let veto = "vetoed by the subscriber of `order.*`: closed";
    assert_eq!(
        recording.outline().with(["order"]),
        &*lines(&[
            "span serve order=latte",
            &format!("  event order.placed [WARNING: {veto}]"),
            "  span brew [ERROR: no beans]",
            "  tool look [DEBUG]",
        ])
    );
    let all = recording.outline().by_name().with_all().to_string();
    assert!(
        all.starts_with("span serve order=latte table=7\n  span brew [ERROR"),
        "{all}"
    );
}

#[test]
fn ids_and_times_of_an_outline_are_the_same_at_every_run() {
    let run = || {
        let recording = Recording::new();
        recording.run(|| {
            Context::with_span("serve", |span| {
                let here = Context::current();
                let (trace, root) = (here.trace_id().unwrap(), here.span_id().unwrap());
                span.set_attribute("link", format!("/{trace}/{root}"));
                event("cup.filled", attributes! { "of" => root.to_string() });
                let brew = Context::start_span("brew");
                Context::with_span("look", |_span| drop(brew));
            });
            Context::with_span("wash", |_span| ());
        });
        recording
            .outline()
            .with_all()
            .with_ids()
            .with_times()
            .to_string()
    };

    let expected = "#1 1..8 span serve link=/trace 1/#1\n\
                    \x20 #2 2..3 event cup.filled of=#1\n\
                    \x20 #3 4..6 span brew\n\
                    \x20 #4 5..7 span look\n\
                    #5 9..10 span wash\n";
    for _ in 0..3 {
        assert_eq!(run(), expected);
    }
}

#[test]
fn spans_are_found_by_name_type_and_parent() {
    let recording = Recording::new();
    recording.run(|| {
        Context::with_span("serve", |_span| {
            Context::with_span("brew", |_span| ());
            Context::with_span("brew", |_span| ());
        });
    });

    let serve = recording.one("serve");
    let named = |name| recording.named(name).len();
    assert_eq!((named("brew"), named("wash")), (2, 0));
    assert_eq!(recording.children_of(&serve).len(), 2);
    let failed = catch_unwind(AssertUnwindSafe(|| recording.one("brew"))).unwrap_err();
    let message = failed.downcast_ref::<String>().unwrap();
    assert!(message.starts_with("2 spans of the name \"brew\" have ended, not one:\nspan serve"));

    recording.clear();
    assert_eq!(recording.outline(), "");
}
