//! The guard of a subscriber whose handlers run on a thread of their own.

use std::{any::type_name, fmt, ops::Deref, sync::Arc, time::Duration};

use o11y_core::Subscription;

pub use self::queue::BackgroundStats;
pub(crate) use self::{
    queue::{Handler, Queue},
    worker::Worker,
};

mod queue;
mod worker;

/// How long a guard's drop waits for the handlers to take what is queued.
const GRACE: Duration = Duration::from_secs(5);

/// A subscriber whose handlers run on a thread of their own; it stops hearing events when this is
/// dropped.
///
/// Made by [`BaseSubscriber::attach_in_background`](crate::BaseSubscriber::attach_in_background).
/// Derefs to the subscriber. The drop waits up to 5 s for the handlers to take what is queued; what
/// is left then is lost. A handler may drop it, too: then nobody waits, and what is queued is still
/// handled.
///
/// ```
/// use std::{sync::Arc, time::Duration};
/// use o11y_core::{Event, attributes, event, events};
/// use o11y_events::{Background, BackgroundStats, BaseSubscriber, Subscriptions};
///
/// struct Archive;
///
/// impl BaseSubscriber for Archive {
///     fn subscribe(self: &Arc<Self>, subscriptions: &mut Subscriptions<Self>) {
///         subscriptions.add_subscription("tool.*", |_this: &Self, _event: &Event| { /* a slow disk */ });
///     }
/// }
///
/// let archive: Background<Archive> = Archive.attach_in_background(events(), 1_000)?;
/// event("tool.search", attributes! {});
/// assert!(archive.flush(Duration::from_secs(5)));
/// let stats: BackgroundStats = archive.stats();
/// assert_eq!((stats.handled, stats.lost), (1, 0));
/// # std::io::Result::Ok(())
/// ```
#[must_use = "bind it to a name, not `_`: the subscriber stops hearing events when this is dropped"]
pub struct Background<S> {
    subscriptions: Vec<Subscription>,
    worker: Worker,
    subscriber: Arc<S>,
}

impl<S> Background<S> {
    pub(crate) fn new(
        subscriber: Arc<S>,
        subscriptions: Vec<Subscription>,
        worker: Worker,
    ) -> Self {
        Self {
            subscriptions,
            worker,
            subscriber,
        }
    }

    /// Waits until the handlers have taken everything that was emitted before this call; false if
    /// that did not happen in time, or if a handler asks, which would wait for itself.
    #[must_use = "what was emitted may still be on its way"]
    pub fn flush(&self, timeout: Duration) -> bool {
        self.worker.flush(timeout)
    }

    /// What became of the events.
    #[must_use]
    pub fn stats(&self) -> BackgroundStats {
        self.worker.queue().stats()
    }
}

impl<S> Drop for Background<S> {
    fn drop(&mut self) {
        self.subscriptions.clear(); // nothing more is queued
        self.worker.end(GRACE);
    }
}

impl<S> Deref for Background<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.subscriber
    }
}

/// Shows the type only, so that a subscriber need not be `Debug`.
impl<S> fmt::Debug for Background<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Background")
            .field("subscriber", &type_name::<S>())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
