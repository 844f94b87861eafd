//! Six small evaluators: each looks at an output and returns a [`Score`] with a comment that says
//! why.
//!
//! They only look: what they return is given by [`score`](crate::score()), kept, or thrown away. One
//! that emitted by itself could not be used in a condition or a test without leaving a score behind.
//!
//! | evaluator | score | is true, or 1 |
//! |---|---|---|
//! | [`exact_match`], [`exact_match_ignore_case`] | boolean | if the two are equal |
//! | [`contains`], [`contains_ignore_case`] | boolean | if the expected text is in the output; the empty text is in every one |
//! | [`regex_match`], [`RegexMatch`] | boolean | if the pattern matches anywhere in it |
//! | [`length_check`] | boolean | if its characters are as many as the range says |
//! | [`similarity`], [`similarity_ignore_case`] | numeric | if the two are equal, and less with every edit between them |
//! | [`json_valid`] | boolean | if it is JSON; the empty text is not |
//!
//! A score is named after its evaluator, and [`Score::named`] changes that. A character is a Unicode
//! scalar value (a `char`). Case is ignored by putting every character of both texts in lower case,
//! one at a time and in no language: `Σ` equals `σ`, but `ß` is not `SS`. Comments hold figures and
//! no content.
//!
//! ```
//! use o11y_core::{Context, evaluators::{contains_ignore_case, length_check}, score};
//!
//! Context::with_span("answer", |_span| {
//!     let answer = "A flat white, please.";
//!     score(contains_ignore_case(answer, "FLAT WHITE").named("names the drink"))?;
//!     score(length_check(answer, 1..=280))?;
//!     Ok::<_, o11y_core::ScoreError>(())
//! })?;
//! # Ok::<_, o11y_core::ScoreError>(())
//! ```

use std::ops::{Bound, RangeBounds};

use serde::de::IgnoredAny;

pub use self::{
    pattern::{PatternError, RegexMatch, regex_match},
    similarity::{similarity, similarity_ignore_case},
};
use crate::score::Score;

mod pattern;
mod similarity;

/// Whether `output` is exactly `expected`: score `exact_match`.
///
/// ```
/// use o11y_core::{ScoreValue, evaluators::exact_match};
///
/// let score = exact_match("flat white", "flat black");
/// assert_eq!(score.value(), ScoreValue::Boolean(false));
/// assert_eq!(score.get_comment(), Some("differs from character 6 on"));
/// ```
#[must_use]
pub fn exact_match(output: &str, expected: &str) -> Score {
    let score = Score::boolean("exact_match", output == expected);
    let mut pairs = output.chars().zip(expected.chars());
    match pairs.position(|(one, other)| one != other) {
        Some(place) => score.comment(format!("differs from character {} on", place + 1)),
        None if output.len() > expected.len() => score.comment("begins as expected, and goes on"),
        None if output.len() < expected.len() => {
            score.comment("begins as expected, and breaks off")
        }
        None => score.comment("equal"),
    }
}

/// Like [`exact_match`], no matter the case.
///
/// ```
/// use o11y_core::{ScoreValue, evaluators::exact_match_ignore_case};
///
/// let score = exact_match_ignore_case("Flat White", "flat white");
/// assert_eq!(score.value(), ScoreValue::Boolean(true));
/// ```
#[must_use]
pub fn exact_match_ignore_case(output: &str, expected: &str) -> Score {
    exact_match(&lower(output), &lower(expected))
}

/// Whether `expected` occurs in `output`: score `contains`.
///
/// ```
/// use o11y_core::{ScoreValue, evaluators::contains};
///
/// let score = contains("One flat white.", "flat white");
/// assert_eq!(score.value(), ScoreValue::Boolean(true));
/// assert_eq!(score.get_comment(), Some("found at character 5"));
/// ```
#[must_use]
pub fn contains(output: &str, expected: &str) -> Score {
    let place = output.find(expected);
    Score::boolean("contains", place.is_some()).comment(match place {
        Some(place) => format!("found at character {}", character_at(output, place)),
        None => "not found".to_owned(),
    })
}

/// Like [`contains`], no matter the case.
///
/// ```
/// use o11y_core::{ScoreValue, evaluators::contains_ignore_case};
///
/// let score = contains_ignore_case("One FLAT WHITE.", "flat white");
/// assert_eq!(score.value(), ScoreValue::Boolean(true));
/// ```
#[must_use]
pub fn contains_ignore_case(output: &str, expected: &str) -> Score {
    contains(&lower(output), &lower(expected))
}

/// Whether `output` has as many characters as `range` says: score `length_check`.
///
/// ```
/// use o11y_core::{ScoreValue, evaluators::length_check};
///
/// assert_eq!(length_check("größer", 1..=6).value(), ScoreValue::Boolean(true));
///
/// let score = length_check("größer", ..6);
/// assert_eq!(score.value(), ScoreValue::Boolean(false));
/// assert_eq!(score.get_comment(), Some("6 characters, expected fewer than 6"));
/// ```
pub fn length_check(output: &str, range: impl RangeBounds<usize>) -> Score {
    let length = output.chars().count();
    let least = match range.start_bound() {
        Bound::Included(least) => Some(format!("at least {least}")),
        Bound::Excluded(below) => Some(format!("more than {below}")),
        Bound::Unbounded => None,
    };
    let most = match range.end_bound() {
        Bound::Included(most) => Some(format!("at most {most}")),
        Bound::Excluded(above) => Some(format!("fewer than {above}")),
        Bound::Unbounded => None,
    };
    let expected = match (least, most) {
        (Some(least), Some(most)) => format!("{least} and {most}"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => "any number".to_owned(),
    };
    Score::boolean("length_check", range.contains(&length))
        .comment(format!("{length} characters, expected {expected}"))
}

/// Whether `output` is JSON, all of it: score `json_valid`.
///
/// Any value counts, also a number or a text alone. Only the grammar is looked at: how deep values
/// nest, how large numbers are and whether keys stand twice does not matter.
///
/// ```
/// use o11y_core::{ScoreValue, evaluators::json_valid};
///
/// assert_eq!(json_valid(r#"{"drink": "flat white"}"#).value(), ScoreValue::Boolean(true));
///
/// let score = json_valid("Here you are: {}");
/// assert_eq!(score.value(), ScoreValue::Boolean(false));
/// assert_eq!(score.get_comment(), Some("expected value at line 1 column 1"));
/// ```
#[must_use]
pub fn json_valid(output: &str) -> Score {
    let parsed = serde_json::from_str::<IgnoredAny>(output);
    Score::boolean("json_valid", parsed.is_ok()).comment(match parsed {
        Ok(_) => "valid".to_owned(),
        Err(error) => error.to_string(),
    })
}

/// Every character in lower case, whatever stands next to it: `str::to_lowercase` writes a final
/// `Σ` as `ς`, so that a text in lower case would no longer contain its own parts.
fn lower(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// The number of the character at a byte, counted from one.
fn character_at(text: &str, byte: usize) -> usize {
    let before = text.char_indices().take_while(|(place, _)| *place < byte);
    before.count() + 1
}
