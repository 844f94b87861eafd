//! Limits: how much of a value, a record or a trace attribute is kept, and what was beyond.
//!
//! What is cut says so where it was cut, and is counted here by kind. Nothing is cut inside of a
//! character.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

/// The most bytes of JSON text that a value is written as. Langfuse takes requests of 4.5 to 5 MB, so
/// nothing longer can arrive, and writing on would only cost the program's time.
pub(crate) const MAX_JSON_BYTES: usize = 4 << 20;

/// How deep a value may be nested. Deeper ones could exhaust the stack; and readers of JSON, such
/// as `serde_json`, stop there too.
pub(crate) const MAX_JSON_DEPTH: usize = 128;

/// The most characters of a trace attribute: what Langfuse's SDKs accept.
pub(crate) const MAX_TRACE_TEXT_CHARS: usize = 200;

/// The most characters of an environment's name: what Langfuse keeps.
pub(crate) const MAX_ENVIRONMENT_CHARS: usize = 40;

/// The most tags, and the most entries of metadata, of a trace. They ride on every span.
pub(crate) const MAX_TRACE_ENTRIES: usize = 64;

static VALUES_CUT: AtomicU64 = AtomicU64::new(0);
static ATTRIBUTES_LEFT_OUT: AtomicU64 = AtomicU64::new(0);
static TRACE_ATTRIBUTES_CUT: AtomicU64 = AtomicU64::new(0);

/// What was beyond a limit, since the start of the process.
///
/// Read by [`Observability::limited`](crate::Observability::limited).
///
/// ```
/// use o11y_core::{Limited, Observability, TraceAttributes};
///
/// let before: Limited = Observability::limited();
/// let long = TraceAttributes::new().name("x".repeat(300));
/// assert_eq!(long.get_name().map(|name| name.chars().count()), Some(200)); // the last is `…`
/// let now = Observability::limited();
/// assert_eq!(now.trace_attributes_cut - before.trace_attributes_cut, 1);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Limited {
    /// Values of attributes, inputs and outputs that were cut: they end with `…[cut: …]`.
    pub values_cut: u64,
    /// Attributes that were left out because there were too many on one span or event.
    pub attributes_left_out: u64,
    /// Trace attributes that were cut, changed or left out: text of more than 200 characters ends
    /// with `…`, an environment's name is brought into the accepted form, tags and metadata end
    /// after 64.
    pub trace_attributes_cut: u64,
}

impl Limited {
    pub(crate) fn now() -> Self {
        // Counters that guard nothing.
        Self {
            values_cut: VALUES_CUT.load(Ordering::Relaxed),
            attributes_left_out: ATTRIBUTES_LEFT_OUT.load(Ordering::Relaxed),
            trace_attributes_cut: TRACE_ATTRIBUTES_CUT.load(Ordering::Relaxed),
        }
    }
}

#[cold]
pub(crate) fn count_value() {
    VALUES_CUT.fetch_add(1, Ordering::Relaxed);
}

#[cold]
pub(crate) fn count_attribute() {
    ATTRIBUTES_LEFT_OUT.fetch_add(1, Ordering::Relaxed);
}

#[cold]
pub(crate) fn count_trace_attribute() {
    TRACE_ATTRIBUTES_CUT.fetch_add(1, Ordering::Relaxed);
}

/// What is put where something was cut.
pub(crate) fn marker(left_out: usize) -> String {
    format!("…[cut: {left_out} bytes left out]")
}

/// The longest beginning of at most so many bytes that ends with a whole character.
pub(crate) fn beginning(text: &str, bytes: usize) -> &str {
    let whole = |at: &usize| text.is_char_boundary(*at);
    let end = (0..=bytes.min(text.len())).rev().find(whole);
    &text[..end.unwrap_or(0)]
}

/// Text that stops growing at a limit, so that printing something huge costs little.
pub(crate) struct Bounded {
    pub(crate) text: String,
    pub(crate) is_cut: bool,
    most: usize,
}

impl Bounded {
    pub(crate) const fn new(most: usize) -> Self {
        Self {
            text: String::new(),
            is_cut: false,
            most,
        }
    }
}

impl fmt::Write for Bounded {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        if self.is_cut {
            return Err(fmt::Error);
        }
        // No character is halved, so the text may end a little before the limit.
        let kept = beginning(s, self.most - self.text.len());
        self.text.push_str(kept);
        self.is_cut = kept.len() < s.len();
        if self.is_cut { Err(fmt::Error) } else { Ok(()) }
    }
}
