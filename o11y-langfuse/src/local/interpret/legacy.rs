//! What the server's older write path would not keep: it checks every field against a schema, and
//! one wrong type costs the whole observation, or the record of the trace.

use serde_json::Value as Json;

use crate::local::value::{AttributeValue, Attributes};

/// The most UTF-16 units of a trace's name.
const MAX_NAME_UNITS: usize = 1_000;

/// Fields that have to be text.
const TEXTS: [&str; 4] = [
    "langfuse.observation.status_message",
    "langfuse.version",
    "langfuse.release",
    "langfuse.trace.name",
];

/// The keys because of which something is lost.
pub(super) fn losses(attributes: &Attributes, kind: &str, span_name: &str) -> Vec<&'static str> {
    let is_text = |key: &str| {
        attributes
            .get(key)
            .is_none_or(|value| value.as_str().is_some())
    };
    let mut losses: Vec<_> = TEXTS.into_iter().filter(|key| !is_text(key)).collect();

    let name = "langfuse.observation.prompt.name";
    let version = "langfuse.observation.prompt.version";
    let is_linked = matches!(attributes.get(version), Some(AttributeValue::Int(_)));
    if kind == "generation" && attributes.contains_key(name) && !is_linked {
        losses.push(name);
    }
    let trace_name = attributes.get("langfuse.trace.name");
    let trace_name = trace_name
        .and_then(AttributeValue::as_str)
        .unwrap_or(span_name);
    if trace_name.encode_utf16().count() > MAX_NAME_UNITS {
        losses.push("langfuse.trace.name");
    }
    let first_token = "langfuse.observation.completion_start_time";
    if attributes
        .get(first_token)
        .is_some_and(|time| !is_zoned(time))
    {
        losses.push(first_token);
    }
    let parameters = "langfuse.observation.model.parameters";
    let given = attributes.get(parameters).and_then(AttributeValue::as_str);
    let is_scalar = |json: &Json| !(json.is_object() || json.is_array() || json.is_null());
    if given.is_some_and(|text| serde_json::from_str(text).is_ok_and(|json| is_scalar(&json))) {
        losses.push(parameters);
    }
    losses
}

/// Roughly ISO 8601 with a zone: what JavaScript's schema asks for, without the calendar.
fn is_zoned(time: &AttributeValue) -> bool {
    let Some(text) = time.as_str() else {
        return false;
    };
    let (date, rest) = text.split_at_checked(10).unwrap_or((text, ""));
    let is_date = date.len() == 10
        && date.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    let has_zone = rest.ends_with('Z')
        || rest.len() > 6 && matches!(rest.as_bytes()[rest.len() - 6], b'+' | b'-');
    is_date && rest.starts_with('T') && has_zone
}
