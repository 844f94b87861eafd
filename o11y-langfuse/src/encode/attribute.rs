//! One attribute as OTLP `KeyValue`: only strings, numbers and booleans, and one array of strings.
//!
//! Langfuse's server takes maps, bytes, nulls and empty arrays for something else, so none is ever
//! written.

use o11y_core::ValueRef;

use super::{
    tokens::{MAX_SAFE_INTEGER, cost_json, usage_json},
    wire::{Writer, varint_len},
};

/// Fields of `KeyValue` and `AnyValue`, from the OTLP definition 1.5.
pub(super) const KEY: u32 = 1;
pub(super) const VALUE: u32 = 2;
pub(super) const ANY_STRING: u32 = 1;
const ANY_BOOL: u32 = 2;
const ANY_INT: u32 = 3;
const ANY_DOUBLE: u32 = 4;
const ANY_ARRAY: u32 = 5;
const ARRAY_VALUES: u32 = 1;

/// Writes attributes into one field of a message.
pub(super) struct AttributeWriter<'a, 'b> {
    pub(super) writer: &'a mut Writer<'b>,
    pub(super) field: u32,
}

impl AttributeWriter<'_, '_> {
    pub(super) fn put(&mut self, key: &str, value: ValueRef<'_>) {
        self.put_prefixed("", key, value);
    }

    pub(super) fn text(&mut self, key: &str, text: &str) {
        self.text_prefixed("", key, text);
    }

    pub(super) fn text_prefixed(&mut self, prefix: &str, key: &str, text: &str) {
        let any = 1 + varint_len(text.len() as u64) + text.len();
        self.key(prefix, key, any);
        self.writer.heads((VALUE, any), (ANY_STRING, text.len()));
        self.writer.buffer.extend_from_slice(text.as_bytes());
    }

    pub(super) fn truth(&mut self, key: &str, yes: bool) {
        self.put(key, ValueRef::Bool(yes));
    }

    /// A list of texts; an empty one is left out, because the server reads it as a text.
    #[expect(single_use_lifetimes, reason = "it cannot be left out in `impl Trait`")]
    pub(super) fn texts<'t>(&mut self, key: &str, texts: impl Iterator<Item = &'t str>) {
        let mut texts = texts.peekable();
        if texts.peek().is_none() {
            return;
        }
        let attribute = self.writer.begin(self.field);
        self.writer.bytes(KEY, key.as_bytes());
        let any = self.writer.begin(VALUE);
        let array = self.writer.begin(ANY_ARRAY);
        for text in texts {
            let value = self.writer.begin(ARRAY_VALUES);
            self.writer.bytes(ANY_STRING, text.as_bytes());
            self.writer.end(value);
        }
        self.writer.end(array);
        self.writer.end(any);
        self.writer.end(attribute);
    }

    pub(super) fn put_prefixed(&mut self, prefix: &str, key: &str, value: ValueRef<'_>) {
        match value {
            ValueRef::Text(text) => self.text_prefixed(prefix, key, text),
            // JavaScript, in which the server is written, would round it.
            ValueRef::Int(number) if number.unsigned_abs() > MAX_SAFE_INTEGER => {
                self.text_prefixed(prefix, key, &number.to_string());
            }
            ValueRef::Int(number) => {
                let number = number.cast_unsigned();
                self.begin(prefix, key, 1 + varint_len(number));
                self.writer.number(ANY_INT, number);
            }
            ValueRef::Float(number) => {
                self.begin(prefix, key, 9);
                self.writer.fixed64(ANY_DOUBLE, number.to_bits());
            }
            ValueRef::Bool(yes) => {
                self.begin(prefix, key, 2);
                self.writer.number(ANY_BOOL, u64::from(yes));
            }
            ValueRef::Usage(usage) => self.text_prefixed(prefix, key, &usage_json(usage, None)),
            ValueRef::Cost(cost) => self.text_prefixed(prefix, key, &cost_json(cost)),
            // Nothing is not written; a kind of value that is not known here is none.
            _ => {}
        }
    }

    /// Writes everything up to the value, whose `AnyValue` takes `any` bytes.
    fn begin(&mut self, prefix: &str, key: &str, any: usize) {
        self.key(prefix, key, any);
        self.writer.head(VALUE, any);
    }

    #[inline]
    fn key(&mut self, prefix: &str, key: &str, any: usize) {
        let key_len = prefix.len() + key.len();
        let length = 1 + varint_len(key_len as u64) + key_len + 1 + varint_len(any as u64) + any;
        self.writer.heads((self.field, length), (KEY, key_len));
        if !prefix.is_empty() {
            self.writer.buffer.extend_from_slice(prefix.as_bytes());
        }
        self.writer.buffer.extend_from_slice(key.as_bytes());
    }
}
