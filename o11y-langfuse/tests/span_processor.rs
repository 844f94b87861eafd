//! The processor's life: the scenarios of the tests of OpenTelemetry's own batch processor, and what
//! its specification says beyond them.
#![cfg(feature = "otel")]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

#[path = "support/otel.rs"]
mod rig;

use std::{
    thread,
    time::{Duration, Instant},
};

use o11y_langfuse::{AsyncSpanProcessor, Langfuse, LossReason, local::Fault};
use opentelemetry::{
    Context, KeyValue,
    baggage::BaggageExt as _,
    trace::{
        SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState, Tracer as _,
        TracerProvider as _,
    },
};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkError,
    trace::{Sampler, SdkTracerProvider, SpanData, SpanProcessor as _},
};

use self::rig::{LONG, Rig, span};

#[test]
fn a_span_leaves_by_itself_after_the_interval() {
    let rig = Rig::new(|builder| builder.export_interval(Duration::from_millis(5)));

    rig.processor.on_end(span("test span"));

    assert!(rig.receiver.wait_for_observations(1, LONG));
    assert_eq!(rig.receiver.observations()[0].name, "test span");
}

#[test]
fn below_a_callers_claim_for_the_trace_no_span_is_an_application_root() {
    let rig = Rig::new(|builder| builder.all_otel_spans(true));
    let provider = SdkTracerProvider::builder()
        .with_span_processor(rig.processor.clone())
        .build();
    let (trace, flags) = (TraceId::from(0xabc), TraceFlags::SAMPLED);
    let point = SpanContext::new(trace, SpanId::from(7), flags, true, TraceState::NONE);
    let called = Context::new().with_remote_span_context(point);

    for (claim, is_root) in [
        (None, true),
        (Some(TraceId::from(1)), true),
        (Some(trace), false),
    ] {
        let claim = claim.map(|of| KeyValue::new("langfuse_trace_id", of.to_string()));
        let called = called.with_baggage(claim);
        drop(
            provider
                .tracer("test")
                .start_with_context("answer", &called),
        );
        rig.processor.force_flush().unwrap();

        assert_eq!(rig.receiver.observations()[0].app_root, is_root);
        rig.receiver.clear();
    }
}

#[test]
fn a_flush_delivers_what_ended_before_it() {
    let rig = Rig::new(|builder| builder);

    rig.processor.on_end(span("1"));
    rig.processor.on_end(span("2"));
    rig.processor.force_flush().unwrap();

    assert_eq!(rig.receiver.observation_count(), 2);
    rig.processor.force_flush().unwrap(); // nothing waits
}

#[test]
fn a_flush_delivers_what_many_threads_handed_over_before_it() {
    let rig = Rig::new(|builder| builder);

    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    rig.processor.on_end(span("counted"));
                }
                rig.processor.force_flush().unwrap();
            });
        }
    });

    assert_eq!(rig.receiver.observation_count(), 200);
}

#[test]
fn what_the_queue_has_no_room_for_is_dropped_and_counted() {
    let rig = Rig::new(|builder| builder.queue_size(4).batch_size(4));
    rig.receiver.always(Fault::Stall);

    for _ in 0..4 {
        rig.processor.on_end(span("first batch"));
    }
    assert!(rig.receiver.wait_for_requests(1, LONG)); // the worker hangs in it
    for name in ["overflow", "overflow", "kept", "kept", "kept", "kept"] {
        rig.processor.on_end(span(name));
    }
    let stats = rig.processor.stats();
    assert_eq!(stats.lost.get(LossReason::QueueFull), 2, "{stats}");
    assert_eq!(stats.waiting, 8, "{stats}");

    rig.receiver.always(None);
    rig.receiver.release();
    rig.processor.force_flush().unwrap();

    let names = rig
        .receiver
        .observations()
        .into_iter()
        .map(|seen| seen.name);
    assert_eq!(names.filter(|name| name == "kept").count(), 4);
    let stats = rig.processor.stats();
    assert_eq!((stats.delivered, stats.waiting), (8, 0), "{stats}");
}

#[test]
fn every_span_of_a_storm_is_accounted_for() {
    let rig = Rig::new(|builder| builder.queue_size(512).batch_size(128));
    rig.receiver.always(Fault::Delay(Duration::from_millis(2)));

    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..5_000 {
                    rig.processor.on_end(span("stress"));
                }
            });
        }
    });
    let ended = rig.processor.shutdown_with_timeout(LONG);

    let stats = rig.processor.stats();
    assert_eq!(stats.accepted, 20_000);
    assert_eq!(stats.delivered + stats.lost.total(), 20_000, "{stats}");
    assert_eq!(rig.receiver.observation_count() as u64, stats.delivered);
    // What was lost before the shutdown is not the shutdown's fault.
    assert!(ended.is_ok(), "{ended:?}");
}

#[test]
fn a_shutdown_delivers_what_waits_and_nothing_after_it() {
    let rig = Rig::new(|builder| builder);

    rig.processor.on_end(span("before"));
    rig.processor.shutdown().unwrap();
    rig.processor.on_end(span("after"));

    let stats = rig.processor.stats();
    assert_eq!(rig.receiver.observation_count(), 1);
    assert_eq!(stats.lost.get(LossReason::AfterShutdown), 1, "{stats}");
    assert!(matches!(
        rig.processor.shutdown(),
        Err(OTelSdkError::AlreadyShutdown)
    ));
    assert!(matches!(
        rig.processor.force_flush(),
        Err(OTelSdkError::AlreadyShutdown)
    ));
}

#[test]
fn a_stalled_server_holds_nobody_beyond_the_time_given() {
    let rig = Rig::new(|builder| builder.shutdown_timeout(Duration::from_millis(50)));
    rig.receiver.always(Fault::Stall);
    rig.processor.on_end(span("stuck"));

    let start = Instant::now();
    let flushed = rig.processor.force_flush();
    let ended = rig
        .processor
        .shutdown_with_timeout(Duration::from_millis(50));

    assert!(matches!(flushed, Err(OTelSdkError::Timeout(time)) if time.as_millis() == 50));
    assert!(
        matches!(ended, Err(OTelSdkError::InternalFailure(_))),
        "{ended:?}"
    );
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
    let stats = rig.processor.stats();
    assert_eq!(stats.lost.get(LossReason::ShutdownDeadline), 1, "{stats}");
}

#[test]
fn one_request_is_under_way_at_a_time() {
    let rig = Rig::new(|builder| builder.batch_size(1));

    for _ in 0..3 {
        rig.processor.on_end(span("one"));
    }
    rig.processor.force_flush().unwrap();

    assert_eq!(rig.receiver.requests().len(), 3);
    assert_eq!(rig.receiver.connections(), 1);
}

#[test]
fn attributes_arrive() {
    let rig = Rig::new(|builder| builder);
    let attributes = [
        KeyValue::new("key1", "value1"),
        KeyValue::new("key2", "value2"),
    ];

    let seen = rig.sent(rig::with("attribute validation", attributes));

    assert_eq!(seen.metadata["key1"], "value1");
    assert_eq!(seen.metadata["key2"], "value2");
}

#[test]
fn the_resource_arrives_with_every_span() {
    let mut rig = Rig::new(|builder| builder.environment("staging"));
    let resource = Resource::builder_empty()
        .with_attributes([
            KeyValue::new("service.name", "shop"),
            KeyValue::new("service.version", "1.2"),
            KeyValue::new("deployment.environment.name", "production"),
            KeyValue::new("host.name", "a1"),
            KeyValue::new("telemetry.sdk.name", "opentelemetry"),
        ])
        .build();
    rig.processor.set_resource(&resource);

    let seen = rig.sent(span("resource"));
    assert_eq!(seen.metadata["service.name"], "shop");
    assert_eq!(seen.version.as_deref(), Some("1.2"));
    assert_eq!(seen.environment, "production");
    assert!(seen.metadata["resource"].contains(r#""host.name":"a1""#));
    assert!(!seen.metadata["resource"].contains("telemetry.sdk"));
}

#[test]
fn what_the_exporter_says_itself_of_the_process_is_not_said_twice() {
    let mut rig = Rig::new(|builder| builder.service_name("shop").environment("staging"));
    let resource = Resource::builder_empty()
        .with_attributes([
            KeyValue::new("service.name", "shop"),
            KeyValue::new("deployment.environment", "staging"),
        ])
        .build();
    rig.processor.set_resource(&resource);

    let seen = rig.sent(span("resource"));

    assert_eq!(seen.environment, "staging");
    assert!(
        !seen.metadata.contains_key("resource"),
        "{:?}",
        seen.metadata
    );
    assert!(!seen.metadata.contains_key("service.name"));
}

#[test]
fn what_is_not_sampled_is_ignored() {
    let rig = Rig::new(|builder| builder);
    let point = SpanContext::new(
        TraceId::from(7),
        SpanId::from(7),
        TraceFlags::default(),
        false,
        TraceState::NONE,
    );

    rig.processor.on_end(SpanData {
        span_context: point,
        ..span("left out")
    });
    rig.processor.force_flush().unwrap();

    assert_eq!(rig.processor.stats().accepted, 0);
}

#[test]
fn a_span_without_ids_is_lost_and_counted() {
    let rig = Rig::new(|builder| builder);
    let point = SpanContext::new(
        TraceId::INVALID,
        SpanId::from(7),
        TraceFlags::SAMPLED,
        false,
        TraceState::NONE,
    );

    rig.processor.on_end(SpanData {
        span_context: point,
        ..span("no trace")
    });

    let stats = rig.processor.stats();
    assert_eq!(stats.lost.get(LossReason::Unencodable), 1, "{stats}");
    assert!(stats.is_balanced());
}

#[test]
fn a_provider_drives_it_like_any_other() {
    let rig = Rig::new(|builder| builder.all_otel_spans(true));
    let provider = SdkTracerProvider::builder()
        .with_span_processor(rig.processor.clone())
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOn)))
        .with_resource(Resource::builder_empty().with_service_name("shop").build())
        .build();
    let tracer = provider.tracer("checkout");

    tracer.in_span("outer", |_otel| tracer.in_span("inner", |_otel| ()));
    provider.force_flush().unwrap();
    let seen = rig.receiver.traces();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].outline(), "span outer\n  span inner\n");
    assert_eq!(seen[0].roots()[0].metadata["scope.name"], "checkout");
    assert_eq!(seen[0].roots()[0].metadata["service.name"], "shop");

    tracer.in_span("last", |_otel| ());
    provider.shutdown().unwrap();
    assert_eq!(rig.receiver.observation_count(), 3);
}

#[test]
fn the_last_clone_that_is_dropped_delivers_what_waits() {
    let Rig {
        processor,
        receiver,
    } = Rig::new(|builder| builder);
    processor.on_end(span("waits"));

    let clone = processor.clone();
    drop(processor);
    assert_eq!(receiver.observation_count(), 0);
    drop(clone);

    assert_eq!(receiver.observation_count(), 1);
}

#[test]
fn a_builder_without_keys_says_so_and_debug_shows_none() {
    let refused = Langfuse::builder().span_processor();
    assert_eq!(refused.unwrap_err().to_string(), "public_key is not set");

    let rig = Rig::new(|builder| builder);
    let shown = format!("{:?}", rig.processor);
    assert!(!shown.contains(rig.receiver.secret_key()), "{shown}");
}

#[test]
fn a_filter_is_asked_about_spans_of_the_sdk_too() {
    let rig = Rig::new(|builder| builder.filter(|record| record.name() != "health"));

    rig.processor.on_end(span("health"));
    let seen = rig.sent(span("answer"));

    assert_eq!(seen.name, "answer");
    assert_eq!(rig.processor.stats().filtered, 1);
}

fn hand_over_four() {
    let rig = Rig::new(|builder| builder.queue_size(5).batch_size(3));
    for _ in 0..4 {
        rig.processor.on_end(span("four"));
    }
    rig.processor.force_flush().unwrap();
    assert_eq!(rig.receiver.observation_count(), 4);
    rig.processor.shutdown().unwrap();
}

#[tokio::test(flavor = "current_thread")]
async fn a_flush_within_a_runtime_of_one_thread_ends() {
    hand_over_four();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_flush_within_a_runtime_of_one_worker_ends() {
    hand_over_four();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tasks_of_a_runtime_hand_over_side_by_side() {
    let rig = Rig::new(|builder| builder.queue_size(20).batch_size(5));

    let tasks = (0..10).map(|_| {
        let processor: AsyncSpanProcessor = rig.processor.clone();
        tokio::spawn(async move { processor.on_end(span("of a task")) })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    rig.processor.force_flush().unwrap();

    assert_eq!(rig.receiver.observation_count(), 10);
}
