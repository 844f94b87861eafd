//! What is said of a trace, and of a span by those who do not hold it.

use o11y_core::{Context, TraceAttributes, attributes, event};

use super::{memory, traced, traced_async};

#[test]
fn trace_attributes_reach_the_open_span_and_all_below_but_not_its_siblings() {
    let trace = traced(|| {
        Context::with_span("inside", |_span| {
            let visit = TraceAttributes::new().user("gus").tag("a");
            Context::with_trace(visit, || {
                Context::with_trace(TraceAttributes::new().tag("b"), || {
                    Context::with_span("below", |_span| event("told", attributes! {}));
                });
            });
        });
        Context::with_span("beside", |_span| ());
    });

    let seen = |name: &str| {
        memory().look(trace, name, |record| {
            record.trace_attributes().map(|attributes| {
                let tags: Vec<_> = attributes.tags().map(str::to_owned).collect();
                (attributes.get_user().map(str::to_owned), tags)
            })
        })
    };
    let expected = Some((Some("gus".to_owned()), vec!["a".to_owned(), "b".to_owned()]));
    for name in ["inside", "below", "told"] {
        assert_eq!(seen(name), expected, "{name}");
    }
    assert_eq!(seen("beside"), None);
    assert_eq!(seen("root"), None);
}

#[tokio::test]
async fn what_is_said_of_a_trace_inside_a_future_reaches_the_open_span_around_it() {
    let trace = traced_async(async || {
        Context::with_trace_async(TraceAttributes::new().tag("a"), async || {
            tokio::task::yield_now().await;
            Context::with_trace(TraceAttributes::new().tag("b"), || ());
        })
        .await;
        Context::with_trace(TraceAttributes::new().tag("c"), || ());
    })
    .await;

    memory().look(trace, "root", |record| {
        let tags = record.trace_attributes().map(|said| said.tags().collect());
        assert_eq!(tags, Some(vec!["a", "b", "c"]));
    });
}

#[test]
fn an_event_made_in_one_place_and_emitted_in_another_belongs_where_it_was_made() {
    let trace = traced(|| {
        let event = Context::with_trace(TraceAttributes::new().user("gus"), || {
            o11y_core::Event::new("made.there", attributes! {})
        });
        event.emit();
    });

    memory().look(trace, "made.there", |record| {
        let user = record
            .trace_attributes()
            .and_then(TraceAttributes::get_user);
        assert_eq!(user, Some("gus"));
    });
}

#[test]
fn annotations_come_from_deep_inside_and_from_other_threads_and_win() {
    let trace = traced(|| {
        let mut handle = Context::default();
        Context::with_span("annotated", |span| {
            span.set_attribute("a", 1);
            assert!(Context::annotate("a", 2));
            handle = Context::current();
            std::thread::scope(|scope| {
                scope.spawn(|| handle.run(|| assert!(Context::annotate(String::from("b"), 3))));
            });
            Context::with_trace(TraceAttributes::new().user("gus"), || {
                assert!(Context::annotate("c", 4));
            });
            Context::with_span("inner", |_span| Context::annotate("d", 5));
        });
        assert!(!handle.run(|| Context::annotate("too late", 6)));
    });

    let number = |name: &str, key: &str| {
        memory().look(trace, name, |record| {
            record.attribute(key).and_then(o11y_core::Value::as_i64)
        })
    };
    assert_eq!(number("annotated", "a"), Some(2));
    assert_eq!(number("annotated", "b"), Some(3));
    assert_eq!(number("annotated", "c"), Some(4));
    assert_eq!(number("annotated", "d"), None);
    assert_eq!(number("inner", "d"), Some(5));
    assert_eq!(number("annotated", "too late"), None);
}

#[test]
fn nothing_can_be_annotated_outside_of_a_span() {
    memory();

    assert!(!Context::annotate("a", 1));
    assert!(!Context::with_trace(TraceAttributes::new(), || {
        Context::annotate("a", 1)
    }));
}

#[tokio::test]
async fn annotations_reach_the_span_of_a_future() {
    let trace = traced_async(async || {
        Context::with_span_async("future", async |_span| {
            tokio::task::yield_now().await;
            Context::annotate("a", 1);
            Context::with_trace_async(TraceAttributes::new().user("ada"), async || {
                tokio::task::yield_now().await;
                Context::annotate("b", 2);
            })
            .await;
        })
        .await;
    })
    .await;

    memory().look(trace, "future", |record| {
        assert!(record.attribute("a").is_some() && record.attribute("b").is_some());
    });
}

#[test]
fn what_is_said_of_a_trace_outside_of_a_span_ends_with_its_block() {
    memory();
    let user = || {
        let event = o11y_core::Event::new("later", attributes! {});
        let said = event.trace_attributes();
        said.and_then(TraceAttributes::get_user).map(str::to_owned)
    };

    let inside = Context::with_trace(TraceAttributes::new().user("gus"), user);

    assert_eq!(inside.as_deref(), Some("gus"));
    assert_eq!(user(), None);
}

#[tokio::test]
async fn what_a_future_says_of_a_trace_outside_of_a_span_ends_with_it() {
    memory();
    let visit = TraceAttributes::new().user("gus");

    Context::with_trace_async(visit, async || {
        Context::with_trace(TraceAttributes::new().tag("a"), || ());
        tokio::task::yield_now().await;
    })
    .await;

    let event = o11y_core::Event::new("later", attributes! {});
    assert!(event.trace_attributes().is_none());
}

#[test]
fn an_annotation_that_cannot_reach_its_span_says_so() {
    let trace = traced(|| {
        Context::with_span("outer", |outer| {
            let by_inner = Context::with_span("inner", |_span| {
                outer.context().run(|| Context::annotate("by inner", 1))
            });
            let by_thread = std::thread::scope(|scope| {
                let annotating = || outer.context().run(|| Context::annotate("by thread", 1));
                scope.spawn(annotating).join().expect("no panic")
            });
            assert!(!by_inner && !by_thread);
            assert!(outer.context().run(|| Context::annotate("by itself", 1)));
        });
    });

    assert_eq!(
        memory().tree(trace),
        "span root\n  span outer by itself=1\n    span inner\n"
    );
}
