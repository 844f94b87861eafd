//! Users' code that runs inside ours (subscribers, sinks, conversions, destructors) uses it again.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

use o11y_core::{
    Context, Event, EventBus, Observability, SpanSpec, Value, attributes, event, events,
};
use serde::{Serialize, Serializer};

use super::{memory, traced};

/// Everything that one can do with a context, under this name.
fn meddle(name: &'static str) {
    Context::with_span(name, |span| {
        span.set_attribute("meddled", true);
        let here = Context::current();
        here.run(|| event("meddled", attributes! {}));
        Context::annotate("annotated", true);
        drop(Context::start_span("by hand"));
    });
}

/// What [`meddle`] leaves.
fn meddled(indent: usize, name: &str) -> String {
    format!(
        "{0:1$}span {name} annotated=true meddled=true\n{0:1$}  event meddled\n{0:1$}  \
         span by hand\n",
        "", indent
    )
}

#[test]
fn a_subscriber_may_open_spans_and_emit() {
    let _outer = events().subscribe("reentrancy.outer", |_event: &Event| {
        meddle("heard the outer");
        event("reentrancy.inner", attributes! {});
        Context::annotate("by the subscriber", 1);
    });
    let _inner = events().subscribe("reentrancy.inner", |_event: &Event| {
        meddle("heard the inner");
    });

    let trace = traced(|| event("reentrancy.outer", attributes! {}));

    // An event is recorded when everybody has heard it.
    assert_eq!(
        memory().tree(trace),
        [
            "span root by the subscriber=1\n",
            &meddled(2, "heard the outer"),
            &meddled(2, "heard the inner"),
            "  event reentrancy.inner\n  event reentrancy.outer\n",
        ]
        .concat()
    );
}

#[test]
fn a_subscriber_may_subscribe_and_unsubscribe() {
    let bus = EventBus::new();
    let inside = bus.clone();
    let _subscription = bus.subscribe("told", move |_event: &Event| {
        drop(inside.subscribe("other", |_event: &Event| ()));
        let id = inside.subscribe("other", |_event: &Event| ()).detach();
        assert!(inside.unsubscribe(id));
    });

    bus.event("told", attributes! {});

    assert_eq!((bus.subscriptions(), bus.panics()), (1, 0));
}

#[test]
fn a_sink_may_open_spans_and_emit_and_never_meets_them() {
    memory().set_meddler(|| meddle("in the sink"));

    let trace = traced(|| {
        Context::with_span("child", |_span| event("told", attributes! {}));
        drop(Context::start_span("held by hand"));
    });

    assert_eq!(
        memory().tree(trace),
        "span root\n  span child\n    event told\n  span held by hand\n"
    );
    assert_eq!(memory().count("in the sink"), 0);
    assert_eq!(Observability::sink_panics(), 0);
}

/// Uses contexts while it is written as JSON, converted, shown and dropped.
struct Meddling;

impl Serialize for Meddling {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        meddle("serialised");
        serializer.serialize_str("text")
    }
}

impl From<Meddling> for Value {
    fn from(meddling: Meddling) -> Self {
        meddle("converted");
        drop(meddling);
        Self::from("text")
    }
}

impl fmt::Display for Meddling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        meddle("shown");
        f.write_str("no beans")
    }
}

impl Drop for Meddling {
    fn drop(&mut self) {
        meddle("dropped");
    }
}

#[test]
fn a_value_may_open_spans_and_emit_while_it_is_converted() {
    let meddling = Meddling;
    let trace = traced(|| {
        let spec = || SpanSpec::new("a").attribute("by spec", &meddling);
        Context::with_span(spec, |_span| ());
        Context::with_span("b", |span| span.set_attribute("by span", &meddling));
        Context::with_span("c", |_span| {
            assert!(Context::annotate("by note", &meddling));
        });
        Context::with_span("d", |_span| {
            event("told", attributes! { "by event" => &meddling });
        });
    });

    // A description is made before its span is open.
    assert_eq!(
        memory().tree(trace),
        [
            "span root\n",
            &meddled(2, "serialised"),
            "  span a by spec=text\n  span b by span=text\n",
            &meddled(4, "serialised"),
            "  span c by note=text\n",
            &meddled(4, "serialised"),
            "  span d\n",
            &meddled(4, "serialised"),
            "    event told by event=text\n",
        ]
        .concat()
    );
}

#[test]
fn a_value_may_open_spans_and_emit_while_it_is_consumed() {
    let trace = traced(|| {
        Context::with_span("a", |span| span.set_output(Meddling));
        Context::with_span("b", |_span| assert!(Context::annotate("by note", Meddling)));
    });

    let consumed = [meddled(4, "converted"), meddled(4, "dropped")].concat();
    assert_eq!(
        memory().tree(trace),
        [
            "span root\n  span a langfuse.observation.output=text\n",
            &consumed,
            "  span b by note=text\n",
            &consumed,
        ]
        .concat()
    );
}

#[test]
fn an_error_may_open_spans_and_emit_while_it_is_shown_and_dropped() {
    let trace = traced(|| {
        let failed = Context::try_with_span("failing", |_span| Err::<(), _>(Meddling));
        drop(failed);
    });

    assert_eq!(
        memory().tree(trace),
        [
            "span root\n  span failing [ERROR: no beans]\n",
            &meddled(4, "shown"),
            &meddled(2, "dropped"),
        ]
        .concat()
    );
}

#[test]
fn destructors_open_spans_where_they_run() {
    let trace = traced(|| {
        let moved = Meddling;
        Context::with_span("returning", |_span| drop(moved));
        let moved = Meddling;
        let caught = catch_unwind(AssertUnwindSafe(|| {
            Context::with_span("panicking", |_span| {
                let _moved = moved;
                std::panic::resume_unwind(Box::new("out of beans"))
            })
        }));
        assert!(caught.is_err());
    });

    assert_eq!(
        memory().tree(trace),
        [
            "span root\n  span returning\n",
            &meddled(4, "dropped"),
            "  span panicking [ERROR: panicked: out of beans]\n",
            &meddled(4, "dropped"),
        ]
        .concat()
    );
}

#[test]
fn a_handler_may_use_its_bus_while_it_is_dropped() {
    struct LastWord(EventBus);
    impl Drop for LastWord {
        fn drop(&mut self) {
            meddle("last word");
            self.0.event("last.word", attributes! {});
            drop(self.0.subscribe("other", |_event: &Event| ()));
        }
    }

    let trace = traced(|| {
        let bus = EventBus::new();
        let (one, other) = (LastWord(bus.clone()), LastWord(bus.clone()));
        let subscription = bus.subscribe("told", move |_event: &Event| {
            let _held = &one;
        });
        drop(subscription);
        let _id = bus
            .subscribe("told", move |_event: &Event| {
                let _held = &other;
            })
            .detach();
        bus.clear();
        assert_eq!(bus.subscriptions(), 0);
    });

    let last_word = [&meddled(2, "last word"), "  event last.word\n"].concat();
    assert_eq!(
        memory().tree(trace),
        ["span root\n", &last_word, &last_word].concat()
    );
}
