//! One attribute as OTLP `KeyValue`: only strings, numbers and booleans, and one array of strings.
//!
//! Langfuse's server takes maps, bytes, nulls and empty arrays for something else, so none is ever
//! written.

use o11y_core::{Cost, Usage, ValueRef};

use super::wire::{Writer, varint_len};

/// Fields of `KeyValue` and `AnyValue`, from the OTLP definition 1.5.
const KEY: u32 = 1;
const VALUE: u32 = 2;
const ANY_STRING: u32 = 1;
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
        self.begin(prefix, key, any);
        self.writer.bytes(ANY_STRING, text.as_bytes());
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
            ValueRef::Usage(usage) => self.text_prefixed(prefix, key, &usage_json(usage)),
            ValueRef::Cost(cost) => self.text_prefixed(prefix, key, &cost_json(cost)),
            // Nothing is not written; a kind of value that is not known here is none.
            _ => {}
        }
    }

    /// Writes everything up to the value, whose `AnyValue` takes `any` bytes.
    fn begin(&mut self, prefix: &str, key: &str, any: usize) {
        let key_len = prefix.len() + key.len();
        let length = 1 + varint_len(key_len as u64) + key_len + 1 + varint_len(any as u64) + any;
        self.writer.tag(self.field, 2);
        self.writer.varint(length as u64);
        self.writer.tag(KEY, 2);
        self.writer.varint(key_len as u64);
        self.writer.buffer.extend_from_slice(prefix.as_bytes());
        self.writer.buffer.extend_from_slice(key.as_bytes());
        self.writer.tag(VALUE, 2);
        self.writer.varint(any as u64);
    }
}

/// Tokens as Langfuse reads them: whole numbers in disjoint classes, and their total.
fn usage_json(usage: &Usage) -> String {
    let mut details: serde_json::Map<_, _> = usage
        .classes()
        .filter(|(_, tokens)| *tokens > 0)
        .map(|(class, tokens)| (class.to_owned(), tokens.into()))
        .collect();
    details.insert("total".to_owned(), usage.total().into());
    serde_json::Value::Object(details).to_string()
}

/// Money as Langfuse reads it: a JSON number in dollars, under the one key that traces sum up.
fn cost_json(cost: Cost) -> String {
    serde_json::json!({ "total": cost.to_usd() }).to_string()
}
