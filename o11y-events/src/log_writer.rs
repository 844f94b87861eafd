//! Events as lines of the `log` facade.

use std::sync::Arc;

use log::Level;
use o11y_core::{Event, Pattern};

use crate::{
    event_text::{AttributesText, Loudness, TARGET, Writing},
    subscriber::{BaseSubscriber, Subscriptions},
};

/// Writes each event through the `log` facade, under the target `o11y`.
///
/// A line is the name and the attributes: `llm.generate gen_ai.request.model=gpt-4o`. What failed is
/// an error (`*.error`, `*.failed`); what was refused, exceeded, lost or raised a warning
/// (`*.vetoed`, `*.exceeded`, `alert.raised`, `observability.*`); requests, starts and what only
/// repeats are for debugging; all else is information. Prompts, answers and long texts stay out, see
/// [`JsonLines`](crate::JsonLines), unless [`content`](Self::content) is asked for. Events that the
/// logger itself emits are not written.
///
/// ```
/// use o11y_core::{attributes, event, events};
/// use o11y_events::{BaseSubscriber, LogWriter};
///
/// // env_logger::init(); or any other logger
/// let _log = LogWriter::new().pattern("llm.*").attach(events());
/// event("llm.generate", attributes! { "gen_ai.request.model" => "gpt-4o" });
/// ```
#[must_use = "attach it to a bus, else it writes nothing"]
#[derive(Debug)]
pub struct LogWriter {
    pattern: Pattern,
    content: bool,
}

impl LogWriter {
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
        let level = match Loudness::of(event) {
            Loudness::Error => Level::Error,
            Loudness::Warn => Level::Warn,
            Loudness::Info => Level::Info,
            Loudness::Debug => Level::Debug,
        };
        if !log::log_enabled!(target: TARGET, level) {
            return;
        }
        let Some(_writing) = Writing::begin() else {
            return;
        };
        let attributes = AttributesText {
            event,
            with_content: self.content,
        };
        log::log!(target: TARGET, level, "{} {attributes}", event.name());
    }
}

impl Default for LogWriter {
    fn default() -> Self {
        Self::new()
    }
}

impl BaseSubscriber for LogWriter {
    fn subscribe(self: &Arc<Self>, subscriptions: &mut Subscriptions<Self>) {
        subscriptions.add_subscription(self.pattern.clone(), Self::on_event);
    }
}
