//! A record as the SDK's span, with what our own encoder writes of it.
//!
//! The encoder's bytes are read back: so both ways say the same, and there is one table of what
//! goes out under which name.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use o11y_core::{Anchor, Record};
use opentelemetry::{
    Array, KeyValue, StringValue, Value,
    trace::{SpanKind, Status},
};
use opentelemetry_sdk::trace::SpanData;

use super::{
    conventions::{Shared, frame, repeat_figures},
    sieve::{self, Sieve},
};
use crate::{
    encode::{Batch, Field, Fields, Resource},
    mask::Privacy,
    otel,
};

/// Fields of `Span`, from the OTLP definition 1.5, and of what lies in it.
const NAME: u64 = 5;
const START: u64 = 7;
const END: u64 = 8;
const ATTRIBUTES: u64 = 9;
const STATUS: u64 = 15;
const STATUS_MESSAGE: u64 = 2;
const STATUS_CODE: u64 = 3;
const STATUS_OK: u64 = 1;
const STATUS_ERROR: u64 = 2;
const KEY: u64 = 1;
const VALUE: u64 = 2;
const ANY_STRING: u64 = 1;
const ANY_BOOL: u64 = 2;
const ANY_INT: u64 = 3;
const ANY_DOUBLE: u64 = 4;
const ANY_ARRAY: u64 = 5;
const ARRAY_VALUES: u64 = 1;

pub(super) struct Langfuse {
    /// Of one span at a time.
    batch: Batch,
    sieve: Sieve,
    /// The conventions' names as well, as far as others sum up by them.
    is_both: bool,
    shared: Shared,
}

impl Langfuse {
    pub(super) fn new(privacy: &Privacy, is_both: bool) -> Self {
        Self {
            batch: Batch::new(&Resource::default(), privacy),
            sieve: Sieve::new(privacy),
            is_both,
            shared: Shared::new(),
        }
    }

    /// None only if our own bytes could not be read.
    pub(super) fn span(&mut self, record: &Record, anchor: &Anchor) -> Option<SpanData> {
        self.batch.clear();
        self.batch.push(record, anchor);
        let mut span = frame(record, &self.shared);
        for field in Fields(self.batch.span(0)) {
            match field {
                (NAME, Field::Bytes(name)) => span.name = text(name)?.to_owned().into(),
                (START, Field::Fixed64(nanos)) => span.start_time = moment(nanos),
                (END, Field::Fixed64(nanos)) => span.end_time = moment(nanos),
                (ATTRIBUTES, Field::Bytes(bytes)) => span.attributes.push(attribute(bytes)?),
                (STATUS, Field::Bytes(bytes)) => span.status = status(bytes)?,
                _ => {} // the ids are the record's
            }
        }
        span.span_kind = SpanKind::Internal;
        if self.is_both {
            repeat_figures(record, &mut span.attributes);
        }
        Some(span)
    }
}

impl Langfuse {
    /// A span of the SDK. With both kinds of names it goes out as it came, unless it lies in a call
    /// of ours, which bills what both count.
    pub(super) fn passed(&mut self, span: SpanData, anchor: &Anchor) -> Option<SpanData> {
        if self.is_both && !sieve::is_in_call(&span) {
            return Some(self.sieve.passed(span));
        }
        let record = otel::bare_record_of(span)?;
        self.span(&record, anchor)
    }
}

pub(super) fn moment(nanos: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(nanos)
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

fn status(bytes: &[u8]) -> Option<Status> {
    let (mut code, mut message) = (0, "");
    for field in Fields(bytes) {
        match field {
            (STATUS_MESSAGE, Field::Bytes(bytes)) => message = text(bytes)?,
            (STATUS_CODE, Field::Number(number)) => code = number,
            _ => {}
        }
    }
    Some(match code {
        STATUS_OK => Status::Ok,
        STATUS_ERROR => Status::error(message.to_owned()),
        _ => Status::Unset,
    })
}

fn attribute(bytes: &[u8]) -> Option<KeyValue> {
    let (mut key, mut value) = ("", None);
    for field in Fields(bytes) {
        match field {
            (KEY, Field::Bytes(bytes)) => key = text(bytes)?,
            (VALUE, Field::Bytes(bytes)) => value = any_value(bytes),
            _ => {}
        }
    }
    Some(KeyValue::new(key.to_owned(), value?))
}

fn any_value(bytes: &[u8]) -> Option<Value> {
    let (kind, field) = Fields(bytes).next()?;
    Some(match (kind, field) {
        (ANY_STRING, Field::Bytes(bytes)) => text(bytes)?.to_owned().into(),
        (ANY_BOOL, Field::Number(number)) => (number != 0).into(),
        (ANY_INT, Field::Number(number)) => number.cast_signed().into(),
        (ANY_DOUBLE, Field::Fixed64(bits)) => f64::from_bits(bits).into(),
        (ANY_ARRAY, Field::Bytes(bytes)) => {
            let texts = Fields(bytes).filter_map(|field| match field {
                (ARRAY_VALUES, Field::Bytes(bytes)) => match Fields(bytes).next()? {
                    (ANY_STRING, Field::Bytes(bytes)) => Some(text(bytes)?.to_owned().into()),
                    _ => None,
                },
                _ => None,
            });
            Value::Array(Array::String(texts.collect::<Vec<StringValue>>()))
        }
        _ => return None,
    })
}
