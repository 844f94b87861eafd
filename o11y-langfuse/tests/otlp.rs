//! Exporters of OpenTelemetry's SDK behind our executor: what becomes of spans when they fail, hang
//! or panic, and at the end.
#![cfg(feature = "otlp")]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

#[path = "support/logged.rs"]
mod logged;
#[path = "support/otlp.rs"]
mod rig;

use std::{
    future::{pending, poll_fn},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    task::Poll,
    thread,
    time::{Duration, Instant},
};

use o11y_core::{Context, FlushError, SpanSpec};
use o11y_langfuse::{
    Executor, LossReason, SdkExporter,
    local::{Fault, Receiver},
};
use opentelemetry::{
    Context as OtelContext,
    trace::{Tracer as _, TracerProvider as _},
};
use opentelemetry_sdk::{
    error::{OTelSdkError, OTelSdkResult},
    trace::{SdkTracerProvider, SpanData, SpanExporter},
};

use self::rig::{LONG, Memory, executor, otlp, record, spawn};

type Exporting = Pin<Box<dyn Future<Output = OTelSdkResult> + Send>>;

/// Does as it is told with each export, which are numbered from 1.
struct By<F> {
    export: F,
    exports: Arc<AtomicU32>,
    calls: Arc<Mutex<Vec<String>>>,
}

impl<F: Fn(u32, Vec<SpanData>) -> Exporting + Send + Sync + 'static> By<F> {
    fn new(export: F) -> Self {
        Self {
            export,
            exports: Arc::default(),
            calls: Arc::default(),
        }
    }
}

impl<F> std::fmt::Debug for By<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("authorization: secret")
    }
}

impl<F: Fn(u32, Vec<SpanData>) -> Exporting + Send + Sync> SpanExporter for By<F> {
    fn export(&self, batch: Vec<SpanData>) -> impl Future<Output = OTelSdkResult> + Send {
        (self.export)(self.exports.fetch_add(1, Ordering::Relaxed) + 1, batch)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.calls.lock().unwrap().push("flush".to_owned());
        Ok(())
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        let call = format!("shutdown {}", timeout <= LONG && timeout > LONG / 2);
        self.calls.lock().unwrap().push(call);
        Ok(())
    }
}

fn failure() -> OTelSdkResult {
    Err(OTelSdkError::InternalFailure("it failed".to_owned()))
}

fn brew(executor: &Executor) {
    record(executor, || Context::with_span("brew", |_span| ()));
}

/// Loses spans, so the flush says so.
fn brew_in_vain(executor: &Executor) {
    let sink = executor.sink();
    o11y_core::Telemetry::scoped(sink, o11y_core::EventBus::new())
        .run(|| Context::with_span("brew", |_span| ()));
    let flushed = executor.flush(LONG);
    assert!(
        matches!(flushed, Err(FlushError::Lost { .. })),
        "{flushed:?}"
    );
}

#[test]
fn a_failure_of_unknown_cause_is_tried_again() {
    let exporter = By::new(|number, _batch| {
        Box::pin(async move { if number < 3 { failure() } else { Ok(()) } })
    });
    let executor = spawn(SdkExporter::new(exporter));

    brew(&executor);

    let stats = &executor.stats().processors[0];
    assert_eq!((stats.processed, stats.retries), (1, 2));
}

#[test]
fn a_failure_of_unknown_cause_that_lasts_costs_the_batch_and_not_the_next() {
    let exporter = By::new(|number, _batch| {
        Box::pin(async move { if number <= 8 { failure() } else { Ok(()) } })
    });
    let exports = Arc::clone(&exporter.exports);
    let executor = spawn(SdkExporter::new(exporter));

    brew_in_vain(&executor);
    brew(&executor);

    let stats = &executor.stats().processors[0];
    assert_eq!((stats.processed, exports.load(Ordering::Relaxed)), (1, 9));
    assert_eq!(stats.lost.get(LossReason::Rejected), 1);
}

#[test]
fn an_exporter_that_was_shut_down_elsewhere_loses_spans_at_once() {
    let ended = |_number, _batch: Vec<SpanData>| -> Exporting {
        Box::pin(async { Err(OTelSdkError::AlreadyShutdown) })
    };
    let executor = spawn(SdkExporter::new(By::new(ended)));

    brew_in_vain(&executor);

    let stats = &executor.stats().processors[0];
    assert_eq!((stats.calls, stats.lost.total()), (1, 1));
}

#[test]
fn a_panic_costs_the_batch_and_not_the_next() {
    let exporter = By::new(|number, _batch| {
        Box::pin(async move {
            assert!(number > 1, "the first export");
            Ok(())
        })
    });
    let executor = spawn(SdkExporter::new(exporter));

    brew_in_vain(&executor);
    brew(&executor);

    let stats = &executor.stats().processors[0];
    assert_eq!((stats.panics, stats.processed), (1, 1));
}

#[test]
fn an_export_that_never_completes_is_dropped_at_its_time_out_and_tried_again() {
    struct Told(Arc<AtomicBool>);
    impl Drop for Told {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let is_dropped = Arc::<AtomicBool>::default();
    let seen = Arc::clone(&is_dropped);
    let exporter = By::new(move |number, _batch| {
        let told = Told(Arc::clone(&seen));
        Box::pin(async move {
            if number == 1 {
                let _told = told;
                pending::<()>().await;
            }
            Ok(())
        })
    });
    let exporter = SdkExporter::new(exporter).timeout(Duration::from_millis(10));
    let executor = spawn(exporter);

    brew(&executor);

    let stats = &executor.stats().processors[0];
    assert_eq!((stats.retries, stats.processed), (1, 1));
    assert!(is_dropped.load(Ordering::Relaxed));
}

#[test]
fn a_pending_export_is_polled_when_it_is_woken_from_another_thread() {
    let exporter = By::new(|_number, _batch| {
        let mut is_woken = false;
        Box::pin(poll_fn(move |context| {
            if std::mem::replace(&mut is_woken, true) {
                return Poll::Ready(Ok(()));
            }
            let waker = context.waker().clone();
            thread::Builder::new().spawn(move || waker.wake()).unwrap();
            Poll::Pending
        }))
    });
    let executor = spawn(SdkExporter::new(exporter));

    brew(&executor);

    assert_eq!(executor.stats().processors[0].calls, 1);
}

#[test]
fn a_flush_returns_at_its_deadline_while_an_export_is_pending() {
    let exporter = By::new(|_number, _batch| Box::pin(pending()));
    let exporter = SdkExporter::new(exporter).timeout(LONG);
    let executor = executor()
        .processor(exporter)
        .linger(Duration::ZERO)
        .spawn()
        .unwrap();
    let begun = Instant::now();
    o11y_core::Telemetry::scoped(executor.sink(), o11y_core::EventBus::new())
        .run(|| Context::with_span("brew", |_span| ()));

    let flushed = executor.flush(Duration::from_millis(20));
    let ended = executor.shutdown(Duration::from_millis(20));

    assert!(
        matches!(flushed, Err(FlushError::Timeout { waiting: 1, .. })),
        "{flushed:?}"
    );
    assert!(
        matches!(ended, Err(FlushError::Lost { lost: 1, .. })),
        "{ended:?}"
    );
    assert!(begun.elapsed() < LONG);
}

#[test]
fn flush_and_shutdown_reach_the_exporter_with_what_is_left_of_the_time() {
    let exporter = By::new(|_number, _batch| Box::pin(async { Ok(()) }));
    let calls = Arc::clone(&exporter.calls);
    let executor = spawn(SdkExporter::new(exporter));

    executor.flush(LONG).unwrap();
    executor.shutdown(LONG).unwrap();

    assert_eq!(*calls.lock().unwrap(), ["flush", "flush", "shutdown true"]);
}

#[test]
fn opentelemetry_is_suppressed_during_an_export() {
    let exporter = By::new(|_number, _batch| {
        Box::pin(async {
            assert!(OtelContext::is_current_telemetry_suppressed());
            Ok(())
        })
    });
    let executor = spawn(SdkExporter::new(exporter));

    brew(&executor);

    assert_eq!(executor.stats().processors[0].panics, 0);
}

#[test]
fn debug_output_shows_nothing_of_the_exporter() {
    let exporter = By::new(|_number, _batch| Box::pin(async { Ok(()) }));

    let shown = format!("{:?}", SdkExporter::new(exporter));

    assert!(!shown.contains("secret"), "{shown}");
}

/// Whatever goes wrong with a collector is told without the headers and without content.
#[test]
fn no_failure_of_a_collector_tells_of_headers_or_content() {
    logged::listen();
    let short = Duration::from_millis(100);
    let mut told = String::new();
    let mut secrets = vec!["never told".to_owned()];

    for fault in [
        Fault::Healthy,
        Fault::Status(403),
        Fault::Status(400),
        Fault::Status(413),
        Fault::Status(503),
        Fault::Redirect(307),
        Fault::Garbage,
        Fault::ResetBeforeAnswer,
        Fault::Stall,
    ] {
        let is_healthy = matches!(fault, Fault::Healthy);
        let short = if is_healthy { LONG } else { short };
        let receiver = Receiver::start().unwrap();
        receiver.always(fault);
        let processor = otlp(&receiver, "/v1/traces").timeout(short);
        let configured = format!("{processor:?}");
        let executor = executor().shutdown_timeout(short).processor(processor);
        let executor = executor.spawn().unwrap();
        let scope = o11y_core::Telemetry::scoped(executor.sink(), o11y_core::EventBus::new());
        scope.run(|| Context::with_span(SpanSpec::new("ask").input("never told"), |_span| ()));

        let flushed = executor.flush(short);
        let ended = executor.shutdown(short);

        assert_eq!(flushed.is_ok() && ended.is_ok(), is_healthy);
        let stats = executor.stats();
        let texts = [flushed.err(), ended.err()].map(|error| error.map(|error| error.to_string()));
        let line = format!("{configured} {executor:?} {stats} {stats:?} {texts:?}\n");
        told.push_str(&line);
        receiver.release();
        secrets.push(receiver.secret_key().to_owned());
        secrets.push(rig::basic(&receiver));
    }

    let logged = logged::text();
    // So that there was something to look at.
    assert!(logged.contains("ureq") && told.contains("lost"), "{told}");
    for text in [logged, told] {
        for secret in &secrets {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}

#[test]
fn a_collector_takes_spans_without_keys_on_one_connection() {
    let receiver = Receiver::start().unwrap();
    let executor = spawn(otlp(&receiver, "/v1/traces"));

    brew(&executor);
    brew(&executor);

    let arrived = receiver.observations();
    assert_eq!(arrived.len(), 2);
    assert_eq!(arrived[0].name, "brew");
    assert_eq!(arrived[0].scope_name, "o11y-langfuse");
    assert_eq!(arrived[0].resource["service.name"].as_str(), Some("shop"));
    assert_eq!(receiver.connections(), 1);
}

#[test]
fn a_collector_that_is_busy_is_asked_again_after_the_time_that_it_names() {
    let receiver = Receiver::start().unwrap();
    receiver.script([
        Fault::RetryAfter {
            status: 429,
            after: "0".to_owned(),
        },
        Fault::ResetBeforeAnswer,
        Fault::Status(503),
    ]);
    let executor = spawn(otlp(&receiver, "/v1/traces"));

    brew(&executor);

    assert_eq!(receiver.observation_count(), 1);
    let stats = &executor.stats().processors[0];
    assert_eq!((stats.retries, stats.lost.total()), (3, 0));
}

#[test]
fn what_a_collector_refuses_is_found_by_halving_and_lost_alone() {
    let receiver = Receiver::start().unwrap();
    receiver.always(Fault::RejectSpan {
        name: "bad".to_owned(),
    });
    let executor = spawn(otlp(&receiver, "/v1/traces"));
    let sink = executor.sink();

    o11y_core::Telemetry::scoped(sink, o11y_core::EventBus::new()).run(|| {
        for name in ["a", "b", "c", "bad", "d", "bad", "e"] {
            Context::with_span(name, |_span| ());
        }
    });
    let flushed = executor.flush(LONG);

    assert!(
        matches!(flushed, Err(FlushError::Lost { lost: 2, .. })),
        "{flushed:?}"
    );
    let names: Vec<_> = receiver
        .observations()
        .into_iter()
        .map(|it| it.name)
        .collect();
    assert_eq!(names, ["a", "b", "c", "d", "e"]);
    assert!(executor.stats().is_balanced());
}

#[test]
fn what_a_collector_forbids_is_lost_at_once() {
    let receiver = Receiver::start().unwrap();
    receiver.script([Fault::Status(403)]);
    let executor = spawn(otlp(&receiver, "/v1/traces"));

    brew_in_vain(&executor);

    assert_eq!(receiver.requests().len(), 1);
}

#[test]
fn each_providers_spans_keep_its_resource_beside_ours() {
    let memory = Memory::default();
    let exporter = SdkExporter::new(memory.clone()).resource(rig::resource());
    let executor = executor().processor(exporter).spawn().unwrap();
    let provider = |name: &'static str| {
        let resource = opentelemetry_sdk::Resource::builder_empty();
        SdkTracerProvider::builder()
            .with_span_processor(executor.span_processor())
            .with_resource(resource.with_service_name(name).build())
            .build()
    };
    let (first, second) = (provider("first"), provider("second"));

    first.tracer("t").in_span("1", |_otel| ());
    second.tracer("t").in_span("2", |_otel| ());
    first.tracer("t").in_span("3", |_otel| ());
    brew(&executor);

    let names: Vec<_> = memory
        .spans()
        .iter()
        .map(|it| it.name.to_string())
        .collect();
    assert_eq!(names, ["brew", "1", "3", "2"]);
    let service = opentelemetry::Key::from_static_str("service.name");
    let told = memory.resources.lock().unwrap();
    let services = told
        .iter()
        .map(|it| it.as_ref().unwrap().get(&service).unwrap().to_string());
    assert_eq!(services.collect::<Vec<_>>(), ["shop", "first", "second"]);
}

#[test]
fn the_processor_of_a_provider_ends_without_the_executor() {
    let memory = Memory::default();
    let executor = spawn(SdkExporter::new(memory.clone()));
    let processor = executor.span_processor();
    let provider = SdkTracerProvider::builder()
        .with_span_processor(processor.clone())
        .build();
    let late = provider.tracer("t").start("late");
    provider.tracer("t").in_span("1", |_otel| ());

    provider.shutdown().unwrap();
    opentelemetry_sdk::trace::SpanProcessor::on_end(&processor, rig_span());
    drop(late);
    brew(&executor);

    let names: Vec<_> = memory
        .spans()
        .iter()
        .map(|it| it.name.to_string())
        .collect();
    assert_eq!(names, ["1", "brew"]);
    assert_eq!(executor.stats().lost.get(LossReason::AfterShutdown), 1);
    let again = opentelemetry_sdk::trace::SpanProcessor::force_flush(&processor);
    assert!(matches!(again, Err(OTelSdkError::AlreadyShutdown)));
}

/// A span of the SDK that ends.
fn rig_span() -> SpanData {
    let memory = Memory::default();
    let provider = SdkTracerProvider::builder()
        .with_simple_exporter(memory.clone())
        .build();
    provider.tracer("t").in_span("late", |_otel| ());
    memory.span()
}
