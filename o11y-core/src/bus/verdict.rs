//! What handlers return.

use crate::event::Veto;

/// What a handler returns: `()` to observe, `Result<(), Veto>` to be able to refuse.
///
/// ```
/// use o11y_core::{Event, EventBus, Veto, Verdict};
///
/// /// A handler of either kind.
/// fn hear<V: Verdict + 'static>(bus: &EventBus, handler: fn(&Event) -> V) {
///     bus.subscribe("tool.*", handler).detach();
/// }
///
/// let bus = EventBus::new();
/// hear(&bus, |event| println!("{}", event.name()));
/// hear(&bus, |_event| Err(Veto::new("no tools today")));
/// ```
pub trait Verdict: sealed::Sealed {
    #[doc(hidden)]
    fn into_veto(self) -> Option<Veto>;
}

mod sealed {
    #[expect(unnameable_types, reason = "sealed: only we implement it")]
    pub trait Sealed {}
    impl Sealed for () {}
    impl Sealed for Result<(), crate::event::Veto> {}
}

impl Verdict for () {
    fn into_veto(self) -> Option<Veto> {
        None
    }
}

impl Verdict for Result<(), Veto> {
    fn into_veto(self) -> Option<Veto> {
        self.err()
    }
}
