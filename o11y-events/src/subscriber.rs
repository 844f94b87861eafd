//! What a subscriber is, and the list that it writes its subscriptions in.

use std::{any::type_name, fmt, sync::Arc};

use o11y_core::{Event, EventBus, Pattern, Subscription, Verdict};

use crate::{attached::Attached, module_scope::ModuleScope};

/// Something that hears events: say which in [`subscribe`](Self::subscribe), and
/// [`attach`](Self::attach) it to a bus.
///
/// Handlers run on the thread that emits, for every event that matches, and several of them may
/// run at once: they must not block, and they take `&self`. They may use the bus freely.
///
/// # Examples
///
/// An observer returns nothing, an enforcer `Result<(), Veto>`; one subscriber may be both:
///
/// ```
/// use std::sync::{Arc, atomic::{AtomicBool, Ordering::Relaxed}};
/// use o11y_core::{Event, Veto, attributes, event, events, try_event};
/// use o11y_events::{BaseSubscriber, Subscriptions};
///
/// #[derive(Default)]
/// struct Freeze {
///     on: AtomicBool,
/// }
///
/// impl Freeze {
///     fn on_incident(&self, event: &Event) {
///         self.on.store(event.name() == "incident.opened", Relaxed);
///     }
///
///     fn on_deploy(&self, _: &Event) -> Result<(), Veto> {
///         if self.on.load(Relaxed) { Err(Veto::new("an incident is open")) } else { Ok(()) }
///     }
/// }
///
/// impl BaseSubscriber for Freeze {
///     fn subscribe(self: &Arc<Self>, subscriptions: &mut Subscriptions<Self>) {
///         subscriptions.add_subscription("incident.*", Self::on_incident);
///         subscriptions.add_subscription("deploy.request", Self::on_deploy);
///     }
/// }
///
/// let _freeze = Freeze::default().attach(events());
/// assert!(try_event("deploy.request", attributes! {}).is_ok());
/// event("incident.opened", attributes! {});
/// assert!(try_event("deploy.request", attributes! {}).is_err());
/// ```
pub trait BaseSubscriber: Sized + Send + Sync + 'static {
    /// Adds the subscriptions. Called once, by [`attach`](Self::attach), on its thread.
    fn subscribe(self: &Arc<Self>, subscriptions: &mut Subscriptions<Self>);

    /// Hears the events of `bus` until the returned guard is dropped. The guard gives access to
    /// the subscriber.
    fn attach(self, bus: &EventBus) -> Attached<Self> {
        let subscriber = Arc::new(self);
        let mut subscriptions = Subscriptions {
            subscriber: Arc::clone(&subscriber),
            bus: bus.clone(),
            added: Vec::new(),
        };
        subscriber.subscribe(&mut subscriptions);
        Attached::new(subscriber, subscriptions.added)
    }
}

/// The list that a subscriber writes its subscriptions in, see [`BaseSubscriber::subscribe`].
///
/// What is added is heard at once. If `subscribe` panics, all of it ends again.
pub struct Subscriptions<S> {
    subscriber: Arc<S>,
    bus: EventBus,
    added: Vec<Subscription>,
}

impl<S: Send + Sync + 'static> Subscriptions<S> {
    /// Calls `handler` with the subscriber and the event for every event whose name matches.
    ///
    /// Usually a method: `subscriptions.add_subscription("llm.*", Self::on_llm)`. It returns `()`,
    /// or `Result<(), Veto>` to be able to refuse.
    pub fn add_subscription<V, F>(&mut self, pattern: impl Into<Pattern>, handler: F)
    where
        V: Verdict,
        F: Fn(&S, &Event) -> V + Send + Sync + 'static,
    {
        // The handler owns its subscriber, so that a call needs no counting and no check. That
        // makes a cycle (bus, handler, subscriber, bus) if the subscriber keeps a clone of its
        // bus; the end of the subscription breaks it, which the guard sees to. A weak reference
        // would have to be upgraded on every event, and somebody else would have to own what was
        // detached.
        let subscriber = Arc::clone(&self.subscriber);
        let subscription = self
            .bus
            .subscribe(pattern, move |event: &Event| handler(&subscriber, event));
        self.added.push(subscription);
    }

    /// Like [`add_subscription`](Self::add_subscription), for events of one module only, or of it
    /// and what it calls.
    ///
    /// `subscriptions.add_module_subscription(ModuleScope::descendants(&module), "llm.*", Self::on_llm)`
    pub fn add_module_subscription<V, F>(
        &mut self,
        scope: ModuleScope,
        pattern: impl Into<Pattern>,
        handler: F,
    ) where
        V: Verdict,
        F: Fn(&S, &Event) -> V + Send + Sync + 'static,
    {
        self.add_subscription(pattern, move |subscriber: &S, event: &Event| {
            if !scope.covers(event) {
                return Ok(());
            }
            handler(subscriber, event).into_veto().map_or(Ok(()), Err)
        });
    }
}

impl<S> fmt::Debug for Subscriptions<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscriptions")
            .field("of", &type_name::<S>())
            .field("added", &self.added)
            .finish_non_exhaustive()
    }
}
