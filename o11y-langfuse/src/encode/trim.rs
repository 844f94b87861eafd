//! A span that was refused for its size, made smaller: its longest texts are cut, and say so.
//!
//! What is cut here are encoded bytes, not the record. They have been through the program's mask
//! already, which so sees each text once and as a whole; and no record has to be kept for the rare
//! span that needs this.

use o11y_core::key;

use super::{
    attribute::{ANY_STRING, KEY, VALUE},
    metadata::METADATA,
    read::{Field, Fields},
    span::{ATTRIBUTES, STATUS, STATUS_MESSAGE},
    wire::Writer,
};

/// No text is cut to less: what is that short is a name or a figure, not content.
const KEPT: usize = 1_024;

/// Attributes that have to be JSON objects. Cut they are none any more, and the server would drop
/// them, so what is left goes under a key of its own.
const OBJECTS: [(&str, &str); 4] = [
    ("langfuse.observation.metadata", "metadata"),
    ("langfuse.observation.model.parameters", "model.parameters"),
    (key::USAGE, "usage_details"),
    (key::COST, "cost_details"),
];

/// The span with texts of no more than some `content` bytes together, the longest ones cut; none if
/// that leaves nothing out.
pub(super) fn trimmed(span: &[u8], content: usize) -> Option<Vec<u8>> {
    let lengths = Pieces(span).filter_map(|piece| Some(piece.text()?.bytes().len()));
    let level = level(lengths.collect(), content).max(KEPT);
    let mut buffer = Vec::with_capacity(content);
    let mut writer = Writer {
        buffer: &mut buffer,
    };
    for piece in Pieces(span) {
        match piece.text() {
            Some(text) if text.bytes().len() > level => text.put(&mut writer, level),
            _ => writer.buffer.extend_from_slice(piece.raw),
        }
    }
    (buffer.len() < span.len()).then_some(buffer)
}

/// A text that may be cut.
enum Text<'a> {
    Attribute {
        key: &'a str,
        text: &'a str,
    },
    /// The message of a status, which is there beside the attribute.
    Status {
        status: &'a [u8],
        message: &'a str,
    },
}

impl Text<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Attribute { text, .. } => text.as_bytes(),
            Self::Status { message, .. } => message.as_bytes(),
        }
    }

    /// Writes what it stands in, with so many bytes of it.
    fn put(&self, writer: &mut Writer<'_>, level: usize) {
        match self {
            Self::Attribute { key, text } => put_attribute(writer, key, &cut(text, level)),
            Self::Status { status, message } => {
                put_status(writer, status, &cut(message, level));
            }
        }
    }
}

fn put_attribute(writer: &mut Writer<'_>, key: &str, text: &str) {
    let object = OBJECTS.iter().find(|(name, _)| *name == key);
    let attribute = writer.begin(ATTRIBUTES);
    match object {
        Some((_, name)) => writer.bytes(KEY, [METADATA, name].concat().as_bytes()),
        None => writer.bytes(KEY, key.as_bytes()),
    }
    let value = writer.begin(VALUE);
    writer.bytes(ANY_STRING, text.as_bytes());
    writer.end(value);
    writer.end(attribute);
}

fn put_status(writer: &mut Writer<'_>, status: &[u8], message: &str) {
    let shorter = writer.begin(STATUS);
    for piece in Pieces(status) {
        if piece.number == u64::from(STATUS_MESSAGE) {
            writer.bytes(STATUS_MESSAGE, message.as_bytes());
        } else {
            writer.buffer.extend_from_slice(piece.raw);
        }
    }
    writer.end(shorter);
}

/// The beginning of a text, with a mark that says how much is missing; not cut inside of a character.
pub(super) fn cut(text: &str, bytes: usize) -> String {
    let is_boundary = |at: &usize| text.is_char_boundary(*at);
    let end = (0..=bytes).rev().find(is_boundary).unwrap_or(0);
    format!(
        "{}…[cut: {} bytes left out]",
        &text[..end],
        text.len() - end
    )
}

/// The length to which the longer ones have to be cut so that all together are no more than `sum`.
fn level(mut lengths: Vec<usize>, sum: usize) -> usize {
    lengths.sort_unstable();
    let mut room = sum;
    for (place, length) in lengths.iter().enumerate() {
        let share = room / (lengths.len() - place);
        if *length > share {
            return share;
        }
        room -= length;
    }
    usize::MAX
}

/// The fields of a span, as they are written.
struct Pieces<'a>(&'a [u8]);

struct Piece<'a> {
    raw: &'a [u8],
    number: u64,
    field: Field<'a>,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut fields = Fields(self.0);
        let (number, field) = fields.next()?;
        let (raw, rest) = self.0.split_at(self.0.len() - fields.0.len());
        self.0 = rest;
        Some(Piece { raw, number, field })
    }
}

impl<'a> Piece<'a> {
    /// The text in it, if there is one.
    fn text(&self) -> Option<Text<'a>> {
        let Field::Bytes(message) = self.field else {
            return None;
        };
        let found = match u32::try_from(self.number) {
            Ok(ATTRIBUTES) => Text::Attribute {
                key: str::from_utf8(inside(message, KEY)?).ok()?,
                text: str::from_utf8(inside(inside(message, VALUE)?, ANY_STRING)?).ok()?,
            },
            Ok(STATUS) => Text::Status {
                status: message,
                message: str::from_utf8(inside(message, STATUS_MESSAGE)?).ok()?,
            },
            _ => return None,
        };
        Some(found)
    }
}

/// The text or message in a field of a message.
fn inside(message: &[u8], wanted: u32) -> Option<&[u8]> {
    Fields(message).find_map(|(number, field)| match field {
        Field::Bytes(bytes) if number == u64::from(wanted) => Some(bytes),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use o11y_core::{Anchor, Context, ObservationType, Record, SpanSpec, Status};
    use opentelemetry_proto::tonic::{
        common::v1::any_value,
        trace::v1::{Span, status::StatusCode},
    };
    use proptest::prelude::*;
    use prost::Message as _;

    use super::*;
    use crate::{captured::captured, encode::Redactor, encode::span, mask::Privacy};

    fn encoded(spec: SpanSpec) -> Vec<u8> {
        let records = captured(|| Context::with_span(spec, |_span| ()));
        written(&records[0])
    }

    fn written(record: &Record) -> Vec<u8> {
        let mut buffer = Vec::new();
        let mut writer = Writer {
            buffer: &mut buffer,
        };
        let mut redactor = Redactor::new(Privacy::default());
        span::write(&mut writer, record, &Anchor::now(), &mut redactor);
        buffer
    }

    fn texts(span: &Span) -> Vec<(&str, &str)> {
        let pairs = span.attributes.iter();
        let texts = pairs.filter_map(|pair| match pair.value.as_ref()?.value.as_ref()? {
            any_value::Value::StringValue(text) => Some((&*pair.key, &**text)),
            _ => None,
        });
        texts.collect()
    }

    #[test]
    fn the_longest_texts_are_cut_and_say_so_and_all_else_stays() {
        let spec = SpanSpec::new("giant")
            .input("ü".repeat(40_000))
            .attribute(key::OUTPUT, "y".repeat(5_000))
            .attribute("mood", "grumpy")
            .attribute("turn", 7);
        let whole = encoded(spec);

        let less = trimmed(&whole, 20_001).unwrap();

        let [before, after] = [&whole, &less].map(|span| Span::decode(&**span).unwrap());
        assert!(less.len() < 20_600, "{}", less.len());
        assert_eq!(
            (&after.trace_id, &after.span_id, &after.name),
            (&before.trace_id, &before.span_id, &before.name)
        );
        assert_eq!(
            (after.start_time_unix_nano, after.end_time_unix_nano),
            (before.start_time_unix_nano, before.end_time_unix_nano)
        );
        assert_eq!(after.attributes.len(), before.attributes.len());
        for ((key, before), (_, after)) in texts(&before).into_iter().zip(texts(&after)) {
            if key == key::INPUT {
                let (kept, marker) = after.split_once("…[cut: ").unwrap();
                let left_out = format!("{} bytes left out]", before.len() - kept.len());
                assert!(before.starts_with(kept));
                assert_eq!(marker, left_out);
            } else {
                assert_eq!(after, before, "{key}");
            }
        }
    }

    #[test]
    fn a_span_that_is_small_enough_is_left_alone() {
        let short = SpanSpec::new("short").input("x".repeat(900));

        assert_eq!(trimmed(&encoded(short), 10), None);
        let fitting = SpanSpec::new("fitting").input("x".repeat(5_000));
        assert_eq!(trimmed(&encoded(fitting), 100_000), None);
    }

    #[test]
    fn a_long_message_of_an_error_is_cut_where_it_stands_twice() {
        let record = captured(|| {
            Context::with_span("giant", |span| {
                span.set_status(Status::Error, "x".repeat(50_000));
            });
        });
        let whole = written(&record[0]);

        let less = trimmed(&whole, 20_000).unwrap();

        assert!((15_000..20_600).contains(&less.len()), "{}", less.len());
        let status = Span::decode(&*less).unwrap().status.unwrap();
        assert_eq!(status.code, i32::from(StatusCode::Error));
        assert!(status.message.ends_with(" bytes left out]"));
    }

    #[test]
    fn a_cut_object_stands_where_it_may_be_text() {
        let classes: Vec<_> = (0..900)
            .map(|class| format!("\"class {class}\":1"))
            .collect();
        let object = format!("{{{}}}", classes.join(","));
        for (key, moved) in OBJECTS {
            let spec = SpanSpec::new("giant").observation(ObservationType::Generation);
            let whole = encoded(spec.attribute(key, object.as_str()));

            let less = trimmed(&whole, 3_000).unwrap();

            let span = Span::decode(&*less).unwrap();
            let texts = texts(&span);
            let cut = texts.iter().find(|(_, text)| text.contains("…[cut: "));
            let moved = format!("langfuse.observation.metadata.{moved}");
            assert_eq!(cut.map(|(key, _)| *key), Some(&*moved));
            assert!(texts.iter().all(|(stays, _)| *stays != key));
        }
    }

    proptest! {
        #[test]
        fn whatever_is_in_it_it_stays_a_span_and_gets_smaller(
            values in proptest::collection::vec("\\PC{0,3000}", 0..6),
            content in 0_usize..20_000,
        ) {
            let mut spec = SpanSpec::new("any");
            for (number, value) in values.iter().enumerate() {
                spec = spec.attribute(format!("key {number}"), value.as_str());
            }
            let whole = encoded(spec);

            if let Some(less) = trimmed(&whole, content) {
                let span = Span::decode(&*less).unwrap();
                prop_assert!(less.len() < whole.len());
                prop_assert_eq!(&Span::decode(&*whole).unwrap().span_id, &span.span_id);
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let less = trimmed(&bytes, 0);
            prop_assert!(less.is_none_or(|less| less.len() < bytes.len()));
        }
    }
}
