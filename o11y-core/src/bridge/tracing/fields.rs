//! The fields of a span or event as values, taken down while no lock of anybody's is held.

use std::{
    error::Error,
    fmt::{self, Write as _},
    panic::{AssertUnwindSafe, catch_unwind},
};

use tracing_core::field::{Field, Visit};

use crate::{
    limit::{self, Bounded, MAX_JSON_BYTES},
    value::Value,
};

const UNPRINTABLE: &str = "<value could not be printed>";

/// Names and values in the order in which they are visited.
pub(super) struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    /// Room for most spans' fields.
    pub(super) fn new() -> Self {
        Self(Vec::with_capacity(8))
    }

    fn push(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.push((field.name(), value.into()));
    }

    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value)
    }

    pub(super) fn take(&mut self, name: &str) -> Option<Value> {
        let place = self.0.iter().position(|(known, _)| *known == name)?;
        Some(self.0.remove(place).1)
    }
}

impl IntoIterator for Fields {
    type Item = (&'static str, Value);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.push(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.push(field, value);
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.push(field, value);
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.push(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.push(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.push(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.push(field, printed(format_args!("{value}")));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.push(field, printed(format_args!("{value:?}")));
    }
}

/// Prints by code that is not ours, and that may panic, refuse or go on without end.
fn printed(value: fmt::Arguments<'_>) -> String {
    let mut text = Bounded::new(MAX_JSON_BYTES);
    match catch_unwind(AssertUnwindSafe(|| text.write_fmt(value))) {
        Ok(_) if text.is_cut => {
            limit::count_value();
            text.text + "…[cut: longer than 4 MiB]"
        }
        Ok(Ok(())) => text.text,
        Ok(Err(_)) | Err(_) => UNPRINTABLE.to_owned(),
    }
}
