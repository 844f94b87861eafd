//! Spans that look for their parent in OpenTelemetry's context, as a process may have all of them
//! do. A binary of its own, because the switch is one of the process.
#![cfg(feature = "otel")]

#[path = "support/both.rs"]
mod both;

use std::{cell::RefCell, thread};

use o11y_core::{Context, ContextGuard, Observability};
use opentelemetry::{
    Context as OtelContext,
    context::FutureExt as _,
    trace::{
        SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState, Tracer as _,
    },
};

use self::both::Both;

fn following() -> (Both, ContextGuard) {
    Observability::follow_otel(true);
    let both = Both::new();
    let guard = both.attach();
    (both, guard)
}

#[test]
fn a_root_becomes_the_child_of_opentelemetrys_current_span() {
    let (both, _ours) = following();

    both.tracer().in_span("theirs", |_otel| {
        Context::with_span("ours", |_span| Context::with_span("inner", |_span| ()));
        drop(Context::start_span("by hand"));
    });
    Context::with_span("alone", |_span| ());

    assert_eq!(
        both.nesting(),
        [
            "alone in -",
            "by hand in theirs",
            "inner in ours",
            "ours in theirs",
            "theirs in -"
        ]
    );
}

#[test]
fn the_one_that_was_opened_last_is_the_parent_if_ours_are_shown() {
    let (both, _ours) = following();
    let tracer = both.tracer();

    tracer.in_span("1", |_otel| {
        Context::with_span("2", |span| {
            let _shown = span.context().to_otel().attach();
            Context::with_span("2a", |_span| ());
            tracer.in_span("3", |_otel| {
                Context::with_span("4", |span| {
                    let _shown = span.context().to_otel().attach();
                    tracer.in_span("5", |_otel| Context::with_span("6", |_span| ()));
                    Context::with_span("7", |_span| Context::with_span("8", |_span| ()));
                });
            });
        });
    });

    assert_eq!(
        both.nesting(),
        [
            "1 in -", "2 in 1", "2a in 2", "3 in 2", "4 in 3", "5 in 4", "6 in 5", "7 in 4",
            "8 in 7"
        ]
    );
    assert_eq!(both.traces(), 1);
}

#[test]
fn ours_is_the_parent_of_ours_if_it_is_not_shown() {
    let (both, _ours) = following();

    Context::with_span("outer", |_span| {
        both.tracer()
            .in_span("theirs", |_otel| Context::with_span("inner", |_span| ()));
    });

    assert_eq!(
        both.nesting(),
        ["inner in outer", "outer in -", "theirs in -"]
    );
}

#[test]
fn what_opentelemetry_does_not_sample_is_not_recorded_even_in_a_task_of_its_own() {
    let (both, _ours) = following();
    let unsampled = SpanContext::new(
        TraceId::from(7),
        SpanId::from(7),
        TraceFlags::default(),
        true,
        TraceState::NONE,
    );
    let attached = OtelContext::new()
        .with_remote_span_context(unsampled)
        .attach();

    let here = Context::with_span("ours", |span| {
        assert!(!span.is_recording());
        Context::current()
    });
    let task = Context::with_span_async("ours", async |span| {
        assert!(!span.is_recording());
        Context::with_span_async("inner", async |span| assert!(!span.is_recording())).await;
    });
    drop(attached);
    futures_util::FutureExt::now_or_never(task).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| here.run(|| Context::with_span("elsewhere", |_span| ())));
    });

    assert!(both.seen().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_parent_is_the_one_at_the_call_not_at_the_poll() {
    let (both, ours) = following();
    let tracer = both.tracer();

    let task = tracer.in_span("theirs", |_otel| {
        let tracer = tracer.clone();
        Context::with_span_async("ours", async move |span| {
            tokio::task::yield_now().await;
            let shown = span.context().to_otel();
            async move {
                tokio::task::yield_now().await;
                tracer.in_span("in ours", |_otel| {
                    Context::with_span("innermost", |_span| ());
                });
            }
            .with_context(shown)
            .await;
        })
    });
    let other = tracer.in_span("another", |_otel| tokio::spawn(task));
    drop(ours);
    other.await.unwrap();

    assert_eq!(
        both.nesting(),
        [
            "another in -",
            "in ours in ours",
            "innermost in in ours",
            "ours in theirs",
            "theirs in -"
        ]
    );
}

#[test]
fn a_model_call_follows_too() {
    let (both, _ours) = following();

    both.tracer().in_span("theirs", |_otel| {
        let call = o11y_core::Generation::new("openai", "gpt-4o-mini");
        Context::generation_blocking(call, |_call| {
            Ok::<_, o11y_core::GenerationError<std::io::Error>>(())
        })
        .unwrap();
    });

    assert_eq!(both.nesting()[1], "theirs in -");
    assert!(
        both.nesting()[0].ends_with("in theirs"),
        "{:?}",
        both.nesting()
    );
}

#[test]
fn a_destructor_at_the_end_of_a_thread_meets_no_panic() {
    struct Late(Both);
    impl Drop for Late {
        fn drop(&mut self) {
            let _ours = self.0.attach();
            Context::with_span("late", |span| drop(span.context().to_otel()));
        }
    }
    thread_local! {
        static FIRST: RefCell<Option<Late>> = const { RefCell::new(None) };
        static LAST: RefCell<Option<Late>> = const { RefCell::new(None) };
    }
    Observability::follow_otel(true);

    let thread = thread::Builder::new().spawn(|| {
        FIRST.set(Some(Late(Both::new())));
        OtelContext::new().attach(); // OpenTelemetry's own is registered between the two
        Context::with_span("usual", |_span| ());
        LAST.set(Some(Late(Both::new())));
    });

    assert!(thread.unwrap().join().is_ok());
}
