//! Spans nest as the code does: in closures, tasks, threads, and through errors and panics.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc,
};

use o11y_core::{
    Context, Level, ObservationType, SpanSpec, Status, TraceAttributes, TraceId, attributes, event,
};

#[path = "support/memory.rs"]
mod memory;
use memory::memory;

/// Runs `f` in a root span and returns its trace.
fn traced(f: impl FnOnce()) -> TraceId {
    memory();
    Context::with_span("root", |span| {
        f();
        span.context().trace_id().expect("telemetry is on")
    })
}

async fn traced_async(f: impl AsyncFnOnce()) -> TraceId {
    memory();
    Context::with_span_async("root", async |span| {
        f().await;
        span.context().trace_id().expect("telemetry is on")
    })
    .await
}

fn assert_send<T: Send>(value: T) -> T {
    value
}

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
fn nothing_is_current_outside_of_a_span() {
    memory();

    assert_eq!(Context::current().trace_id(), None);
    let first = traced(|| ());
    let second = traced(|| ());
    assert_ne!(first, second);
}

#[test]
fn a_context_carried_to_a_thread_makes_its_spans_children() {
    let trace = traced(|| {
        let here = Context::current();
        std::thread::scope(|scope| {
            for name in ["a", "b"] {
                let here = here.clone();
                scope.spawn(move || {
                    here.run(|| Context::with_span(name, |_span| ()));
                    assert_eq!(Context::current().span_id(), None);
                });
            }
        });
    });

    assert_eq!(memory().outline(trace), "span root\n  span a\n  span b\n");
}

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

#[test]
fn a_span_held_by_hand_ends_when_it_is_dropped_on_any_thread() {
    let trace = traced(|| {
        let mut upload = Context::start_span("upload");
        Context::with_span("sibling", |_span| ());
        upload
            .context()
            .run(|| Context::with_span("part", |_span| ()));
        upload.set_attribute("parts", 1);
        let here = upload.context();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                here.run(|| assert!(Context::annotate("late", true)));
                drop(upload);
            });
        });
    });

    assert_eq!(
        memory().outline(trace),
        "span root\n  span sibling\n  span upload\n    span part\n"
    );
    memory().look(trace, "upload", |record| {
        assert_eq!(record.status_message(), None);
        assert_eq!(
            record.attribute("late").and_then(o11y_core::Value::as_bool),
            Some(true)
        );
    });
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

#[tokio::test]
async fn async_closures_nest_and_siblings_never_see_each_other() {
    let trace = traced_async(async || {
        let branch = |name: &'static str, child: &'static str| {
            Context::with_span_async(name, async move |_span| {
                tokio::task::yield_now().await;
                Context::with_span_async(child, async |_span| tokio::task::yield_now().await).await;
                tokio::task::yield_now().await;
            })
        };
        tokio::join!(branch("a", "a.child"), branch("b", "b.child"));
        Context::with_span("after", |_span| ());
    })
    .await;

    assert_eq!(
        memory().outline(trace),
        "span root\n  span a\n    span a.child\n  span after\n  span b\n    span b.child\n"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spawned_task_keeps_the_parent_that_the_call_was_made_in() {
    let trace = traced_async(async || {
        let spawned = tokio::spawn(Context::with_span_async("spawned", async |_span| {
            tokio::task::yield_now().await;
            Context::with_span("child", |_span| ());
        }));
        let wrapped = tokio::spawn(Context::current().wrap(async {
            tokio::task::yield_now().await;
            Context::with_span("wrapped", |_span| ());
        }));
        spawned.await.unwrap();
        wrapped.await.unwrap();
    })
    .await;

    assert_eq!(
        memory().outline(trace),
        "span root\n  span spawned\n    span child\n  span wrapped\n"
    );
}

#[tokio::test]
async fn the_futures_are_send_and_carry_borrowed_and_moved_state() {
    let borrowed = String::from("borrowed");
    let moved = String::from("moved");
    let trace = traced_async(async || {
        let outcome = assert_send(Context::try_with_span_async(
            "fallible",
            async |span| -> anyhow::Result<usize> {
                span.set_attribute("borrowed", &borrowed);
                tokio::task::yield_now().await;
                drop(moved);
                anyhow::bail!("no milk")
            },
        ))
        .await;
        assert_eq!(outcome.unwrap_err().to_string(), "no milk");
        let visit = TraceAttributes::new().user("ada");
        assert_send(Context::with_trace_async(visit, async || {
            tokio::task::yield_now().await;
            Context::with_span("of ada", |_span| ());
        }))
        .await;
    })
    .await;

    memory().look(trace, "fallible", |record| {
        assert_eq!(record.status_message(), Some("no milk"));
    });
    for name in ["of ada", "root"] {
        memory().look(trace, name, |record| {
            let user = record
                .trace_attributes()
                .and_then(TraceAttributes::get_user);
            assert_eq!(user, Some("ada"), "{name}");
        });
    }
}

#[tokio::test]
async fn a_future_dropped_half_way_ends_its_span_as_cancelled() {
    let (sender, receiver) = mpsc::channel();
    let trace = traced_async(async || {
        let endless = Context::with_span_async("endless", async |_span| {
            Context::with_span_async("inner", async |_span| {
                let _on_drop = OnDrop(sender);
                std::future::pending::<()>().await;
            })
            .await;
        });
        tokio::select! {
            () = endless => unreachable!("it has no end"),
            () = tokio::task::yield_now() => {}
        }
        Context::with_span("after", |_span| ());
    })
    .await;

    assert_eq!(
        memory().outline(trace),
        "span root\n  span after\n  span endless\n    span inner\n"
    );
    memory().look(trace, "inner", |record| {
        assert_eq!(record.status_message(), Some("cancelled"));
        assert_eq!(record.level(), Level::Warning);
        // The destructor of what the future held ran inside of its span.
        assert_eq!(receiver.recv(), Ok(Some(record.span_id())));
    });
}

/// Tells which span was current when it was dropped.
struct OnDrop(mpsc::Sender<Option<o11y_core::SpanId>>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.send(Context::current().span_id()).unwrap();
    }
}

#[tokio::test]
async fn a_panic_in_a_task_marks_its_span_with_the_message() {
    let trace = traced_async(async || {
        let panicking = Context::with_span_async("task", async |_span| {
            tokio::task::yield_now().await;
            panic!("out of beans")
        });
        let joined: Result<(), _> = tokio::spawn(panicking).await;
        assert!(joined.unwrap_err().is_panic());
    })
    .await;

    memory().look(trace, "task", |record| {
        assert_eq!(record.status_message(), Some("panicked: out of beans"));
        assert_eq!(record.status(), Status::Error);
    });
}

#[tokio::test]
async fn the_clock_of_a_future_starts_at_its_first_poll() {
    let trace = traced_async(async || {
        let late = Context::with_span_async("late", async |_span| ());
        Context::with_span("early", |_span| ());
        late.await;
    })
    .await;

    let anchor = o11y_core::Anchor::now();
    let early_end = memory().look(trace, "early", |record| record.end_unix_nanos(&anchor));
    let late_start = memory().look(trace, "late", |record| record.start_unix_nanos(&anchor));
    assert!(late_start >= early_end);
}

#[test]
fn a_future_made_but_never_polled_leaves_no_span() {
    let trace = traced(|| drop(Context::with_span_async("never", async |_span| ())));

    assert_eq!(memory().outline(trace), "span root\n");
}

#[test]
fn spans_opened_in_a_destructor_of_a_thread_local_do_no_harm() {
    struct Late;
    impl Drop for Late {
        fn drop(&mut self) {
            Context::with_span("late", |_span| event("later", attributes! {}));
        }
    }
    thread_local!(static LATE: Late = const { Late });

    memory();
    std::thread::scope(|scope| {
        scope.spawn(|| LATE.with(|_late| ()));
    });
}

#[test]
fn a_context_is_send_and_sync_and_its_futures_need_no_runtime() {
    fn check<T: Send + Sync>() {}
    fn future<F: Future + Send>(_: F) {}

    check::<Context>();
    future(Context::with_span_async("x", async |_span| 1));
}

#[derive(Debug, thiserror::Error)]
#[error("{what}")]
struct Failure {
    what: &'static str,
    source: Option<Box<Failure>>,
}

/// An error, and what caused it, and what caused that.
fn failure(chain: &[&'static str]) -> Option<Box<Failure>> {
    let [what, causes @ ..] = chain else {
        return None;
    };
    Some(Box::new(Failure {
        what,
        source: failure(causes),
    }))
}

#[test]
fn the_causes_of_an_error_are_told_and_kept() {
    for (chain, message, sources) in [
        (&["no menu"][..], "no menu", None),
        (
            &["no menu", "no file", "disk on fire"],
            "no menu: no file: disk on fire",
            Some(r#"["no file","disk on fire"]"#),
        ),
        (
            // The outermost prints its cause itself.
            &["no menu: no file", "no file"],
            "no menu: no file",
            Some(r#"["no file"]"#),
        ),
    ] {
        let trace = Context::with_span("order", |span| {
            let read = Context::try_with_span("read menu", |span| {
                let failure = *failure(chain).unwrap();
                Err::<(), _>(failure).inspect_err(|error| span.record_error_chain(error))
            });
            assert!(read.is_err());
            span.context().trace_id().unwrap()
        });

        memory().look(trace, "read menu", |record| {
            assert_eq!(record.status_message(), Some(message));
            let told = record
                .attribute("error.sources")
                .and_then(|told| told.as_str());
            assert_eq!(told, sources);
        });
    }
}
