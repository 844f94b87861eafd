//! A record: all there is to know of one span, as plain data. Ended ones never change.

use std::{fmt, mem, sync::Arc, time::Duration};

use compact_str::CompactString;

use crate::{
    attribute::Attributes,
    clock::{Anchor, Ticks},
    id::{SpanId, TraceId},
    key,
    module::Modules,
    observation::{Level, ObservationType},
    scope::{Scope, TraceAttributes},
    value::Value,
};

#[cfg(feature = "otel")]
pub use self::builder::RecordBuilder;

#[cfg(feature = "otel")]
mod builder;
pub(crate) mod sheet;

/// One span as data.
///
/// At most 256 bytes, so that moving one costs a few instructions (see ADR 0002); long text lies
/// outside and moves along; a clone copies it. Its `Debug` shows no content.
///
/// ```
/// use o11y_core::{Anchor, Ended, Level, Sink, Status};
///
/// /// Prints what fails.
/// struct Failures;
///
/// impl Sink for Failures {
///     fn on_end(&self, ended: Ended<'_>) {
///         if ended.record().status() != Status::Error {
///             return; // a look costs nothing
///         }
///         let mut record = ended.take(); // and owning it no copy
///         record.cut(1_000, 10_000); // bytes each, and together
///         let anchor = Anchor::now(); // one for each batch, in an exporter
///         println!(
///             "{} {} from {} to {}: {} ({} bytes of content)",
///             record.trace_id(),
///             record.name(),
///             record.start_unix_nanos(&anchor),
///             record.end_unix_nanos(&anchor),
///             record.status_message().unwrap_or("no reason given"),
///             record.content_bytes(),
///         );
///         let is_first_here = record.parent_id().is_none() || record.parent_is_remote();
///         assert!(record.level() == Level::Error || is_first_here || record.modules().is_none());
///     }
/// }
/// # o11y_core::Observability::enable(std::sync::Arc::new(Failures));
/// # let failed: Result<(), &str> = o11y_core::Context::try_with_span("answer", |_span| Err("no beans"));
/// # assert!(failed.is_err());
/// # assert_eq!(o11y_core::Observability::sink_panics(), 0);
/// ```
#[derive(Clone)]
pub struct Record {
    pub(crate) trace_id: TraceId,
    pub(crate) span_id: SpanId,
    /// `SpanId::NONE` for a root.
    pub(crate) parent_id: SpanId,
    pub(crate) start: Ticks,
    pub(crate) end: Ticks,
    pub(crate) name: CompactString,
    pub(crate) attributes: Attributes,
    pub(crate) scope: Option<Arc<Scope>>,
    pub(crate) observation: ObservationType,
    pub(crate) level: Level,
    pub(crate) status: Status,
    pub(crate) parent_is_remote: bool,
}

/// How an operation ended, in OpenTelemetry's words.
///
/// ```
/// use o11y_core::{Context, Status};
///
/// Context::with_span("brew", |span| span.set_status(Status::Error, "out of beans"));
/// assert_eq!(Status::default(), Status::Unset);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Status {
    /// Nothing was said.
    #[default]
    Unset,
    /// It is known to have succeeded.
    Ok,
    /// It failed.
    Error,
}

impl Record {
    /// A record that has not started.
    #[inline]
    pub(crate) const fn new(name: CompactString) -> Self {
        Self {
            trace_id: TraceId::NONE,
            span_id: SpanId::NONE,
            parent_id: SpanId::NONE,
            start: Ticks::ZERO,
            end: Ticks::ZERO,
            name,
            attributes: Attributes::new(),
            scope: None,
            observation: ObservationType::Span,
            level: Level::Default,
            status: Status::Unset,
            parent_is_remote: false,
        }
    }

    /// A record that says nothing.
    #[inline]
    pub(crate) const fn blank() -> Self {
        Self::new(CompactString::const_new(""))
    }

    /// Moves it out; a blank stays.
    #[inline]
    pub(crate) fn take(&mut self) -> Self {
        mem::replace(self, Self::blank())
    }

    /// Drops what it holds; a blank stays.
    #[inline]
    pub(crate) fn wipe(&mut self) {
        let Self {
            trace_id,
            span_id,
            parent_id,
            start,
            end,
            name,
            attributes,
            scope,
            observation,
            level,
            status,
            parent_is_remote,
        } = self;
        *name = CompactString::const_new("");
        attributes.clear();
        *scope = None;
        // The rest holds nothing.
        (*trace_id, *span_id, *parent_id) = (TraceId::NONE, SpanId::NONE, SpanId::NONE);
        (*start, *end) = (Ticks::ZERO, Ticks::ZERO);
        (*observation, *level) = (ObservationType::Span, Level::Default);
        (*status, *parent_is_remote) = (Status::Unset, false);
    }

    /// The trace that it belongs to.
    #[must_use]
    pub fn trace_id(&self) -> TraceId {
        self.trace_id
    }

    /// Its own id.
    #[must_use]
    pub fn span_id(&self) -> SpanId {
        self.span_id
    }

    /// The span around it; none for a root.
    #[must_use]
    pub fn parent_id(&self) -> Option<SpanId> {
        self.parent_id.given()
    }

    /// Whether the span around it is another process's: it is the first of this one then.
    #[must_use]
    #[inline]
    pub fn parent_is_remote(&self) -> bool {
        self.parent_is_remote
    }

    /// Whether the trace begins here for this application: the span around it is another process's,
    /// and no caller said in its baggage that the trace has such a root already, see
    /// [`Propagation`](crate::Propagation#baggage). A root that begins a trace is none of these.
    #[must_use]
    #[inline]
    pub fn is_app_root(&self) -> bool {
        self.parent_is_remote
            && !(self.scope.as_deref()).is_some_and(|scope| scope.has_app_root(self.trace_id))
    }

    /// What was done.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is to Langfuse.
    #[must_use]
    pub fn observation(&self) -> ObservationType {
        self.observation
    }

    /// How loudly it speaks.
    #[must_use]
    pub fn level(&self) -> Level {
        self.level
    }

    /// How it ended.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status
    }

    /// Why the status or level is what it is.
    #[must_use]
    pub fn status_message(&self) -> Option<&str> {
        self.attribute(key::STATUS_MESSAGE)?.as_str()
    }

    /// All attributes: input, output, model and the like are attributes too.
    #[must_use]
    pub fn attributes(&self) -> &Attributes {
        &self.attributes
    }

    /// The value of one attribute.
    #[must_use]
    pub fn attribute(&self, key: &str) -> Option<&Value> {
        self.attributes.get(key)
    }

    /// What is said of the whole trace: name, user, session, tags and so on.
    #[must_use]
    pub fn trace_attributes(&self) -> Option<&TraceAttributes> {
        self.scope.as_deref().and_then(Scope::trace)
    }

    /// The modules that it was opened in; none outside of any.
    #[must_use]
    pub fn modules(&self) -> Option<&Modules> {
        self.scope.as_deref().and_then(Scope::modules)
    }

    /// The id of the request that was served when it was opened.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        let request = self.scope.as_deref().and_then(Scope::request)?;
        Some(request.id())
    }

    /// When it started, in nanoseconds since 1970.
    #[must_use]
    pub fn start_unix_nanos(&self, anchor: &Anchor) -> u64 {
        anchor.unix_nanos(self.start)
    }

    /// When it ended, in nanoseconds since 1970.
    #[must_use]
    pub fn end_unix_nanos(&self, anchor: &Anchor) -> u64 {
        anchor.unix_nanos(self.end)
    }

    /// When it ended, as the clock was read: in a unit of the machine's own, not above a nanosecond.
    #[doc(hidden)] // an exporter tells by it how long ago something was, without a conversion
    #[must_use]
    #[inline]
    pub fn end_reading(&self) -> u64 {
        self.end.raw()
    }

    /// How long ago it ended, whatever the wall clock did since; that of a span which was measured
    /// elsewhere is all there is to go by.
    #[must_use]
    pub fn ended_ago(&self) -> Duration {
        self.end.elapsed()
    }

    /// How long it took.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.end.since(self.start)
    }

    /// Cuts the longest texts until they hold no more than `bytes` together, and none more than
    /// `each`. What is cut ends with `…[cut: 123 bytes left out]`, which comes on top of the limit.
    /// For sinks whose destination takes no more.
    pub fn cut(&mut self, each: usize, bytes: usize) {
        let values = self.attributes.iter().map(|(_, value)| value);
        let lengths = values.map(Value::long_text_bytes).collect();
        let level = level(lengths, bytes).min(each);
        for value in self.attributes.longer_than(level) {
            value.cut(level);
        }
    }

    /// The bytes that it holds outside of itself (text, spilled attributes): what a queue bounds. A
    /// `String` that was moved in counts with its whole buffer.
    #[must_use]
    #[inline]
    pub fn content_bytes(&self) -> usize {
        let name = if self.name.is_heap_allocated() {
            self.name.len()
        } else {
            0
        };
        name + self.attributes.heap_bytes()
    }
}

/// The length to which the longer ones have to be cut so that all together hold no more than `sum`.
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

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("trace_id", &self.trace_id)
            .field("span_id", &self.span_id)
            .field("parent_id", &self.parent_id())
            .field("name", &self.name)
            .field("observation", &self.observation)
            .field("level", &self.level)
            .field("status", &self.status)
            .field("attributes", &self.attributes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_and_the_place_for_one_take_at_most_256_bytes() {
        assert!(size_of::<Record>() <= 256, "{}", size_of::<Record>());
        assert_eq!(size_of::<Option<Record>>(), size_of::<Record>());
    }

    #[test]
    fn debug_output_shows_no_content() {
        let mut record = Record::new(CompactString::const_new("answer"));
        record.attributes.set(key::INPUT, "the secret prompt");

        let shown = format!("{record:?}");

        assert!(
            shown.contains("answer") && !shown.contains("secret"),
            "{shown}"
        );
    }

    #[test]
    fn the_longest_texts_are_cut_first_and_no_character_is_halved() {
        let mut record = Record::new(CompactString::const_new("answer"));
        record.attributes.set("short", "x".repeat(100));
        record.attributes.set("long", "€".repeat(1_000));
        record
            .attributes
            .set("longer", Value::from(Arc::<str>::from("x".repeat(9_000))));
        record.attributes.set("number", 1);

        record.cut(10_000, 1_100);

        let text = |key| record.attribute(key).and_then(Value::as_str).unwrap();
        assert_eq!(text("short").len(), 100);
        assert_eq!(
            text("long"),
            "€".repeat(166) + "…[cut: 2502 bytes left out]"
        );
        assert_eq!(
            text("longer"),
            "x".repeat(500) + "…[cut: 8500 bytes left out]"
        );
    }

    #[test]
    fn a_text_is_cut_by_its_own_limit_too_and_what_is_within_stays() {
        let mut record = Record::new(CompactString::const_new("answer"));
        record.attributes.set("a", "x".repeat(50));
        record.attributes.set("b", "x".repeat(52));

        record.cut(50, 1_000);

        let text = |key| record.attribute(key).and_then(Value::as_str).unwrap();
        assert_eq!(text("a").len(), 50);
        assert_eq!(text("b"), "x".repeat(50) + "…[cut: 2 bytes left out]");
    }
}
