//! Spans of OpenTelemetry as parents, where it is asked for; and ours as parents of its spans.
#![cfg(feature = "otel")]

#[path = "support/both.rs"]
mod both;

use std::{collections::HashMap, thread};

use o11y_core::{Context, Observability, ObservationType, Propagation, SpanSpec, TraceAttributes};
use opentelemetry::{
    Context as OtelContext, KeyValue,
    baggage::BaggageExt as _,
    context::FutureExt as _,
    trace::{
        SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState, Tracer as _,
    },
};
use opentelemetry_sdk::trace::Sampler;

use self::both::Both;

fn remote(flags: TraceFlags, state: TraceState) -> OtelContext {
    let point = SpanContext::new(
        TraceId::from(0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c),
        SpanId::from(0x00f0_67aa_0ba9_02b7),
        flags,
        true,
        state,
    );
    OtelContext::new().with_remote_span_context(point)
}

#[test]
fn a_span_of_opentelemetry_is_no_parent_unless_it_is_asked_for() {
    let both = Both::new();
    let _ours = both.attach();

    both.tracer().in_span("theirs", |_otel| {
        Context::with_span("ours", |_span| ());
    });

    assert_eq!(both.nesting(), ["ours in -", "theirs in -"]);
}

#[test]
fn a_span_of_opentelemetry_becomes_the_parent_where_it_is_given() {
    let both = Both::new();
    let _ours = both.attach();

    both.tracer().in_span("theirs", |otel| {
        Context::from_otel(&otel).run(|| {
            Context::with_span("ours", |_span| Context::with_span("inner", |_span| ()));
        });
    });

    assert_eq!(
        both.nesting(),
        ["inner in ours", "ours in theirs", "theirs in -"]
    );
}

#[test]
fn without_a_span_of_opentelemetry_the_point_is_where_the_code_stands() {
    let both = Both::new();
    let _ours = both.attach();

    Context::with_span("outer", |_span| {
        for otel in [OtelContext::new(), remote_of_zeros()] {
            Context::from_otel(&otel).run(|| Context::with_span("inner", |_span| ()));
        }
        // Also what is said of the open span arrives.
        Context::from_otel(&OtelContext::new()).run(|| assert!(Context::annotate("k", 1)));
    });

    assert_eq!(
        both.nesting(),
        ["inner in outer", "inner in outer", "outer in -"]
    );
}

fn remote_of_zeros() -> OtelContext {
    OtelContext::new().with_remote_span_context(SpanContext::new(
        TraceId::from(7),
        SpanId::INVALID,
        TraceFlags::SAMPLED,
        true,
        TraceState::NONE,
    ))
}

#[test]
fn what_does_not_arrive_leaves_ours_the_first_of_its_trace() {
    let both = Both::new();
    let _ours = both.attach();
    let open = || {
        both.tracer().in_span("theirs", |otel| {
            Context::from_otel(&otel).run(|| Context::with_span("ours", |_span| ()));
        });
    };
    let first = |place: usize| both.seen()[place].remote;

    open();
    Observability::otel_spans_arrive(true);
    open();
    Observability::otel_spans_arrive(false);

    assert!(first(0) && !first(2), "{:?}", both.seen());
}

#[test]
fn a_trace_that_opentelemetry_does_not_sample_is_not_recorded() {
    let both = Both::new();
    let _ours = both.attach();

    Context::from_otel(&remote(TraceFlags::default(), TraceState::NONE)).run(|| {
        Context::with_span("ours", |span| {
            assert!(!span.is_recording());
            Context::with_span("inner", |span| assert!(!span.is_recording()));
        });
    });

    assert!(both.seen().is_empty());
}

#[test]
fn the_attributes_around_are_kept_and_nothing_reaches_the_foreign_span() {
    let both = Both::new();
    let _ours = both.attach();

    Context::with_trace(TraceAttributes::new().user("gus"), || {
        let context = Context::from_otel(&remote(TraceFlags::SAMPLED, TraceState::NONE));

        let attributes = context.trace_attributes();
        assert_eq!(attributes.and_then(|known| known.get_user()), Some("gus"));
        context.run(|| assert!(!Context::annotate("k", 1)));
    });
}

#[test]
fn an_application_root_that_opentelemetry_read_of_is_the_only_one() {
    let both = Both::new();
    let _ours = both.attach();
    let called = remote(TraceFlags::SAMPLED, TraceState::NONE);
    let trace = called.span().span_context().trace_id().to_string();
    let is_root = |otel: &OtelContext| {
        Context::from_otel(otel).run(|| {
            let mut headers = HashMap::new();
            let inner = Propagation::new().baggage(true);
            inner.inject(&Context::current(), &mut headers);
            !headers.contains_key("baggage")
        })
    };

    let claim = |of: &str| called.with_baggage([KeyValue::new("langfuse_trace_id", of.to_owned())]);
    assert!(is_root(&called));
    assert!(is_root(&claim("12345678901234567890123456789012")));
    assert!(!is_root(&claim(&trace)));
}

#[test]
fn what_other_systems_said_of_the_trace_goes_both_ways() {
    let both = Both::new();
    let _ours = both.attach();
    let state: TraceState = "vendor=1,other=2".parse().unwrap();

    let mut headers = HashMap::new();
    let shown = Context::from_otel(&remote(TraceFlags::SAMPLED, state.clone())).run(|| {
        Context::with_span("ours", |span| {
            span.context().inject(&mut headers);
            span.context().to_otel()
        })
    });

    assert_eq!(headers["tracestate"], "vendor=1,other=2");
    assert_eq!(shown.span().span_context().trace_state(), &state);
}

#[test]
fn ours_is_the_parent_of_opentelemetrys_where_it_is_shown() {
    let both = Both::new();
    let _ours = both.attach();
    let tracer = both.tracer();

    Context::with_span("ours", |span| {
        tracer.in_span("not shown", |_otel| ());
        let shown = span.context().to_otel();
        assert!(!shown.span().span_context().is_remote());
        {
            let _guard = shown.attach();
            tracer.in_span("shown", |_otel| tracer.in_span("inner", |_otel| ()));
        }
        tracer.in_span("after", |_otel| ());
    });

    assert_eq!(
        both.nesting(),
        [
            "after in -",
            "inner in shown",
            "not shown in -",
            "ours in -",
            "shown in ours"
        ]
    );
}

#[test]
fn what_is_not_recorded_here_silences_nobody() {
    let both = Both::new();
    let tracer = both.tracer();

    // Outside of any span, with telemetry off, and in a trace that is not sampled.
    let _outside = Context::current().to_otel().attach();
    tracer.in_span("outside", |_otel| ());
    Context::with_span("off", |span| {
        let _shown = span.context().to_otel().attach();
        tracer.in_span("off", |_otel| ());
    });
    let _ours = both.attach();
    let unsampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";
    Context::from_traceparent(unsampled).unwrap().run(|| {
        Context::with_span("not sampled", |span| {
            let _shown = span.context().to_otel().attach();
            tracer.in_span("not sampled", |_otel| ());
        });
    });

    assert_eq!(
        both.nesting(),
        ["not sampled in -", "off in -", "outside in -"]
    );
}

#[test]
fn a_context_knows_whether_it_lies_in_a_model_call() {
    let both = Both::new();
    let _ours = both.attach();
    let tracer = both.tracer();
    let in_call = || OtelContext::map_current(Observability::is_otel_in_call);

    let call = SpanSpec::new("call").observation(ObservationType::Generation);
    Context::with_span(call, |span| {
        assert!(!in_call());
        let _shown = span.context().to_otel().attach();
        assert!(in_call());
        tracer.in_span("theirs", |_otel| {
            assert!(in_call());
            Context::with_span("tool", |span| {
                let _shown = span.context().to_otel().attach();
                assert!(!in_call());
            });
        });
    });
}

#[test]
fn opentelemetrys_own_span_is_not_covered_by_a_copy_of_itself() {
    let both = Both::new();
    let _ours = both.attach();

    both.tracer().in_span("theirs", |otel| {
        let _guard = Context::from_otel(&otel).to_otel().attach();

        OtelContext::map_current(|otel| assert!(otel.span().is_recording()));
    });
}

#[test]
fn a_sampler_that_goes_by_its_parent_takes_our_flag() {
    let both = Both::sampling(Sampler::ParentBased(Box::new(Sampler::AlwaysOff)));
    let _ours = both.attach();
    let tracer = both.tracer();

    tracer.in_span("left out", |_otel| ());
    Context::with_span("ours", |span| {
        let _shown = span.context().to_otel().attach();
        tracer.in_span("taken", |_otel| ());
    });

    assert_eq!(both.nesting(), ["ours in -", "taken in ours"]);
}

#[test]
fn the_baggage_and_values_of_opentelemetry_stay() {
    #[derive(Debug, PartialEq)]
    struct Mine(i32);
    let both = Both::new();
    let _ours = both.attach();
    let _mine = OtelContext::current_with_value(Mine(7)).attach();

    Context::with_span("ours", |span| {
        let _shown = span.context().to_otel().attach();

        OtelContext::map_current(|otel| assert_eq!(otel.get(), Some(&Mine(7))));
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_ways_nest_across_tasks_and_threads() {
    let both = Both::new();
    let tracer = both.tracer();
    let ours = both.attach();
    let (task, thread) = tracer.in_span("theirs", |otel| {
        let tracer = tracer.clone();
        let here = Context::from_otel(&otel);
        let task = here.run(|| {
            Context::with_span_async("task", async move |span| {
                tokio::task::yield_now().await;
                let shown = span.context().to_otel();
                async {
                    tokio::task::yield_now().await;
                    tracer.in_span("in the task", |_otel| ());
                }
                .with_context(shown)
                .await;
            })
        });
        let tracer = both.tracer();
        let thread = thread::Builder::new().spawn(move || {
            here.run(|| {
                Context::with_span("thread", |span| {
                    let _shown = span.context().to_otel().attach();
                    tracer.in_span("in the thread", |_otel| ());
                });
            });
        });
        (tokio::spawn(task), thread)
    });
    drop(ours);
    thread.unwrap().join().unwrap();
    task.await.unwrap();

    assert_eq!(
        both.nesting(),
        [
            "in the task in task",
            "in the thread in thread",
            "task in theirs",
            "theirs in -",
            "thread in theirs"
        ]
    );
    assert_eq!(both.traces(), 1);
}
