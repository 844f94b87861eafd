//! The guard of a subscriber that is attached to a bus.

use std::{any::type_name, fmt, ops::Deref, sync::Arc};

use o11y_core::Subscription;

/// A subscriber that hears events; it stops to when this is dropped.
///
/// Made by [`BaseSubscriber::attach`](crate::BaseSubscriber::attach). Derefs to the subscriber, to
/// read what it has gathered.
///
/// ```compile_fail
/// #![deny(unused_must_use)]
/// # use o11y_core::events;
/// # use o11y_events::{BaseSubscriber, TokenBudgetTracker};
/// TokenBudgetTracker::new(10_000).attach(events()); // would count nothing
/// ```
///
/// ```
/// use o11y_core::{attributes, event, events};
/// use o11y_events::{Attached, BaseSubscriber, EventCounter};
///
/// /// Keeps its subscriber attached for as long as it lives, and reads it.
/// struct Service {
///     counter: Attached<EventCounter>,
/// }
///
/// let service = Service { counter: EventCounter::new().attach(events()) };
/// event("order.placed", attributes! {});
/// assert_eq!(service.counter.snapshot().total, 1);
/// ```
#[must_use = "bind it to a name, not `_`: the subscriber stops hearing events when this is dropped; or `detach` it"]
pub struct Attached<S> {
    // Before the subscriber, so that it is not dropped while it may still be called.
    subscriptions: Vec<Subscription>,
    subscriber: Arc<S>,
}

impl<S> Attached<S> {
    pub(crate) fn new(subscriber: Arc<S>, subscriptions: Vec<Subscription>) -> Self {
        Self {
            subscriptions,
            subscriber,
        }
    }

    /// Lets the subscriber hear events for as long as there is the bus, and returns it.
    ///
    /// For what runs as long as the program does. To end it earlier, keep the guard instead, if
    /// need be in a static. A subscriber that keeps a clone of the bus must not be detached from
    /// it: the two would keep each other alive.
    #[expect(clippy::must_use_candidate, reason = "most never look at it again")]
    pub fn detach(self) -> Arc<S> {
        for subscription in self.subscriptions {
            subscription.detach();
        }
        self.subscriber
    }
}

impl<S> Deref for Attached<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.subscriber
    }
}

/// Shows the type only, so that a subscriber need not be `Debug`.
impl<S> fmt::Debug for Attached<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attached")
            .field("subscriber", &type_name::<S>())
            .field("subscriptions", &self.subscriptions)
            .finish()
    }
}
