//! A budget of tokens: counts what model calls use, and refuses the next call once it is used up.

use std::{
    cmp::Reverse,
    fmt,
    sync::{Arc, PoisonError},
};

use o11y_core::{Event, Veto, attributes};

pub use self::exceeded::TokenBudgetExceeded;
use crate::{
    budget::{Budget, BudgetExceeded, Limits, Share},
    budget_tracker::{Refusal, Watch, settings},
    subscriber::{BaseSubscriber, Subscriptions},
    sync::Mutex,
};

mod exceeded;
#[cfg(all(test, o11y_loom))]
mod model;

/// What one model used.
///
/// ```
/// use o11y_core::{LlmEvent, events};
/// use o11y_events::{BaseSubscriber, ModelUsage, TokenBudgetTracker};
///
/// let budget = TokenBudgetTracker::new(1_000).attach(events());
/// LlmEvent::new("openai", "gpt-4o-mini").total_tokens(150).emit();
///
/// let used: Vec<ModelUsage> = budget.by_model();
/// assert_eq!((used[0].model.as_str(), used[0].requests, used[0].tokens), ("gpt-4o-mini", 1, 150));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModelUsage {
    /// The model that was asked for, or else the one that answered.
    pub model: String,
    /// Its calls, answered or failed.
    pub requests: u64,
    /// Their tokens.
    pub tokens: u64,
}

/// Counts the tokens of model calls and refuses further calls once a limit is reached.
///
/// A [`BudgetTracker`](crate::BudgetTracker) of one limit. Attached to the bus it hears `llm.*`:
///
/// | event | what it does |
/// |---|---|
/// | `llm.request` | reserves what the call says it may use, or vetoes it with [`TokenBudgetExceeded`] if the limit is reached or that does not fit |
/// | `llm.generate`, `llm.error` | gives that back and adds what the call used: `gen_ai.usage.total_tokens`, or else input and output tokens |
/// | `llm.vetoed` | gives it back |
///
/// [`Context::generation`](o11y_core::Context::generation) emits these by itself; events of the
/// same names that you emit by hand count the same. What only repeats tokens (`lm.tokens`, or any
/// event marked `o11y.mirror`) is not counted again.
///
/// When the limit is reached it emits `token_budget.exceeded` once, with `token_budget.limit` and
/// `token_budget.used`; once more only if it was [`reset`](Self::reset) and is reached again. The
/// events of every [`Budget`] are emitted as well, under the name `tokens`.
///
/// # Parallel calls
///
/// What is used and what is reserved never pass the limit together when a call is admitted. So the
/// limit holds exactly if every call states an upper bound
/// ([`Generation::estimate`](o11y_core::Generation::estimate), or here
/// [`assume`](Self::assume)). A call that states nothing is admitted as long as anything is left,
/// and what it uses can go beyond the limit.
///
/// # Examples
///
/// A run that is stopped gets the budget's own error back:
///
/// ```
/// use o11y_core::{Context, Generation, GenerationError, Usage, events};
/// use o11y_events::{BaseSubscriber, TokenBudgetExceeded, TokenBudgetTracker};
///
/// let budget = TokenBudgetTracker::new(1_000).attach(events());
/// let ask = || {
///     Context::generation_blocking(Generation::new("openai", "gpt-4o-mini"), |call| {
///         call.set_usage(Usage::new().input(500).output(600));
///         Ok::<_, GenerationError<std::io::Error>>("an answer")
///     })
/// };
///
/// assert!(ask().is_ok());
/// let Err(GenerationError::Vetoed(vetoed)) = ask() else { panic!("not stopped") };
///
/// let exceeded = vetoed.downcast_ref::<TokenBudgetExceeded>().unwrap();
/// assert_eq!((exceeded.used(), exceeded.limit()), (1_100, 1_000));
/// assert_eq!(budget.by_model()[0].tokens, 1_100);
/// ```
#[must_use = "attach it to a bus, else it counts nothing"]
pub struct TokenBudgetTracker {
    limit: u64,
    watch: Watch,
    /// Whether the limit was announced since the last reset. Locked before the budget is, so that
    /// a reset comes before a crossing or after it.
    is_told: Mutex<bool>,
}

impl TokenBudgetTracker {
    /// A budget of `limit` tokens. One of 0 refuses every call.
    pub fn new(limit: u64) -> Self {
        let budget = Budget::new("tokens", Limits::new().tokens(limit));
        Self {
            limit,
            watch: Watch::new(budget),
            is_told: Mutex::new(false),
        }
    }

    /// Puts the budget inside of another: calls have to fit into both. If they do not fit into the
    /// outer one, the cause of the veto is a [`BudgetExceeded`].
    pub fn within(self, outer: &Budget) -> Self {
        let budget = Budget::within(outer, "tokens", Limits::new().tokens(self.limit));
        Self {
            watch: self.watch.instead(budget),
            ..self
        }
    }

    /// What a call is taken to use at most if it does not say so itself, by an estimate or by the
    /// most tokens of its answer.
    ///
    /// Defaults to nothing.
    ///
    /// ```
    /// use o11y_core::{Context, Generation, GenerationError, Usage, events};
    /// use o11y_events::{BaseSubscriber, TokenBudgetTracker};
    ///
    /// let budget = TokenBudgetTracker::new(1_000).assume(400).attach(events());
    /// Context::generation_blocking(Generation::new("openai", "gpt-4o-mini"), |call| {
    ///     assert_eq!(budget.reserved(), 400);
    ///     call.set_usage(Usage::new().input(100).output(50));
    ///     Ok::<_, GenerationError<std::io::Error>>(())
    /// })?;
    /// assert_eq!((budget.used(), budget.reserved(), budget.remaining()), (150, 0, 850));
    /// assert!(!budget.is_exceeded());
    /// # Ok::<_, GenerationError<std::io::Error>>(())
    /// ```
    pub fn assume(self, tokens: u64) -> Self {
        self.estimate_by(move |_| crate::Ask::new().tokens(tokens))
    }

    settings!();

    /// The budget, to reserve by hand or to put others within it.
    pub fn budget(&self) -> &Budget {
        self.watch.budget()
    }

    /// The tokens that may be used.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// The tokens that were used so far.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.budget().spent().tokens
    }

    /// The tokens that the calls under way said they may use.
    #[must_use]
    pub fn reserved(&self) -> u64 {
        self.budget().reserved().tokens
    }

    /// The tokens that are left: the limit without those that were used. Some of them may be
    /// [`reserved`](Self::reserved).
    #[must_use]
    pub fn remaining(&self) -> u64 {
        self.limit.saturating_sub(self.used())
    }

    /// Whether none are left: every further call is refused.
    #[must_use]
    pub fn is_exceeded(&self) -> bool {
        self.used() >= self.limit
    }

    /// The calls that were counted, answered or failed.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.budget().spent().calls
    }

    /// The calls that were refused.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.budget().snapshot().refused
    }

    /// What each model used, the largest first. The models beyond the 64th are summed up under
    /// `(other)`, calls that name none under `(unknown)`.
    #[must_use]
    pub fn by_model(&self) -> Vec<ModelUsage> {
        let usage = |share: Share| ModelUsage {
            model: share.name,
            requests: share.spent.calls,
            tokens: share.spent.tokens,
        };
        let mut models: Vec<_> = self.budget().by_model().into_iter().map(usage).collect();
        models.sort_by_key(|model| Reverse(model.tokens));
        models
    }

    /// Begins anew with nothing used, for the next run or the next day.
    pub fn reset(&self) {
        let mut is_told = self.is_told.lock().unwrap_or_else(PoisonError::into_inner);
        self.watch.reset();
        *is_told = false;
    }

    fn on_llm(&self, event: &Event) -> Result<(), Veto> {
        self.watch
            .hear(event)
            .map_err(|refusal| self.veto(refusal))?;
        if event.name() == "llm.request" {
            return Ok(()); // admitted, so not all is used
        }
        if let Some(used) = self.newly_exceeded() {
            let told = attributes! {
                "token_budget.limit" => self.limit,
                "token_budget.used" => used,
            };
            Event::new("token_budget.exceeded", told)
                .unrecorded()
                .emit();
        }
        Ok(())
    }

    /// What is used, if it has reached the limit and nobody was told yet.
    fn newly_exceeded(&self) -> Option<u64> {
        if !self.is_exceeded() {
            return None; // whoever spends the last of it comes here, too
        }
        let mut is_told = self.is_told.lock().unwrap_or_else(PoisonError::into_inner);
        let used = self.used();
        if *is_told || used == 0 || used < self.limit {
            return None;
        }
        *is_told = true;
        Some(used)
    }

    /// Its own refusal under its own name; that of a budget around as it is.
    fn veto(&self, refusal: Refusal) -> Veto {
        match refusal {
            Refusal::Exceeded(exceeded) if self.budget().is_named_by(&exceeded) => {
                Veto::new(self.exceeded(&exceeded))
            }
            other => other.into(),
        }
    }

    fn exceeded(&self, exceeded: &BudgetExceeded) -> TokenBudgetExceeded {
        let count = |amount: crate::Amount| amount.count().unwrap_or(0);
        TokenBudgetExceeded::new(
            self.limit,
            count(exceeded.spent()),
            count(exceeded.reserved()),
            exceeded.asked().map(count),
        )
    }
}

impl BaseSubscriber for TokenBudgetTracker {
    fn subscribe(self: &Arc<Self>, subscriptions: &mut Subscriptions<Self>) {
        subscriptions.add_subscription("llm.*", Self::on_llm);
    }
}

/// One line: `9800 of 10000 tokens used in 12 calls, 200 left`.
impl fmt::Display for TokenBudgetTracker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let snapshot = self.budget().snapshot();
        let (used, requests) = (snapshot.spent.tokens, snapshot.spent.calls);
        let refused = snapshot.refused;
        let calls = |count| if count == 1 { "call" } else { "calls" };
        write!(f, "{used} of {} tokens used", self.limit)?;
        write!(f, " in {requests} {}, ", calls(requests))?;
        match self.limit.saturating_sub(used) {
            0 => f.write_str("none left")?,
            left => write!(f, "{left} left")?,
        }
        if refused > 0 {
            write!(f, ", {refused} {} refused", calls(refused))?;
        }
        Ok(())
    }
}

impl fmt::Debug for TokenBudgetTracker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenBudgetTracker({self})")
    }
}
