//! What a score says: its value, and the type under which Langfuse keeps it.

use std::{fmt, str::FromStr};

use compact_str::CompactString;

/// What kind of value a score has. The text forms are the server's, upper case.
///
/// ```
/// use o11y_core::{Score, ScoreDataType};
///
/// assert_eq!(Score::boolean("correct", true).data_type(), ScoreDataType::Boolean);
/// assert_eq!("BOOLEAN".parse(), Ok(ScoreDataType::Boolean));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ScoreDataType {
    /// A number.
    Numeric,
    /// Yes or no; travels as 1 or 0.
    Boolean,
    /// One of several labels.
    Categorical,
    /// Free text of 1 to 500 characters.
    Text,
    /// What the output should have been.
    Correction,
}

impl ScoreDataType {
    /// Every type.
    pub const ALL: [Self; 5] = [
        Self::Numeric,
        Self::Boolean,
        Self::Categorical,
        Self::Text,
        Self::Correction,
    ];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Numeric => "NUMERIC",
            Self::Boolean => "BOOLEAN",
            Self::Categorical => "CATEGORICAL",
            Self::Text => "TEXT",
            Self::Correction => "CORRECTION",
        }
    }
}

impl fmt::Display for ScoreDataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that names no type of a score.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown type of a score: expected one of NUMERIC, BOOLEAN, CATEGORICAL, TEXT, CORRECTION")]
pub struct ParseScoreDataTypeError(());

impl FromStr for ScoreDataType {
    type Err = ParseScoreDataTypeError;

    fn from_str(text: &str) -> Result<Self, ParseScoreDataTypeError> {
        Self::ALL
            .into_iter()
            .find(|data_type| data_type.as_str() == text)
            .ok_or(ParseScoreDataTypeError(()))
    }
}

/// A look at the value of a score.
///
/// ```
/// use o11y_core::{Score, ScoreValue};
///
/// assert_eq!(Score::numeric("accuracy", 0.95).value(), ScoreValue::Number(0.95));
/// assert_eq!(Score::categorical("mood", "grumpy").value(), ScoreValue::Text("grumpy"));
/// ```
#[derive(Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum ScoreValue<'a> {
    /// Of a numeric score.
    Number(f64),
    /// Of a boolean score.
    Boolean(bool),
    /// Of a categorical or text score, or a correction.
    Text(&'a str),
}

/// Shows numbers, and of texts only how long they are.
impl fmt::Debug for ScoreValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => f.debug_tuple("Number").field(number).finish(),
            Self::Boolean(yes) => f.debug_tuple("Boolean").field(yes).finish(),
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
        }
    }
}

/// A value and its type, which cannot contradict each other.
#[derive(Clone, PartialEq)]
pub(super) enum Given {
    Numeric(f64),
    Boolean(bool),
    Categorical(CompactString),
    Text(CompactString),
    Correction(CompactString),
}

impl Given {
    pub(super) fn data_type(&self) -> ScoreDataType {
        match self {
            Self::Numeric(_) => ScoreDataType::Numeric,
            Self::Boolean(_) => ScoreDataType::Boolean,
            Self::Categorical(_) => ScoreDataType::Categorical,
            Self::Text(_) => ScoreDataType::Text,
            Self::Correction(_) => ScoreDataType::Correction,
        }
    }

    pub(super) fn look(&self) -> ScoreValue<'_> {
        match self {
            Self::Numeric(number) => ScoreValue::Number(*number),
            Self::Boolean(yes) => ScoreValue::Boolean(*yes),
            Self::Categorical(text) | Self::Text(text) | Self::Correction(text) => {
                ScoreValue::Text(text)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_reads_back_from_its_name() {
        for data_type in ScoreDataType::ALL {
            assert_eq!(data_type.as_str().parse(), Ok(data_type));
        }
    }

    #[test]
    fn an_unknown_type_is_refused_with_the_accepted_names() {
        let refused = "numeric".parse::<ScoreDataType>().unwrap_err();

        assert!(refused.to_string().contains("NUMERIC, BOOLEAN"));
    }
}
