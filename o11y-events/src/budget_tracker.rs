//! Holds every model call on the bus to a budget.

use std::{fmt, sync::Arc};

use o11y_core::{Event, TraceAttributes, Value, Veto, key};

pub(crate) use self::{
    prices::Prices,
    settings::settings,
    watch::{Refusal, Watch},
};
use crate::{
    budget::{Budget, KeyedBudgets},
    subscriber::{BaseSubscriber, Subscriptions},
};

mod prices;
mod reading;
mod request;
mod settings;
mod unpriced;
mod used;
mod watch;

/// Holds the model calls on a bus to a [`Budget`], whatever it limits.
///
/// | event | what it does |
/// |---|---|
/// | `llm.request` | reserves what the call may use, or vetoes it with [`BudgetExceeded`](crate::BudgetExceeded) |
/// | `llm.generate`, `llm.error` | settles it with what the call used |
/// | `llm.vetoed` | gives back what was reserved: another enforcer refused the call |
///
/// A call has exactly one of these ends, also if its future is dropped or panics, so nothing stays
/// reserved. Events of these names that you emit by hand count the same: a request without
/// `o11y.call.id` is judged and holds nothing, because its end could not be told; an end without a
/// request adds what it says. A request that repeats the id of a call under way replaces it.
///
/// # What a call may use
///
/// The first of these that is there: what the call states (`o11y.estimated_usage`,
/// `o11y.estimated_tokens`, `gen_ai.request.max_tokens`), or what
/// [`estimate_by`](Self::estimate_by) makes of it. Money is what these tokens cost by
/// [`pricing`](Self::pricing): those of `o11y.estimated_usage` as the classes that they are stated in,
/// all others as the dearest class of their side.
///
/// # Bridges
///
/// Calls through a layer of `tower` (`GenerationLayer` of `o11y-core`, which async-openai takes as
/// well) are asked for and held like those of [`Context::generation`](o11y_core::Context::generation).
/// Those of crates that are watched through their `tracing` spans, such as rig, are heard of when
/// they are over: they are counted, and nothing stops them. Ask before each, in a hook of that crate
/// or in the loop around it: [`LlmEvent::request`](o11y_core::LlmEvent::request) and `try_emit` say
/// whether anything is left.
///
/// # Several trackers
///
/// Trackers of budgets of one tree share what they hold: one for the process and one for an agent
/// within it may both watch the bus, and a call counts once in each budget. They tell it by its id,
/// so a call that is also reserved by hand, and ends without a request, count twice.
///
/// # Examples
///
/// ```
/// use o11y_core::{Context, Generation, GenerationError, Module, Usage, events};
/// use o11y_events::{BaseSubscriber, Budget, BudgetExceeded, BudgetTracker, Limits, ModuleScope};
///
/// let process = Budget::new("process", Limits::new().tokens(1_000_000));
/// let agent = Budget::within(&process, "agent", Limits::new().calls(1));
/// let module = Module::new("ResearchAgent");
/// let _all = BudgetTracker::new(&process).attach(events());
/// let _agent = BudgetTracker::new(&agent).scoped(ModuleScope::descendants(&module)).attach(events());
///
/// let ask = || {
///     Context::generation_blocking(Generation::new("openai", "gpt-4o-mini"), |call| {
///         call.set_usage(Usage::new().input(500).output(100));
///         Ok::<_, GenerationError<std::io::Error>>("an answer")
///     })
/// };
/// assert!(ask().is_ok()); // not the agent's
/// assert!(Context::with_module(module.clone(), ask).is_ok());
/// let Err(GenerationError::Vetoed(vetoed)) = Context::with_module(module, ask) else { panic!() };
///
/// let exceeded = vetoed.downcast_ref::<BudgetExceeded>().unwrap();
/// assert_eq!(exceeded.budget(), "agent");
/// assert_eq!((process.spent().calls, agent.spent().calls), (2, 1));
/// ```
#[must_use = "attach it to a bus, else it limits nothing"]
pub struct BudgetTracker {
    watch: Watch,
}

impl BudgetTracker {
    /// Holds all calls to one budget.
    pub fn new(budget: &Budget) -> Self {
        Self {
            watch: Watch::new(budget.clone()),
        }
    }

    /// Holds the calls of each user to a budget of their own. Calls of nobody are held to the
    /// budget around.
    pub fn per_user(budgets: &KeyedBudgets) -> Self {
        Self::per_trace(budgets, TraceAttributes::get_user)
    }

    /// Holds the calls of each session to a budget of its own. Calls of none are held to the
    /// budget around.
    pub fn per_session(budgets: &KeyedBudgets) -> Self {
        Self::per_trace(budgets, TraceAttributes::get_session)
    }

    /// Holds the calls of each model to a budget of its own.
    pub fn per_model(budgets: &KeyedBudgets) -> Self {
        Self::per_key(budgets, |event| {
            let model = event.attribute(key::REQUEST_MODEL);
            model.and_then(Value::as_str).map(str::to_owned)
        })
    }

    /// Holds calls to the budget of a key. Those without one are held to the budget around. The
    /// key must be the same at the request and at the end of a call.
    ///
    /// ```
    /// use std::time::Duration;
    /// use o11y_core::{Event, events};
    /// use o11y_events::{BaseSubscriber, BudgetTracker, KeyedBudgets, Limits};
    ///
    /// let tenants = KeyedBudgets::new("tenant", Limits::new().tokens(100_000));
    /// let _tracker = BudgetTracker::per_key(&tenants, |event: &Event| {
    ///     event.request_id().and_then(|id| id.split('-').next()).map(str::to_owned)
    /// })
    /// .assume_model_maximum()
    /// .charge_unmetered()
    /// .expire_after(Duration::from_secs(600))
    /// .attach(events());
    /// ```
    pub fn per_key(
        budgets: &KeyedBudgets,
        key: impl Fn(&Event) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        Self {
            watch: Watch::keyed(budgets.clone(), Arc::new(key)),
        }
    }

    fn per_trace(budgets: &KeyedBudgets, get: fn(&TraceAttributes) -> Option<&str>) -> Self {
        Self::per_key(budgets, move |event| {
            event.trace_attributes().and_then(get).map(str::to_owned)
        })
    }

    settings!();

    /// Refuses calls of models that have no price with [`Unpriced`](crate::Unpriced).
    ///
    /// Defaults to admitting them; they are counted in
    /// [`unpriced_calls`](Self::unpriced_calls).
    pub fn refuse_unpriced(mut self) -> Self {
        self.watch.settings.refuse_unpriced = true;
        self
    }

    /// The budget, or the one around those of all keys.
    pub fn budget(&self) -> &Budget {
        self.watch.budget()
    }

    /// Calls with tokens and without a price, if the budget limits money.
    #[must_use]
    pub fn unpriced_calls(&self) -> u64 {
        self.watch.unpriced_calls()
    }

    fn on_llm(&self, event: &Event) -> Result<(), Veto> {
        self.watch.hear(event)?;
        Ok(())
    }
}

impl BaseSubscriber for BudgetTracker {
    fn subscribe(self: &Arc<Self>, subscriptions: &mut Subscriptions<Self>) {
        subscriptions.add_subscription("llm.*", Self::on_llm);
    }
}

impl fmt::Debug for BudgetTracker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BudgetTracker").field(&self.watch).finish()
    }
}
