//! The switch is the process's, so what it does is told here in one go.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use o11y_core::{
    Context, Ended, Observability, Record, Sink, SpanSpec, Value, attributes, event, events,
};

#[derive(Default)]
struct Counting {
    started: AtomicUsize,
    ended: AtomicUsize,
}

impl Sink for Counting {
    fn wants_starts(&self) -> bool {
        true
    }

    fn on_start(&self, record: &Record) {
        assert!(!record.name().is_empty());
        self.started.fetch_add(1, Ordering::Relaxed);
    }

    fn on_end(&self, ended: Ended<'_>) {
        self.ended.fetch_add(1, Ordering::Relaxed);
        // A sink that opens spans itself must not meet them again.
        Context::with_span("inside the sink", |_span| ());
        assert!(ended.record().name() != "break", "a sink that panics");
    }
}

/// A value that must not be asked for.
struct Unwanted;

impl From<Unwanted> for Value {
    fn from(_: Unwanted) -> Self {
        panic!("converted although nothing is recorded")
    }
}

#[test]
fn spans_are_recorded_only_while_it_is_on() {
    let counting = Arc::new(Counting::default());
    let counts = || {
        let Counting { started, ended } = &*counting;
        (
            started.load(Ordering::Relaxed),
            ended.load(Ordering::Relaxed),
        )
    };

    // Never enabled: closures run, descriptions are not built, events reach subscribers.
    assert_eq!(
        Observability::disabled_reason().as_deref(),
        Some("never enabled")
    );
    let lazy = || -> SpanSpec { unreachable!("built although nothing is recorded") };
    let off = Context::with_span(lazy, |span| {
        span.set_attribute("k", 1);
        assert_eq!(span.context().trace_id(), None);
        span.is_recording()
    });
    assert!(!off);
    assert_eq!(Context::with_span("plain", |_span| 7), 7);
    let mut by_hand = Context::start_span("by hand");
    assert!(!by_hand.is_recording());
    assert_eq!(by_hand.context().trace_id(), None);
    drop(by_hand);
    let heard = Arc::new(AtomicUsize::new(0));
    let hearing = Arc::clone(&heard);
    let subscription = events().subscribe("told", move |_event: &o11y_core::Event| {
        hearing.fetch_add(1, Ordering::Relaxed);
    });
    event("told", attributes! {});
    assert_eq!(heard.load(Ordering::Relaxed), 1);
    drop(subscription);
    event("told", attributes! {});
    assert_eq!(heard.load(Ordering::Relaxed), 1);

    // On.
    Observability::enable(counting.clone());
    assert_eq!(Observability::disabled_reason(), None);
    Context::with_span("a", |_span| Context::with_span("b", |_span| ()));
    assert_eq!(counts(), (2, 2));

    // A sink that panics is counted, and the host goes on.
    Context::with_span("break", |_span| ());
    assert_eq!(Observability::sink_panics(), 1);
    assert_eq!(counts(), (3, 3));

    // Off again inside an open span: it still ends in the sink, new ones do not start.
    Context::with_span("open", |_span| {
        Observability::disable("enough seen");
        Context::with_span(
            || -> SpanSpec { SpanSpec::new("never").input(Unwanted) },
            |_span| (),
        );
    });
    assert_eq!(counts(), (4, 4));
    assert_eq!(
        Observability::disabled_reason().as_deref(),
        Some("enough seen")
    );
}
