//! The `traceparent` header: a point in a trace as 55 bytes of text.
//!
//! Read where it lies and written into an array: neither parsing nor formatting needs the heap. The
//! grammar is that of <https://www.w3.org/TR/trace-context/#traceparent-header>.

use std::{
    fmt,
    ops::Range,
    str::{self, FromStr},
};

use crate::id::{SpanId, TraceId};

/// The bytes of version 00, and the least that any later version has.
const LEN: usize = 55;

const VERSION: Range<usize> = 0..2;
const TRACE_ID: Range<usize> = 3..35;
const SPAN_ID: Range<usize> = 36..52;
const FLAGS: Range<usize> = 53..55;

/// Where the `-` stand between the fields.
const SEPARATORS: [usize; 3] = [2, 35, 52];

/// The value of a `traceparent` header: the span that calls, its trace, and whether that is sampled.
///
/// Shown as the 55 bytes `00-{trace id}-{span id}-{01 or 00}`, and parsed as strictly as W3C asks:
/// lower-case hexadecimal digits, no id of zeros, nothing before or after. A version above `00`
/// (but not `ff`) is read by its first 55 bytes, if a `-` follows where it is longer. Of the flags
/// only the lowest, *sampled*, is known; the others are not passed on.
///
/// ```
/// use o11y_core::TraceParent;
///
/// let header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
/// let parent: TraceParent = header.parse()?;
/// assert_eq!(parent.span_id().to_string(), "b7ad6b7169203331");
/// assert!(parent.is_sampled());
/// assert_eq!(parent.to_string(), header);
/// # Ok::<_, o11y_core::ParseTraceParentError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceParent {
    trace_id: TraceId,
    span_id: SpanId,
    sampled: bool,
}

impl TraceParent {
    /// A point made by hand, where ids come by another way than a header.
    #[must_use]
    pub const fn new(trace_id: TraceId, span_id: SpanId, sampled: bool) -> Self {
        Self {
            trace_id,
            span_id,
            sampled,
        }
    }

    /// The trace, of 16 bytes.
    #[must_use]
    pub const fn trace_id(self) -> TraceId {
        self.trace_id
    }

    /// The span that calls, of 8 bytes. W3C names it `parent-id`.
    #[must_use]
    pub const fn span_id(self) -> SpanId {
        self.span_id
    }

    /// Whether the caller records the trace.
    #[must_use]
    pub const fn is_sampled(self) -> bool {
        self.sampled
    }

    fn to_bytes(self) -> [u8; LEN] {
        let mut text = [b'-'; LEN];
        put_hex(&mut text[VERSION], &[0]);
        put_hex(&mut text[TRACE_ID], &self.trace_id.to_bytes());
        put_hex(&mut text[SPAN_ID], &self.span_id.to_bytes());
        put_hex(&mut text[FLAGS], &[u8::from(self.sampled)]);
        text
    }
}

fn put_hex(text: &mut [u8], bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";

    let (pairs, _) = text.as_chunks_mut::<2>();
    for (pair, byte) in pairs.iter_mut().zip(bytes) {
        *pair = [byte >> 4, byte & 0xf].map(|digit| DIGITS[usize::from(digit)]);
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.to_bytes();
        str::from_utf8(&text).map_or(Err(fmt::Error), |text| f.pad(text))
    }
}

/// What is wrong with a `traceparent`. It never repeats the text, which is a stranger's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseTraceParentError {
    /// Shorter than 55 bytes, or longer in version 00; two headers that were joined are, too.
    #[error("expected 55 bytes, found {found}")]
    Length {
        /// How many there are.
        found: usize,
    },
    /// The first two bytes are no version.
    #[error("the version is not 2 lower-case hexadecimal digits")]
    Version,
    /// Version `ff`, which W3C rules out.
    #[error("the version is ff, which is forbidden")]
    ForbiddenVersion,
    /// A field does not end where it should.
    #[error("expected `-` at byte {at}")]
    Separator {
        /// Its offset from the start.
        at: usize,
    },
    /// Bytes 3 to 34 are no trace id.
    #[error("the trace id is not 32 lower-case hexadecimal digits")]
    TraceId,
    /// The trace id that stands for none.
    #[error("the trace id is all zero")]
    ZeroTraceId,
    /// Bytes 36 to 51 are no span id.
    #[error("the span id is not 16 lower-case hexadecimal digits")]
    SpanId,
    /// The span id that stands for none.
    #[error("the span id is all zero")]
    ZeroSpanId,
    /// Bytes 53 and 54 are no flags.
    #[error("the flags are not 2 lower-case hexadecimal digits")]
    Flags,
}

impl FromStr for TraceParent {
    type Err = ParseTraceParentError;

    fn from_str(text: &str) -> Result<Self, ParseTraceParentError> {
        let found = text.len();
        if found < LEN {
            return Err(ParseTraceParentError::Length { found });
        }
        let version = byte(text, VERSION).ok_or(ParseTraceParentError::Version)?;
        if version == 0xff {
            return Err(ParseTraceParentError::ForbiddenVersion);
        }
        let ends_at = |at| text.as_bytes().get(at) == Some(&b'-');
        if let Some(at) = SEPARATORS.into_iter().find(|at| !ends_at(*at)) {
            return Err(ParseTraceParentError::Separator { at });
        }
        if found > LEN && version == 0 {
            return Err(ParseTraceParentError::Length { found });
        }
        if found > LEN && !ends_at(LEN) {
            return Err(ParseTraceParentError::Separator { at: LEN });
        }
        let flags = byte(text, FLAGS).ok_or(ParseTraceParentError::Flags);
        Ok(Self {
            trace_id: id(
                text.get(TRACE_ID),
                ParseTraceParentError::TraceId,
                ParseTraceParentError::ZeroTraceId,
            )?,
            span_id: id(
                text.get(SPAN_ID),
                ParseTraceParentError::SpanId,
                ParseTraceParentError::ZeroSpanId,
            )?,
            sampled: flags? & 1 == 1,
        })
    }
}

/// A field of two digits. The sign that `from_str_radix` would take is none.
fn byte(text: &str, field: Range<usize>) -> Option<u8> {
    let digits = text.get(field)?;
    let lower = |digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
    digits.bytes().all(lower).then_some(())?;
    u8::from_str_radix(digits, 16).ok()
}

/// An id from its digits; none if they are cut inside of a character, which no digit is.
fn id<T: FromStr>(
    digits: Option<&str>,
    malformed: ParseTraceParentError,
    zero: ParseTraceParentError,
) -> Result<T, ParseTraceParentError> {
    let digits = digits.ok_or(malformed)?;
    if digits.bytes().all(|digit| digit == b'0') {
        return Err(zero);
    }
    digits.parse().or(Err(malformed))
}

#[cfg(test)]
mod tests {
    use ParseTraceParentError as Wrong;

    use super::*;

    #[test]
    fn each_field_is_refused_under_its_own_name() {
        let ids = "12345678901234567890123456789012-1234567890123456";
        for (text, wrong) in [
            (String::new(), Wrong::Length { found: 0 }),
            (format!("0-{ids}-01"), Wrong::Length { found: 54 }),
            (format!("00-{ids}-1"), Wrong::Length { found: 54 }),
            (format!("00-{ids}-01."), Wrong::Length { found: 56 }),
            (format!("00-{ids}-01-"), Wrong::Length { found: 56 }),
            (format!("00-{ids}-01-what"), Wrong::Length { found: 60 }),
            (format!("+0-{ids}-01"), Wrong::Version),
            (format!("0A-{ids}-01"), Wrong::Version),
            (format!("é-{ids}-01"), Wrong::Version),
            (format!("ff-{ids}-01"), Wrong::ForbiddenVersion),
            (format!("000-{ids}-01"), Wrong::Separator { at: 2 }),
            (format!("00_{ids}-01"), Wrong::Separator { at: 2 }),
            (format!("00-1{ids}-01"), Wrong::Separator { at: 35 }),
            (format!("00-{ids}1-01"), Wrong::Separator { at: 52 }),
            (format!("cc-{ids}-01.what"), Wrong::Separator { at: 55 }),
            (format!("00-{ids}-+1"), Wrong::Flags),
            (format!("00-{ids}-0A"), Wrong::Flags),
        ] {
            assert_eq!(text.parse::<TraceParent>(), Err(wrong), "{text}");
        }
    }

    #[test]
    fn an_id_is_lower_case_digits_and_not_zero() {
        let (trace, span) = ("12345678901234567890123456789012", "1234567890123456");
        for (trace, span, wrong) in [
            (&*"0".repeat(32), span, Wrong::ZeroTraceId),
            (trace, "0000000000000000", Wrong::ZeroSpanId),
            (&*"A".repeat(32), span, Wrong::TraceId),
            (&*format!("+{}", "1".repeat(31)), span, Wrong::TraceId),
            (&*"é".repeat(16), span, Wrong::TraceId),
            (trace, ".234567890123456", Wrong::SpanId),
            (trace, "ABCDEFABCDEFABCD", Wrong::SpanId),
        ] {
            let text = format!("00-{trace}-{span}-01");
            assert_eq!(text.parse::<TraceParent>(), Err(wrong), "{text}");
        }
    }

    #[test]
    fn of_the_flags_only_the_lowest_counts() {
        for (flags, sampled) in [("00", false), ("01", true), ("02", false), ("ff", true)] {
            let text = format!("00-12345678901234567890123456789012-1234567890123456-{flags}");

            let parent: TraceParent = text.parse().unwrap();

            assert_eq!(parent.is_sampled(), sampled);
            assert_eq!(
                parent.to_string()[53..],
                *if sampled { "01" } else { "00" },
                "no other is passed on"
            );
        }
    }
}
