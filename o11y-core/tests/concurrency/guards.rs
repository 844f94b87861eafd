//! Guards of attached contexts that are dropped in the wrong order, too late, or never.

use o11y_core::{Context, attributes, event};

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
fn spans_opened_when_the_threads_context_is_gone_are_recorded_each_by_itself() {
    struct Late;
    impl Drop for Late {
        fn drop(&mut self) {
            Context::with_span("context is gone", |span| {
                span.set_attribute("a", 1);
                Context::annotate("b", 2);
                Context::with_trace(o11y_core::TraceAttributes::new().user("gus"), || ());
                event("nobody hears", attributes! {});
                Context::with_span("context is gone, inside", |_span| ());
            });
            drop(Context::start_span("context is gone, by hand"));
        }
    }
    thread_local!(static LATE: Late = const { Late });

    memory();
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            // What was there first is destroyed last.
            LATE.with(|_late| ());
            Context::with_span("context is there", |_span| ());
        });
        // The end of the scope would not wait for destructors.
        thread.join().unwrap();
    });

    for name in [
        "context is there",
        "context is gone",
        "context is gone, inside",
        "context is gone, by hand",
    ] {
        assert_eq!(memory().count(name), 1, "{name}");
    }
}
