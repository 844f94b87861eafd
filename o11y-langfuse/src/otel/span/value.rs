//! A value of the SDK as one of ours.

use o11y_core::Value;
use opentelemetry::{Array, Value as OtelValue};
use serde_json::Value as Json;

/// The most bytes that our values keep inside of themselves: a shorter text is not moved.
const INLINE: usize = 24;

/// Text is moved where it is owned; a list becomes JSON text.
pub(super) fn of(value: OtelValue) -> Value {
    match value {
        OtelValue::Bool(yes) => yes.into(),
        OtelValue::I64(number) => number.into(),
        OtelValue::F64(number) => number.into(),
        OtelValue::String(text) if text.as_str().len() <= INLINE => text.as_str().into(),
        OtelValue::String(text) => String::from(text).into(),
        OtelValue::Array(Array::Bool(list)) => (&list).into(),
        OtelValue::Array(Array::I64(list)) => (&list).into(),
        OtelValue::Array(Array::F64(list)) => (&list).into(),
        OtelValue::Array(Array::String(list)) => {
            let texts: Vec<&str> = list.iter().map(AsRef::as_ref).collect();
            (&texts).into()
        }
        other => other.as_str().into_owned().into(),
    }
}

/// The same within JSON text.
pub(super) fn json(value: &OtelValue) -> Json {
    match value {
        OtelValue::Bool(yes) => (*yes).into(),
        OtelValue::I64(number) => (*number).into(),
        OtelValue::F64(number) => (*number).into(),
        OtelValue::Array(Array::Bool(list)) => list.clone().into(),
        OtelValue::Array(Array::I64(list)) => list.clone().into(),
        OtelValue::Array(Array::F64(list)) => list.clone().into(),
        OtelValue::Array(Array::String(list)) => list.iter().map(AsRef::<str>::as_ref).collect(),
        other => other.as_str().into_owned().into(),
    }
}

/// The same, with text that is itself a JSON list or object taken for what it is.
pub(super) fn parsed(value: &OtelValue) -> Json {
    let text = value.as_str();
    let is_nested = matches!(value, OtelValue::String(_)) && text.starts_with(['[', '{']);
    is_nested
        .then(|| serde_json::from_str(&text).ok())
        .flatten()
        .unwrap_or_else(|| json(value))
}
