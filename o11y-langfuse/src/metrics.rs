//! The figures as metrics of OpenTelemetry, on a meter that the program gives.
//!
//! Names are those of OpenTelemetry's conventions for SDKs where they have one, and begin with
//! `o11y.` otherwise. All instruments are observable: figures are read when somebody collects, and
//! nothing is done in between.

use std::sync::{
    Arc, OnceLock, Weak,
    atomic::{AtomicUsize, Ordering},
};

use opentelemetry::{
    InstrumentationScope, KeyValue,
    metrics::{AsyncInstrument, Meter, MeterProvider},
};

use self::table::{Kind, METRICS, Metric};
use crate::{config::Config, exporter::Exporter, stats::Stats, telemetry::Telemetry};

mod table;

/// What metrics know of an exporter, and keep when it has ended.
#[derive(Debug)]
pub(crate) struct Meters {
    attributes: Vec<KeyValue>,
    queue_size: u64,
    /// The figures at the end.
    last: OnceLock<Stats>,
}

impl Meters {
    pub(crate) fn new(config: &Config) -> Arc<Self> {
        const TYPE: &str = "o11y_langfuse";
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let mut attributes = vec![
            KeyValue::new("otel.component.type", TYPE),
            KeyValue::new("otel.component.name", format!("{TYPE}/{number}")),
        ];
        if let Some((address, port)) = config.host.server() {
            attributes.push(KeyValue::new("server.address", address));
            attributes.push(KeyValue::new("server.port", i64::from(port)));
        }
        Arc::new(Self {
            attributes,
            queue_size: config.queue_size as u64,
            last: OnceLock::new(),
        })
    }

    /// The exporter has ended with these figures.
    pub(crate) fn keep(&self, last: &Stats) {
        _ = self.last.set(*last); // there is one end
    }
}

/// Reads the figures of an exporter without keeping it alive: nobody can take back a callback.
#[derive(Clone)]
struct Source {
    exporter: Weak<Exporter>,
    meters: Arc<Meters>,
}

impl Source {
    fn stats(&self) -> Option<Stats> {
        let exporter = self.exporter.upgrade();
        let now = exporter.map(|exporter| exporter.stats());
        now.or_else(|| self.meters.last.get().copied())
    }

    /// Tells what `metric` shows now, in `convert`'s type.
    fn observe<T>(
        &self,
        metric: &Metric,
        instrument: &dyn AsyncInstrument<T>,
        convert: impl Fn(u64) -> T,
    ) {
        let Some(stats) = self.stats() else {
            return;
        };
        (metric.read)(&stats, self.meters.queue_size, &mut |value, said| {
            let mut attributes = self.meters.attributes.clone();
            let said = said.iter().map(|(key, text)| KeyValue::new(*key, *text));
            attributes.extend(said);
            instrument.observe(convert(value), &attributes);
        });
    }
}

impl Telemetry {
    /// Shows what [`stats`](Self::stats) knows as metrics on a meter of that provider, once for each
    /// provider. Feature `metrics`.
    ///
    /// Nothing is counted twice for it, and nothing runs until somebody collects. Each metric is read
    /// by itself, so what is on its way may show in two of them. When this guard is dropped they keep
    /// their last values: drop it before the provider is shut down. With telemetry off there are
    /// none.
    ///
    /// Names, units and attributes are in `docs/delivery.md`; what OpenTelemetry's conventions name
    /// has their name, such as `otel.sdk.exporter.span.exported`, with the
    /// [reason](crate::LossReason) of a loss as `error.type`. `otel.component.name` tells exporters
    /// of one process apart.
    ///
    /// ```
    /// use opentelemetry_sdk::metrics::SdkMeterProvider;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let provider = SdkMeterProvider::builder().build(); // with the program's readers
    /// let telemetry = o11y_langfuse::init()?;
    /// telemetry.register_metrics(&provider);
    ///
    /// drop(telemetry);
    /// provider.shutdown()?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg_attr(docsrs, doc(cfg(feature = "metrics")))]
    pub fn register_metrics(&self, provider: &(impl MeterProvider + ?Sized)) {
        let Some((exporter, meters)) = self.meters() else {
            return;
        };
        let scope = InstrumentationScope::builder(env!("CARGO_PKG_NAME"))
            .with_version(env!("CARGO_PKG_VERSION"))
            .build();
        let meter = provider.meter_with_scope(scope);
        let source = Source {
            exporter: Arc::downgrade(exporter),
            meters: Arc::clone(meters),
        };
        for metric in &METRICS {
            register(&meter, metric, source.clone());
        }
    }
}

/// Instruments live as long as their meter, so what is returned for one is of no use.
fn register(meter: &Meter, metric: &'static Metric, source: Source) {
    let Metric {
        name,
        unit,
        description,
        ..
    } = *metric;
    match metric.kind {
        Kind::Counter => {
            let instrument = meter.u64_observable_counter(name);
            let show = move |at: &dyn AsyncInstrument<u64>| source.observe(metric, at, |n| n);
            let instrument = instrument.with_unit(unit).with_description(description);
            _ = instrument.with_callback(show).build();
        }
        Kind::UpDownCounter => {
            let instrument = meter.i64_observable_up_down_counter(name);
            let show = move |at: &dyn AsyncInstrument<i64>| source.observe(metric, at, signed);
            let instrument = instrument.with_unit(unit).with_description(description);
            _ = instrument.with_callback(show).build();
        }
        Kind::TimeCounter => {
            let instrument = meter.f64_observable_counter(name);
            let show = move |at: &dyn AsyncInstrument<f64>| source.observe(metric, at, seconds);
            let instrument = instrument.with_unit(unit).with_description(description);
            _ = instrument.with_callback(show).build();
        }
        Kind::TimeGauge => {
            let instrument = meter.f64_observable_gauge(name);
            let show = move |at: &dyn AsyncInstrument<f64>| source.observe(metric, at, seconds);
            let instrument = instrument.with_unit(unit).with_description(description);
            _ = instrument.with_callback(show).build();
        }
    }
}

fn signed(value: u64) -> i64 {
    value.try_into().unwrap_or(i64::MAX)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "no time of a program is long enough"
)]
fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}
