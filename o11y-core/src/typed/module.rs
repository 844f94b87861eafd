//! What is told of a module's work.

use compact_str::CompactString;

use super::{declaration::typed_event, field};
use crate::{event::Event, key, value::Value};

typed_event! {
    /// A module that begins or ends its work.
    ///
    /// ```
    /// use std::time::Duration;
    /// use o11y_core::{Event, ModuleEvent, events};
    ///
    /// let reader = events().subscribe("module.complete", |event: &Event| {
    ///     let Some(work) = ModuleEvent::from_event(event) else { return };
    ///     assert_eq!(work.module(), Some("Barista"));
    ///     assert_eq!(work.get_success(), Some(false)); // false is not absent
    /// });
    ///
    /// ModuleEvent::forward("Barista").signature("OrderToDrink").input("a flat white").emit();
    /// ModuleEvent::complete("Barista").success(false).duration(Duration::from_millis(500)).emit();
    /// # drop(reader);
    /// # assert_eq!(events().panics(), 0);
    /// ```
    ModuleEvent {}

    /// The module's name.
    module / module: subject = key::MODULE_NAME, "module_name", "dspy.module";
    /// What the module promises: the name of its signature.
    signature / get_signature: text = key::MODULE_SIGNATURE, "signature_name", "dspy.signature";
    /// Whether it succeeded.
    success / get_success: truth = key::MODULE_SUCCESS, "success";
    /// How long it took. Kept as milliseconds.
    duration / get_duration: duration = key::DURATION_MS, "duration_ms";
    /// What went in: the values, or the names of the fields only.
    input / get_input: any = key::INPUT, "input_fields";
    /// What came out: the values, or the names of the fields only.
    output / get_output: any = key::OUTPUT, "output_fields";
}

impl ModuleEvent {
    /// A module that begins: `module.forward`.
    pub fn forward(module: impl Into<Value>) -> Self {
        Self::told("module.forward", module.into())
    }

    /// A module that has ended, well or not: `module.complete`.
    pub fn complete(module: impl Into<Value>) -> Self {
        Self::told("module.complete", module.into())
    }

    fn told(name: &'static str, module: Value) -> Self {
        let mut event = Self::silent(CompactString::const_new(name));
        event.module = field::into_text(module);
        event
    }

    /// Reads what `event` tells of a module, as `chain_of_thought.complete` may do as well.
    ///
    /// None if it is about something else: its name is not `module.*`, and it names no module. One
    /// of that name that names none is about the innermost module around it. All that is said is
    /// copied, content included: for one field of a large event, ask the event.
    #[must_use]
    pub fn from_event(event: &Event) -> Option<Self> {
        let mut work = Self::read(event);
        let is_of_module = event.name().starts_with("module.");
        if is_of_module && work.module.is_null() {
            work.module = event.modules().map(|modules| modules.leaf().name()).into();
        }
        (is_of_module || !work.module.is_null()).then_some(work)
    }
}
