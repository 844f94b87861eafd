//! The same limits for each user, each session or each whatever.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{Arc, PoisonError},
};

use super::{Budget, limits::Limits};
use crate::sync::{Mutex, MutexGuard};

/// How many keys have a budget at a time, unless another number is set. Each takes some 600 bytes,
/// and up to 2 KB more for each limit per window.
const DEFAULT_CAPACITY: usize = 10_000;

/// A budget of the same limits for each key: user, session, tenant. Made when a key is first asked
/// for. Cheap to clone: clones are the same.
///
/// All of them lie within one budget, which sums them up and may have limits of its own.
///
/// Keys come from outside, so their number is bounded: beyond [`capacity`](Self::capacity) the one
/// that was not asked for the longest is forgotten, counted in [`evictions`](Self::evictions), and
/// begins anew when it comes again. Choose more than there are in one period of your limits.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use o11y_core::{Context, Cost, Generation, GenerationError, TraceAttributes, Usage, events};
/// use o11y_events::{BaseSubscriber, Budget, BudgetTracker, KeyedBudgets, Limits};
///
/// let process = Budget::new("process", Limits::new().cost(Cost::usd(100.0)));
/// let daily = Limits::new().tokens_per(1_000, Duration::from_secs(86_400));
/// let users = KeyedBudgets::within(&process, "user", daily);
/// let _tracker = BudgetTracker::per_user(&users).attach(events());
///
/// let ask = |user: &'static str| {
///     Context::with_trace(TraceAttributes::new().user(user), || {
///         Context::generation_blocking(Generation::new("openai", "gpt-4o-mini"), |call| {
///             call.set_usage(Usage::new().input(900).output(100));
///             Ok::<_, GenerationError<std::io::Error>>("an answer")
///         })
///     })
/// };
/// assert!(ask("ada").is_ok());
/// assert!(ask("ada").is_err());
/// assert!(ask("grace").is_ok());
/// assert_eq!(process.spent().tokens, 2_000);
/// ```
#[derive(Clone)]
#[must_use = "nothing is limited until calls ask it"]
pub struct KeyedBudgets {
    shared: Arc<Shared>,
}

struct Shared {
    outer: Budget,
    name: Box<str>,
    limits: Limits,
    capacity: usize,
    keys: Mutex<Keys>,
}

/// The budgets, and in which order their keys were asked for.
#[derive(Default)]
struct Keys {
    budgets: HashMap<Arc<str>, (Budget, u64)>,
    order: BTreeMap<u64, Arc<str>>,
    asked: u64,
    evictions: u64,
}

impl KeyedBudgets {
    /// Budgets `name/key` of those limits, within one of that name that only counts.
    pub fn new(name: &str, limits: Limits) -> Self {
        Self::within(&Budget::new(name, Limits::new()), name, limits)
    }

    /// Budgets `name/key` of those limits, within `outer`.
    pub fn within(outer: &Budget, name: &str, limits: Limits) -> Self {
        Self::of(outer.clone(), name.into(), limits, DEFAULT_CAPACITY)
    }

    /// Sets how many keys have a budget at a time; at least 1. Those that were asked for so far
    /// begin anew.
    ///
    /// Defaults to 10,000.
    pub fn capacity(self, keys: usize) -> Self {
        let Shared {
            outer,
            name,
            limits,
            ..
        } = &*self.shared;
        Self::of(outer.clone(), name.clone(), limits.clone(), keys.max(1))
    }

    fn of(outer: Budget, name: Box<str>, limits: Limits, capacity: usize) -> Self {
        let shared = Shared {
            outer,
            name,
            limits,
            capacity,
            keys: Mutex::default(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// The budget around all of them.
    pub fn outer(&self) -> &Budget {
        &self.shared.outer
    }

    /// The budget of a key.
    pub fn get(&self, key: &str) -> Budget {
        let known = self.lock().find(key);
        if let Some(budget) = known {
            return budget;
        }
        // Made and dropped outside of the lock: both take that of the tree.
        let Shared {
            outer,
            name,
            limits,
            capacity,
            ..
        } = &*self.shared;
        let new = Budget::within(outer, format!("{name}/{key}"), limits.clone());
        let (budget, evicted) = self.lock().insert(key, new, *capacity);
        drop(evicted);
        budget
    }

    /// How many keys have a budget now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().budgets.len()
    }

    /// Whether no key was asked for yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many keys were forgotten to make room, since the start.
    ///
    /// ```
    /// use o11y_events::{KeyedBudgets, Limits};
    ///
    /// let users = KeyedBudgets::new("user", Limits::new().tokens(1_000)).capacity(2);
    /// for user in ["ada", "grace", "edsger"] {
    ///     assert_eq!(users.get(user).name(), format!("user/{user}"));
    /// }
    /// assert_eq!((users.len(), users.evictions()), (2, 1)); // `ada` was forgotten
    /// assert_eq!(users.outer().spent().calls, 0);
    /// ```
    #[must_use]
    pub fn evictions(&self) -> u64 {
        self.lock().evictions
    }

    fn lock(&self) -> MutexGuard<'_, Keys> {
        let Shared { keys, .. } = &*self.shared;
        keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keys {
    fn find(&mut self, key: &str) -> Option<Budget> {
        let (key, (_, asked)) = self.budgets.get_key_value(key)?;
        let (key, before) = (Arc::clone(key), *asked);
        self.asked += 1;
        self.order.remove(&before);
        self.order.insert(self.asked, Arc::clone(&key));
        let (budget, asked) = self.budgets.get_mut(&key)?;
        *asked = self.asked;
        Some(budget.clone())
    }

    /// Another thread may have been first with the same key. Returns the budget of the key, and
    /// the one that is dropped for it.
    fn insert(&mut self, key: &str, new: Budget, capacity: usize) -> (Budget, Option<Budget>) {
        if let Some(first) = self.find(key) {
            return (first, Some(new));
        }
        let mut evicted = None;
        if self.budgets.len() >= capacity
            && let Some((_, oldest)) = self.order.pop_first()
        {
            evicted = self.budgets.remove(&oldest).map(|(budget, _)| budget);
            self.evictions += 1;
        }
        self.asked += 1;
        let key: Arc<str> = key.into();
        self.order.insert(self.asked, Arc::clone(&key));
        self.budgets.insert(key, (new.clone(), self.asked));
        (new, evicted)
    }
}

impl fmt::Debug for KeyedBudgets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedBudgets")
            .field("name", &self.shared.name)
            .field("limits", &self.shared.limits)
            .field("keys", &self.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use o11y_core::Usage;

    use super::*;
    use crate::budget::Ask;

    #[test]
    fn the_key_that_was_not_asked_for_the_longest_is_forgotten_and_begins_anew() {
        let users = KeyedBudgets::new("user", Limits::new().calls(1)).capacity(2);
        let spend = |user| {
            let call = users.get(user).reserve(Ask::new());
            call.map(|call| call.settle(Usage::new(), None)).is_ok()
        };

        assert!(spend("ada") && spend("grace"));
        assert!(!spend("ada"));
        assert!(spend("joan")); // instead of grace

        assert!(spend("grace")); // instead of ada
        assert!(!spend("joan"));
        assert_eq!((users.len(), users.evictions()), (2, 2));
        assert_eq!(users.outer().spent().calls, 4);
    }

    #[test]
    fn a_reservation_outlives_the_place_of_its_key() {
        let users = KeyedBudgets::new("user", Limits::new()).capacity(1);

        let call = users.get("ada").reserve(Ask::new().tokens(5)).unwrap();
        let other = users.get("grace").reserve(Ask::new().tokens(7)).unwrap();
        drop(call);

        assert_eq!(users.outer().reserved().tokens, 7);
        assert_eq!(other.budget().reserved().tokens, 7);
    }
}
