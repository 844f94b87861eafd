//! What model calls use and how they do, by model, provider, user and module.

use std::{
    fmt, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use o11y_core::Event;

pub use self::{figures::LlmFigures, snapshot::LlmUsageSnapshot};
use crate::{
    call_end::{CallEnd, UNKNOWN, module_of, user_of},
    groups::Groups,
    pricing::Pricing,
    subscriber::{BaseSubscriber, Subscriptions},
};

mod figures;
mod snapshot;

/// How many models, providers, users and modules each have figures of their own. At most 7.5 KB
/// go to each.
const MAX_GROUPS: usize = 64;

/// Adds up what model calls use, and how long they take, by model, provider, user and module.
///
/// Attached to the bus it hears `llm.*` and `lm.tokens`:
///
/// | event | what it does |
/// |---|---|
/// | `llm.generate`, `llm.error` | a call, answered or failed |
/// | `lm.tokens` | a call as well, unless it is marked `o11y.mirror`: those only repeat |
/// | `llm.vetoed` | a call that was refused, and not made |
///
/// The attribute names of the mirrored system count like those of the current conventions, and a
/// call that bears both counts once, see [`LlmEvent`](o11y_core::LlmEvent). The user is the one of
/// the trace, the module the innermost one around the call. Of each kind the 64 that come up first
/// have figures of their own, and all others share `(other)`; what says nothing is `(unknown)`.
/// Nothing grows with the number of calls.
///
/// ```
/// use std::time::Duration;
/// use o11y_core::{Cost, LlmEvent, Usage, events};
/// use o11y_events::{BaseSubscriber, LlmUsage};
///
/// let usage = LlmUsage::new().attach(events());
/// for seconds in 1..=3 {
///     LlmEvent::new("openai", "gpt-4o-mini")
///         .usage(Usage::new().input(700).cached(100).output(200))
///         .cost(Cost::usd(0.0003))
///         .duration(Duration::from_secs(seconds))
///         .emit();
/// }
///
/// let snapshot = usage.snapshot();
/// let model = snapshot.model("gpt-4o-mini").unwrap();
/// assert_eq!((model.calls, model.tokens, model.usage.get_cached()), (3, 3_000, 300));
/// assert_eq!(model.cost, Cost::usd(0.0009));
/// assert!(model.latency.quantile(0.5).unwrap().abs_diff(Duration::from_secs(2)) < Duration::from_millis(63));
/// println!("{snapshot}");
/// ```
#[must_use = "attach it to a bus, else it counts nothing"]
pub struct LlmUsage {
    prices: Pricing,
    books: Mutex<Books>,
}

#[derive(Debug)]
struct Books {
    total: LlmFigures,
    models: Groups<LlmFigures>,
    providers: Groups<LlmFigures>,
    users: Groups<LlmFigures>,
    modules: Groups<LlmFigures>,
}

impl Default for Books {
    fn default() -> Self {
        Self {
            total: LlmFigures::default(),
            models: Groups::new(MAX_GROUPS),
            providers: Groups::new(MAX_GROUPS),
            users: Groups::new(MAX_GROUPS),
            modules: Groups::new(MAX_GROUPS),
        }
    }
}

impl Books {
    /// The figures of everything that a call belongs to.
    fn enter(&mut self, model: &str, provider: &str, event: &Event, add: impl Fn(&mut LlmFigures)) {
        add(&mut self.total);
        add(self.models.entry(model));
        add(self.providers.entry(provider));
        add(self.users.entry(user_of(event).unwrap_or(UNKNOWN)));
        add(self.modules.entry(module_of(event).unwrap_or(UNKNOWN)));
    }
}

impl LlmUsage {
    /// Without any call so far. Calls that do not say what they cost are priced by
    /// [`Pricing::builtin`].
    pub fn new() -> Self {
        Self {
            prices: Pricing::builtin().clone(),
            books: Mutex::default(),
        }
    }

    /// Prices the calls that do not say what they cost by this table; by none, with
    /// `Pricing::new()`.
    pub fn priced_by(mut self, prices: Pricing) -> Self {
        self.prices = prices;
        self
    }

    /// The figures so far, all of one moment.
    #[must_use]
    pub fn snapshot(&self) -> LlmUsageSnapshot {
        let books = self.lock();
        LlmUsageSnapshot {
            total: books.total.clone(),
            models: snapshot::sorted(&books.models),
            providers: snapshot::sorted(&books.providers),
            users: snapshot::sorted(&books.users),
            modules: snapshot::sorted(&books.modules),
        }
    }

    /// Begins anew, for the next run or the next day.
    pub fn reset(&self) {
        let before = mem::take(&mut *self.lock());
        drop(before);
    }

    fn on_llm(&self, event: &Event) {
        if event.name() == "llm.vetoed" {
            let refused = o11y_core::LlmEvent::from_event(event);
            let (model, provider) = refused
                .as_ref()
                .map_or((None, None), |call| (call.model(), call.provider()));
            let (model, provider) = (model.unwrap_or(UNKNOWN), provider.unwrap_or(UNKNOWN));
            self.lock()
                .enter(model, provider, event, |figures| figures.refused += 1);
        } else if let Some(call) = CallEnd::from_event(event) {
            let (model, provider) = (call.model(), call.provider());
            let cost = call.cost(&self.prices);
            self.lock()
                .enter(model, provider, event, |figures| figures.add(&call, cost));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for LlmUsage {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for LlmUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LlmUsage")
            .field("calls", &self.lock().total.calls)
            .finish_non_exhaustive()
    }
}

impl BaseSubscriber for LlmUsage {
    fn subscribe(self: &Arc<Self>, subscriptions: &mut Subscriptions<Self>) {
        subscriptions.add_subscription("llm.*", Self::on_llm);
        subscriptions.add_subscription("lm.tokens", Self::on_llm);
    }
}
