//! A budget of tokens: counts what model calls use, and refuses the next call once it is used up.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use o11y_core::{Event, Value, Veto, attributes, key};

use self::ledger::Ledger;
pub use self::{exceeded::TokenBudgetExceeded, ledger::ModelUsage};
use crate::subscriber::{BaseSubscriber, Subscriptions};

mod exceeded;
mod ledger;

/// Counts the tokens of model calls and refuses further calls once a limit is reached.
///
/// Attached to the bus it hears `llm.*`:
///
/// | event | what it does |
/// |---|---|
/// | `llm.request` | vetoes it with [`TokenBudgetExceeded`] if the limit is reached, or if `o11y.estimated_tokens` says that this call would go beyond it |
/// | `llm.generate`, `llm.error` | adds `gen_ai.usage.total_tokens`, or else input and output tokens |
///
/// [`Context::generation`](o11y_core::Context::generation) emits these by itself; events of the
/// same names that you emit by hand count the same. What only repeats tokens (`lm.tokens`, or any
/// event marked `o11y.mirror`) is not counted again.
///
/// When the limit is reached it emits `token_budget.exceeded` once, on the bus of the process, with
/// `token_budget.limit` and `token_budget.used`; once more only if it was [`reset`](Self::reset)
/// and is reached again.
///
/// # Parallel calls
///
/// A call is admitted by what is *used* at its request, and what it uses is known only at its end.
/// Calls in parallel that are all admitted before the first of them ends can therefore go beyond
/// the limit together, by what they use. Estimates do not prevent this, because each is judged by
/// itself. From then on every request is refused.
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
    /// One lock for all figures, so that they agree with one another and the crossing of the limit
    /// is seen exactly once. It is held for a few additions and never while others are called: a
    /// handler of `token_budget.exceeded` may reset the tracker or make a call itself.
    ledger: Mutex<Ledger>,
}

impl TokenBudgetTracker {
    /// A budget of `limit` tokens. One of 0 refuses every call.
    pub fn new(limit: u64) -> Self {
        Self {
            limit,
            ledger: Mutex::default(),
        }
    }

    /// The tokens that may be used.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// The tokens that were used so far.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.lock().used()
    }

    /// The tokens that are left.
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
        self.lock().requests()
    }

    /// The calls that were refused.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.lock().refused
    }

    /// What each model used, the largest first. The models beyond the 64th are summed up under
    /// `(other)`, calls that name none under `(unknown)`.
    #[must_use]
    pub fn by_model(&self) -> Vec<ModelUsage> {
        self.lock().by_model()
    }

    /// Begins anew with nothing used, for the next run or the next day.
    pub fn reset(&self) {
        let before = std::mem::take(&mut *self.lock());
        drop(before);
    }

    fn on_llm(&self, event: &Event) -> Result<(), Veto> {
        match event.name() {
            "llm.request" => self.judge(event).map_err(Veto::new),
            "llm.generate" | "llm.error" => {
                self.count(event);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn judge(&self, request: &Event) -> Result<(), TokenBudgetExceeded> {
        let asked = request
            .attribute(key::ESTIMATED_TOKENS)
            .and_then(Value::as_u64);
        let mut ledger = self.lock();
        let used = ledger.used();
        let needed = used.saturating_add(asked.unwrap_or(0));
        if used < self.limit && needed <= self.limit {
            return Ok(());
        }
        ledger.refused += 1;
        Err(TokenBudgetExceeded::new(self.limit, used, asked))
    }

    fn count(&self, end: &Event) {
        if end.attribute(key::MIRROR).and_then(Value::as_bool) == Some(true) {
            return;
        }
        let mut ledger = self.lock();
        let was_below = ledger.used() < self.limit;
        ledger.add(end);
        let used = ledger.used();
        drop(ledger);
        if was_below && used >= self.limit {
            let told = attributes! {
                "token_budget.limit" => self.limit,
                "token_budget.used" => used,
            };
            Event::new("token_budget.exceeded", told)
                .unrecorded()
                .emit();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
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
        let ledger = self.lock();
        let (used, requests, refused) = (ledger.used(), ledger.requests(), ledger.refused);
        drop(ledger);
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
