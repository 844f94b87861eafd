//! What Langfuse would refuse, or take and never show, is refused where the score is given.

use std::{borrow::Cow, fmt};

use super::{Score, timestamp, value::Given};

/// The longest text score, in the UTF-16 units that the server counts.
const MAX_TEXT: usize = 500;

/// The longest id, in the same units.
const MAX_ID: usize = 800;

/// A score that Langfuse would not take: which part of it, what is wrong, and what is accepted.
///
/// Nothing was emitted. The score can be had back by [`into_score`](Self::into_score).
///
/// ```
/// use o11y_core::{Score, score};
///
/// let refused = score(Score::numeric("accuracy", f64::NAN)).expect_err("that is no number");
/// assert_eq!(refused.field(), "value");
/// assert_eq!(refused.to_string(), "the score's `value` is NaN: expected a finite number");
/// let mended = refused.into_score().map(|score| score.named("accuracy_unknown"));
/// assert!(mended.is_some());
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreError {
    problem: Problem,
    score: Option<Box<Score>>,
}

/// What is wrong; it never quotes a value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Problem {
    pub(super) field: &'static str,
    pub(super) is: Cow<'static, str>,
    pub(super) expected: &'static str,
}

impl Problem {
    pub(super) fn new(
        field: &'static str,
        is: impl Into<Cow<'static, str>>,
        expected: &'static str,
    ) -> Self {
        Self {
            field,
            is: is.into(),
            expected,
        }
    }

    pub(super) fn of(self, score: Score) -> ScoreError {
        ScoreError {
            problem: self,
            score: Some(Box::new(score)),
        }
    }
}

impl ScoreError {
    /// The part that is wrong, by the name of the method that sets it; `name` and `value` are set
    /// by the constructors.
    #[must_use]
    pub fn field(&self) -> &'static str {
        self.problem.field
    }

    /// The score as it was, to be mended and given again; none if it could not even be read from
    /// an event.
    #[must_use]
    pub fn into_score(self) -> Option<Score> {
        self.score.map(|score| *score)
    }
}

impl From<Problem> for ScoreError {
    fn from(problem: Problem) -> Self {
        Self {
            problem,
            score: None,
        }
    }
}

impl fmt::Display for ScoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem {
            field,
            is,
            expected,
        } = &self.problem;
        write!(f, "the score's `{field}` {is}: expected {expected}")
    }
}

impl std::error::Error for ScoreError {}

/// Checks everything that does not depend on where the score is given.
pub(super) fn check(score: &Score) -> Result<(), Problem> {
    if score.name.is_empty() {
        return Err(Problem::new("name", "is empty", "at least one character"));
    }
    check_value(score)?;
    for (field, id) in [
        ("id", &score.id),
        ("session", &score.session),
        ("dataset_run", &score.dataset_run),
        ("config_id", &score.config_id),
        ("queue_id", &score.queue_id),
    ] {
        id.as_deref().map_or(Ok(()), |id| check_id(field, id))?;
    }
    let others = [score.session.is_some(), score.dataset_run.is_some()];
    let others = others.into_iter().filter(|given| *given).count();
    if others + usize::from(score.trace.is_some()) > 1 {
        let expected = "exactly one of `trace`, `session` and `dataset_run`";
        return Err(Problem::new("trace", "is not the only target", expected));
    }
    if others > 0 && score.observation.is_some() {
        let is = "comes with a session or a dataset run";
        return Err(Problem::new("observation", is, "a trace as the target"));
    }
    if let Given::Correction(_) = score.value {
        let expected = "a trace or an observation as the target of a correction";
        if others > 0 {
            return Err(Problem::new("session", "is given", expected));
        }
        if score.config_id.is_some() {
            return Err(Problem::new(
                "config_id",
                "is given",
                "none for a correction",
            ));
        }
    }
    if timestamp::to_millis(score.timestamp).is_none() {
        let expected = "a moment from 1970 to 9999";
        return Err(Problem::new("timestamp", "is out of range", expected));
    }
    Ok(())
}

fn check_value(score: &Score) -> Result<(), Problem> {
    match &score.value {
        Given::Numeric(number) if !number.is_finite() => {
            let is = format!("is {number}");
            Err(Problem::new("value", is, "a finite number"))
        }
        Given::Text(text) if !(1..=MAX_TEXT).contains(&units(text)) => {
            let is = format!("has {} characters", units(text));
            Err(Problem::new("value", is, "1 to 500 characters"))
        }
        _ => Ok(()),
    }
}

/// The server would keep a score of an environment that it does not like under `default`.
pub(super) fn check_environment(text: &str) -> Result<(), Problem> {
    let is_allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    let is_good = (1..=40).contains(&text.len())
        && text.bytes().all(is_allowed)
        && !text.starts_with("langfuse");
    let expected = "1 to 40 lower-case letters, digits, `-` or `_`, not starting with `langfuse`";
    is_good
        .then_some(())
        .ok_or_else(|| Problem::new("environment", format!("is {text:?}"), expected))
}

fn check_id(field: &'static str, id: &str) -> Result<(), Problem> {
    let is = match units(id) {
        0 => Cow::Borrowed("is empty"),
        length @ MAX_ID.. if length > MAX_ID => Cow::Owned(format!("has {length} characters")),
        _ if id.contains('\r') => Cow::Borrowed("has a carriage return"),
        _ => return Ok(()),
    };
    Err(Problem::new(field, is, "1 to 800 characters in one line"))
}

fn units(text: &str) -> usize {
    text.encode_utf16().count()
}
