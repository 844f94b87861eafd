//! Scores: judgements of a trace, an observation, a session or a dataset run, as data.

use std::{borrow::Cow, fmt, time::SystemTime};

use compact_str::CompactString;

use crate::{
    context::{Context, current},
    id::{SpanId, TraceId},
    span::Span,
    text::text,
    value::Value,
};

use self::value::Given;
pub use self::{
    check::ScoreError,
    emit::score,
    value::{ParseScoreDataTypeError, ScoreDataType, ScoreValue},
};

mod check;
mod emit;
mod reading;
mod timestamp;
mod value;

/// A judgement: how good something was, and of what.
///
/// A constructor takes any value and [`score()`] checks it, so a score can be built anywhere and
/// given where its trace is current. Without a target it is of the current trace.
///
/// ```
/// use o11y_core::{Context, Score, score};
///
/// fn answer() -> Result<(), o11y_core::ScoreError> {
///     Context::with_span("answer", |span| {
///         score(Score::numeric("accuracy", 0.95).comment("two of forty were off"))?;
///         score(Score::boolean("polite", true).of_span(span))?;
///         Ok(())
///     })
/// }
/// # answer().unwrap();
/// ```
///
/// Of every kind, and with every target:
///
/// ```
/// use o11y_core::{Score, ScoreDataType, TraceId};
///
/// let trace = TraceId::from_seed("order-17");
/// for score in [
///     Score::numeric("accuracy", 0.95).trace(trace),
///     Score::boolean("polite", true).session("visit-3"),
///     Score::categorical("verdict", "good").dataset_run("run-8").config_id("verdicts"),
///     Score::text("remark", "too much foam").trace(trace).queue_id("baristas"),
///     Score::correction("A cortado.").trace(trace),
/// ] {
///     let score = score.environment("staging").metadata("judge", "gus").comment("by hand");
///     assert_eq!(score.metadata_entries().len(), 1);
///     assert!(score.observation_id().is_none() && score.is_sampled().is_none());
/// }
/// assert_eq!(Score::boolean("polite", true).data_type(), ScoreDataType::Boolean);
/// ```
#[derive(Clone, PartialEq)]
pub struct Score {
    name: CompactString,
    value: Given,
    trace: Option<TraceId>,
    observation: Option<SpanId>,
    session: Option<CompactString>,
    dataset_run: Option<CompactString>,
    id: Option<CompactString>,
    comment: Option<CompactString>,
    metadata: Vec<(CompactString, Value)>,
    environment: Option<CompactString>,
    config_id: Option<CompactString>,
    queue_id: Option<CompactString>,
    timestamp: SystemTime,
    sampled: Option<bool>,
}

impl Score {
    /// A number; it must be finite.
    #[must_use = "give it to `score`"]
    pub fn numeric(name: impl Into<Cow<'static, str>>, value: f64) -> Self {
        Self::new(text(name), Given::Numeric(value))
    }

    /// Yes or no.
    #[must_use = "give it to `score`"]
    pub fn boolean(name: impl Into<Cow<'static, str>>, value: bool) -> Self {
        Self::new(text(name), Given::Boolean(value))
    }

    /// One of several labels. If a score config is named, its label counts.
    #[must_use = "give it to `score`"]
    pub fn categorical(
        name: impl Into<Cow<'static, str>>,
        value: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::new(text(name), Given::Categorical(text(value)))
    }

    /// Free text of 1 to 500 characters.
    #[must_use = "give it to `score`"]
    pub fn text(name: impl Into<Cow<'static, str>>, value: impl Into<Cow<'static, str>>) -> Self {
        Self::new(text(name), Given::Text(text(value)))
    }

    /// What the output should have been. Langfuse calls every correction `output`; it is of a trace
    /// or an observation.
    #[must_use = "give it to `score`"]
    pub fn correction(value: impl Into<Cow<'static, str>>) -> Self {
        let name = CompactString::const_new("output");
        Self::new(name, Given::Correction(text(value)))
    }

    fn new(name: CompactString, value: Given) -> Self {
        Self {
            name,
            value,
            trace: None,
            observation: None,
            session: None,
            dataset_run: None,
            id: None,
            comment: None,
            metadata: Vec::new(),
            environment: None,
            config_id: None,
            queue_id: None,
            timestamp: SystemTime::now(),
            sampled: None,
        }
    }

    /// Gives it another name, such as one of your own to what an evaluator returned. Langfuse calls
    /// a correction `output` all the same.
    #[must_use = "give it to `score`"]
    pub fn named(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.name = text(name);
        self
    }

    /// Judges that trace, which may be another process's. Defaults to the current trace.
    #[must_use = "give it to `score`"]
    pub fn trace(mut self, trace: TraceId) -> Self {
        self.trace = Some(trace);
        self.sampled = None;
        self
    }

    /// Judges that observation of the trace. Defaults to the trace as a whole.
    #[must_use = "give it to `score`"]
    pub fn observation(mut self, observation: SpanId) -> Self {
        self.observation = Some(observation);
        self
    }

    /// Judges that span. One that records nothing changes nothing here.
    #[must_use = "give it to `score`"]
    pub fn of_span(mut self, span: &Span) -> Self {
        if let Some(record) = span.record() {
            self.trace = Some(record.trace_id);
            self.observation = Some(record.span_id);
            self.sampled = Some(true); // or it would record nothing
        }
        self
    }

    /// Judges the span that is open here. Outside of any this changes nothing.
    ///
    /// ```
    /// use o11y_core::{Context, Score, score};
    ///
    /// // Deep inside, where nobody has the span at hand.
    /// fn check(answer: &str) -> Result<(), o11y_core::ScoreError> {
    ///     score(Score::boolean("is_short", answer.len() < 20).of_current_span())?;
    ///     Ok(())
    /// }
    ///
    /// Context::with_span("answer", |_span| check("A flat white."))?;
    /// # Ok::<_, o11y_core::ScoreError>(())
    /// ```
    #[must_use = "give it to `score`"]
    pub fn of_current_span(mut self) -> Self {
        let (trace, span, sampled) = current::with(|current| {
            let Context {
                trace_id,
                span_id,
                sampled,
                ..
            } = current.context;
            (trace_id, span_id, sampled)
        });
        if let (Some(trace), Some(span)) = (trace.given(), span.given()) {
            self.trace = Some(trace);
            self.observation = Some(span);
            self.sampled = Some(sampled);
        }
        self
    }

    /// Judges a session, which is a conversation of several traces.
    #[must_use = "give it to `score`"]
    pub fn session(mut self, session: impl Into<Cow<'static, str>>) -> Self {
        self.session = Some(text(session));
        self
    }

    /// Judges a run over a dataset.
    #[must_use = "give it to `score`"]
    pub fn dataset_run(mut self, run: impl Into<Cow<'static, str>>) -> Self {
        self.dataset_run = Some(text(run));
        self
    }

    /// Says why.
    #[must_use = "give it to `score`"]
    pub fn comment(mut self, comment: impl Into<Cow<'static, str>>) -> Self {
        self.comment = Some(text(comment));
        self
    }

    /// Adds an entry to the metadata; a key stands once, and `None` leaves it as it is.
    #[must_use = "give it to `score`"]
    pub fn metadata(mut self, key: impl Into<Cow<'static, str>>, value: impl Into<Value>) -> Self {
        self.put_metadata(text(key), value.into());
        self
    }

    /// Sets the environment. Defaults to that of the trace attributes where it is given.
    #[must_use = "give it to `score`"]
    pub fn environment(mut self, environment: impl Into<Cow<'static, str>>) -> Self {
        self.environment = Some(text(environment));
        self
    }

    /// Names the score config that the value obeys. A value that the config does not allow is
    /// dropped by the server without a word.
    #[must_use = "give it to `score`"]
    pub fn config_id(mut self, config: impl Into<Cow<'static, str>>) -> Self {
        self.config_id = Some(text(config));
        self
    }

    /// Names the annotation queue that it comes from.
    #[must_use = "give it to `score`"]
    pub fn queue_id(mut self, queue: impl Into<Cow<'static, str>>) -> Self {
        self.queue_id = Some(text(queue));
        self
    }

    /// Sets the id, 1 to 800 characters. Defaults to a random one.
    ///
    /// Langfuse replaces a score by a later one of the same id, name and day (of
    /// [`timestamp`](Self::timestamp)). So `{trace}-{name}` as the id, with a fixed moment, is a
    /// score that can be given again without standing twice:
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    /// use o11y_core::{Score, TraceId, score};
    ///
    /// let trace = TraceId::random();
    /// let judged_at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    /// for value in [0.4, 0.6] {
    ///     let accuracy = Score::numeric("accuracy", value)
    ///         .trace(trace)
    ///         .id(format!("{trace}-accuracy"))
    ///         .timestamp(judged_at);
    ///     score(accuracy)?;
    /// }
    /// # Ok::<_, o11y_core::ScoreError>(())
    /// ```
    #[must_use = "give it to `score`"]
    pub fn id(mut self, id: impl Into<Cow<'static, str>>) -> Self {
        self.id = Some(text(id));
        self
    }

    /// Sets when it was judged, to the millisecond. Defaults to the moment of the constructor.
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    /// use o11y_core::Score;
    ///
    /// let judged_at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_123);
    /// let score = Score::numeric("accuracy", 0.95).timestamp(judged_at);
    /// assert_eq!(score.timestamp_text(), "2023-11-14T22:13:20.123Z");
    /// assert_eq!(score.get_timestamp(), judged_at);
    /// ```
    #[must_use = "give it to `score`"]
    pub fn timestamp(mut self, timestamp: SystemTime) -> Self {
        self.timestamp = timestamp;
        self
    }

    fn put_metadata(&mut self, key: CompactString, value: Value) {
        if value.is_null() {
            return;
        }
        match self.metadata.iter_mut().find(|(known, _)| *known == key) {
            Some((_, slot)) => *slot = value,
            None => self.metadata.push((key, value)),
        }
    }
}

/// Shows no comment, no text and no metadata.
impl fmt::Debug for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Score")
            .field("name", &self.name)
            .field("value", &self.value())
            .field("id", &self.id)
            .field("trace", &self.trace)
            .field("observation", &self.observation)
            .finish_non_exhaustive()
    }
}
