//! Our spans and OpenTelemetry's on one queue and worker: one trace.
#![cfg(feature = "otel")]

#[path = "support/rig.rs"]
mod rig;

use o11y_core::{Context, Observability, ObservationType, SpanSpec, Usage};
use o11y_langfuse::local::Trace;
use opentelemetry::{
    Context as OtelContext, KeyValue, Value,
    baggage::BaggageExt as _,
    trace::{
        SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState, Tracer as _,
        TracerProvider as _,
    },
};
use opentelemetry_sdk::trace::SdkTracerProvider;

use self::rig::{LONG, Rig};

#[test]
fn both_kinds_make_one_tree_whichever_opens_the_other() {
    let rig = Rig::new(|builder| builder.all_otel_spans(true));
    let provider = SdkTracerProvider::builder()
        .with_span_processor(rig.telemetry.span_processor())
        .build();
    let tracer = provider.tracer("http");
    Observability::follow_otel(true);

    tracer.in_span("GET /answer", |_otel| {
        Context::with_span("answer", |span| {
            let _shown = span.context().to_otel().attach();
            tracer.in_span("POST /v1/chat", |_otel| {
                Context::with_span("parse", |_span| ());
            });
        });
    });
    provider.shutdown().unwrap();
    // The worker goes on for ours.
    Context::with_span("after", |_span| ());
    rig.telemetry.flush(LONG).unwrap();

    rig.assert_all_delivered(5);
    let seen = rig.receiver.traces();
    let mut outlines: Vec<_> = seen.iter().map(Trace::outline).collect();
    outlines.sort();
    let whole = "span GET /answer\n  span answer\n    span POST /v1/chat\n      span parse\n";
    assert_eq!(outlines, [whole, "span after\n"]);
    assert!(seen.iter().all(|trace| trace.orphan_count() == 0));
    let observations = rig.receiver.observations();
    assert!(observations.iter().all(|seen| !seen.app_root));
}

#[test]
fn ours_below_a_request_that_is_left_out_stands_where_the_request_stood() {
    let rig = Rig::new(|builder| builder);
    let provider = SdkTracerProvider::builder()
        .with_span_processor(rig.telemetry.span_processor())
        .build();
    let tracer = provider.tracer("http");
    Observability::follow_otel(true);
    let (trace, flags) = (TraceId::from(0xabc), TraceFlags::SAMPLED);
    let caller = SpanContext::new(trace, SpanId::from(7), flags, true, TraceState::NONE);

    tracer.in_span("GET /answer", |_request| {
        Context::with_span(SpanSpec::new("answer").input("a latte"), |span| {
            let _shown = span.context().to_otel().attach();
            tracer.in_span("POST", |_client| Context::with_span("parse", |_span| ()));
        });
    });
    let remote = OtelContext::new().with_remote_span_context(caller);
    for (name, claim) in [("serve", None), ("serve another", Some(trace))] {
        let claim = claim.map(|of| KeyValue::new("langfuse_trace_id", of.to_string()));
        let _called = remote.with_baggage(claim).attach();
        tracer.in_span("GET /called", |_request| {
            Context::with_span(name, |_span| ());
        });
    }
    provider.shutdown().unwrap();
    rig.telemetry.flush(LONG).unwrap();

    rig.assert_all_delivered(4);
    assert_eq!(rig.telemetry.stats().filtered, 4);
    let seen = rig.receiver.traces();
    let answer = seen
        .iter()
        .find(|seen| seen.id != trace.to_string())
        .unwrap();
    assert_eq!(answer.outline(), "span answer\n  span parse\n");
    assert_eq!(answer.roots()[0].input.as_deref(), Some("a latte"));
    let observations = rig.receiver.observations();
    let named = |name| observations.iter().find(|one| one.name == name).unwrap();
    assert!(!named("answer").app_root && !named("parse").app_root);
    assert_eq!(
        named("serve").parent_id.as_deref(),
        Some("0000000000000007")
    );
    assert!(named("serve").app_root && !named("serve another").app_root);
}

#[test]
fn what_both_kinds_record_of_one_call_is_billed_once() {
    let rig = Rig::new(|builder| builder);
    let provider = SdkTracerProvider::builder()
        .with_span_processor(rig.telemetry.span_processor())
        .build();
    let tracer = provider.tracer("a library of models");

    let call = SpanSpec::new("ask").observation(ObservationType::Generation);
    Context::with_span(call, |span| {
        let _shown = span.context().to_otel().attach();
        tracer.in_span("chat gpt-4o", |otel| {
            for (key, value) in [
                ("gen_ai.operation.name", Value::from("chat")),
                ("gen_ai.request.model", "gpt-4o".into()),
                ("gen_ai.usage.input_tokens", 20.into()),
                (
                    "langfuse.observation.usage_details",
                    r#"{"input":20}"#.into(),
                ),
                ("langfuse.observation.cost_details", r#"{"total":1}"#.into()),
            ] {
                otel.span().set_attribute(KeyValue::new(key, value));
            }
        });
        span.set_model("gpt-4o");
        span.set_usage(Usage::new().input(20));
    });
    provider.shutdown().unwrap();
    rig.telemetry.flush(LONG).unwrap();

    let seen = rig.receiver.traces();
    assert_eq!(seen[0].outline(), "generation ask\n  span chat gpt-4o\n");
    assert_eq!(
        (seen[0].total_tokens(), seen[0].generation_count()),
        (20, 1)
    );
    let theirs = &rig.receiver.observations();
    let theirs = theirs.iter().find(|span| span.kind == "span").unwrap();
    assert_eq!((theirs.total_cost(), theirs.model.as_deref()), (None, None));
    assert_eq!(theirs.metadata["gen_ai.usage.input_tokens"], "20");
}

#[test]
fn with_telemetry_off_the_processor_ignores_everything() {
    let telemetry = o11y_langfuse::Telemetry::off("a test");
    let processor = telemetry.span_processor();
    let provider = SdkTracerProvider::builder()
        .with_span_processor(processor.clone())
        .build();

    provider.tracer("test").in_span("nowhere", |_otel| ());

    provider.force_flush().unwrap();
    provider.shutdown().unwrap();
    assert_eq!(processor.stats().accepted, 0);
}
