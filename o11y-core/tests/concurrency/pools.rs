//! Thread pools, blocking threads, and futures and spans that move from one thread to another.

use std::{
    fmt::Write as _,
    pin::Pin,
    task::{self, Poll, Waker},
};

use o11y_core::Context;
use rayon::prelude::*;

use super::{memory, traced, traced_async};

/// A pool for one test: a job of another test that is stolen while a span waits for its halves would
/// find itself in that span.
fn pool() -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new()
        .num_threads(4)
        .build()
        .unwrap()
}

#[test]
fn every_job_of_a_parallel_iterator_is_a_child_of_the_span_around_it() {
    let trace = traced(|| {
        let here = Context::current();
        let job = |number| {
            here.run(|| {
                Context::with_span(format!("job {number:02}"), |_span| {
                    Context::with_span("step", |_span| ());
                });
            });
            assert_eq!(Context::current().span_id(), None, "nothing stays behind");
        };
        pool().install(|| (0..64).into_par_iter().for_each(job));
    });

    let mut expected = String::from("span root\n");
    for number in 0..64 {
        writeln!(expected, "  span job {number:02}\n    span step").unwrap();
    }
    assert_eq!(memory().tree_by_name(trace), expected);
}

/// Opens a span with two halves below it, each a job that an idle thread may steal.
fn halve(name: &str, depth: usize) {
    Context::with_span(name.to_owned(), |_span| {
        if depth > 0 {
            let here = Context::current();
            let half = |side| here.run(|| halve(&format!("{name}{side}"), depth - 1));
            rayon::join(|| half('a'), || half('b'));
        }
    });
}

fn halves(name: &str, depth: usize, indent: usize, out: &mut String) {
    writeln!(out, "{:indent$}span {name}", "").unwrap();
    if depth > 0 {
        for side in ['a', 'b'] {
            halves(&format!("{name}{side}"), depth - 1, indent + 2, out);
        }
    }
}

#[test]
fn nested_joins_are_nested_however_the_work_is_stolen() {
    let trace = traced(|| {
        let here = Context::current();
        pool().scope(|scope| scope.spawn(|_scope| here.run(|| halve("x", 6))));
    });

    let mut expected = String::from("span root\n");
    halves("x", 6, 2, &mut expected);
    assert_eq!(memory().tree_by_name(trace), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blocking_thread_continues_where_its_context_was_taken() {
    let trace = traced_async(async || {
        let here = Context::current();
        let blocking = tokio::task::spawn_blocking(move || {
            here.run(|| {
                Context::with_span("blocking", |_span| {
                    let runtime = tokio::runtime::Handle::current();
                    runtime.block_on(Context::with_span_async("async again", async |_span| {
                        tokio::task::yield_now().await;
                        let deeper = Context::with_span_async("spawned", async |_span| ());
                        tokio::spawn(deeper).await.unwrap();
                    }));
                    Context::with_span("sync again", |_span| ());
                });
            });
            Context::current().span_id()
        });
        assert_eq!(blocking.await.unwrap(), None, "nothing stays behind");
    })
    .await;

    assert_eq!(
        memory().tree(trace),
        "span root\n  span blocking\n    span async again\n      span spawned\n    \
         span sync again\n"
    );
}

fn poll(future: Pin<&mut (impl Future<Output = ()> + ?Sized)>) -> Poll<()> {
    future.poll(&mut task::Context::from_waker(Waker::noop()))
}

/// Runs it on a thread of its own.
fn elsewhere<R: Send>(f: impl FnOnce() -> R + Send) -> R {
    std::thread::scope(|scope| scope.spawn(f).join().unwrap())
}

#[test]
fn a_future_may_be_made_polled_ended_and_cancelled_on_different_threads() {
    let trace = traced(|| {
        let make = |name: &'static str| {
            Box::pin(Context::with_span_async(name, async |_span| {
                tokio::task::yield_now().await;
                Context::with_span("child", |_span| ());
                tokio::task::yield_now().await;
            }))
        };
        let (mut ended, mut cancelled) = (make("ended"), make("cancelled"));
        for _ in 0..2 {
            elsewhere(|| {
                assert!(poll(ended.as_mut()).is_pending());
                assert!(poll(cancelled.as_mut()).is_pending());
                assert_eq!(Context::current().span_id(), None);
            });
        }
        elsewhere(|| assert!(poll(ended.as_mut()).is_ready()));
        elsewhere(|| drop(cancelled));
    });

    assert_eq!(
        memory().tree(trace),
        "span root\n  span ended\n    span child\n  span cancelled [WARNING: cancelled]\n    \
         span child\n"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_span_held_by_hand_goes_from_task_to_task_and_thread_to_thread() {
    let trace = traced_async(async || {
        let mut upload = Context::start_span("upload");
        tokio::task::yield_now().await;
        let mut upload = tokio::spawn(async move {
            upload.set_attribute("a", 1);
            tokio::task::yield_now().await;
            let here = upload.context();
            here.wrap(Context::current().wrap(async { tokio::task::yield_now().await }))
                .await;
            let part = upload
                .context()
                .run(|| Context::with_span_async("part", async |_span| ()));
            part.await;
            upload
        })
        .await
        .unwrap();
        Context::with_span("beside", |_span| ());
        std::thread::scope(|scope| {
            scope.spawn(move || {
                upload.set_attribute("b", 2);
                drop(upload);
            });
        });
    })
    .await;

    assert_eq!(
        memory().tree(trace),
        "span root\n  span upload a=1 b=2\n    span part\n  span beside\n"
    );
}
