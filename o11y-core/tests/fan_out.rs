//! One sink that gives every record to several.

#![expect(clippy::unwrap_used, reason = "only tests are here")]

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use o11y_core::{
    Context, Ended, EventBus, FanOut, FlushError, Observability, Record, Sink, Telemetry, TraceId,
};

#[derive(Default)]
struct Memory {
    records: Mutex<Vec<Record>>,
    share: Option<f64>,
    panics: bool,
    /// Whether a flush fails.
    hangs: bool,
    /// The time that each flush was given.
    given: Mutex<Vec<Duration>>,
}

impl Sink for Memory {
    fn sample_rate(&self) -> f64 {
        self.share.unwrap_or(1.0)
    }

    fn on_end(&self, ended: Ended<'_>) {
        assert!(!self.panics, "on purpose");
        self.records.lock().unwrap().push(ended.take());
    }

    fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        self.given.lock().unwrap().push(timeout);
        if !self.hangs {
            return Ok(());
        }
        Err(FlushError::Timeout {
            waiting: 3,
            timeout,
        })
    }
}

impl Memory {
    fn texts(&self) -> Vec<String> {
        let records = self.records.lock().unwrap();
        let text = |record: &Record| record.attribute("k").unwrap().to_string();
        records.iter().map(text).collect()
    }
}

fn several<const N: usize>(sinks: [Memory; N]) -> ([Arc<Memory>; N], Telemetry) {
    let sinks = sinks.map(Arc::new);
    let all = sinks.iter().map(|sink| sink.clone() as Arc<dyn Sink>);
    let telemetry = Telemetry::scoped(Arc::new(FanOut::new(all)), EventBus::new());
    (sinks, telemetry)
}

#[test]
fn every_sink_gets_every_record() {
    let ([first, second], telemetry) = several([Memory::default(), Memory::default()]);

    telemetry.run(|| {
        Context::with_span("brew", |span| {
            span.set_attribute("k", "a text beyond the inline ones");
        });
    });

    assert_eq!(first.texts(), second.texts());
    assert_eq!(first.texts().len(), 1);
}

#[test]
fn a_sink_that_panics_keeps_nothing_from_the_others() {
    let panicking = || Memory {
        panics: true,
        ..Memory::default()
    };
    let ([_, second, _], telemetry) = several([panicking(), Memory::default(), panicking()]);
    let before = Observability::sink_panics();

    telemetry.run(|| Context::with_span("brew", |span| span.set_attribute("k", 1)));

    assert_eq!(second.texts().len(), 1);
    assert!(Observability::sink_panics() > before);
}

#[test]
fn each_sink_gets_its_own_share_of_traces() {
    let half = Memory {
        share: Some(0.5),
        ..Memory::default()
    };
    let ([half, all], telemetry) = several([half, Memory::default()]);
    let id = |high: u8| TraceId::from_bytes([1, 0, 0, 0, 0, 0, 0, 0, high, 0, 0, 0, 0, 0, 0, 0]);

    telemetry.run(|| {
        for trace in [id(0x10).unwrap(), id(0xf0).unwrap()] {
            Context::in_trace(trace)
                .run(|| Context::with_span("brew", |span| span.set_attribute("k", 1)));
        }
    });

    assert_eq!((half.texts().len(), all.texts().len()), (1, 2));
}

#[test]
fn a_flush_gives_each_sink_its_share_of_the_time_and_tells_every_failure() {
    let hanging = || Memory {
        hangs: true,
        ..Memory::default()
    };
    let ([first, second, third], telemetry) = several([hanging(), Memory::default(), hanging()]);

    let failed = telemetry.flush(Duration::from_secs(900)).unwrap_err();

    let given = |sink: &Memory| sink.given.lock().unwrap()[0];
    assert!(given(&first) <= Duration::from_secs(300));
    assert!(given(&second) > Duration::from_secs(400) && given(&third) > Duration::from_secs(800));
    let FlushError::Several(errors) = &failed else {
        panic!("{failed}")
    };
    assert_eq!(errors.len(), 2);
    assert!(
        failed
            .to_string()
            .starts_with("2 sinks did not deliver everything: 3 spans")
    );
}
