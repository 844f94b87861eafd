//! Events as events of `tracing`.

use std::sync::Arc;

use o11y_core::{Event, Pattern};

use crate::{
    event_text::{AttributesText, Loudness, TARGET, Writing},
    subscriber::{BaseSubscriber, Subscriptions},
};

/// Writes each event through `tracing`, under the target `o11y`.
///
/// The message is the event's name; the fields are `attributes`, which is one text, because the
/// fields of `tracing` are fixed when a program is compiled, and `trace_id` and `span_id` inside of a
/// span. Prompts, answers and long texts stay
/// out, see [`JsonLines`](crate::JsonLines), unless [`content`](Self::content) is asked for. What failed is an
/// error, what was refused, exceeded, lost or raised a warning, requests, starts and repetitions are
/// for debugging. Events that a `tracing` subscriber itself emits are not written.
///
/// ```
/// use o11y_core::{attributes, event, events};
/// use o11y_events::{BaseSubscriber, TracingWriter};
///
/// // tracing_subscriber::fmt::init(); or any other subscriber
/// let _tracing = TracingWriter::new().pattern("llm.*").attach(events());
/// event("llm.generate", attributes! { "gen_ai.request.model" => "gpt-4o" });
/// ```
#[must_use = "attach it to a bus, else it writes nothing"]
#[derive(Debug)]
pub struct TracingWriter {
    pattern: Pattern,
    content: bool,
}

impl TracingWriter {
    /// Writes every event.
    pub fn new() -> Self {
        Self {
            pattern: "*".into(),
            content: false,
        }
    }

    /// Which events it writes. Defaults to `*`, everything.
    pub fn pattern(mut self, pattern: impl Into<Pattern>) -> Self {
        self.pattern = pattern.into();
        self
    }

    /// Whether prompts, answers and long texts are written. Defaults to not.
    pub fn content(mut self, written: bool) -> Self {
        self.content = written;
        self
    }

    fn on_event(&self, event: &Event) {
        let Some(_writing) = Writing::begin() else {
            return;
        };
        let attributes = AttributesText {
            event,
            with_content: self.content,
        };
        let trace_id = event.trace_id().map(tracing::field::display);
        let span_id = event.span_id().map(tracing::field::display);
        // The level of a `tracing` event is fixed when a program is compiled, hence four of them.
        macro_rules! write {
            ($level:ident) => {
                tracing::event!(
                    target: TARGET, tracing::Level::$level,
                    trace_id, span_id, %attributes, "{}", event.name()
                )
            };
        }
        match Loudness::of(event) {
            Loudness::Error => write!(ERROR),
            Loudness::Warn => write!(WARN),
            Loudness::Info => write!(INFO),
            Loudness::Debug => write!(DEBUG),
        }
    }
}

impl Default for TracingWriter {
    fn default() -> Self {
        Self::new()
    }
}

impl BaseSubscriber for TracingWriter {
    fn subscribe(self: &Arc<Self>, subscriptions: &mut Subscriptions<Self>) {
        subscriptions.add_subscription(self.pattern.clone(), Self::on_event);
    }
}
