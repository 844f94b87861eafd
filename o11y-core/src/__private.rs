//! What the expansion of `#[observe]` calls. Not for anybody else: it may change in any version.

use serde::Serialize;

use crate::value::{Value, json_text};

/// Calls a closure of which the compiler then knows that it is called once.
pub fn once<R>(body: impl FnOnce() -> R) -> R {
    body()
}

/// Arguments by their names, as JSON text.
#[derive(Debug)]
pub struct Arguments {
    json: String,
}

impl Arguments {
    /// None yet.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "called in one place")]
    pub fn new() -> Self {
        Self { json: "{".into() }
    }

    /// One more. What cannot be serialised is null.
    #[must_use]
    pub fn with<T: Serialize + ?Sized>(mut self, name: &str, argument: &T) -> Self {
        if self.json.len() > 1 {
            self.json.push(',');
        }
        // Names of arguments are identifiers, which need no escaping.
        self.json.extend(["\"", name, "\":"]);
        self.json
            .push_str(json_text(argument).as_deref().unwrap_or("null"));
        self
    }

    /// All of them.
    #[must_use]
    pub fn finish(mut self) -> Value {
        self.json.push('}');
        Value::from(self.json)
    }
}

/// What is captured has to be serialisable:
///
/// ```compile_fail,E0277
/// struct Order;
///
/// #[o11y_core::observe(capture_input)]
/// fn brew(order: &Order) {}
/// ```
/// ```
/// #[derive(serde::Serialize)]
/// struct Order;
///
/// #[o11y_core::observe(capture_input)]
/// fn brew(order: &Order) {}
/// ```
///
/// An error has to be printable:
///
/// ```compile_fail,E0277
/// struct Broken;
///
/// #[o11y_core::observe]
/// fn brew() -> Result<(), Broken> { Ok(()) }
/// ```
/// ```
/// #[o11y_core::observe]
/// fn brew() -> Result<(), &'static str> { Ok(()) }
/// ```
#[expect(dead_code, reason = "a place for tests of what must not compile")]
struct MustNotCompile;
