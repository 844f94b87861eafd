//! Annotations that race the end of their span: each is taken and recorded, or refused.

use std::{
    cell::{Cell, RefCell},
    pin::pin,
    sync::Barrier,
    task::{self, Waker},
    thread,
};

use o11y_core::{Context, Value};

use super::memory;

const ROUNDS: usize = 100;

const THREADS: usize = 2;

/// Opens the span `raced` as `open` does, which calls what it is given and then ends the span.
/// Meanwhile threads annotate until they are refused.
fn race(open: impl Fn(&dyn Fn(Context))) {
    memory();
    for round in 0..ROUNDS {
        let start = Barrier::new(THREADS + 1);
        thread::scope(|scope| {
            let (trace, racing) = (Cell::new(None), RefCell::new(Vec::new()));
            open(&|inside| {
                trace.set(inside.trace_id());
                for thread in 0..THREADS {
                    let (inside, start) = (inside.clone(), &start);
                    racing.borrow_mut().push(scope.spawn(move || {
                        start.wait();
                        let taken =
                            |number: &i64| Context::annotate(format!("{thread}.{number}"), *number);
                        inside.run(|| (0..).take_while(taken).count())
                    }));
                }
                start.wait();
                for _ in 0..10 * round {
                    std::hint::spin_loop();
                }
            });

            let taken = racing.into_inner().into_iter();
            let taken: Vec<_> = taken.map(|thread| thread.join().unwrap()).collect();
            memory().look(trace.get().unwrap(), "raced", |record| {
                for (thread, count) in taken.iter().enumerate() {
                    for number in 0..*count {
                        let value = record.attribute(&format!("{thread}.{number}"));
                        let value = value.and_then(Value::as_u64);
                        assert_eq!(value, Some(number as u64), "thread {thread}");
                    }
                }
                let annotated = record.attributes().iter();
                let annotated = annotated.filter(|(key, _)| key.starts_with(['0', '1']));
                assert_eq!(annotated.count(), taken.iter().sum::<usize>());
            });
        });
    }
}

#[test]
fn what_was_taken_while_a_closure_returned_is_recorded() {
    race(|go| Context::with_span("raced", |span| go(span.context())));
}

#[test]
fn what_was_taken_while_a_span_was_dropped_is_recorded() {
    race(|go| {
        let mut raced = Context::start_span("raced");
        go(raced.context());
        drop(raced);
    });
}

#[test]
fn what_was_taken_while_a_future_was_cancelled_is_recorded() {
    race(|go| {
        let mut raced = pin!(Context::with_span_async("raced", async |span| {
            go(span.context());
            std::future::pending::<()>().await;
        }));
        let mut cx = task::Context::from_waker(Waker::noop());
        assert!(raced.as_mut().poll(&mut cx).is_pending());
    });
}
