//! Budgets: limits that hold under parallel load, because what a call may use is reserved before
//! it is made.

use std::{fmt, sync::Arc, time::Duration};

pub(crate) use self::{amount::Amounts, ask::Bounds, calls::Caller, node::Ended, shares::Names};
pub use self::{
    amount::{Amount, Measure, Tally},
    ask::Ask,
    exceeded::BudgetExceeded,
    keyed::KeyedBudgets,
    limits::{Limit, Limits},
    reservation::Reservation,
    shares::Share,
    snapshot::{BudgetSnapshot, LimitSnapshot},
};
use self::{
    crossing::tell,
    tree::{State, Tree},
};
use crate::sync::MutexGuard;

mod amount;
mod ask;
mod call;
mod calls;
mod crossing;
mod exceeded;
mod figures;
mod gauge;
mod hold;
mod keyed;
mod limits;
#[cfg(all(test, o11y_loom))]
mod model;
mod node;
mod reservation;
mod shares;
mod snapshot;
mod tree;
mod window;

/// A named budget: what may be spent, what was, and what calls under way may still spend.
///
/// Cheap to clone: clones are the same budget. It holds wherever it is asked: by hand with
/// [`reserve`](Self::reserve), or for every model call by a
/// [`BudgetTracker`](crate::BudgetTracker) on the bus.
///
/// # What holds
///
/// A call *reserves* what it may use at most, *settles* what it did use, or *releases* all of it.
/// For each limit, what is spent and what is reserved together never pass it when a call is
/// admitted, however many calls are made at once. So a limit can be passed only by what calls use
/// beyond what they asked for, and never if every [`Ask`] is an upper bound.
///
/// A budget [`within`](Self::within) another admits only what fits into both, and so on outwards.
///
/// # Events
///
/// On the bus of whoever caused it, which is that of the process as a rule, with `budget.name`, `budget.measure`, `budget.limit`,
/// `budget.spent`, `budget.reserved`, and `budget.window_ms` if it is a window's limit:
///
/// | event | once for each time that |
/// |---|---|
/// | `budget.threshold` | what was spent of a limit reaches its [threshold](Limits::threshold) |
/// | `budget.exceeded` | what was spent reaches the limit (`budget.reason` is `spent`), or before that a call is refused (`refused`) |
///
/// They are told anew after a [`reset`](Self::reset), and for a window after it was left, at most
/// once in its length.
///
/// # Examples
///
/// ```
/// use o11y_core::{Cost, Usage};
/// use o11y_events::{Ask, Budget, Limits};
///
/// let process = Budget::new("process", Limits::new().cost(Cost::usd(50.0)));
/// let agent = Budget::within(&process, "agent", Limits::new().tokens(10_000).calls(50));
///
/// let call = agent.reserve(Ask::new().input_tokens(4_000).output_tokens(2_000))?;
/// // .. here the model is asked ..
/// call.settle(Usage::new().input(3_500).output(1_500), Cost::usd(0.02));
///
/// let refused = agent.reserve(Ask::new().tokens(6_000)).unwrap_err();
/// assert_eq!(
///     refused.to_string(),
///     "budget `agent` exceeded: 5000 of 10000 tokens are spent, this call asks for 6000: \
///      ask for less, raise the limit or reset the budget"
/// );
/// assert_eq!(process.spent().cost, Cost::usd(0.02));
/// # Ok::<_, o11y_events::BudgetExceeded>(())
/// ```
#[derive(Clone)]
#[must_use = "nothing is limited until calls ask it"]
pub struct Budget {
    handle: Arc<Handle>,
}

/// A place in a tree, which is free again when the last clone is gone.
struct Handle {
    tree: Arc<Tree>,
    place: usize,
    name: Arc<str>,
    limits: Limits,
    /// Whether it, or a budget around it, has a limit per window: else nobody asks for the time.
    has_windows: bool,
    /// Whether it, or a budget around it, limits money.
    limits_cost: bool,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.tree.lock().forget(self.place);
    }
}

impl Budget {
    /// A budget by itself.
    pub fn new(name: impl Into<Arc<str>>, limits: Limits) -> Self {
        Self::planted(Arc::new(Tree::new()), name.into(), limits, None)
    }

    /// Like [`new`](Self::new), with another clock for its windows and those of the budgets within
    /// it: it tells the time since any fixed moment. For tests.
    ///
    /// ```
    /// use std::{sync::{Arc, atomic::{AtomicU64, Ordering}}, time::Duration};
    /// use o11y_events::{Ask, Budget, Limits, Measure};
    ///
    /// let seconds = Arc::new(AtomicU64::new(0));
    /// let clock = Arc::clone(&seconds);
    /// let limits = Limits::new().calls_per(1, Duration::from_secs(60));
    /// let budget = Budget::with_clock("minute", limits, move || {
    ///     Duration::from_secs(clock.load(Ordering::Relaxed))
    /// });
    ///
    /// budget.reserve(Ask::new())?.settle_as_asked();
    /// let refused = budget.reserve(Ask::new()).unwrap_err();
    /// assert!(refused.frees_in().is_some());
    /// assert_eq!(budget.remaining(Measure::Calls).and_then(|left| left.count()), Some(0));
    ///
    /// seconds.store(61, Ordering::Relaxed);
    /// let call = budget.reserve(Ask::new())?;
    /// assert_eq!(budget.reserved().calls, 1);
    /// call.release(); // it was not made after all
    /// assert_eq!(budget.reserved().calls, 0);
    /// # Ok::<_, o11y_events::BudgetExceeded>(())
    /// ```
    pub fn with_clock(
        name: impl Into<Arc<str>>,
        limits: Limits,
        clock: impl Fn() -> Duration + Send + Sync + 'static,
    ) -> Self {
        let tree = Arc::new(Tree::with_clock(clock));
        Self::planted(tree, name.into(), limits, None)
    }

    /// A budget inside of another: what is reserved and spent in it is so in `outer`, too.
    pub fn within(outer: &Self, name: impl Into<Arc<str>>, limits: Limits) -> Self {
        let tree = Arc::clone(&outer.handle.tree);
        Self::planted(tree, name.into(), limits, Some(&outer.handle))
    }

    fn planted(
        tree: Arc<Tree>,
        name: Arc<str>,
        limits: Limits,
        outer: Option<&Arc<Handle>>,
    ) -> Self {
        let own = limits.iter().any(|limit| limit.window().is_some());
        if own {
            tree.note_window();
        }
        let has_windows = own || outer.is_some_and(|outer| outer.has_windows);
        let own = limits.iter().any(|limit| limit.measure() == Measure::Cost);
        let limits_cost = own || outer.is_some_and(|outer| outer.limits_cost);
        if own {
            tree.note_cost_limit();
        }
        let outer = outer.map(|outer| outer.place);
        let place = tree.lock().insert(Arc::clone(&name), &limits, outer);
        let handle = Handle {
            tree,
            place,
            name,
            limits,
            has_windows,
            limits_cost,
        };
        Self {
            handle: Arc::new(handle),
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.handle.name
    }

    /// What it allows.
    pub fn limits(&self) -> &Limits {
        &self.handle.limits
    }

    /// Admits a call: holds what it asks for, here and in all budgets around.
    ///
    /// # Errors
    ///
    /// [`BudgetExceeded`] if it does not fit into one of them. Then nothing is held in any.
    pub fn reserve(&self, ask: Ask) -> Result<Reservation, BudgetExceeded> {
        let asked = ask.bounds.asked();
        let mut crossings = Vec::new();
        let now = self.now();
        let held = self
            .lock()
            .reserve(self.handle.place, None, &asked, now, &mut crossings);
        tell(crossings);
        Ok(Reservation::new(self.clone(), ask.labels, held?))
    }

    /// Begins anew with nothing spent, for the next run or the next day. What is reserved stays,
    /// because those calls are still under way; the budgets around it, and those within, stay as
    /// they are.
    pub fn reset(&self) {
        let before = self.lock().reset(self.handle.place);
        drop(before);
    }

    /// Whether it, or a budget around it, limits money.
    pub(crate) fn limits_cost(&self) -> bool {
        self.handle.limits_cost
    }

    /// Whether any budget of its tree limits money.
    pub(crate) fn tree_limits_cost(&self) -> bool {
        self.handle.tree.limits_cost()
    }

    /// Whether that refusal is its own, not that of a budget around it.
    pub(crate) fn is_named_by(&self, refusal: &BudgetExceeded) -> bool {
        Arc::ptr_eq(&self.handle.name, &refusal.standing.budget)
    }

    /// The time, if there are windows that ask for it.
    fn now(&self) -> u64 {
        if self.handle.has_windows {
            self.handle.tree.now()
        } else {
            0
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.handle.tree.lock()
    }
}

/// One line, as of [`BudgetSnapshot`].
impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.snapshot().fmt(f)
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Budget({self})")
    }
}
