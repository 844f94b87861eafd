//! Takes the steps of a program, with random pauses between them.

use std::{
    future::{pending, poll_fn},
    mem,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{self, Poll, Waker},
    thread,
};

use futures_util::{FutureExt as _, future::join_all};
use o11y_core::{Context, attributes, event};
use rayon::prelude::*;

use super::{
    RUNTIME,
    program::{How, OPEN, Step, name},
};

/// The pauses of one run: as random as its seed.
#[derive(Clone, Copy)]
pub(crate) struct Pace(u64);

impl Pace {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// How often to give way at this step: mostly not at all.
    fn pauses(self, number: usize) -> u64 {
        // The finaliser of splitmix64.
        let mut bits = self
            .0
            .wrapping_add((number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (bits ^ (bits >> 31)) % 8 / 3
    }

    fn rest(self, number: usize) {
        (0..self.pauses(number)).for_each(|_| thread::yield_now());
    }

    async fn pause(self, number: usize) {
        for _ in 0..self.pauses(number) {
            give_way().await;
        }
    }
}

/// Pending once; works under any executor.
async fn give_way() {
    let mut gave_way = false;
    poll_fn(|cx| {
        if mem::replace(&mut gave_way, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

fn panic_on_purpose() {
    resume_unwind(Box::new("on purpose")) // without a word from the hook
}

type BoxFuture<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Takes the steps one after the other on a task.
pub(crate) fn asynchronously(steps: &[Step], pace: Pace) -> BoxFuture<'_> {
    Box::pin(async move {
        for step in steps {
            asynchronous_step(step, pace).await;
        }
    })
}

fn asynchronous_step(step: &Step, pace: Pace) -> BoxFuture<'_> {
    Box::pin(async move {
        match step {
            Step::Event(number) => {
                pace.pause(*number).await;
                event(name(*number), attributes! {});
            }
            Step::Annotate(number) => {
                pace.pause(*number).await;
                assert!(Context::annotate(name(*number), *number));
            }
            Step::AtOnce(steps) => {
                join_all(steps.iter().map(|step| asynchronous_step(step, pace))).await;
            }
            Step::Span(how, number, steps) => {
                pace.pause(*number).await;
                asynchronous_span(*how, *number, steps, pace).await;
            }
        }
    })
}

async fn asynchronous_span(how: How, number: usize, steps: &[Step], pace: Pace) {
    match how {
        How::Future => future(number, steps, pace, || ()).await,
        How::PanickingFuture => {
            let panicking = AssertUnwindSafe(future(number, steps, pace, panic_on_purpose));
            assert!(panicking.catch_unwind().await.is_err());
        }
        How::Cancelled => {
            let done = AtomicBool::new(false);
            let mut endless = pin!(endless(number, steps, pace, &done));
            poll_fn(|cx| {
                assert!(endless.as_mut().poll(cx).is_pending());
                if done.load(Ordering::Acquire) {
                    return Poll::Ready(());
                }
                Poll::Pending
            })
            .await;
        }
        How::Task => {
            let (context, steps) = (Context::current(), steps.to_vec());
            let task = async move { future(number, &steps, pace, || ()).await };
            RUNTIME.spawn(context.wrap(task)).await.unwrap();
        }
        How::Aborted => {
            let (context, steps) = (Context::current(), steps.to_vec());
            let done = Arc::new(AtomicBool::new(false));
            let is_done = Arc::clone(&done);
            let task = async move { endless(number, &steps, pace, &done).await };
            let task = RUNTIME.spawn(context.wrap(task));
            while !is_done.load(Ordering::Acquire) {
                give_way().await;
            }
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
        }
        How::Blocking => {
            let (here, steps) = (Context::current(), steps.to_vec());
            let blocking = RUNTIME.spawn_blocking(move || {
                here.run(|| closure(number, &steps, pace, || ()));
                assert_eq!(Context::current().span_id(), None, "nothing stays behind");
            });
            blocking.await.unwrap();
        }
        How::ByHand => {
            let mut held = Context::start_span(name(number));
            held.context().wrap(asynchronously(steps, pace)).await;
            elsewhere(move || drop(held));
        }
        How::Closure | How::PanickingClosure | How::Thread | How::Job => {
            // It may wait for a task that waits for this worker.
            tokio::task::block_in_place(|| span(how, number, steps, pace));
        }
    }
}

fn future(number: usize, steps: &[Step], pace: Pace, end: fn()) -> impl Future<Output = ()> + Send {
    Context::with_span_async(name(number), async move |_span| {
        asynchronously(steps, pace).await;
        pace.pause(number).await;
        end();
    })
}

/// When the steps are `done` it waits for ever, inside of two more spans.
fn endless(
    number: usize,
    steps: &[Step],
    pace: Pace,
    done: &AtomicBool,
) -> impl Future<Output = ()> + Send {
    Context::with_span_async(name(number), async move |_span| {
        asynchronously(steps, pace).await;
        done.store(true, Ordering::Release);
        let open = OPEN.map(|side| {
            Context::with_span_async(name(number) + side, async |_span| pending::<()>().await)
        });
        join_all(open).await;
    })
}

/// Takes the steps one after the other on a thread.
fn synchronously(steps: &[Step], pace: Pace) {
    for step in steps {
        synchronous_step(step, pace);
    }
}

fn synchronous_step(step: &Step, pace: Pace) {
    match step {
        Step::Event(number) => {
            pace.rest(*number);
            event(name(*number), attributes! {});
        }
        Step::Annotate(number) => {
            pace.rest(*number);
            assert!(Context::annotate(name(*number), *number));
        }
        Step::AtOnce(_) => block_on(asynchronous_step(step, pace)),
        Step::Span(how, number, steps) => {
            pace.rest(*number);
            span(*how, *number, steps, pace);
        }
    }
}

fn span(how: How, number: usize, steps: &[Step], pace: Pace) {
    let here = Context::current();
    match how {
        How::Closure => closure(number, steps, pace, || ()),
        How::PanickingClosure => {
            let panicking = || closure(number, steps, pace, panic_on_purpose);
            assert!(catch_unwind(AssertUnwindSafe(panicking)).is_err());
        }
        How::Thread => elsewhere(|| {
            here.run(|| closure(number, steps, pace, || ()));
            assert_eq!(Context::current().span_id(), None, "nothing stays behind");
        }),
        How::Job => rayon::scope(|scope| {
            scope.spawn(|_scope| here.run(|| job(number, steps, pace)));
        }),
        How::ByHand => {
            let mut held = Context::start_span(name(number));
            held.context().run(|| synchronously(steps, pace));
            elsewhere(move || drop(held));
        }
        How::Future
        | How::PanickingFuture
        | How::Cancelled
        | How::Task
        | How::Aborted
        | How::Blocking => block_on(asynchronous_span(how, number, steps, pace)),
    }
}

fn closure(number: usize, steps: &[Step], pace: Pace, end: fn()) {
    Context::with_span(name(number), |_span| {
        synchronously(steps, pace);
        pace.rest(number);
        end();
    });
}

fn job(number: usize, steps: &[Step], pace: Pace) {
    Context::with_span(name(number), |span| {
        let inside = span.context();
        let step = |step| inside.run(|| synchronous_step(step, pace));
        steps.par_iter().for_each(step);
    });
}

fn elsewhere(f: impl FnOnce() + Send) {
    thread::scope(|scope| scope.spawn(f).join().unwrap());
}

/// An executor that needs no runtime: it asks again and again.
fn block_on(future: impl Future<Output = ()>) {
    let mut future = pin!(future);
    let mut cx = task::Context::from_waker(Waker::noop());
    while future.as_mut().poll(&mut cx).is_pending() {
        thread::yield_now();
    }
}
