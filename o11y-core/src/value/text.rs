//! Anything serialisable as JSON text, no longer and no deeper than the limits.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Serializer, ser::Formatter};

use crate::limit::{self, MAX_JSON_BYTES, MAX_JSON_DEPTH};

/// Where JSON text was cut because it was too long, or too deep.
const TOO_LONG: &str = "…[cut: longer than 4 MiB]";
const TOO_DEEP: &str = "…[cut: nested deeper than 128]";

/// Writes `value` as JSON. What is too long or too deep ends where it was cut, and says so. None if
/// the value itself refuses.
pub(crate) fn json_text<T: Serialize + ?Sized>(value: &T) -> Option<String> {
    let mut text = Bounded(Vec::with_capacity(128));
    let Err(error) = value.serialize(&mut Serializer::with_formatter(&mut text, Depth(0))) else {
        return String::from_utf8(text.0).ok();
    };
    if !error.is_io() {
        return None; // the reason may quote content, so only the fact is kept
    }
    limit::count_value();
    let marker = if text.0.len() < MAX_JSON_BYTES {
        TOO_DEEP
    } else {
        TOO_LONG
    };
    let mut text = String::from_utf8(text.0).unwrap_or_else(|error| {
        let whole = error.utf8_error().valid_up_to();
        let mut bytes = error.into_bytes();
        bytes.truncate(whole);
        String::from_utf8(bytes).unwrap_or_default()
    });
    text.push_str(marker);
    Some(text)
}

/// Takes so many bytes and no more.
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let room = MAX_JSON_BYTES - self.0.len();
        if buf.len() > room {
            self.0.extend_from_slice(&buf[..room]);
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes JSON without blanks, down to a depth.
struct Depth(usize);

impl Depth {
    fn open<W: ?Sized + Write>(&mut self, writer: &mut W, bracket: &[u8]) -> io::Result<()> {
        if self.0 == MAX_JSON_DEPTH {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        self.0 += 1;
        writer.write_all(bracket)
    }

    fn close<W: ?Sized + Write>(&mut self, writer: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.0 -= 1;
        writer.write_all(bracket)
    }
}

impl Formatter for Depth {
    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open(writer, b"[")
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer, b"]")
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open(writer, b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer, b"}")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    fn nested(depth: usize) -> Json {
        (0..depth).fold(json!(1), |inner, _| json!([inner]))
    }

    #[test]
    fn it_writes_what_serde_json_writes() {
        let value = json!({"a": [1, 2.5, null, true, {"é\n\"": []}], "b": {}});

        assert_eq!(json_text(&value), serde_json::to_string(&value).ok());
        assert_eq!(json_text(&f64::NAN).as_deref(), Some("null"));
    }

    #[test]
    fn what_is_too_deep_is_cut_where_readers_would_stop() {
        let (deepest, deeper) = (nested(MAX_JSON_DEPTH), nested(MAX_JSON_DEPTH + 1));

        let text = json_text(&deepest).unwrap();
        assert_eq!(text.len(), 2 * MAX_JSON_DEPTH + 1);
        let text = json_text(&deeper).unwrap();
        assert_eq!(text, "[".repeat(MAX_JSON_DEPTH) + TOO_DEEP);
    }

    #[test]
    fn what_is_too_long_is_cut_after_a_whole_character() {
        for offset in 0..3 {
            let value = vec!["x".repeat(offset), "€".repeat(MAX_JSON_BYTES / 3)];

            let text = json_text(&value).unwrap();

            let kept = text.strip_suffix(TOO_LONG).unwrap();
            assert!(kept.ends_with('€'), "{offset}");
            assert!((MAX_JSON_BYTES - 2..=MAX_JSON_BYTES).contains(&kept.len()));
        }
    }

    #[test]
    fn a_value_without_end_ends() {
        struct Endless;
        impl Serialize for Endless {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_seq(std::iter::repeat(1))
            }
        }

        assert!(json_text(&Endless).unwrap().ends_with(TOO_LONG));
    }
}
