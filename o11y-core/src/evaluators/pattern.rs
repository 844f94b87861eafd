//! Whether a text matches a regular expression, and where a pattern is wrong.

use std::{error::Error, fmt};

use regex::Regex;

use super::character_at;
use crate::score::Score;

/// Whether `pattern` matches anywhere in `output`: score `regex_match`.
///
/// The pattern is compiled at every call; for many outputs compile it once, as a [`RegexMatch`].
///
/// # Errors
///
/// [`PatternError`] for a pattern that cannot be compiled.
///
/// ```
/// use o11y_core::{ScoreValue, evaluators::regex_match};
///
/// let score = regex_match("Order 42 is ready.", r"(?i)ORDER \d+")?;
/// assert_eq!(score.value(), ScoreValue::Boolean(true));
/// assert_eq!(score.get_comment(), Some("matched at character 1"));
/// # Ok::<_, o11y_core::evaluators::PatternError>(())
/// ```
pub fn regex_match(output: &str, pattern: &str) -> Result<Score, PatternError> {
    Ok(RegexMatch::new(pattern)?.evaluate(output))
}

/// A compiled pattern, to look at many outputs with.
///
/// Its syntax is that of the `regex` crate: no look-around and no references back, so that a match
/// takes time by the length of the output, whatever the pattern. `(?i)` in front ignores case,
/// `^…$` matches the whole output, `(?s)` lets `.` match line ends.
///
/// ```
/// use o11y_core::{ScoreValue, evaluators::RegexMatch};
///
/// let order = RegexMatch::new(r"^order-\d+$")?;
/// let outcomes = ["order-7", "an order"].map(|output| order.evaluate(output));
/// assert_eq!(outcomes[0].value(), ScoreValue::Boolean(true));
/// assert_eq!(outcomes[1].value(), ScoreValue::Boolean(false));
/// # Ok::<_, o11y_core::evaluators::PatternError>(())
/// ```
#[derive(Debug, Clone)]
pub struct RegexMatch {
    regex: Regex,
}

impl RegexMatch {
    /// Compiles a pattern.
    ///
    /// # Errors
    ///
    /// [`PatternError`] if it is not a regular expression, or larger than 10 MiB once compiled,
    /// which is the limit of the `regex` crate: `(\w{99}){99}` is.
    pub fn new(pattern: &str) -> Result<Self, PatternError> {
        match Regex::new(pattern) {
            Ok(regex) => Ok(Self { regex }),
            Err(source) => Err(PatternError {
                position: position_of_error(pattern),
                source,
            }),
        }
    }

    /// Whether it matches anywhere in `output`: score `regex_match`.
    #[must_use = "give it to `score`"]
    pub fn evaluate(&self, output: &str) -> Score {
        let place = self.regex.find(output).map(|found| found.start());
        Score::boolean("regex_match", place.is_some()).comment(match place {
            Some(place) => format!("matched at character {}", character_at(output, place)),
            None => "no match".to_owned(),
        })
    }
}

/// A pattern that cannot be compiled. Its source draws where it is wrong.
///
/// ```
/// use o11y_core::evaluators::RegexMatch;
///
/// let wrong = RegexMatch::new("order (one|two").unwrap_err();
/// assert_eq!(wrong.position(), Some(6)); // the parenthesis
/// assert_eq!(wrong.to_string(), "the pattern is not a regular expression, from byte 6 on");
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct PatternError {
    position: Option<usize>,
    source: regex::Error,
}

impl PatternError {
    /// The byte at which the wrong part begins; none if all is well but the size.
    #[must_use]
    pub fn position(&self) -> Option<usize> {
        self.position
    }
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.position, &self.source) {
            (Some(byte), _) => {
                write!(
                    f,
                    "the pattern is not a regular expression, from byte {byte} on"
                )
            }
            (None, regex::Error::CompiledTooBig(limit)) => {
                write!(f, "the pattern is larger than {limit} bytes once compiled")
            }
            (None, _) => f.write_str("the pattern is not a regular expression"),
        }
    }
}

impl Error for PatternError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

/// The `regex` crate draws the place, but does not tell it; its own parser does.
fn position_of_error(pattern: &str) -> Option<usize> {
    let span = match regex_syntax::parse(pattern).err()? {
        regex_syntax::Error::Parse(error) => *error.span(),
        regex_syntax::Error::Translate(error) => *error.span(),
        _ => return None,
    };
    Some(span.start.offset)
}
