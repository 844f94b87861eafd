//! Guards of attached contexts that are dropped in the wrong order, too late, or never.

use std::sync::Arc;

use o11y_core::{Context, ContextGuard, Ended, EventBus, Sink, Telemetry, attributes, event};

use super::{memory, traced};

/// The contexts of two spans, one inside of the other.
fn two() -> (Context, Context) {
    Context::with_span("outer", |outer| {
        let inner = Context::with_span("inner", |inner| inner.context());
        (outer.context(), inner)
    })
}

#[test]
fn the_guard_that_is_dropped_last_decides_where_the_thread_stands() {
    let trace = traced(|| {
        let root = Context::current().span_id();
        let (one, other) = two();

        let first = one.attach();
        let second = other.attach();
        drop(first);
        assert_eq!(Context::current().span_id(), root);
        drop(second);
        assert_eq!(Context::current().span_id(), one.span_id());
    });

    // The span around puts the thread right again.
    assert_eq!(Context::current().span_id(), None);
    assert_eq!(
        memory().tree(trace),
        "span root\n  span outer\n    span inner\n"
    );
}

#[test]
#[expect(clippy::mem_forget, reason = "what happens then is the question")]
fn a_guard_that_is_never_dropped_ends_with_the_span_around_it() {
    let trace = traced(|| {
        let (one, _) = two();
        Context::with_span("leaking", |span| {
            span.set_attribute("a", 1);
            std::mem::forget(one.attach());
            event("below the other", attributes! {});
        });
        Context::with_span("beside", |_span| ());
    });

    assert_eq!(Context::current().span_id(), None);
    assert_eq!(
        memory().tree(trace),
        "span root\n  span outer\n    span inner\n    event below the other\n  span leaking a=1\n  \
         span beside\n"
    );
}

#[test]
fn a_guard_that_outlives_its_span_puts_the_thread_back_into_it() {
    let trace = traced(|| {
        let (ended, guard) = Context::with_span("ended", |span| {
            (span.context(), Context::default().attach())
        });
        Context::with_span("beside", |_span| ());
        drop(guard);

        assert_eq!(Context::current().span_id(), ended.span_id());
    });

    assert_eq!(Context::current().span_id(), None);
    assert_eq!(
        memory().tree(trace),
        "span root\n  span ended\n  span beside\n"
    );
}

#[test]
fn a_panic_drops_the_guards_it_passes_and_the_thread_stands_where_it_stood() {
    let trace = traced(|| {
        let root = Context::current().span_id();
        let (one, other) = two();
        let caught = std::panic::catch_unwind(|| {
            let _one = one.attach();
            other.run(|| std::panic::resume_unwind(Box::new("out of beans")));
        });

        assert!(caught.is_err());
        assert_eq!(Context::current().span_id(), root);
    });

    assert_eq!(
        memory().tree(trace),
        "span root\n  span outer\n    span inner\n"
    );
}

#[test]
fn in_destructors_of_thread_locals_the_context_is_what_it_was_everywhere_else() {
    struct Late;
    impl Drop for Late {
        fn drop(&mut self) {
            let here = Context::with_span("destroyed", |span| {
                assert!(Context::annotate("b", 2));
                let gus = o11y_core::TraceAttributes::new().user("gus");
                Context::with_trace(gus, || Context::with_span("inside", |_span| ()));
                event("said", attributes! {});
                span.context()
            });
            here.run(|| drop(Context::start_span("by hand")));
            drop(here.attach());
        }
    }
    thread_local!(static LATE: Late = const { Late });

    memory();
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            // What was there first is destroyed last: the thread has swept its context by then.
            LATE.with(|_late| ());
            drop(Context::default().attach());
        });
        // The end of the scope would not wait for destructors.
        thread.join().unwrap();
    });

    let trace = memory().trace_of("destroyed");
    assert_eq!(
        memory().tree(trace),
        "span destroyed b=2\n  span inside\n  event said\n  span by hand\n"
    );
    memory().look(trace, "inside", |record| {
        let said = record.trace_attributes();
        assert_eq!(said.and_then(|said| said.get_user()), Some("gus"));
    });
}

/// How many still hold a scope after the end of a thread that did `left` with the guard of it.
fn held_after(left: impl FnOnce(ContextGuard) + Send) -> usize {
    let witness = Arc::new(Silent);
    let telemetry = Telemetry::scoped(witness.clone(), EventBus::new());
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            left(telemetry.attach());
            assert!(Arc::strong_count(&witness) > 1);
        });
        thread.join().unwrap();
    });
    drop(telemetry);
    Arc::strong_count(&witness) - 1
}

#[test]
fn a_thread_that_ends_lets_go_of_the_context_whose_guard_was_never_dropped() {
    assert_eq!(held_after(drop), 0);
    assert_eq!(held_after(std::mem::forget), 0);
    let put_back = |outer| {
        let inner = Context::default().attach();
        drop(outer);
        drop(inner); // which puts the thread back into what ended before
    };
    assert_eq!(held_after(put_back), 0);
}

#[test]
#[expect(clippy::mem_forget, reason = "what happens then is the question")]
fn what_is_swept_away_with_a_thread_may_open_spans_while_it_is_dropped() {
    struct Talkative;
    impl Sink for Talkative {
        fn on_end(&self, _ended: Ended<'_>) {}
    }
    impl Drop for Talkative {
        fn drop(&mut self) {
            Context::with_span("swept", |_span| drop(Context::current().attach()));
        }
    }

    memory();
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let telemetry = Telemetry::scoped(Arc::new(Talkative), EventBus::new());
            std::mem::forget(telemetry.attach());
        });
        thread.join().unwrap();
    });

    assert_eq!(memory().count("swept"), 1);
}

struct Silent;

impl Sink for Silent {
    fn on_end(&self, _ended: Ended<'_>) {}
}
