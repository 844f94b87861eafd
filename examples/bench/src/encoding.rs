//! The worker's work without a worker and without a network: encoding and compressing.

use std::{
    hint::black_box,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Context as _;
use o11y_core::{Ended, EventBus, Record, Sink, Telemetry};
use o11y_langfuse::bench::Workbench;

use crate::{
    case::{cpu, tell},
    contender::ours,
    workload::Texts,
};

/// What is encoded, for readers of the table.
pub const WHAT: [(&str, &str); 3] = [
    ("w1", "W1"),
    ("w2", "W2, the mean of its seven"),
    ("generation", "W2, a generation alone"),
];

/// Traces in a batch of W2: 98 spans, nearly what makes a batch due.
const TRACES: u64 = 14;

/// Spans of one batch, each with texts of its own.
pub fn records(what: &str) -> Vec<Record> {
    let kept = Arc::new(Kept::default());
    Telemetry::scoped(kept.clone(), EventBus::new()).run(|| {
        for number in 0..TRACES {
            let texts = Texts::of(number);
            match what {
                "w1" => (0..7).for_each(|_| ours::w1(&texts, number as i64)),
                _ => ours::w2(&texts, number as i64),
            }
        }
    });
    let mut records = kept.0.lock().unwrap_or_else(PoisonError::into_inner);
    if what == "generation" {
        records.retain(|record| record.name() == "generation");
    }
    std::mem::take(&mut *records)
}

/// A sink that keeps what it gets.
#[derive(Default)]
struct Kept(Mutex<Vec<Record>>);

impl Sink for Kept {
    fn on_end(&self, ended: Ended<'_>) {
        let mut records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        records.push(ended.take());
    }
}

/// Measures; prints a name and a number a line.
pub fn run(chunks: usize) -> anyhow::Result<()> {
    for (what, _) in WHAT {
        let records = records(what);
        let spans = records.len() as f64;
        let mut workbench = Workbench::new();
        let encode = cpu(chunks, 200, |_| {
            workbench.clear();
            for record in &records {
                workbench.encode(black_box(record));
            }
        });
        let compressed = workbench.compress().context("it cannot be compressed")?;
        let compress = cpu(chunks, 50, |_| {
            black_box(workbench.compress());
        });
        tell(&format!("{what}.bytes"), workbench.bytes() as f64 / spans);
        tell(&format!("{what}.encode"), encode / spans);
        tell(&format!("{what}.compressed"), compressed as f64 / spans);
        tell(&format!("{what}.compress"), compress / spans);
    }
    Ok(())
}
