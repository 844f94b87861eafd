//! What a subscriber is, and the list that it writes its subscriptions in.

use std::{any::type_name, fmt, io, sync::Arc};

use o11y_core::{Event, EventBus, Pattern, Subscription, Verdict};

use crate::{
    attached::Attached,
    background::{Background, Handler, Queue, Worker},
    module_scope::ModuleScope,
    scope::Scope,
};

/// Something that hears events: its handlers run on the thread that emits, once for each
/// subscription that an event matches.
///
/// Say which in [`subscribe`](Self::subscribe), and [`attach`](Self::attach) it to a bus: that of
/// the process ([`events`](o11y_core::events)), or one of your own. Several events may be told at
/// once, so handlers take `&self`; they must not block, and may use the bus freely. For an observer
/// that takes its time there is [`attach_in_background`](Self::attach_in_background).
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
        let subscriptions = Subscriptions::of(&subscriber, bus, None);
        Attached::new(subscriber, subscriptions.added)
    }

    /// Like [`attach`](Self::attach), with handlers that run on a thread of their own, one event
    /// after the other: for observers that take their time. Whoever emits only copies the event
    /// into a queue of `capacity` events (at least 1), and never waits. When it is full the oldest
    /// is pushed out and counted, see [`Background::stats`].
    ///
    /// A veto from there comes too late and is only counted.
    ///
    /// # Errors
    ///
    /// If the thread cannot be started.
    ///
    /// ```
    /// use std::{sync::{Arc, Mutex}, time::Duration};
    /// use o11y_core::{Event, attributes, event, events};
    /// use o11y_events::{BaseSubscriber, Subscriptions};
    ///
    /// #[derive(Default)]
    /// struct Journal(Mutex<Vec<String>>);
    ///
    /// impl BaseSubscriber for Journal {
    ///     fn subscribe(self: &Arc<Self>, subscriptions: &mut Subscriptions<Self>) {
    ///         subscriptions.add_subscription("tool.*", |this: &Self, event: &Event| {
    ///             this.0.lock().unwrap().push(event.name().to_owned()); // or a slow disk
    ///         });
    ///     }
    /// }
    ///
    /// let journal = Journal::default().attach_in_background(events(), 1_000)?;
    /// event("tool.search", attributes! {});
    /// assert!(journal.flush(Duration::from_secs(5)));
    /// assert_eq!(*journal.0.lock().unwrap(), ["tool.search"]);
    /// # Ok::<_, std::io::Error>(())
    /// ```
    fn attach_in_background(self, bus: &EventBus, capacity: usize) -> io::Result<Background<Self>> {
        let subscriber = Arc::new(self);
        let worker = Worker::spawn(capacity)?;
        let subscriptions = Subscriptions::of(&subscriber, bus, Some(worker.queue()));
        Ok(Background::new(subscriber, subscriptions.added, worker))
    }
}

/// The list that a subscriber writes its subscriptions in, see [`BaseSubscriber::subscribe`].
///
/// What is added is heard at once. If `subscribe` panics, all of it ends again.
pub struct Subscriptions<S> {
    subscriber: Arc<S>,
    bus: EventBus,
    added: Vec<Subscription>,
    /// Where events go, if handlers do not run on the emitter's thread.
    queue: Option<Arc<Queue>>,
}

impl<S: BaseSubscriber> Subscriptions<S> {
    fn of(subscriber: &Arc<S>, bus: &EventBus, queue: Option<Arc<Queue>>) -> Self {
        let mut subscriptions = Self {
            subscriber: Arc::clone(subscriber),
            bus: bus.clone(),
            added: Vec::new(),
            queue,
        };
        subscriber.subscribe(&mut subscriptions);
        subscriptions
    }
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
        let handler = move |event: &Event| handler(&subscriber, event);
        let subscription = match &self.queue {
            None => self.bus.subscribe(pattern, handler),
            Some(queue) => {
                let queue = Arc::clone(queue);
                let handler: Handler = Arc::new(move |event| handler(event).into_veto().is_some());
                self.bus.subscribe(pattern, move |event: &Event| {
                    queue.push(event.clone(), Arc::clone(&handler));
                })
            }
        };
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
        self.add_scoped_subscription(scope, pattern, handler);
    }

    /// Like [`add_subscription`](Self::add_subscription), for events of one trace, session, user,
    /// request or module only.
    ///
    /// `subscriptions.add_scoped_subscription(Scope::user("ada"), "llm.*", Self::on_llm)`
    ///
    /// ```
    /// use std::sync::Arc;
    /// use o11y_core::{Context, Event, TraceAttributes, Veto, attributes, events, try_event};
    /// use o11y_events::{BaseSubscriber, Scope, Subscriptions};
    ///
    /// struct NoDeploys;
    ///
    /// impl BaseSubscriber for NoDeploys {
    ///     fn subscribe(self: &Arc<Self>, subscriptions: &mut Subscriptions<Self>) {
    ///         let guests = Scope::user("guest");
    ///         subscriptions.add_scoped_subscription(guests, "deploy.*", |_: &Self, _: &Event| {
    ///             Err(Veto::new("guests may not deploy"))
    ///         });
    ///     }
    /// }
    ///
    /// let _attached = NoDeploys.attach(events());
    /// let deploy = || try_event("deploy.request", attributes! {});
    /// assert!(Context::with_trace(TraceAttributes::new().user("guest"), deploy).is_err());
    /// assert!(deploy().is_ok());
    /// ```
    pub fn add_scoped_subscription<V, F>(
        &mut self,
        scope: impl Into<Scope>,
        pattern: impl Into<Pattern>,
        handler: F,
    ) where
        V: Verdict,
        F: Fn(&S, &Event) -> V + Send + Sync + 'static,
    {
        let scope = scope.into();
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
