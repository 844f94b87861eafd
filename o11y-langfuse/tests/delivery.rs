//! With a healthy server everything arrives, once, when it is due.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use o11y_core::{
    Context, FlushError, Generation, Observability, SpanSpec, TraceAttributes, attributes, event,
};
use o11y_langfuse::{Langfuse, LossReason, local::Fault};
use serde_json::json;

#[path = "support/rig.rs"]
mod rig;
use rig::{LONG, Rig, make};

#[test]
fn a_flush_delivers_a_batch_that_is_not_full() {
    let rig = Rig::new(|builder| builder);

    make(3);
    rig.telemetry.flush(LONG).unwrap();

    rig.assert_all_delivered(3);
    assert_eq!(rig.receiver.requests().len(), 1);
}

#[test]
fn a_request_carries_what_langfuse_wants_to_see() {
    let rig = Rig::new(|builder| builder.gzip(true));

    make(1);
    rig.telemetry.flush(LONG).unwrap();

    let requests = rig.receiver.requests();
    let request = &requests[0];
    assert_eq!(request.path, "/api/public/otel/v1/traces");
    assert_eq!(request.status, Some(200));
    assert!(request.gzip);
    for (name, value) in [
        ("content-type", "application/x-protobuf"),
        ("content-encoding", "gzip"),
        ("x-langfuse-ingestion-version", "4"),
        ("x-langfuse-sdk-name", "o11y-langfuse"),
        ("x-langfuse-sdk-version", env!("CARGO_PKG_VERSION")),
        ("x-langfuse-public-key", rig.receiver.public_key()),
    ] {
        assert_eq!(request.header(name), Some(value), "{name}");
        let times = request.headers.iter().filter(|(known, _)| known == name);
        assert_eq!(times.count(), 1, "{name}");
    }
    rig.assert_all_delivered(1);
}

#[test]
fn a_full_batch_leaves_by_itself() {
    let rig = Rig::new(|builder| builder.batch_size(10));

    make(30);

    assert!(rig.receiver.wait_for_observations(30, LONG));
    rig.telemetry.flush(LONG).unwrap();
    rig.assert_all_delivered(30);
    for request in rig.receiver.requests() {
        assert!(request.observation_ids.len() <= 10);
    }
}

/// Measured from before the first span of a batch to its arrival at the receiver: by a worker that
/// rests, and so has to be woken, and by one that is busy, and so has to look by itself. A worker that
/// nobody woke would take a quarter of a second on average.
#[test]
fn a_full_batch_leaves_at_once() {
    const ROUNDS: usize = 7;
    let mut waits = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        let rig = Rig::new(|builder| builder.batch_size(100));
        make(1);
        rig.telemetry.flush(LONG).unwrap();

        for (place, waits) in waits.iter_mut().enumerate() {
            let start = std::time::Instant::now();
            make(100);
            assert!(rig.receiver.wait_for_requests(place + 2, LONG));
            waits.push(rig.receiver.requests()[place + 1].at - start);
        }
    }

    for mut waits in waits {
        waits.sort_unstable();
        assert!(waits[0] < Duration::from_millis(50), "{waits:?}");
        assert!(waits[ROUNDS / 2] < Duration::from_millis(200), "{waits:?}");
    }
}

#[test]
fn a_queue_that_is_smaller_than_a_batch_leaves_when_it_is_full() {
    let rig = Rig::new(|builder| builder.queue_size(50));
    make(50);
    assert!(rig.receiver.wait_for_observations(50, LONG));
    drop(rig);

    let rig = Rig::new(|builder| builder.queue_bytes(100_000));
    rig.hold(); // else two of the three would be due before the third
    for _ in 0..3 {
        Context::with_span(SpanSpec::new("large").input("x".repeat(30_000)), |_span| ());
    }
    rig.receiver.release();
    assert!(rig.receiver.wait_for_observations(1 + 3, LONG));
}

#[test]
fn a_lone_span_leaves_by_itself_after_the_interval() {
    let rig = Rig::new(|builder| builder.export_interval(Duration::from_millis(20)));

    make(1);

    assert!(rig.receiver.wait_for_observations(1, LONG));
}

#[test]
fn a_large_batch_is_divided_by_bytes() {
    let rig = Rig::new(|builder| builder.request_bytes(10_000));

    for _ in 0..20 {
        Context::with_span(SpanSpec::new("large").input("x".repeat(3_000)), |_span| ());
    }
    rig.telemetry.flush(LONG).unwrap();

    rig.assert_all_delivered(20);
    let requests = rig.receiver.requests();
    assert!(requests.len() >= 6, "{}", requests.len());
    for request in requests {
        assert!(request.body_bytes <= 10_000, "{}", request.body_bytes);
    }
}

#[test]
fn a_time_that_no_clock_can_count_means_for_ever() {
    let rig = Rig::new(|builder| {
        builder
            .timeout(Duration::MAX)
            .export_interval(Duration::MAX)
    });

    make(1);
    rig.telemetry.flush(Duration::MAX).unwrap();
    rig.telemetry.shutdown(Duration::MAX).unwrap();

    rig.assert_all_delivered(1);
}

#[test]
fn one_connection_serves_every_request() {
    let rig = Rig::new(|builder| builder);

    for _ in 0..5 {
        make(1);
        rig.telemetry.flush(LONG).unwrap();
    }

    rig.assert_all_delivered(5);
    assert_eq!(rig.receiver.connections(), 1);
}

#[test]
fn dropping_the_guard_delivers_what_waits() {
    let rig = Rig::new(|builder| builder);
    make(7);

    let Rig {
        telemetry,
        receiver,
        turn: _turn,
    } = rig;
    drop(telemetry);

    assert_eq!(receiver.observation_count(), 7);
    assert_eq!(
        Observability::disabled_reason().as_deref(),
        Some("shut down")
    );
}

#[test]
fn an_exporter_that_was_replaced_leaves_its_successor_on_and_still_delivers() {
    let rig = Rig::new(|builder| builder);
    make(3);
    let successor = Langfuse::builder()
        .public_key(rig.receiver.public_key())
        .secret_key(rig.receiver.secret_key())
        .host(rig.receiver.base_url())
        .spawn()
        .unwrap();

    rig.telemetry.shutdown(LONG).unwrap();
    make(2);
    successor.flush(LONG).unwrap();

    assert!(Observability::is_enabled());
    assert_eq!(rig.telemetry.stats().delivered, 3);
    assert_eq!(successor.stats().delivered, 2);
    assert_eq!(rig.receiver.observation_count(), 5);
}

#[test]
fn a_second_shutdown_returns_at_once_and_later_spans_are_counted() {
    let rig = Rig::new(|builder| builder);

    Context::with_span("open at the end", |_span| {
        make(2);
        rig.telemetry.shutdown(LONG).unwrap();
        rig.telemetry.shutdown(LONG).unwrap();
        make(5); // telemetry is off: these are never started
    });

    let stats = rig.stats();
    assert_eq!((stats.accepted, stats.delivered), (3, 2));
    assert_eq!(stats.lost.get(LossReason::AfterShutdown), 1);
    rig.telemetry.flush(LONG).unwrap();
}

#[test]
fn many_threads_flush_at_once() {
    let rig = Rig::new(|builder| builder);

    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                make(50);
                rig.telemetry.flush(LONG).unwrap();
                make(50);
            });
        }
    });
    rig.telemetry.flush(LONG).unwrap();

    rig.assert_all_delivered(800);
}

#[tokio::test]
async fn a_flush_on_a_current_thread_runtime_leaves_its_thread_free() {
    let rig = Rig::new(|builder| builder);

    make(3);
    let flush = rig.telemetry.flush_async(LONG);
    let other = tokio::spawn(async { 1 });
    let (flushed, other) = tokio::join!(flush, other);

    flushed.unwrap();
    assert_eq!(other.unwrap(), 1);
    rig.assert_all_delivered(3);
}

#[test]
fn a_generation_arrives_with_its_model_tokens_and_trace() {
    let rig = Rig::new(|builder| builder.environment("test").release("r7"));

    let visit = TraceAttributes::new()
        .name("visit")
        .user("gus")
        .tag("coffee");
    Context::with_trace(visit, || {
        let request = Generation::new("openai", "gpt-4o-mini").input("What shall I drink?");
        Context::generation_blocking(request, |call| -> anyhow::Result<()> {
            call.record_response(&json!({
                "model": "gpt-4o-mini-2024-07-18",
                "choices": [{"message": {"role": "assistant", "content": "A flat white."}}],
                "usage": {"prompt_tokens": 31, "completion_tokens": 5,
                          "prompt_tokens_details": {"cached_tokens": 8}}
            }));
            Ok(())
        })
        .unwrap();
    });
    rig.telemetry.flush(LONG).unwrap();

    let traces = rig.receiver.traces();
    let [trace] = &traces[..] else {
        panic!("{} traces", traces.len());
    };
    assert_eq!(trace.outline(), "generation llm.generate\n");
    assert_eq!(trace.name.as_deref(), Some("visit"));
    let generation = &trace.observations[0];
    assert_eq!(generation.model.as_deref(), Some("gpt-4o-mini-2024-07-18"));
    assert_eq!(generation.input.as_deref(), Some("What shall I drink?"));
    assert_eq!(generation.output.as_deref(), Some("A flat white."));
    assert_eq!(generation.total_tokens(), 36);
    assert_eq!(generation.usage["input_cached_tokens"], 8);
    assert_eq!(generation.user_id.as_deref(), Some("gus"));
    assert_eq!(generation.tags, ["coffee"]);
    assert_eq!(generation.environment, "test");
    assert_eq!(generation.release.as_deref(), Some("r7"));
}

#[test]
fn a_trace_that_nobody_names_is_called_what_its_root_is_called() {
    let rig = Rig::new(|builder| builder);

    Context::with_span("answer the customer", |_span| {
        Context::with_span("brew", |_span| event("cup.filled", attributes! {}));
    });
    rig.telemetry.flush(LONG).unwrap();

    let traces = rig.receiver.traces();
    let [trace] = &traces[..] else {
        panic!("{} traces", traces.len());
    };
    assert_eq!(trace.name.as_deref(), Some("answer the customer"));
    // By the server: we say nothing of it.
    for observation in &trace.observations {
        assert_eq!(observation.trace_name, None, "{}", observation.name);
    }
}

#[test]
fn under_load_there_is_never_more_than_one_request_on_its_way() {
    let rig = Rig::new(|builder| builder.batch_size(10));
    rig.receiver.always(Fault::Delay(Duration::from_millis(1)));
    let done = AtomicBool::new(false);
    let requests = || {
        let requests = rig.receiver.requests();
        let open = requests.iter().filter(|one| one.status.is_none()).count();
        (requests.len(), open)
    };

    std::thread::scope(|scope| {
        let makers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    make(250);
                    rig.telemetry.flush(LONG).unwrap();
                })
            })
            .collect();
        let watcher = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let (_, open) = requests();
                assert!(open <= 1, "{open} at once");
                std::thread::yield_now();
            }
        });
        let made = makers.into_iter().map(std::thread::ScopedJoinHandle::join);
        let made: Vec<_> = made.collect();
        done.store(true, Ordering::Relaxed);
        watcher.join().unwrap();
        assert!(made.iter().all(Result::is_ok));
    });

    assert!(requests().0 >= 100, "{:?}", requests());
    // Requests on one connection cannot overlap at all.
    assert_eq!(rig.receiver.connections(), 1);
    rig.assert_all_delivered(1_000);
}

#[test]
fn while_a_request_is_not_answered_no_other_is_sent() {
    let rig = Rig::new(|builder| builder.batch_size(10).queue_size(10_000));
    rig.receiver.script([Fault::Stall]);

    make(10);
    assert!(rig.receiver.wait_for_requests(1, LONG));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| make(100)); // forty batches that are due
        }
    });
    assert_eq!(rig.receiver.requests().len(), 1);
    rig.receiver.release();
    rig.telemetry.flush(LONG).unwrap();

    assert_eq!(rig.receiver.connections(), 1);
    rig.assert_all_delivered(410);
}

#[test]
fn a_share_of_the_traces_is_kept_and_each_of_them_whole() {
    let rig = Rig::new(|builder| builder.sample_rate(0.5));

    for _ in 0..1_000 {
        Context::with_span("root", |_span| {
            Context::with_span("child", |_span| event("told", attributes! {}));
            let upload = Context::start_span("by hand");
            drop(upload);
        });
    }
    rig.telemetry.flush(LONG).unwrap();

    let traces = rig.receiver.traces();
    // Ten standard deviations from the middle.
    assert!((340..660).contains(&traces.len()), "{}", traces.len());
    for trace in &traces {
        assert_eq!(
            trace.outline(),
            "span root\n  span child\n    event told\n  span by hand\n"
        );
    }
    rig.assert_all_delivered(4 * traces.len());
}

#[test]
fn a_share_of_nothing_records_nothing_and_the_program_runs() {
    let rig = Rig::new(|builder| builder.sample_rate(0.0));

    make(10);
    rig.telemetry.flush(LONG).unwrap();

    rig.assert_all_delivered(0);
}

#[test]
fn langfuse_is_asked_which_project_the_keys_belong_to() {
    let rig = Rig::new(|builder| builder);

    let project = rig.telemetry.auth_check().unwrap();
    let trace = o11y_core::TraceId::random();
    let url = rig.telemetry.trace_url(trace).unwrap();

    assert_eq!(project.id, "local");
    let base = rig.receiver.base_url();
    assert_eq!(url, format!("{base}/project/local/traces/{trace}"));
}

#[test]
fn wrong_keys_are_told_by_the_auth_check() {
    let rig = Rig::new(|builder| builder.secret_key("sk-lf-wrong"));

    let refused = rig.telemetry.auth_check().unwrap_err();

    assert_eq!(
        refused.to_string(),
        "the credentials were refused with status 401"
    );
}

#[test]
fn a_flush_from_inside_a_subscriber_on_the_worker_is_refused_instead_of_hanging() {
    let rig = Rig::new(|builder| builder.queue_size(1));
    let (sender, receiver) = std::sync::mpsc::channel();
    let _subscription = o11y_core::events().subscribe(
        "observability.spans_lost",
        move |_event: &o11y_core::Event| {
            let answer = Observability::flush(LONG);
            sender
                .send(matches!(answer, Err(FlushError::OwnThread)))
                .unwrap();
        },
    );

    rig.hold();
    make(3);
    rig.receiver.release();
    let flushed = rig.telemetry.flush(LONG);

    assert!(
        flushed.is_ok(),
        "what was lost before is no failure of the flush"
    );
    assert_eq!(receiver.recv_timeout(LONG), Ok(true));
    assert_eq!(rig.stats().lost.get(LossReason::QueueFull), 2);
}
