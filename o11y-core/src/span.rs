//! A span while it is open.

use std::{
    any::type_name,
    borrow::Cow,
    error::Error,
    fmt::{self, Display, Write as _},
    iter,
};

pub use self::spec::{IntoSpanSpec, SpanSpec};
use crate::{
    clock::Ticks,
    context::Context,
    key,
    limit::Bounded,
    observability,
    observation::{Level, ObservationType},
    record::{Record, Status, sheet::Sheet},
    usage::{Cost, Usage},
    value::Value,
};

mod spec;

/// The longest status message that is kept, in bytes; the mirrored system cuts at as many
/// characters.
const MAX_STATUS_MESSAGE_BYTES: usize = 2_000;

/// The most causes of an error that are told; a chain is a few long, and one that is a ring has no
/// end.
const MAX_SOURCES: usize = 16;

/// An open span, lent to the closure that it covers.
///
/// There is no way to make one or to keep one: it ends when the closure does. All setters do
/// nothing, at the cost of one branch, when telemetry is off.
///
/// ```
/// use o11y_core::{Context, Cost, Level, ObservationType, Status, Usage};
///
/// let answer = Context::with_span("answer", |span| {
///     span.set_observation(ObservationType::Generation);
///     span.set_input("What shall I drink?");
///     span.set_attribute("temperature", 0.2);
///     let answer = "A flat white.";
///     span.set_output(answer);
///     span.set_model("gpt-4o-mini");
///     span.set_usage(Usage::new().input(23).output(5));
///     span.set_cost(Cost::usd(0.0000065));
///     span.set_level(Level::Warning);
///     span.set_status(Status::Ok, "the cheaper model was asked");
///     answer
/// });
/// ```
///
/// ```compile_fail
/// # use o11y_core::Context;
/// let kept = Context::with_span("answer", |span| span);
/// ```
/// ```compile_fail
/// # use o11y_core::Context;
/// Context::with_span("answer", |span| std::mem::take(span));
/// ```
pub struct Span {
    /// None when off.
    record: Option<Sheet>,
}

impl Span {
    pub(crate) const fn off() -> Self {
        Self { record: None }
    }

    #[inline]
    pub(crate) const fn open(record: Sheet) -> Self {
        Self {
            record: Some(record),
        }
    }

    pub(crate) fn record(&self) -> Option<&Record> {
        self.record.as_deref()
    }

    pub(crate) fn record_mut(&mut self) -> Option<&mut Record> {
        self.record.as_deref_mut()
    }

    /// Tells the sink of the start. A record that has none belongs to a trace which is not sampled,
    /// and is dropped here, outside of any borrow of ours.
    pub(crate) fn started(&mut self, context: impl FnOnce() -> Context) {
        match &mut self.record {
            Some(record) if record.start == Ticks::ZERO => {
                if let Some(sheet) = self.take() {
                    sheet.put_back();
                }
            }
            Some(record) if observability::wants_starts() => {
                let context = context();
                record.scope = context.scope;
                observability::started(record, context.telemetry.as_ref());
            }
            _ => {}
        }
    }

    /// Records nothing any more.
    #[inline]
    pub(crate) fn take(&mut self) -> Option<Sheet> {
        self.record.take()
    }

    /// Whether anything is recorded: false when telemetry is off.
    #[must_use]
    pub fn is_recording(&self) -> bool {
        self.record.is_some()
    }

    /// Sets an attribute; `None` leaves it as it is.
    #[inline]
    pub fn set_attribute(&mut self, key: impl Into<Cow<'static, str>>, value: impl Into<Value>) {
        if let Some(record) = &mut self.record {
            record.attributes.set(key, value);
        }
    }

    /// Sets what went into the operation.
    pub fn set_input(&mut self, input: impl Into<Value>) {
        self.put(key::INPUT, input);
    }

    /// Sets what came out of it.
    pub fn set_output(&mut self, output: impl Into<Value>) {
        self.put(key::OUTPUT, output);
    }

    /// Sets the model that answered.
    pub fn set_model(&mut self, model: impl Into<Value>) {
        self.put(key::RESPONSE_MODEL, model);
    }

    /// Sets the tokens that were used.
    pub fn set_usage(&mut self, usage: Usage) {
        self.put(key::USAGE, usage);
    }

    /// Sets what it cost. Langfuse then computes nothing itself.
    pub fn set_cost(&mut self, cost: Cost) {
        self.put(key::COST, cost);
    }

    /// Sets what it is to Langfuse.
    pub fn set_observation(&mut self, observation: ObservationType) {
        if let Some(record) = &mut self.record {
            record.observation = observation;
        }
    }

    /// Sets how loudly it speaks.
    pub fn set_level(&mut self, level: Level) {
        if let Some(record) = &mut self.record {
            record.level = level;
        }
    }

    /// Sets how it ended, and why. An error also sets the level.
    pub fn set_status(&mut self, status: Status, message: impl Into<Value>) {
        if let Some(record) = &mut self.record {
            record.status = status;
            if status == Status::Error {
                record.level = Level::Error;
            }
            record.attributes.put(key::STATUS_MESSAGE, message.into());
        }
    }

    /// Marks the span as failed with the message of `error`, and its type as `error.type`.
    ///
    /// The text is what `{error:#}` prints (for `anyhow` and `eyre` that includes the causes), cut
    /// at 2,000 bytes. An error that quotes a prompt puts it there.
    ///
    /// ```
    /// use o11y_core::Context;
    ///
    /// Context::with_span("parse", |span| {
    ///     // Dealt with here, and shown all the same.
    ///     "seven".parse::<u32>().unwrap_or_else(|error| {
    ///         span.record_error(&error);
    ///         7
    ///     })
    /// });
    /// ```
    pub fn record_error<E: Display + ?Sized>(&mut self, error: &E) {
        self.fail(type_name::<E>(), error);
    }

    /// Does as [`record_error`](Self::record_error), and tells the causes, too: behind the message,
    /// and one by one as `error.sources`, a list in JSON of at most 16.
    ///
    /// An error that was recorded so keeps its causes when a `try_with_span` around it records it
    /// again.
    ///
    /// ```
    /// use o11y_core::Context;
    ///
    /// # #[derive(Debug, thiserror::Error)]
    /// # #[error("the menu could not be read")]
    /// # struct MenuError(#[source] std::io::Error);
    /// # fn read_menu() -> Result<String, MenuError> { Err(MenuError(std::io::ErrorKind::NotFound.into())) }
    /// let menu = Context::try_with_span("read menu", |span| {
    ///     read_menu().inspect_err(|error| span.record_error_chain(error))
    /// }); // `the menu could not be read: entity not found`
    /// # assert!(menu.is_err());
    /// ```
    pub fn record_error_chain<E: Error + ?Sized>(&mut self, error: &E) {
        if self.record.is_none() {
            return;
        }
        let mut message = cut(error);
        let mut sources = Vec::new();
        let causes = iter::successors(error.source(), |&cause| cause.source());
        for cause in causes.take(MAX_SOURCES) {
            let cause = cut(cause);
            // Some errors print their causes themselves.
            if !message.ends_with(&cause) {
                message = cut(&format_args!("{message}: {cause}"));
            }
            sources.push(cause);
        }
        self.fail(type_name::<E>(), &message);
        if !sources.is_empty() {
            self.put(key::ERROR_SOURCES, &sources);
        }
    }

    /// Marks the span as failed, for a reason of this kind.
    pub(crate) fn fail(&mut self, kind: &'static str, reason: &(impl Display + ?Sized)) {
        let Some(record) = &self.record else {
            return;
        };
        let message = cut(reason);
        let told = record.status_message().unwrap_or_default();
        if record.status == Status::Error && told.starts_with(&message) {
            return; // with its causes
        }
        self.put(key::ERROR_TYPE, Value::of_static(kind));
        self.set_status(Status::Error, message);
    }

    #[cfg(feature = "tracing")]
    pub(crate) fn rename(&mut self, name: String) {
        if let Some(record) = &mut self.record {
            record.name = crate::text::text(name);
        }
    }

    #[inline]
    fn put(&mut self, key: &'static str, value: impl Into<Value>) {
        if let Some(record) = &mut self.record {
            record.attributes.put(key, value.into());
        }
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.record {
            Some(record) => record.fmt(f),
            None => f.write_str("Span(off)"),
        }
    }
}

/// Prints into a text that stops growing at the limit, so that a huge message costs little.
pub(crate) fn cut(error: &(impl Display + ?Sized)) -> String {
    let mut message = Bounded::new(MAX_STATUS_MESSAGE_BYTES);
    if write!(message, "{error:#}").is_err() {
        message.text.push('…');
    }
    message.text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_pointer_to_its_record() {
        assert_eq!(size_of::<Span>(), size_of::<usize>());
    }

    #[test]
    fn a_long_message_is_cut_at_a_character_and_marked() {
        let message = cut(&"é".repeat(5_000));

        assert!(message.len() <= MAX_STATUS_MESSAGE_BYTES + '…'.len_utf8());
        assert!(message.ends_with("é…"));
        assert_eq!(cut("short"), "short");
    }
}
