//! The fields of a span or event as values, taken down while no lock of anybody's is held.

use std::{
    error::Error,
    fmt::{self, Write as _},
    panic::{AssertUnwindSafe, catch_unwind},
};

use tracing_core::field::{Field, Visit};

use crate::{
    limit::{self, MAX_JSON_BYTES},
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
    let mut text = Bounded(String::new());
    match catch_unwind(AssertUnwindSafe(|| text.write_fmt(value))) {
        Ok(Err(_full)) if text.0.len() == MAX_JSON_BYTES => {
            text.0
                .truncate(limit::beginning(&text.0, MAX_JSON_BYTES).len());
            limit::count_value();
            text.0 + "…[cut: longer than 4 MiB]"
        }
        Ok(Ok(())) => text.0,
        Ok(Err(_)) | Err(_) => UNPRINTABLE.to_owned(),
    }
}

/// Text that stops growing at the limit of a value.
struct Bounded(String);

impl fmt::Write for Bounded {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        let room = MAX_JSON_BYTES - self.0.len();
        if s.len() <= room {
            self.0.push_str(s);
            return Ok(());
        }
        self.0.push_str(limit::beginning(s, room));
        Err(fmt::Error)
    }
}
