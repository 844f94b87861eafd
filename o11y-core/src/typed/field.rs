//! The kinds of fields of typed events: what each keeps of a value, and gives back.
//!
//! A field is kept as the [`Value`] that it becomes, null while nothing is said: `false` and zero
//! are something said.

use std::time::Duration;

use crate::{
    event::Event,
    usage::Cost,
    value::{Value, ValueRef},
};

const MILLISECONDS_PER_SECOND: f64 = 1_000.0;

/// The first of the values under `keys` that `kind` understands, or else nothing.
pub(super) fn read(event: &Event, keys: &[&str], kind: fn(&Value) -> Value) -> Value {
    let values = keys.iter().filter_map(|key| event.attribute(key));
    values
        .map(kind)
        .find(|value| !value.is_null())
        .unwrap_or(Value::null())
}

/// Text; a number or truth value as its text.
pub(super) fn into_text(value: Value) -> Value {
    match value.as_ref() {
        ValueRef::Text(_) | ValueRef::Null => value,
        ValueRef::Bool(_) | ValueRef::Int(_) | ValueRef::Float(_) => value.to_string().into(),
        ValueRef::Usage(_) | ValueRef::Cost(_) => Value::null(),
    }
}

pub(super) fn text(value: &Value) -> Value {
    into_text(value.clone())
}

/// A finite number.
pub(super) fn number(value: &Value) -> Value {
    value.as_f64().into()
}

/// A whole number that is not negative.
pub(super) fn count(value: &Value) -> Value {
    value.as_u64().into()
}

/// True or false.
pub(super) fn truth(value: &Value) -> Value {
    value.as_bool().into()
}

/// Milliseconds, not negative.
pub(super) fn duration(value: &Value) -> Value {
    value.as_f64().filter(|ms| *ms >= 0.0).into()
}

/// An amount of money; a number counts as dollars.
pub(super) fn money(value: &Value) -> Value {
    let dollars = || value.as_f64().map(Cost::usd);
    to_money(value).or_else(dollars).into()
}

/// Whatever it is.
pub(super) fn any(value: &Value) -> Value {
    value.clone()
}

/// A count beyond `i64`, which no attribute can hold as a number, stays at its end.
pub(super) fn from_count(count: u64) -> Value {
    i64::try_from(count).unwrap_or(i64::MAX).into()
}

/// What is not finite is not said.
pub(super) fn from_number(number: f64) -> Value {
    number.is_finite().then_some(number).into()
}

pub(super) fn from_duration(duration: Duration) -> Value {
    (duration.as_secs_f64() * MILLISECONDS_PER_SECOND).into()
}

pub(super) fn to_duration(value: &Value) -> Option<Duration> {
    let seconds = value.as_f64()? / MILLISECONDS_PER_SECOND;
    Duration::try_from_secs_f64(seconds).ok()
}

pub(super) fn to_money(value: &Value) -> Option<Cost> {
    match value.as_ref() {
        ValueRef::Cost(cost) => Some(cost),
        _ => None,
    }
}
