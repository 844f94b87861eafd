//! A budget of money: adds up what model calls cost, and refuses those that would cost too much.

use std::{fmt, sync::Arc};

use o11y_core::{Cost, Event, Veto};

use crate::{
    budget::{Amount, Budget, Limits, Measure, Share},
    budget_tracker::{Watch, settings},
    subscriber::{BaseSubscriber, Subscriptions},
};

/// Adds up what model calls cost, and refuses the calls that would go beyond a limit.
///
/// A [`BudgetTracker`](crate::BudgetTracker) of one limit: it reserves at the request what the call
/// can cost at most, and settles that at its end. See there for events emitted by hand and for
/// parallel calls, and [`Budget`] for the events that it emits.
///
/// A call costs what it says itself ([`Call::set_cost`](o11y_core::Call::set_cost)), or else what
/// [`pricing`](Self::pricing) makes of its tokens. If neither is known, the tokens are not
/// taken for free in silence: `budget.unpriced` is told once for each model, and the call counts in
/// [`unpriced_calls`](Self::unpriced_calls). [`refuse_unpriced`](Self::refuse_unpriced) keeps such
/// calls from being made.
///
/// # Examples
///
/// ```
/// use o11y_core::{Context, Cost, Generation, GenerationError, Usage, events};
/// use o11y_events::{BaseSubscriber, BudgetExceeded, CostBudgetTracker};
///
/// let budget = CostBudgetTracker::new(Cost::usd(0.01)).attach(events());
/// let ask = || {
///     Context::generation_blocking(Generation::new("openai", "gpt-4o-mini"), |call| {
///         call.set_usage(Usage::new().input(20_000).output(5_000)); // $0.15 and $0.60 a million
///         Ok::<_, GenerationError<std::io::Error>>("an answer")
///     })
/// };
///
/// assert!(ask().is_ok() && ask().is_ok());
/// let Err(GenerationError::Vetoed(vetoed)) = ask() else { panic!("not stopped") };
///
/// let exceeded = vetoed.downcast_ref::<BudgetExceeded>().unwrap();
/// assert_eq!(exceeded.spent().cost(), Some(Cost::usd(0.012)));
/// assert_eq!(
///     budget.to_string(),
///     "$0.012000 of $0.010000 spent in 2 calls, none left, 1 call refused"
/// );
/// ```
#[must_use = "attach it to a bus, else it counts nothing"]
pub struct CostBudgetTracker {
    limit: Cost,
    watch: Watch,
}

impl CostBudgetTracker {
    /// A budget of that much money. One of nothing refuses every call but free ones.
    pub fn new(limit: Cost) -> Self {
        let budget = Budget::new("cost", Limits::new().cost(limit));
        Self {
            limit,
            watch: Watch::new(budget),
        }
    }

    /// Puts the budget inside of another: calls have to fit into both.
    pub fn within(self, outer: &Budget) -> Self {
        let budget = Budget::within(outer, "cost", Limits::new().cost(self.limit));
        Self {
            watch: self.watch.instead(budget),
            ..self
        }
    }

    settings!();

    /// Refuses calls of models that have no price with [`Unpriced`](crate::Unpriced),
    /// even if they would tell their cost themselves at the end.
    ///
    /// Defaults to admitting them.
    ///
    /// ```
    /// use o11y_core::{Context, Cost, Generation, GenerationError, events};
    /// use o11y_events::{BaseSubscriber, CostBudgetTracker, Unpriced};
    ///
    /// let budget = CostBudgetTracker::new(Cost::usd(0.01)).refuse_unpriced().attach(events());
    /// let refused = Context::generation_blocking(Generation::new("my-gateway", "llama"), |_call| {
    ///     Ok::<_, GenerationError<std::io::Error>>("never asked for")
    /// });
    /// let Err(GenerationError::Vetoed(vetoed)) = refused else { panic!("not refused") };
    /// println!("{}", vetoed.downcast_ref::<Unpriced>().unwrap());
    ///
    /// assert_eq!((budget.refused(), budget.requests(), budget.unpriced_calls()), (1, 0, 0));
    /// assert_eq!((budget.reserved(), budget.remaining()), (Cost::ZERO, Cost::usd(0.01)));
    /// assert!(!budget.is_exceeded() && budget.unpriced_models().is_empty());
    /// ```
    pub fn refuse_unpriced(mut self) -> Self {
        self.watch.settings.refuse_unpriced = true;
        self
    }

    /// The budget, to reserve by hand or to put others within it.
    pub fn budget(&self) -> &Budget {
        self.watch.budget()
    }

    /// What may be spent.
    #[must_use]
    pub fn limit(&self) -> Cost {
        self.limit
    }

    /// What was spent so far.
    #[must_use]
    pub fn spent(&self) -> Cost {
        self.budget().spent().cost
    }

    /// What the calls that are under way may still cost.
    #[must_use]
    pub fn reserved(&self) -> Cost {
        self.budget().reserved().cost
    }

    /// What is neither spent nor reserved, here and in the budgets around.
    #[must_use]
    pub fn remaining(&self) -> Cost {
        let left = self.budget().remaining(Measure::Cost);
        left.and_then(Amount::cost).unwrap_or_default()
    }

    /// Whether nothing is left: every further call that costs anything is refused.
    #[must_use]
    pub fn is_exceeded(&self) -> bool {
        self.spent() >= self.limit
    }

    /// The calls that were counted, answered or failed.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.budget().spent().calls
    }

    /// The calls that were refused because they did not fit or, with
    /// [`refuse_unpriced`](Self::refuse_unpriced), because they have no price.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.budget().snapshot().refused
    }

    /// What each model cost, the largest first.
    #[must_use]
    pub fn by_model(&self) -> Vec<Share> {
        self.budget().by_model()
    }

    /// What each provider was paid, the largest first.
    #[must_use]
    pub fn by_provider(&self) -> Vec<Share> {
        self.budget().by_provider()
    }

    /// What each user cost, the largest first.
    ///
    /// ```
    /// use o11y_core::{Cost, LlmEvent, events};
    /// use o11y_events::{BaseSubscriber, CostBudgetTracker};
    ///
    /// let budget = CostBudgetTracker::new(Cost::usd(0.01)).attach(events());
    /// LlmEvent::new("openai", "gpt-4o").cost(Cost::usd(0.004)).emit();
    ///
    /// assert_eq!(budget.by_model()[0].name, "gpt-4o");
    /// assert_eq!(budget.by_provider()[0].spent.cost, Cost::usd(0.004));
    /// assert_eq!(budget.by_user().len(), 1); // nobody's, as `(unknown)`
    /// ```
    #[must_use]
    pub fn by_user(&self) -> Vec<Share> {
        self.budget().by_user()
    }

    /// Calls that used tokens and have no price: what they cost is missing in all figures.
    #[must_use]
    pub fn unpriced_calls(&self) -> u64 {
        self.watch.unpriced_calls()
    }

    /// The models of these calls, in alphabetical order, at most 64.
    #[must_use]
    pub fn unpriced_models(&self) -> Vec<String> {
        self.watch.unpriced_models()
    }

    /// Begins anew with nothing spent, for the next run or the next day.
    pub fn reset(&self) {
        self.watch.reset();
    }

    fn on_llm(&self, event: &Event) -> Result<(), Veto> {
        self.watch.hear(event)?;
        Ok(())
    }
}

impl BaseSubscriber for CostBudgetTracker {
    fn subscribe(self: &Arc<Self>, subscriptions: &mut Subscriptions<Self>) {
        subscriptions.add_subscription("llm.*", Self::on_llm);
    }
}

/// One line: `$0.012000 of $0.050000 spent in 3 calls, $0.038000 left, 1 call unpriced`.
impl fmt::Display for CostBudgetTracker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let snapshot = self.budget().snapshot();
        let spent = snapshot.spent;
        let calls = |count| if count == 1 { "call" } else { "calls" };
        write!(f, "{} of {} spent", spent.cost, self.limit)?;
        write!(f, " in {} {}, ", spent.calls, calls(spent.calls))?;
        let left = self.limit.picodollars();
        match left.saturating_sub(spent.cost.picodollars()) {
            0 => f.write_str("none left")?,
            left => write!(f, "{} left", Cost::from_picodollars(left))?,
        }
        for (count, what) in [
            (snapshot.refused, "refused"),
            (self.unpriced_calls(), "unpriced"),
        ] {
            if count > 0 {
                write!(f, ", {count} {} {what}", calls(count))?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for CostBudgetTracker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CostBudgetTracker({self})")
    }
}
