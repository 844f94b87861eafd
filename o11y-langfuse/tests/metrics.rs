//! The figures as metrics, collected by OpenTelemetry's own SDK.
#![cfg(feature = "metrics")]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

#[path = "support/rig.rs"]
mod rig;

use std::{
    collections::BTreeMap,
    fmt::Debug,
    time::{Duration, Instant},
};

use o11y_core::{Context, Score, score};
use o11y_langfuse::{Langfuse, Telemetry, local::Fault};
use opentelemetry::KeyValue;
use opentelemetry_sdk::metrics::{
    InMemoryMetricExporter, PeriodicReader, SdkMeterProvider,
    data::{
        AggregatedMetrics, GaugeDataPoint, MetricData, ResourceMetrics, ScopeMetrics, Sum,
        SumDataPoint,
    },
};

use self::rig::{LONG, Rig, make};

/// A provider that collects on a flush only, and keeps what it collected.
struct Collector {
    provider: SdkMeterProvider,
    exporter: InMemoryMetricExporter,
}

impl Collector {
    fn new() -> Self {
        let exporter = InMemoryMetricExporter::default();
        let reader = PeriodicReader::builder(exporter.clone())
            .with_interval(Duration::from_secs(3_600))
            .build();
        Self {
            provider: SdkMeterProvider::builder().with_reader(reader).build(),
            exporter,
        }
    }

    /// What there is now: `name`, `name{error.type}` or `name{o11y.signal,error.type}`, and its value.
    fn collect(&self) -> BTreeMap<String, String> {
        self.exporter.reset();
        self.provider.force_flush().unwrap();
        let finished = self.exporter.get_finished_metrics().unwrap();
        finished.iter().flat_map(points).collect()
    }
}

fn points(collected: &ResourceMetrics) -> Vec<(String, String)> {
    let metrics = collected.scope_metrics().flat_map(ScopeMetrics::metrics);
    let points = metrics.flat_map(|metric| {
        let points = points_of(metric.data()).into_iter();
        points.map(move |(said, value)| {
            let special = ["o11y.signal", "error.type"].map(|key| said.get(key).cloned());
            let special: Vec<_> = special.into_iter().flatten().collect();
            match special.as_slice() {
                [] => (metric.name().to_owned(), value),
                said => (format!("{}{{{}}}", metric.name(), said.join(",")), value),
            }
        })
    });
    points.collect()
}

type Said = BTreeMap<String, String>;

/// The attributes and the value of each point. Counters only grow, others do not.
fn points_of(data: &AggregatedMetrics) -> Vec<(Said, String)> {
    fn sum<T: Copy + Debug>(sum: &Sum<T>, is_monotonic: bool) -> Vec<(Said, String)> {
        assert_eq!(sum.is_monotonic(), is_monotonic);
        let points = sum.data_points();
        let shown = |point: &SumDataPoint<T>| {
            let value = format!("{:?}", point.value());
            (point.attributes().map(pair).collect(), value)
        };
        points.map(shown).collect()
    }
    match data {
        AggregatedMetrics::U64(MetricData::Sum(counter)) => sum(counter, true),
        AggregatedMetrics::F64(MetricData::Sum(counter)) => sum(counter, true),
        AggregatedMetrics::I64(MetricData::Sum(up_down)) => sum(up_down, false),
        AggregatedMetrics::F64(MetricData::Gauge(gauge)) => {
            let points = gauge.data_points();
            let shown = |point: &GaugeDataPoint<f64>| {
                let value = format!("{:?}", point.value());
                (point.attributes().map(pair).collect(), value)
            };
            points.map(shown).collect()
        }
        other => panic!("{other:?}"),
    }
}

fn pair(attribute: &KeyValue) -> (String, String) {
    (attribute.key.to_string(), attribute.value.to_string())
}

/// Counts that are not zero.
fn counts(points: &BTreeMap<String, String>) -> Vec<(&str, &str)> {
    let is_count = |name: &str| {
        let is_other = [
            "time",
            "lag",
            "sent.size",
            "uncompressed.size",
            "waiting.size",
        ];
        !is_other.iter().any(|part| name.contains(part))
    };
    let points = points
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    points
        .filter(|(name, value)| *value != "0" && is_count(name))
        .collect()
}

#[test]
fn every_span_and_score_is_seen_where_it_is() {
    let rig = Rig::new(|builder| builder.queue_size(5));
    let collector = Collector::new();
    rig.telemetry.register_metrics(&collector.provider);

    rig.hold(); // a full queue would wake the worker
    make(7);
    assert_eq!(
        counts(&collector.collect()),
        [
            ("otel.sdk.exporter.span.inflight", "1"),
            ("otel.sdk.processor.span.processed", "1"),
            ("otel.sdk.processor.span.processed{queue_full}", "2"),
            ("otel.sdk.processor.span.queue.capacity", "5"),
            ("otel.sdk.processor.span.queue.size", "5"),
        ]
    );

    rig.receiver.release();
    rig.telemetry.flush(LONG).unwrap();
    assert_eq!(
        counts(&collector.collect()),
        [
            ("o11y.exporter.requests{span}", "2"),
            ("otel.sdk.exporter.span.exported", "6"),
            ("otel.sdk.processor.span.processed", "6"),
            ("otel.sdk.processor.span.processed{queue_full}", "2"),
            ("otel.sdk.processor.span.queue.capacity", "5"),
        ]
    );

    rig.receiver
        .script([Fault::Status(503), Fault::Status(429), Fault::Status(404)]);
    make(1);
    rig.telemetry.flush(LONG).unwrap_err();
    Context::with_span("scored", |_span| score(Score::numeric("taste", 1.0))).unwrap();
    rig.telemetry.shutdown(LONG).unwrap();
    assert_eq!(
        counts(&collector.collect()),
        [
            ("o11y.exporter.requests{score}", "1"),
            ("o11y.exporter.requests{span,429}", "1"),
            ("o11y.exporter.requests{span,4xx}", "1"),
            ("o11y.exporter.requests{span,5xx}", "1"),
            ("o11y.exporter.requests{span}", "3"),
            ("o11y.exporter.retries{span}", "2"),
            ("o11y.score.exported", "1"),
            ("otel.sdk.exporter.span.exported", "7"),
            ("otel.sdk.exporter.span.exported{rejected}", "1"),
            ("otel.sdk.processor.span.processed", "8"),
            ("otel.sdk.processor.span.processed{queue_full}", "2"),
            ("otel.sdk.processor.span.queue.capacity", "5"),
        ]
    );
}

#[test]
fn times_and_sizes_are_those_of_the_figures() {
    let rig = Rig::new(|builder| builder);
    let collector = Collector::new();
    rig.telemetry.register_metrics(&collector.provider);

    make(3);
    rig.telemetry.flush(LONG).unwrap();

    let (points, stats) = (collector.collect(), rig.stats());
    let sizes = [
        ("o11y.exporter.sent.size{span}", stats.bytes_sent),
        (
            "o11y.exporter.uncompressed.size{span}",
            stats.bytes_before_gzip,
        ),
    ];
    for (name, bytes) in sizes {
        assert_eq!(points[name], bytes.to_string());
    }
    let times = [
        ("o11y.span.lag", stats.lag.unwrap()),
        ("o11y.exporter.request.time{span}", stats.request_time),
    ];
    for (name, time) in times {
        let seconds: f64 = points[name].parse().unwrap();
        assert!(!time.is_zero(), "{name}");
        assert!(
            (seconds - time.as_secs_f64()).abs() < 1e-9,
            "{name}: {seconds} s, {time:?}"
        );
    }
}

#[test]
fn the_lag_is_the_time_from_the_end_of_the_oldest_span_to_its_sending() {
    let rig = Rig::new(|builder| builder);
    assert_eq!(rig.stats().lag, None);
    let begin = Instant::now();
    make(1);
    let ended = Instant::now();
    make(1);
    let least = ended.elapsed();

    rig.telemetry.flush(LONG).unwrap();

    let lag = rig.stats().lag.unwrap();
    let most = begin.elapsed();
    // Measured by another clock, which may go a little slower or faster.
    let (least, most) = (least.mul_f64(0.999), most.mul_f64(1.001));
    assert!(lag >= least && lag <= most, "{least:?} {lag:?} {most:?}");
    make(1);
    rig.telemetry.flush(LONG).unwrap();
    let stats = rig.stats();
    assert!(stats.longest_lag >= lag && stats.longest_lag >= stats.lag.unwrap());
    assert!(stats.longest_request <= stats.request_time);
    assert!(stats.last_request_time.unwrap() <= stats.longest_request);
}

#[test]
fn what_the_drop_of_the_guard_delivers_is_still_collected() {
    let collector = Collector::new();
    let Rig {
        telemetry,
        receiver,
        turn,
    } = Rig::new(|builder| builder);
    telemetry.register_metrics(&collector.provider);
    make(4);

    drop(telemetry);

    let points = collector.collect();
    assert_eq!(receiver.observation_count(), 4);
    assert_eq!(points["otel.sdk.exporter.span.exported"], "4");
    assert_eq!(points["otel.sdk.processor.span.queue.size"], "0");
    drop(turn);
}

#[test]
fn exporters_of_one_process_are_told_apart_and_say_where_they_send() {
    let rig = Rig::new(|builder| builder);
    let other = Langfuse::builder()
        .public_key("pk")
        .secret_key("sk")
        .host("https://langfuse.example.com/prefix")
        .spawn_scoped()
        .unwrap();
    let collector = Collector::new();
    for telemetry in [&rig.telemetry, &other] {
        telemetry.register_metrics(&collector.provider);
        telemetry.register_metrics(&collector.provider); // by mistake
    }

    collector.provider.force_flush().unwrap();

    let finished = collector.exporter.get_finished_metrics().unwrap();
    let shown = format!("{finished:?}");
    for key in [rig.receiver.secret_key(), rig.receiver.public_key()] {
        assert!(!shown.contains(key), "{key} in {shown}");
    }
    let scope = finished[0].scope_metrics().next().unwrap();
    assert_eq!(scope.scope().name(), "o11y-langfuse");
    let metric = scope
        .metrics()
        .find(|one| one.name() == "o11y.exporter.retries");
    let mut places: Vec<_> = points_of(metric.unwrap().data())
        .into_iter()
        .filter(|(said, _)| said["o11y.signal"] == "span")
        .map(|(said, _)| {
            assert_eq!(said["otel.component.type"], "o11y_langfuse");
            let of = |key: &str| said[key].clone();
            (
                of("server.address"),
                of("server.port"),
                of("otel.component.name"),
            )
        })
        .collect();
    places.sort();
    assert_eq!(places.len(), 2);
    assert_ne!(places[0].2, places[1].2);
    assert_eq!(places[0].0, "127.0.0.1");
    assert_eq!(
        (&*places[1].0, &*places[1].1),
        ("langfuse.example.com", "443")
    );
}

#[test]
fn switched_off_there_are_no_metrics() {
    let collector = Collector::new();

    Telemetry::off("a test").register_metrics(&collector.provider);

    assert_eq!(collector.collect(), BTreeMap::new());
}
