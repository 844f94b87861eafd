//! The starts or the ends of a batch, as one processor has them still before it.

use std::sync::Arc;

use o11y_core::Record;
#[cfg(feature = "otel")]
use opentelemetry_sdk::{Resource, trace::SpanData};

#[cfg(feature = "otel")]
use crate::otel;
use crate::processor::{ProcessError, Processor};

/// Which of a processor's methods takes a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Start,
    End,
}

/// The starts or the ends of a batch, or what is left of them. All processors share the spans.
#[derive(Debug, Clone)]
pub(super) struct Part {
    /// Batches are numbered as they are taken from the queue.
    pub(super) batch: u64,
    spans: Spans,
    /// Those before this one are through.
    from: usize,
    /// How often it was given since the last progress.
    pub(super) attempts: u32,
}

#[derive(Debug, Clone)]
enum Spans {
    Records(Kind, Arc<[Record]>),
    /// The ends of spans of OpenTelemetry's SDK, all from one resource.
    #[cfg(feature = "otel")]
    Otel(Arc<[SpanData]>, Arc<Resource>),
}

impl Part {
    pub(super) fn new(batch: u64, kind: Kind, records: Vec<Record>) -> Self {
        Self::of(batch, Spans::Records(kind, records.into()))
    }

    #[cfg(feature = "otel")]
    pub(super) fn of_otel(batch: u64, spans: Vec<SpanData>, resource: Arc<Resource>) -> Self {
        Self::of(batch, Spans::Otel(spans.into(), resource))
    }

    fn of(batch: u64, spans: Spans) -> Self {
        Self {
            batch,
            spans,
            from: 0,
            attempts: 0,
        }
    }

    /// How many are left.
    pub(super) fn len(&self) -> usize {
        let count = match &self.spans {
            Spans::Records(_, records) => records.len(),
            #[cfg(feature = "otel")]
            Spans::Otel(spans, _) => spans.len(),
        };
        count - self.from
    }

    pub(super) fn is_of_starts(&self) -> bool {
        matches!(self.spans, Spans::Records(Kind::Start, _))
    }

    /// Those that are left; none if they are not ours.
    #[cfg(test)]
    pub(super) fn records(&self) -> &[Record] {
        match &self.spans {
            Spans::Records(_, records) => &records[self.from..],
            #[cfg(feature = "otel")]
            Spans::Otel(..) => &[],
        }
    }

    /// Of content.
    pub(super) fn bytes(&self) -> usize {
        self.bytes_of(self.len())
    }

    /// Gives a processor what is left.
    pub(super) fn give_to(&self, processor: &mut dyn Processor) -> Result<(), ProcessError> {
        match &self.spans {
            Spans::Records(Kind::Start, records) => processor.on_spans_start(&records[self.from..]),
            Spans::Records(Kind::End, records) => processor.on_spans_end(&records[self.from..]),
            #[cfg(feature = "otel")]
            Spans::Otel(spans, resource) => {
                processor.on_otel_spans_end(&spans[self.from..], resource)
            }
        }
    }

    /// The first `count` are through or lost. Returns how many those are, and their bytes of content.
    pub(super) fn pass(&mut self, count: usize) -> (usize, usize) {
        let count = count.min(self.len());
        let bytes = self.bytes_of(count);
        self.from += count;
        (count, bytes)
    }

    fn bytes_of(&self, count: usize) -> usize {
        let passed = self.from..self.from + count;
        match &self.spans {
            Spans::Records(_, records) => records[passed].iter().map(Record::content_bytes).sum(),
            #[cfg(feature = "otel")]
            Spans::Otel(spans, _) => spans[passed].iter().map(otel::content_bytes).sum(),
        }
    }
}
