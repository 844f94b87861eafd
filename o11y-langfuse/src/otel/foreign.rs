//! A span of the SDK on its way to the worker.

use std::{sync::Arc, time::UNIX_EPOCH};

use o11y_core::Record;
use opentelemetry::{Array, KeyValue, Value};
use opentelemetry_sdk::trace::SpanData;

use super::{source::Source, span::record_of};
use crate::exporter::{MAX_VALUE_BYTES, cut};

/// A span as the SDK handed it over, and where it comes from. Its ids are valid.
#[derive(Debug)]
pub(crate) struct Foreign {
    span: SpanData,
    source: Arc<Source>,
}

impl Foreign {
    /// None if an id is all zero.
    pub(super) fn new(span: SpanData, source: &Arc<Source>) -> Option<Box<Self>> {
        span.span_context.is_valid().then(|| {
            let source = Arc::clone(source);
            Box::new(Self { span, source })
        })
    }

    pub(crate) fn into_record(self) -> Option<Record> {
        let record = record_of(self.span, &self.source)?;
        let is_large = record.content_bytes() > MAX_VALUE_BYTES;
        Some(if is_large { cut(record) } else { record })
    }

    /// When it ended, in nanoseconds since 1970.
    pub(crate) fn ended(&self) -> u64 {
        let since = self.span.end_time.duration_since(UNIX_EPOCH);
        u64::try_from(since.unwrap_or_default().as_nanos()).unwrap_or(u64::MAX)
    }

    /// What it holds outside of a record's size, about.
    pub(crate) fn content_bytes(&self) -> usize {
        content_bytes(&self.span)
    }
}

/// What a span holds, about: its text and its lists, and itself, because it lies in a box.
pub(crate) fn content_bytes(span: &SpanData) -> usize {
    let of_events = span.events.iter().map(|event| bytes(&event.attributes));
    size_of::<SpanData>() + bytes(&span.attributes) + of_events.sum::<usize>()
}

fn bytes(attributes: &[KeyValue]) -> usize {
    let texts = attributes.iter().map(|attribute| match &attribute.value {
        Value::String(text) => text.as_str().len(),
        Value::Array(Array::String(texts)) => texts.iter().map(|text| text.as_str().len()).sum(),
        Value::Array(Array::I64(list)) => size_of_val(list.as_slice()),
        Value::Array(Array::F64(list)) => size_of_val(list.as_slice()),
        _ => 0,
    });
    size_of_val(attributes) + texts.sum::<usize>()
}
