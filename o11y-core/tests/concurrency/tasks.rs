//! Futures side by side: collections, streams, branches that lose, local tasks, recursion.

use std::{fmt::Write as _, pin::Pin, rc::Rc};

use futures_util::{StreamExt as _, future, stream, stream::FuturesUnordered};
use o11y_core::{Context, attributes, event};

use super::{memory, traced, traced_async};

/// A span with a child, and a chance for others to interfere at each step.
fn job(number: usize) -> impl Future<Output = usize> {
    Context::with_span_async(format!("job {number:02}"), async move |_span| {
        for _ in 0..number % 3 {
            tokio::task::yield_now().await;
        }
        Context::with_span_async("step", async |_span| tokio::task::yield_now().await).await;
        event("stepped", attributes! { "number" => number });
        number
    })
}

fn jobs(count: usize) -> String {
    let mut expected = String::from("span root\n");
    for number in 0..count {
        writeln!(expected, "  span job {number:02}").unwrap();
        writeln!(expected, "    span step\n    event stepped number={number}").unwrap();
    }
    expected
}

#[tokio::test]
async fn futures_in_a_collection_never_see_each_other() {
    let trace = traced_async(async || {
        let all: FuturesUnordered<_> = (0..16).map(job).collect();
        assert_eq!(all.count().await, 16);
    })
    .await;

    assert_eq!(memory().tree_by_name(trace), jobs(16));
}

#[tokio::test]
async fn futures_of_a_buffered_stream_are_children_of_the_span_around_it() {
    let trace = traced_async(async || {
        let sum = stream::iter(0..16).map(job).buffer_unordered(4);
        assert_eq!(sum.fold(0, async |sum, number| sum + number).await, 120);
    })
    .await;

    assert_eq!(memory().tree_by_name(trace), jobs(16));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_is_polled_elsewhere_stays_where_its_context_was_taken() {
    let trace = traced_async(async || {
        let here = Context::current();
        let mut chunks = Box::pin(stream::iter(0..4).then(job));
        let reading = tokio::spawn(async move {
            assert_eq!(Context::current().span_id(), None);
            while let Some(_number) = here.clone().wrap(chunks.next()).await {
                assert_eq!(Context::current().span_id(), None);
            }
        });
        reading.await.unwrap();
    })
    .await;

    assert_eq!(memory().tree_by_name(trace), jobs(4));
}

#[cfg(feature = "stream")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrapped_stream_is_polled_and_dropped_where_its_context_was_taken() {
    use futures_util::Stream as _;

    /// Opens a span wherever it is dropped.
    struct Closing;
    impl Drop for Closing {
        fn drop(&mut self) {
            Context::with_span("closed", |_span| ());
        }
    }

    let trace = traced_async(async || {
        let closing = Closing;
        let jobs = stream::iter(0..9).then(move |number| {
            let _kept = &closing;
            job(number)
        });
        let mut jobs = Box::pin(Context::current().wrap_stream(jobs));
        assert_eq!(jobs.size_hint(), (9, Some(9)));
        let reading = tokio::spawn(async move {
            for number in 0..4 {
                assert_eq!(jobs.next().await, Some(number));
                assert_eq!(Context::current().span_id(), None);
            }
        });
        reading.await.unwrap();
    })
    .await;

    assert_eq!(
        memory().tree_by_name(trace),
        jobs(4).replacen("span root\n", "span root\n  span closed\n", 1)
    );
}

#[cfg(feature = "stream")]
#[tokio::test]
async fn a_wrapped_stream_that_panics_leaves_the_thread_where_it_stood() {
    use futures_util::FutureExt as _;

    let trace = traced_async(async || {
        let here = Context::current().span_id();
        let inner = Context::with_span("inner", |span| span.context());
        let broken = stream::poll_fn(|_cx| -> std::task::Poll<Option<()>> {
            std::panic::resume_unwind(Box::new("out of beans"))
        });
        let caught = std::panic::AssertUnwindSafe(inner.wrap_stream(broken).count())
            .catch_unwind()
            .await;

        assert!(caught.is_err());
        assert_eq!(Context::current().span_id(), here);
    })
    .await;

    assert_eq!(memory().tree(trace), "span root\n  span inner\n");
}

#[tokio::test]
async fn the_branch_of_a_select_that_loses_is_marked_as_cancelled_and_all_below_it() {
    let trace = traced_async(async || {
        for _ in 0..2 {
            tokio::select! {
                biased;
                () = Context::with_span_async("loser", async |_span| {
                    Context::with_span_async("deeper", async |_span| future::pending::<()>().await).await;
                }) => unreachable!("it has no end"),
                () = Context::with_span_async("winner", async |_span| {
                    tokio::task::yield_now().await;
                    Context::with_span("child", |_span| ());
                }) => {}
            }
        }
    })
    .await;

    let round = "  span loser [WARNING: cancelled]\n    span deeper [WARNING: cancelled]\n  \
                 span winner\n    span child\n";
    assert_eq!(memory().tree(trace), format!("span root\n{round}{round}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_is_aborted_ends_its_spans_as_cancelled() {
    let trace = traced_async(async || {
        let (sender, begun) = std::sync::mpsc::channel();
        let task = tokio::spawn(Context::with_span_async("task", async move |_span| {
            Context::with_span("done before", |_span| ());
            let _held = Context::start_span("held by hand");
            sender.send(()).unwrap();
            future::pending::<()>().await;
        }));
        begun.recv().unwrap();
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    })
    .await;

    // What is held by hand is not a future: it ended when it was dropped, like any other.
    assert_eq!(
        memory().tree(trace),
        "span root\n  span task [WARNING: cancelled]\n    span done before\n    \
         span held by hand\n"
    );
}

#[tokio::test]
async fn tasks_that_cannot_leave_their_thread_nest_as_well() {
    let trace = traced_async(async || {
        let set = tokio::task::LocalSet::new();
        let shared = Rc::new(7);
        let local = |name: &'static str| {
            let shared = Rc::clone(&shared);
            set.spawn_local(Context::with_span_async(name, async move |span| {
                span.set_attribute("shared", *shared);
                tokio::task::yield_now().await;
                let inner = Context::with_span_async("inner", async |_span| ());
                tokio::task::spawn_local(inner).await.unwrap();
            }));
        };
        local("a");
        local("b");
        set.await;
    })
    .await;

    assert_eq!(
        memory().tree_by_name(trace),
        "span root\n  span a shared=7\n    span inner\n  span b shared=7\n    span inner\n"
    );
}

#[tokio::test]
async fn a_guard_that_is_held_over_an_await_stays_with_its_future() {
    let trace = traced_async(async || {
        let mut other = Context::start_span("other");
        let attached = other.context();
        let holding = Context::with_span_async("holding", async |_span| {
            let guard = attached.attach();
            tokio::task::yield_now().await;
            Context::with_span("below the other", |_span| ());
            tokio::task::yield_now().await;
            drop(guard);
            Context::with_span("at home again", |_span| ());
        });
        let beside = Context::with_span_async("beside", async |_span| {
            for _ in 0..3 {
                Context::with_span("child", |_span| ());
                tokio::task::yield_now().await;
            }
        });
        tokio::join!(holding, beside);
    })
    .await;

    assert_eq!(
        memory().tree_by_name(trace),
        "span root\n  span beside\n    span child\n    span child\n    span child\n  \
         span holding\n    span at home again\n  span other\n    span below the other\n"
    );
}

const DEEP: usize = 200;

/// `root` and below it so many spans, each inside of the one before.
fn ladder() -> String {
    let mut expected = String::from("span root\n");
    for depth in 1..=DEEP {
        writeln!(expected, "{:1$}span {depth}", "", 2 * depth).unwrap();
    }
    expected
}

fn dig(depth: usize) {
    if depth <= DEEP {
        Context::with_span(depth.to_string(), |_span| dig(depth + 1));
    }
}

fn dig_async(depth: usize) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        if depth <= DEEP {
            tokio::task::yield_now().await;
            Context::with_span_async(depth.to_string(), async |_span| {
                tokio::task::yield_now().await;
                dig_async(depth + 1).await;
            })
            .await;
        }
    })
}

#[test]
fn a_recursion_is_a_ladder() {
    let trace = traced(|| dig(1));

    assert_eq!(memory().tree(trace), ladder());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_asynchronous_recursion_is_a_ladder() {
    let trace = traced_async(async || {
        tokio::spawn(Context::current().wrap(dig_async(1)))
            .await
            .unwrap();
    })
    .await;

    assert_eq!(memory().tree(trace), ladder());
}

#[tokio::test]
async fn an_asynchronous_recursion_that_is_cancelled_marks_every_rung() {
    let trace = traced_async(async || {
        let (mut digging, mut polls) = (dig_async(1), 0);
        future::poll_fn(|cx| {
            polls += 1;
            let done = digging.as_mut().poll(cx);
            if polls > DEEP {
                std::task::Poll::Ready(())
            } else {
                done
            }
        })
        .await;
        drop(digging);
    })
    .await;

    let tree = memory().tree(trace);
    let cancelled = tree.matches("[WARNING: cancelled]").count();
    // Two polls a rung.
    assert_eq!(cancelled, DEEP / 2, "{tree}");
    assert_eq!(tree.lines().count(), 1 + DEEP / 2);
}
