//! Encoding on the thread that is counted, without a worker.

use o11y_core::Record;
use o11y_langfuse::bench::Workbench;

/// A batch that is filled again and again.
pub struct Encoder {
    records: Vec<Record>,
    workbench: Workbench,
}

impl Encoder {
    /// An encoder for these spans, whose buffer has grown to what it needs.
    pub fn of(records: Vec<Record>) -> Self {
        let mut encoder = Self {
            records,
            workbench: Workbench::new(),
        };
        encoder.encode();
        encoder
    }

    /// Encodes all of them.
    pub fn encode(&mut self) {
        self.workbench.clear();
        for record in &self.records {
            self.workbench.encode(record);
        }
    }
}
