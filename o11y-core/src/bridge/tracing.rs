//! Observations from the spans of the `tracing` crate: the settings of the layer that makes them.

use std::fmt;

use tracing_core::{LevelFilter, Metadata, Subscriber};
use tracing_subscriber::{Layer, registry::LookupSpan};

use self::{callsite::Callsites, layer::Bridge};

mod callsite;
mod content;
mod dialect;
mod entered;
mod fields;
mod layer;
mod log;
mod open;
mod place;
mod run;
mod said;
mod tokens;

/// Makes observations of the `tracing` spans of LLM crates, as a layer of a subscriber.
///
/// Spans of rig, genai, langchain-rust, swiftide, DSRs and of whatever follows the GenAI
/// conventions are recognised by their callsite: target, name and the names of their fields. Model,
/// tokens, input and output, errors and the time of the first token are read from the fields that
/// each crate has for them. Every other span is filtered out for this layer alone: it costs a look
/// at a small table, and what other layers see of it does not change.
///
/// ```
/// use o11y_core::{TracingLayer, testing::Recording};
/// use tracing_subscriber::layer::SubscriberExt as _;
///
/// let subscriber = tracing_subscriber::registry().with(TracingLayer::new().build());
///
/// # let recording = Recording::new();
/// # let _recorded = recording.attach();
/// # tracing::subscriber::with_default(subscriber, || {
/// let call = tracing::info_span!(
///     "chat",
///     gen_ai.operation.name = "chat",
///     gen_ai.request.model = "gpt-4o-mini",
///     gen_ai.usage.output_tokens = tracing::field::Empty,
/// );
/// call.in_scope(|| { /* a crate asks the model */ });
/// call.record("gen_ai.usage.output_tokens", 5);
/// # drop(call);
/// # });
/// # assert_eq!(recording.outline(), "generation chat\n");
/// ```
///
/// # Nesting
///
/// A recognised span is current for our own closures while it is entered, at every poll and on
/// whatever thread, and it opens below them. What it is opened below is the innermost of both: our
/// current span, unless the nearest recognised `tracing` span around it lies deeper. An explicit
/// `parent:` is heeded; `parent: None` begins a trace of its own. A `tracing` span that was not
/// recognised carries no context of ours to another thread: what is opened inside of it there finds
/// the recognised spans around it, but not our closures, for which there is [`Context::wrap`].
///
/// # What is billed
///
/// A call is billed once, where the tokens were used:
///
/// * sums that an agent or a chain states of its run are metadata (`run.usage.input_tokens` and so
///   on), and so is its model;
/// * a model call with another one inside of it that states tokens becomes a chain;
/// * inside of [`Context::generation`] it becomes a plain span, told to nobody: the call of your own
///   around it is the one that bills, so note the tokens there.
///
/// # Budgets
///
/// The end of a billed call is told to subscribers as `llm.generate` or `llm.error`, and `lm.tokens`
/// after it, as that of [`Context::generation`] is, so that budgets count it. It cannot be vetoed,
/// because the layer only watches. [`emit_events(false)`](Self::emit_events) leaves it out.
///
/// # Values
///
/// Fields given as `%field` or `?field` are printed by code of whoever recorded them; it runs
/// outside of all locks, and a panic in it costs that field only.
///
/// [`Context::generation`]: crate::Context::generation
/// [`Context::wrap`]: crate::Context::wrap
#[must_use = "build the layer and add it to a subscriber"]
pub struct TracingLayer {
    include: Option<Include>,
    log_level: LevelFilter,
    emit_events: bool,
}

type Include = Box<dyn Fn(&Metadata<'_>) -> bool + Send + Sync>;

impl TracingLayer {
    /// The spans of LLM crates, and nothing else.
    pub fn new() -> Self {
        Self {
            include: None,
            log_level: LevelFilter::OFF,
            emit_events: true,
        }
    }

    /// Takes in other spans and events, too: those for which `include` says yes. It is asked once
    /// for each callsite. A span becomes an observation of type span, an event one of type event if
    /// a span is open where it happens.
    ///
    /// ```
    /// use o11y_core::TracingLayer;
    ///
    /// let layer = TracingLayer::new().include(|metadata| metadata.target().starts_with("my_app"));
    /// ```
    pub fn include(
        mut self,
        include: impl Fn(&Metadata<'_>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.include = Some(Box::new(include));
        self
    }

    /// Takes in log events of this level and above, as observations of type event, where a span is
    /// open. Without it only events that carry content of a call are read, into its input and
    /// output.
    pub fn log_events(mut self, level: LevelFilter) -> Self {
        self.log_level = level;
        self
    }

    /// Sets whether the end of a call is told to subscribers; it is unless set otherwise.
    ///
    /// ```
    /// use o11y_core::TracingLayer;
    /// use tracing_subscriber::filter::LevelFilter;
    ///
    /// // Warnings as observations of type event; no budget hears of the calls.
    /// let layer = TracingLayer::new().log_events(LevelFilter::WARN).emit_events(false);
    /// ```
    pub fn emit_events(mut self, emit: bool) -> Self {
        self.emit_events = emit;
        self
    }

    /// The layer, with the filter that spares it, and nobody else, all other spans.
    ///
    /// One is enough: in a second one of the same subscriber nothing arrives.
    #[must_use = "add it to a subscriber"]
    pub fn build<S>(self) -> impl Layer<S> + Send + Sync + 'static
    where
        S: Subscriber + for<'lookup> LookupSpan<'lookup>,
    {
        let callsites = Callsites::new(self.include, self.log_level);
        Bridge::new(callsites.clone(), self.emit_events).with_filter(callsites)
    }
}

impl Default for TracingLayer {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for TracingLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TracingLayer")
            .field("includes", &self.include.is_some())
            .field("log_level", &self.log_level)
            .field("emit_events", &self.emit_events)
            .finish()
    }
}
