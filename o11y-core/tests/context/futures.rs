//! Spans around futures: siblings, tasks, cancelling and panics.

use std::{
    future::Future,
    panic::{RefUnwindSafe, UnwindSafe},
    sync::mpsc,
};

use o11y_core::{Context, Generation, Level, Span, Status, TraceAttributes};

use super::{memory, traced, traced_async};

fn assert_send<T: Send>(value: T) -> T {
    value
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
fn a_context_is_send_and_sync_and_its_futures_need_no_runtime() {
    fn check<T: Send + Sync + UnwindSafe + RefUnwindSafe>() {}
    fn future<F: Future + Send>(_: F) {}

    check::<Context>();
    future(Context::with_span_async("x", async |_span| 1));
}

#[tokio::test]
async fn an_asynchronous_model_call_several_spans_deep_belongs_to_the_trace() {
    let trace = traced_async(async || {
        let thinking = Context::with_span_async("think", async |_span| {
            tokio::task::yield_now().await;
            let call = Generation::new("openai", "gpt-4o-mini");
            Context::generation(call, async |_call| -> anyhow::Result<()> {
                tokio::task::yield_now().await;
                Context::with_span("parse", |_span| Ok(()))
            })
            .await
        });
        tokio::spawn(thinking).await.unwrap().unwrap();
    })
    .await;

    assert_eq!(
        memory().outline(trace),
        "span root\n  span think\n    generation llm.generate\n      span parse\n"
    );
}

#[tokio::test]
async fn a_panic_before_there_is_a_future_marks_the_span_like_one_in_it() {
    fn brew(_span: &mut Span) -> std::future::Ready<()> {
        panic!("out of beans")
    }

    let trace = traced_async(async || {
        let joined = tokio::spawn(Context::with_span_async("brew", brew)).await;
        assert!(joined.unwrap_err().is_panic());
    })
    .await;

    assert_eq!(
        memory().tree(trace),
        "span root\n  span brew [ERROR: panicked: out of beans]\n"
    );
}

/// An error whose text is made with spans, and not always.
struct Elaborate {
    fails: bool,
}

impl Elaborate {
    fn find_words(&self) {
        assert!(!self.fails, "no words");
    }
}

impl std::fmt::Display for Elaborate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Context::with_span("print", |_span| self.find_words());
        f.write_str("elaborate")
    }
}

#[tokio::test]
async fn an_error_is_printed_inside_its_span_and_a_panic_of_the_printing_is_told() {
    let trace = traced_async(async || {
        for fails in [false, true] {
            let failing = Context::try_with_span_async("try", async move |_span| {
                Err::<(), _>(Elaborate { fails })
            });
            let outcome = futures_util::future::FutureExt::catch_unwind(
                std::panic::AssertUnwindSafe(failing),
            );
            assert_eq!(outcome.await.is_err(), fails);
        }
    })
    .await;

    assert_eq!(
        memory().tree(trace),
        "span root\n  \
           span try [ERROR: elaborate]\n    \
             span print\n  \
           span try [ERROR: panicked: no words]\n    \
             span print [ERROR: panicked: no words]\n"
    );
}
