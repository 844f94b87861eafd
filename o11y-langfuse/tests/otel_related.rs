//! Spans of the SDK that have nothing to do with models are left out, and what is below them is not
//! torn off.
#![cfg(feature = "otel")]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

#[path = "support/otel.rs"]
mod rig;

use std::time::Duration;

use o11y_langfuse::local::Trace;
use opentelemetry::{
    Context, KeyValue,
    baggage::BaggageExt as _,
    trace::{
        Span as _, SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState,
        Tracer as _, TracerProvider as _,
    },
};
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, SpanProcessor as _};

use self::rig::Rig;

fn provider(rig: &Rig) -> SdkTracerProvider {
    SdkTracerProvider::builder()
        .with_span_processor(rig.processor.clone())
        .build()
}

/// Runs `f` in a span that says what it is when it is opened.
fn in_operation(tracer: &SdkTracer, operation: &'static str, f: impl FnOnce()) {
    let said = [KeyValue::new("gen_ai.operation.name", operation)];
    let span = tracer.span_builder(operation).with_attributes(said);
    let here = Context::current_with_span(span.start(tracer));
    let _here = here.attach();
    f();
}

fn outlines(rig: &Rig) -> Vec<String> {
    rig.processor.force_flush().unwrap();
    let traces = rig.receiver.traces();
    assert!(traces.iter().all(|trace| trace.orphan_count() == 0));
    let mut outlines: Vec<_> = traces.iter().map(Trace::outline).collect();
    outlines.sort();
    outlines
}

#[test]
fn what_is_below_a_span_that_is_left_out_stands_below_the_next_one_above() {
    let rig = Rig::new(|builder| builder);
    let tracer = provider(&rig).tracer("shop");

    tracer.in_span("GET /drink", |_request| {
        tracer.in_span("routing", |_layer| {
            in_operation(&tracer, "invoke_agent", || {
                tracer.in_span("SELECT", |_query| ());
                tracer.in_span("with a permit", |_lock| {
                    in_operation(&tracer, "chat", || tracer.in_span("POST", |_client| ()));
                    in_operation(&tracer, "execute_tool", || ());
                });
            });
        });
    });

    let agent = "agent invoke_agent\n  generation chat\n  tool execute_tool\n";
    assert_eq!(outlines(&rig), [agent]);
    let stats = rig.processor.stats();
    assert_eq!((stats.accepted, stats.filtered), (3, 5), "{stats}");
}

#[test]
fn a_span_that_turns_out_to_be_a_call_is_kept_at_its_place() {
    let rig = Rig::new(|builder| builder);
    let tracer = provider(&rig).tracer("shop");

    in_operation(&tracer, "invoke_agent", || {
        tracer.in_span("retrying", |_layer| {
            let mut call = tracer.start("call");
            call.set_attribute(KeyValue::new("gen_ai.request.model", "gpt-4o"));
            call.end();
        });
    });

    assert_eq!(outlines(&rig), ["agent invoke_agent\n  generation call\n"]);
}

#[test]
fn below_a_request_that_is_left_out_the_first_span_is_the_callers_child() {
    let rig = Rig::new(|builder| builder);
    let tracer = provider(&rig).tracer("shop");
    let (trace, flags) = (TraceId::from(0xabc), TraceFlags::SAMPLED);
    let point = SpanContext::new(trace, SpanId::from(7), flags, true, TraceState::NONE);

    for is_claimed in [false, true] {
        let claim = is_claimed.then(|| KeyValue::new("langfuse_trace_id", trace.to_string()));
        let called = Context::new()
            .with_remote_span_context(point.clone())
            .with_baggage(claim);
        let _called = called.attach();
        tracer.in_span("GET /drink", |_request| {
            in_operation(&tracer, "chat", || {
                in_operation(&tracer, "execute_tool", || ());
            });
        });
        rig.processor.force_flush().unwrap();

        let seen = rig.receiver.observations();
        let named = |name: &str| seen.iter().find(|one| one.name == name).unwrap();
        assert_eq!(seen.len(), 2);
        assert_eq!(named("chat").parent_id.as_deref(), Some("0000000000000007"));
        assert_eq!(named("chat").app_root, !is_claimed);
        assert!(!named("execute_tool").app_root);
        rig.receiver.clear();
    }
}

#[test]
fn instrumentation_is_known_by_its_scope_and_spans_by_keys_and_events() {
    let rig = Rig::new(|builder| builder);
    let provider = provider(&rig);

    for scope in ["openinference.instrumentation.rig", "rig::agent", "ai"] {
        provider.tracer(scope).in_span("kept", |_otel| ());
    }
    for scope in ["airline", "sqlx", ""] {
        provider.tracer(scope).in_span("left out", |_otel| ());
    }
    let tracer = provider.tracer("shop");
    for key in [
        "langfuse.observation.type",
        "llm.model_name",
        "gen_ai.usage.cost",
    ] {
        tracer.in_span("kept", |otel| {
            otel.span().set_attribute(KeyValue::new(key, "tool"));
        });
    }
    tracer.in_span("kept", |otel| {
        otel.span().add_event("gen_ai.choice", vec![]);
    });
    for key in ["http.route", "llm", "generation"] {
        tracer.in_span("left out", |otel| {
            otel.span().set_attribute(KeyValue::new(key, "x"));
        });
    }
    rig.processor.force_flush().unwrap();

    let seen = rig.receiver.observations();
    assert_eq!(seen.len(), 7);
    assert!(seen.iter().all(|one| one.name == "kept"));
    assert_eq!(rig.processor.stats().filtered, 6);
}

#[test]
fn the_whole_tree_is_exported_where_that_is_wanted() {
    let rig = Rig::new(|builder| builder.all_otel_spans(true));
    let tracer = provider(&rig).tracer("shop");

    tracer.in_span("GET /drink", |_request| {
        in_operation(&tracer, "chat", || tracer.in_span("POST", |_client| ()));
    });

    let whole = "span GET /drink\n  generation chat\n    span POST\n";
    assert_eq!(outlines(&rig), [whole]);
    assert_eq!(rig.processor.stats().filtered, 0);
}

#[test]
fn a_span_that_ends_after_the_shutdown_is_counted_only_if_it_would_have_been_sent() {
    let rig = Rig::new(|builder| builder);
    let tracer = provider(&rig).tracer("shop");
    let (request, call) = (tracer.start("GET /drink"), {
        let said = [KeyValue::new("gen_ai.operation.name", "chat")];
        tracer
            .span_builder("chat")
            .with_attributes(said)
            .start(&tracer)
    });

    rig.processor
        .shutdown_with_timeout(Duration::from_secs(20))
        .unwrap();
    drop((request, call));

    let stats = rig.processor.stats();
    assert_eq!((stats.lost.total(), stats.filtered), (1, 1), "{stats}");
}
