//! A score on the event bus: given, written as attributes, and read back by whoever hears it.

use compact_str::CompactString;

use super::{
    Score,
    check::{Problem, ScoreError, check, check_environment},
    timestamp,
    value::{Given, ScoreDataType, ScoreValue},
};
use crate::{
    attribute::Attributes,
    event::Event,
    id::TraceId,
    key,
    observability::Observability,
    text::text,
    value::{Value, ValueRef},
};

/// Gives a score: every subscriber of `score.create` hears it, an exporter sends it.
///
/// Returns it as it was emitted, with its id, trace and environment. It judges the current trace
/// unless it says otherwise. While telemetry is off a trace is not to be known; the event then has
/// none, which is no error. The event never becomes an observation, and a veto is only counted.
///
/// # Errors
///
/// [`ScoreError`] for what Langfuse would not take: an empty name, a number that is not finite, a
/// text of other than 1 to 500 characters, an id that is empty or has more than 800, more than one
/// target, or none outside of any trace. Nothing is emitted then.
///
/// ```
/// use o11y_core::{Context, Score, score};
///
/// let refused = score(Score::numeric("accuracy", f64::NAN)).unwrap_err();
/// assert_eq!(refused.to_string(), "the score's `value` is NaN: expected a finite number");
/// ```
pub fn score(score: Score) -> Result<Score, ScoreError> {
    let event = Event::new(Score::EVENT, Attributes::new());
    if let Err(problem) = check(&score) {
        return Err(problem.of(score));
    }
    if let Some(Err(problem)) = score.get_environment().map(check_environment) {
        return Err(problem.of(score));
    }
    let score = score.placed(&event);
    if !score.has_target() && Observability::is_enabled() {
        let expected = "a call inside of a span, or one of `trace`, `session` and `dataset_run`";
        return Err(Problem::new("trace", "is not known here", expected).of(score));
    }
    let score = Score {
        id: score.id.or_else(|| Some(random_id())),
        timestamp: timestamp::to_millis(score.timestamp).unwrap_or(score.timestamp),
        ..score
    };
    let attributes = score.to_attributes();
    event.with_attributes(attributes).unrecorded().emit();
    Ok(score)
}

impl Score {
    /// The event that carries a score.
    pub const EVENT: &'static str = "score.create";

    /// Reads a score from an event with the attributes of `score.create`, see [`key`]; emitted by
    /// [`score()`] or by hand.
    ///
    /// What the event does not say is filled in: the type that fits the value, a random id, the
    /// present moment, the trace and environment that it was emitted in.
    ///
    /// # Errors
    ///
    /// [`ScoreError`] if name, value or target are missing or anything is not acceptable.
    pub fn from_event(event: &Event) -> Result<Self, ScoreError> {
        let mut score = Self::new(
            CompactString::from(require(event, key::SCORE_NAME, "name")?),
            value_of(event)?,
        );
        for (slot, attribute) in [
            (&mut score.session, key::SCORE_SESSION_ID),
            (&mut score.dataset_run, key::SCORE_DATASET_RUN_ID),
            (&mut score.id, key::SCORE_ID),
            (&mut score.comment, key::SCORE_COMMENT),
            (&mut score.environment, key::SCORE_ENVIRONMENT),
            (&mut score.config_id, key::SCORE_CONFIG_ID),
            (&mut score.queue_id, key::SCORE_QUEUE_ID),
        ] {
            *slot = text_of(event, attribute).map(CompactString::from);
        }
        score.trace = parsed(event, key::SCORE_TRACE_ID, "trace", "32 hexadecimal digits")?;
        score.observation = parsed(
            event,
            key::SCORE_OBSERVATION_ID,
            "observation",
            "16 hexadecimal digits",
        )?;
        if let Some(moment) = text_of(event, key::SCORE_TIMESTAMP) {
            let expected = "RFC 3339 with a zone, such as `2026-01-31T23:59:59Z`";
            score.timestamp = timestamp::parse(moment)
                .ok_or_else(|| Problem::new("timestamp", "cannot be read", expected))?;
        }
        score.timestamp = timestamp::to_millis(score.timestamp).unwrap_or(score.timestamp);
        score.sampled = event.attribute(key::SCORE_SAMPLED).and_then(Value::as_bool);
        for (name, value) in event.attributes().iter() {
            if let Some(name) = name.strip_prefix(key::SCORE_METADATA_PREFIX) {
                score.put_metadata(name.into(), value.clone());
            }
        }
        if let Err(problem) = check(&score) {
            return Err(problem.of(score));
        }
        let mut score = score.placed(event);
        score.id = score.id.or_else(|| Some(random_id()));
        if !score.has_target() {
            let expected = "one of `trace_id`, `session_id` and `dataset_run_id`";
            return Err(Problem::new("trace", "is missing", expected).of(score));
        }
        Ok(score)
    }

    fn has_target(&self) -> bool {
        self.trace.is_some() || self.session.is_some() || self.dataset_run.is_some()
    }

    /// Fills in what the place of the event says.
    fn placed(mut self, event: &Event) -> Self {
        let current = event.trace_id();
        if !self.has_target() {
            self.trace = current;
        }
        if self.trace.is_some() && self.trace == current {
            self.sampled = self.sampled.or(event.sampled());
        }
        if self.environment.is_none() {
            let attributes = event.trace_attributes();
            self.environment = attributes
                .and_then(|attributes| attributes.get_environment())
                .map(CompactString::from);
        }
        self
    }

    fn to_attributes(&self) -> Attributes {
        let mut attributes = Attributes::new();
        attributes.put(key::SCORE_NAME, self.name.as_str().into());
        attributes.put(
            key::SCORE_VALUE,
            match self.value() {
                ScoreValue::Number(number) => number.into(),
                ScoreValue::Boolean(yes) => i64::from(yes).into(),
                ScoreValue::Text(text) => text.into(),
            },
        );
        attributes.put(
            key::SCORE_DATA_TYPE,
            Value::of_static(self.data_type().as_str()),
        );
        for (attribute, text) in [
            (key::SCORE_ID, &self.id),
            (key::SCORE_SESSION_ID, &self.session),
            (key::SCORE_DATASET_RUN_ID, &self.dataset_run),
            (key::SCORE_COMMENT, &self.comment),
            (key::SCORE_ENVIRONMENT, &self.environment),
            (key::SCORE_CONFIG_ID, &self.config_id),
            (key::SCORE_QUEUE_ID, &self.queue_id),
        ] {
            attributes.put(attribute, text.as_deref().into());
        }
        let trace = self.trace.map(|id| id.to_string());
        attributes.put(key::SCORE_TRACE_ID, trace.into());
        let observation = self.observation.map(|id| id.to_string());
        attributes.put(key::SCORE_OBSERVATION_ID, observation.into());
        attributes.put(key::SCORE_TIMESTAMP, self.timestamp_text().into());
        attributes.put(key::SCORE_SAMPLED, self.sampled.into());
        for (name, value) in &self.metadata {
            let key = format!("{}{name}", key::SCORE_METADATA_PREFIX);
            attributes.set(key, value.clone());
        }
        attributes
    }
}

/// 128 bits of chance, as an id that no other score has.
fn random_id() -> CompactString {
    text(TraceId::random().to_string())
}

fn text_of<'a>(event: &'a Event, attribute: &str) -> Option<&'a str> {
    event.attribute(attribute).and_then(Value::as_str)
}

fn require<'a>(event: &'a Event, attribute: &str, field: &'static str) -> Result<&'a str, Problem> {
    text_of(event, attribute).ok_or_else(|| Problem::new(field, "is missing", "a text"))
}

fn parsed<T: std::str::FromStr>(
    event: &Event,
    attribute: &str,
    field: &'static str,
    expected: &'static str,
) -> Result<Option<T>, Problem> {
    let Some(text) = text_of(event, attribute) else {
        return Ok(None);
    };
    // The cause says no more than this.
    let parsed = text.parse().ok();
    parsed
        .map(Some)
        .ok_or_else(|| Problem::new(field, "cannot be read", expected))
}

/// The value with the type that the event names, or else that fits.
fn value_of(event: &Event) -> Result<Given, Problem> {
    let value = event.attribute(key::SCORE_VALUE).map(Value::as_ref);
    let named = text_of(event, key::SCORE_DATA_TYPE);
    let named = named.map(str::parse::<ScoreDataType>).transpose();
    let Ok(named) = named else {
        let expected = "one of NUMERIC, BOOLEAN, CATEGORICAL, TEXT and CORRECTION";
        return Err(Problem::new("data_type", "is not known", expected));
    };
    let number = |value| match value {
        #[expect(clippy::cast_precision_loss, reason = "a score is a float")]
        ValueRef::Int(number) => Some(number as f64),
        ValueRef::Float(number) => Some(number),
        _ => None,
    };
    let truth = |value| match (value, number(value)) {
        (ValueRef::Bool(yes), _) => Some(yes),
        (_, Some(0.0)) => Some(false),
        (_, Some(1.0)) => Some(true),
        _ => None,
    };
    let fitting = match value {
        None => None,
        Some(ValueRef::Text(_)) => Some(ScoreDataType::Categorical),
        Some(ValueRef::Bool(_)) => Some(ScoreDataType::Boolean),
        Some(_) => Some(ScoreDataType::Numeric),
    };
    let (Some(value), Some(data_type)) = (value, named.or(fitting)) else {
        return Err(Problem::new("value", "is missing", "a number or a text"));
    };
    let label = |value| match value {
        ValueRef::Text(text) => Some(CompactString::from(text)),
        _ => None,
    };
    let (given, expected) = match data_type {
        ScoreDataType::Numeric => (number(value).map(Given::Numeric), "a finite number"),
        ScoreDataType::Boolean => (truth(value).map(Given::Boolean), "true, false, 1 or 0"),
        ScoreDataType::Categorical => (label(value).map(Given::Categorical), "a text"),
        ScoreDataType::Text => (label(value).map(Given::Text), "a text"),
        ScoreDataType::Correction => (label(value).map(Given::Correction), "a text"),
    };
    given.ok_or_else(|| Problem::new("value", format!("does not fit {data_type}"), expected))
}
