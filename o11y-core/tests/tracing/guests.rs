//! The layer is a guest: in the host's threads, among other layers, and beside the host's faults.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use o11y_core::{Context, Status, TracingLayer, testing::Recording};
use tracing::{Subscriber, debug_span, info, info_span, span, trace_span};
use tracing_subscriber::{Layer, layer::SubscriberExt as _, registry::LookupSpan};

use crate::support::{alone, recorded, recorded_with, text, with};

/// Counts what another layer sees.
#[derive(Clone, Default)]
struct Census {
    spans: Arc<AtomicUsize>,
    events: Arc<AtomicUsize>,
}

impl<S: Subscriber + for<'lookup> LookupSpan<'lookup>> Layer<S> for Census {
    fn on_new_span(
        &self,
        _attrs: &span::Attributes<'_>,
        _id: &span::Id,
        _ctx: tracing_subscriber::layer::Context<'_, S>,
    ) {
        self.spans.fetch_add(1, Ordering::Relaxed);
    }

    fn on_event(
        &self,
        _event: &tracing::Event<'_>,
        _ctx: tracing_subscriber::layer::Context<'_, S>,
    ) {
        self.events.fetch_add(1, Ordering::Relaxed);
    }
}

fn busy() {
    let span = info_span!("request", route = "/");
    let _span = span.enter();
    info!("hello");
    drop(trace_span!("detail"));
    drop(debug_span!("chat", gen_ai.request.model = "m"));
}

#[test]
fn other_layers_see_what_they_saw_before() {
    let _alone = alone();
    let (alone, below, above) = (Census::default(), Census::default(), Census::default());
    let level = tracing_subscriber::filter::LevelFilter::DEBUG;
    let subscriber = tracing_subscriber::registry().with(alone.clone().with_filter(level));
    tracing::subscriber::with_default(subscriber, busy);

    let subscriber = tracing_subscriber::registry()
        .with(below.clone().with_filter(level))
        .with(TracingLayer::new().build())
        .with(above.clone().with_filter(level));
    let recording = Recording::new();
    recording.run(|| tracing::subscriber::with_default(subscriber, busy));

    let counts = |census: &Census| {
        let of = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
        (of(&census.spans), of(&census.events))
    };
    assert_eq!(counts(&alone), (2, 1));
    assert_eq!(counts(&below), (2, 1));
    assert_eq!(counts(&above), (2, 1));
    assert_eq!(recording.outline(), "generation chat\n");
}

#[test]
fn spans_that_nobody_else_wants_are_not_even_made() {
    let _alone = alone();
    recorded(|| {
        assert!(info_span!("request").is_disabled());
        assert!(!info_span!("chat", gen_ai.request.model = "m").is_disabled());
    });
}

/// Prints as whatever its function does.
struct Printed(fn(&mut fmt::Formatter<'_>) -> fmt::Result);

impl fmt::Debug for Printed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.0)(f)
    }
}

#[test]
fn a_value_that_panics_or_cannot_be_printed_costs_only_itself() {
    let _alone = alone();
    let recording = recorded(|| {
        drop(info_span!(
            "chat",
            gen_ai.request.model = "m",
            panics = ?Printed(|_| panic!("unprintable")),
            fails = ?Printed(|_| Err(fmt::Error)),
            good = 1,
        ));
    });

    let record = recording.one("chat");
    assert_eq!(text(&record, "panics"), "<value could not be printed>");
    assert_eq!(text(&record, "fails"), "<value could not be printed>");
    assert_eq!(text(&record, "good"), "1");
}

#[test]
fn a_value_that_prints_without_end_is_cut_between_two_characters() {
    let _alone = alone();
    let recording = recorded(|| {
        let endless = Printed(|f| {
            loop {
                f.write_str("€€")?; // six bytes, of which the limit is no multiple
            }
        });
        drop(info_span!(
            "chat",
            gen_ai.request.model = "m",
            note = ?endless
        ));
    });

    let note = text(&recording.one("chat"), "note");
    assert!(note.starts_with("€€") && note.ends_with("€…[cut: longer than 4 MiB]"));
}

#[test]
fn a_value_whose_printing_is_instrumented_itself_does_not_hang() {
    let _alone = alone();
    let recording = recorded(|| {
        let call = info_span!(
            "chat",
            gen_ai.request.model = "m",
            note = tracing::field::Empty
        );
        let _call = call.enter();
        let chatty = Printed(|f| {
            tracing::Span::current().record("gen_ai.request.model", "inner");
            Context::with_span("printing", |_span| ());
            f.write_str("printed")
        });
        call.record("note", tracing::field::debug(chatty));
    });

    assert_eq!(text(&recording.one("chat"), "note"), "printed");
    assert_eq!(recording.outline(), "generation chat\n  span printing\n");
}

#[test]
fn a_filter_that_panics_has_not_said_yes() {
    let _alone = alone();
    let layer = TracingLayer::new().include(|_metadata| panic!("no opinion"));

    let recording = recorded_with(layer, || {
        drop(info_span!("request"));
        drop(info_span!("chat", gen_ai.request.model = "m"));
    });

    assert_eq!(recording.outline(), "generation chat\n");
}

#[test]
fn a_span_that_a_panic_closes_has_failed() {
    let _alone = alone();
    let recording = recorded(|| {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let _call = info_span!("chat", gen_ai.request.model = "m").entered();
            panic!("no milk");
        }));
        assert!(outcome.is_err());
        Context::with_span("after", |_span| ());
    });

    assert_eq!(recording.one("chat").status(), Status::Error);
    assert_eq!(recording.one("after").parent_id(), None);
}

#[test]
fn a_second_layer_of_the_kind_adds_nothing() {
    let _alone = alone();
    let subscriber = tracing_subscriber::registry()
        .with(TracingLayer::new().build())
        .with(TracingLayer::new().build());
    let recording = Recording::new();
    recording.run(|| {
        tracing::subscriber::with_default(subscriber, || {
            let call = info_span!("chat", gen_ai.request.model = "m");
            call.in_scope(|| Context::with_span("ours", |_span| ()));
        });
    });

    assert_eq!(recording.outline(), "generation chat\n  span ours\n");
}

#[test]
fn while_telemetry_is_off_nothing_is_kept() {
    let _alone = alone();
    tracing::dispatcher::with_default(&with(TracingLayer::new()), || {
        let call = info_span!("chat", gen_ai.request.model = "m");
        call.in_scope(|| assert_eq!(Context::current().span_id(), None));
    });
}
