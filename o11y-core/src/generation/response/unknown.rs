//! An answer of a shape that is not known: noted as it is.

use std::borrow::Cow;

use serde_json::Value as Json;

use super::{
    answer::Answer,
    output::{Output, is_empty},
};

/// Fields that say something about an answer, and are no answer by themselves.
const ABOUT: [&str; 9] = [
    "id", "model", "object", "type", "created", "role", "usage", "meta", "metadata",
];

pub(super) fn read(json: &Json) -> Answer<'_> {
    let says_something = match json {
        Json::Object(fields) => fields
            .iter()
            .any(|(name, value)| !ABOUT.contains(&name.as_str()) && !is_empty(value)),
        other => !is_empty(other),
    };
    Answer {
        output: says_something.then_some(Output::Json(Cow::Borrowed(json))),
        ..Answer::of(json)
    }
}
