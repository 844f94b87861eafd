//! The event bus: who hears what, and what happens when one of them fails.
//!
//! Emitting reads an immutable [`Directory`] and takes no lock, so a handler may emit, subscribe
//! and unsubscribe. Writers rebuild the directory, once more if another was faster: there is no
//! lock, so a child of a fork finds none that nobody will open.

use std::{
    any::Any,
    fmt,
    panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind},
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use arc_swap::ArcSwap;

pub(crate) use self::heard::{CallEvent, CallsHeard};
use self::{
    depth::Depth,
    directory::{Directory, Subscriber},
};
pub use self::{
    subscription::{Subscription, SubscriptionId},
    verdict::Verdict,
};
use crate::{
    event::{Event, Veto, Vetoed},
    outlet::{discard, drop_caught},
    pattern::Pattern,
};

mod depth;
mod directory;
mod heard;
mod subscription;
mod verdict;

/// Brings events to the subscribers whose pattern matches, on the emitter's thread.
///
/// Cheap to clone: clones are the same bus. The process has one, [`events`].
///
/// ```
/// use o11y_core::{Event, EventBus, Veto, attributes};
///
/// let bus = EventBus::new();
/// let closing = bus.subscribe("order.*", |_event: &Event| Err(Veto::new("we are closing")));
/// let failing = bus.subscribe("**", |_event: &Event| -> () { panic!("a bug") });
///
/// assert!(bus.try_event("order.request", attributes! { "cups" => 2 }).is_err());
/// bus.event("order.placed", attributes! {}); // only tells: the veto is counted, and holds nothing up
/// assert_eq!(bus.ignored_vetoes(), 1);
/// assert_eq!(bus.panics_of(failing.id()), Some(2)); // and nobody else was harmed
/// assert_eq!(bus.cut_recursions(), 0);
///
/// drop(closing); // this ends it
/// let id = failing.detach(); // this would go on for ever
/// assert_eq!(bus.subscriptions(), 1);
/// assert!(bus.unsubscribe(id));
/// bus.clear(); // and all others
/// ```
#[derive(Clone, Default)]
pub struct EventBus {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    directory: ArcSwap<Directory>,
    /// Counts the ids given out.
    last_id: AtomicU64,
    ignored_vetoes: AtomicU64,
    panics: AtomicU64,
    cut_recursions: AtomicU64,
}

/// Whether anybody ever heard events of model calls, on any bus: in many programs nobody does, which
/// spares every call the look at its bus.
static CALLS_EVER_HEARD: AtomicBool = AtomicBool::new(false);

/// The bus of the process.
///
/// ```
/// use o11y_core::{Event, attributes, event, events};
///
/// let hearing = events().subscribe("order.*", |event: &Event| println!("{}", event.name()));
/// event("order.placed", attributes! { "cups" => 2 }); // is heard
/// drop(hearing);
/// ```
#[must_use]
pub fn events() -> &'static EventBus {
    static EVENTS: LazyLock<EventBus> = LazyLock::new(EventBus::default);
    &EVENTS
}

impl EventBus {
    /// A bus of its own, apart from the process's.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Calls `handler` for every event whose name matches `pattern`, until the subscription ends.
    ///
    /// The handler runs on the emitter's thread, in the order of subscription. If it panics, that
    /// is counted and the others still run. It may use the bus freely.
    ///
    /// ```
    /// use std::sync::atomic::{AtomicU64, Ordering};
    /// use std::sync::Arc;
    /// use o11y_core::{Event, EventBus, attributes};
    ///
    /// let bus = EventBus::new();
    /// let tokens = Arc::new(AtomicU64::new(0));
    /// let sum = Arc::clone(&tokens);
    /// let _subscription = bus.subscribe("llm.*", move |event: &Event| {
    ///     let used = event.attribute("gen_ai.usage.total_tokens").and_then(|value| value.as_u64());
    ///     sum.fetch_add(used.unwrap_or(0), Ordering::Relaxed);
    /// });
    ///
    /// bus.event("llm.generate", attributes! { "gen_ai.usage.total_tokens" => 150 });
    /// assert_eq!(tokens.load(Ordering::Relaxed), 150);
    /// ```
    pub fn subscribe<V, F>(&self, pattern: impl Into<Pattern>, handler: F) -> Subscription
    where
        V: Verdict,
        F: Fn(&Event) -> V + Send + Sync + 'static,
    {
        let id = SubscriptionId(self.shared.last_id.fetch_add(1, Ordering::Relaxed) + 1); // a counter
        let pattern = pattern.into();
        if CallsHeard::by(&pattern).any() {
            // Before anybody hears: whoever knows of the subscription knows of this, too.
            CALLS_EVER_HEARD.store(true, Ordering::Relaxed);
        }
        let subscriber = Arc::new(Subscriber {
            id,
            pattern,
            handler: Box::new(move |event| handler(event).into_veto()),
            panics: AtomicU64::new(0),
        });
        let add = |known: &Arc<Directory>| known.with(Arc::clone(&subscriber));
        drop(self.shared.directory.rcu(add));
        Subscription {
            bus: self.clone(),
            id,
            is_detached: false,
        }
    }

    /// Ends a subscription; false if there is none of that id. A handler that is running on
    /// another thread finishes its call.
    #[expect(clippy::must_use_candidate, reason = "the effect is what is wanted")]
    pub fn unsubscribe(&self, id: SubscriptionId) -> bool {
        let mut is_known = false;
        let before = self.shared.directory.rcu(|known| {
            let next = known.without(id);
            is_known = next.len() < known.len();
            next
        });
        // The handler may be dropped here, when all is done: its destructor may use the bus.
        self.let_go(before);
        is_known
    }

    /// Ends all subscriptions.
    pub fn clear(&self) {
        self.let_go(self.shared.directory.swap(Arc::default()));
    }

    /// How many subscriptions there are.
    #[must_use]
    pub fn subscriptions(&self) -> usize {
        self.shared.directory.load().len()
    }

    /// Vetoes against events that only told something, since the start.
    #[must_use]
    pub fn ignored_vetoes(&self) -> u64 {
        self.shared.ignored_vetoes.load(Ordering::Relaxed)
    }

    /// Panics of handlers and of their destructors, since the start; those of ended subscriptions
    /// are among them.
    #[must_use]
    pub fn panics(&self) -> u64 {
        self.shared.panics.load(Ordering::Relaxed)
    }

    /// Panics of one subscription's handler; none if there is no such subscription.
    #[must_use]
    pub fn panics_of(&self, id: SubscriptionId) -> Option<u64> {
        let directory = self.shared.directory.load();
        let subscriber = directory.find(id)?;
        Some(subscriber.panics.load(Ordering::Relaxed))
    }

    /// Events that were not delivered because handlers emitted ever deeper, since the start.
    #[must_use]
    pub fn cut_recursions(&self) -> u64 {
        self.shared.cut_recursions.load(Ordering::Relaxed)
    }

    /// Whether events of model calls may be heard on any bus.
    #[inline]
    pub(crate) fn calls_may_be_heard() -> bool {
        CALLS_EVER_HEARD.load(Ordering::Relaxed)
    }

    /// Which events of model calls anybody hears.
    pub(crate) fn calls_heard(&self) -> CallsHeard {
        self.shared.directory.load().calls_heard
    }

    #[inline]
    pub(crate) fn tell(&self, event: &Event) {
        self.ignore(self.ask(event));
    }

    /// Calls every handler that matches; the first veto is the answer.
    pub(crate) fn ask(&self, event: &Event) -> Result<(), Vetoed> {
        let directory = self.shared.directory.load();
        let mut answer = Ok(());
        directory.for_each(event.name(), |subscriber| {
            self.call(subscriber, event, &mut answer);
        });
        self.let_go(directory);
        answer
    }

    /// Like [`tell`](Self::tell), of an event of a model call.
    pub(crate) fn tell_of_call(&self, call: CallEvent, event: &Event) {
        self.ignore(self.ask_of_call(call, event));
    }

    /// Like [`ask`](Self::ask), of an event of a model call.
    pub(crate) fn ask_of_call(&self, call: CallEvent, event: &Event) -> Result<(), Vetoed> {
        let directory = self.shared.directory.load();
        let mut answer = Ok(());
        directory.for_each_of_call(call, |subscriber| {
            self.call(subscriber, event, &mut answer);
        });
        self.let_go(directory);
        answer
    }

    /// What was only told cannot be refused.
    #[inline]
    fn ignore(&self, answer: Result<(), Vetoed>) {
        if let Err(vetoed) = answer {
            self.shared.ignored_vetoes.fetch_add(1, Ordering::Relaxed); // a counter
            self.let_go(vetoed);
        }
    }

    /// Apart, because several ways lead here.
    #[inline(never)]
    fn call(&self, subscriber: &Subscriber, event: &Event, answer: &mut Result<(), Vetoed>) {
        if let Some(veto) = self.verdict(subscriber, event) {
            self.refuse(answer, subscriber, veto);
        }
    }

    fn verdict(&self, subscriber: &Subscriber, event: &Event) -> Option<Veto> {
        let Some(_depth) = Depth::enter() else {
            self.shared.cut_recursions.fetch_add(1, Ordering::Relaxed); // a counter
            return None;
        };
        catch_unwind(AssertUnwindSafe(|| (subscriber.handler)(event))).unwrap_or_else(|payload| {
            self.panicked(payload);
            subscriber.panics.fetch_add(1, Ordering::Relaxed); // a counter
            None
        })
    }

    #[cold]
    fn refuse(&self, answer: &mut Result<(), Vetoed>, subscriber: &Subscriber, veto: Veto) {
        if answer.is_ok() {
            *answer = Err(Vetoed::new(subscriber.pattern.as_str(), veto));
        } else {
            self.let_go(veto);
        }
    }

    /// Drops what handlers may be in, or what they made: their destructors harm nobody either.
    #[inline]
    fn let_go<T>(&self, theirs: T) {
        drop_caught(theirs).unwrap_or_else(|payload| self.panicked(payload));
    }

    #[cold]
    fn panicked(&self, payload: Box<dyn Any + Send>) {
        self.shared.panics.fetch_add(1, Ordering::Relaxed); // a counter
        discard(payload);
    }
}

/// Handlers are met by panics every day, and each is kept to itself; a program that catches one may
/// go on with the bus, and with what holds it.
impl UnwindSafe for EventBus {}
impl RefUnwindSafe for EventBus {}

impl fmt::Debug for EventBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventBus")
            .field("subscriptions", &self.subscriptions())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
