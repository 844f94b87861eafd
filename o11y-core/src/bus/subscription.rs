//! Hearing, for as long as somebody wants to.

use std::{fmt, sync::Arc};

use super::EventBus;

/// Names a subscription.
///
/// ```
/// use o11y_core::{Event, EventBus, SubscriptionId};
///
/// let bus = EventBus::new();
/// let id: SubscriptionId = bus.subscribe("llm.*", |_event: &Event| ()).detach();
/// assert!(bus.unsubscribe(id));
/// assert!(!bus.unsubscribe(id));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubscriptionId(pub(super) u64);

/// Ends its subscription when dropped.
///
/// ```
/// use o11y_core::{Event, EventBus, Subscription};
///
/// struct Watcher {
///     _hearing: Subscription, // for as long as the watcher lives
/// }
///
/// let bus = EventBus::new();
/// let watcher = Watcher { _hearing: bus.subscribe("*", |_event: &Event| ()) };
/// assert!(watcher._hearing.is_on(&bus));
/// drop(watcher);
/// assert_eq!(bus.subscriptions(), 0);
/// ```
#[must_use = "bind it to a name, not `_`: the subscription ends when this is dropped; or `detach` it"]
pub struct Subscription {
    pub(super) bus: EventBus,
    pub(super) id: SubscriptionId,
    pub(super) is_detached: bool,
}

impl Subscription {
    /// Whether it is one of that bus.
    #[must_use]
    pub fn is_on(&self, bus: &EventBus) -> bool {
        Arc::ptr_eq(&self.bus.shared, &bus.shared)
    }

    /// Its name on its bus.
    #[must_use]
    pub fn id(&self) -> SubscriptionId {
        self.id
    }

    /// Lets the subscription live on; [`EventBus::unsubscribe`] ends it.
    #[expect(clippy::must_use_candidate, reason = "most never unsubscribe")]
    pub fn detach(mut self) -> SubscriptionId {
        self.is_detached = true;
        self.id
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if !self.is_detached {
            self.bus.unsubscribe(self.id);
        }
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Subscription").field(&self.id).finish()
    }
}
