//! Annotations that race the end of their span: each is taken and recorded, or refused.

use std::{
    cell::{Cell, RefCell},
    pin::pin,
    sync::Barrier,
    task::{self, Waker},
    thread,
};

use o11y_core::Context;

use super::memory;

const ROUNDS: usize = 100;

const THREADS: usize = 2;

/// Keys of each thread, which it sets over and over: together fewer than a span may have.
const KEYS: i64 = 20;

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
                        let taken = |number: &i64| {
                            Context::annotate(format!("{thread}.{}", number % KEYS), *number)
                        };
                        inside.run(|| (0..i64::MAX).take_while(taken).last())
                    }));
                }
                start.wait();
                for _ in 0..10 * round {
                    std::hint::spin_loop();
                }
            });

            let taken = racing.into_inner().into_iter();
            let taken: Vec<Option<i64>> = taken.map(|thread| thread.join().unwrap()).collect();
            memory().look(trace.get().unwrap(), "raced", |record| {
                let mut expected: Vec<_> = (0..).zip(taken).flat_map(last_of_each_key).collect();
                let mut recorded: Vec<_> = record
                    .attributes()
                    .iter()
                    .filter(|(key, _)| key.starts_with(['0', '1']))
                    .map(|(key, value)| (key.to_owned(), value.as_i64().unwrap()))
                    .collect();
                expected.sort();
                recorded.sort();
                assert_eq!(recorded, expected);
            });
        });
    }
}

/// What a thread leaves whose numbers were taken up to the last.
fn last_of_each_key((thread, last): (usize, Option<i64>)) -> Vec<(String, i64)> {
    let last = last.unwrap_or(-1);
    let numbers = (last - KEYS + 1).max(0)..=last;
    numbers
        .map(|number| (format!("{thread}.{}", number % KEYS), number))
        .collect()
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
