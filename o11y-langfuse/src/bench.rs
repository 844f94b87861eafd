//! A door for the benchmark in `examples/bench`: the encoder and the compressor by themselves,
//! without a worker and without a network. No part of the interface: it changes without notice.

use o11y_core::{Anchor, Record};

use crate::{
    encode::{Batch, Resource},
    gzip::Gzip,
    mask::Privacy,
};

/// One batch, encoded and compressed as the worker does it, in buffers that are kept.
#[derive(Debug)]
pub struct Workbench {
    batch: Batch,
    gzip: Gzip,
    anchor: Anchor,
    scratch: Vec<u8>,
}

impl Workbench {
    /// An empty batch, with the settings that are usual.
    #[must_use]
    pub fn new() -> Self {
        Self {
            batch: Batch::new(&Resource::default(), &Privacy::default()),
            gzip: Gzip::new(),
            anchor: Anchor::now(),
            scratch: Vec::new(),
        }
    }

    /// Adds a span to the batch.
    pub fn encode(&mut self, record: &Record) {
        self.batch.push(record, &self.anchor);
    }

    /// The bytes of a request over the batch.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.batch.bytes()
    }

    /// Compresses a request over the batch: how many bytes remain. None if it cannot be.
    pub fn compress(&mut self) -> Option<usize> {
        let spans = 0..self.batch.len();
        let request = self.batch.request(spans, &mut self.scratch);
        Some(self.gzip.compress(request).ok()?.len())
    }

    /// Forgets the spans and keeps the room.
    pub fn clear(&mut self) {
        self.batch.clear();
    }
}

impl Default for Workbench {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use o11y_core::{Context, Ended, EventBus, Sink, Telemetry};

    use super::*;

    #[derive(Default)]
    struct Keep(Mutex<Vec<Record>>);

    impl Sink for Keep {
        fn on_end(&self, ended: Ended<'_>) {
            self.0.lock().unwrap().push(ended.take());
        }
    }

    #[test]
    fn a_cleared_batch_is_as_a_new_one() {
        let keep = Arc::new(Keep::default());
        Telemetry::scoped(keep.clone(), EventBus::new()).run(|| {
            Context::with_span("answer", |span| span.set_output("coffee ".repeat(100)));
        });
        let record = keep.0.lock().unwrap().pop().unwrap();
        let mut workbench = Workbench::new();
        let empty = workbench.bytes();

        workbench.encode(&record);
        let encoded = workbench.bytes();
        let compressed = workbench.compress().unwrap();
        workbench.clear();

        assert!(encoded > empty + 700);
        assert!(compressed < encoded);
        assert_eq!(workbench.bytes(), empty);
    }
}
