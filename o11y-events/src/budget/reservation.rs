//! A call that was admitted and has not ended.

use o11y_core::{Cost, Usage};

use super::{
    Budget, amount::Amounts, ask::Labels, crossing, hold::Hold, node::Ended, shares::Names,
};

/// A call that a budget has admitted: what it asked for is held until the call ends.
///
/// Made by [`Budget::reserve`]. Dropped without [`settle`](Self::settle) it gives back all that it
/// held, as if the call had never been asked for: after an error before anything was sent, when a
/// future is dropped, in a panic. One that is leaked (`mem::forget`) holds for good.
///
/// ```
/// use o11y_events::{Ask, Budget, BudgetExceeded, Limits, Reservation};
///
/// let budget = Budget::new("agent", Limits::new().tokens(1_000));
/// let call: Reservation = budget.reserve(Ask::new().tokens(400))?;
/// drop(call); // it failed before anything was sent
/// assert_eq!((budget.spent().tokens, budget.reserved().tokens), (0, 0));
///
/// let call = budget.reserve(Ask::new().tokens(400))?;
/// call.model("gpt-4o-mini").settle_as_asked(); // nobody knows what it used
/// assert_eq!(budget.by_model()[0].spent.tokens, 400);
/// # Ok::<_, BudgetExceeded>(())
/// ```
#[must_use = "bind it to a name, not `_`: what is reserved is given back when this is dropped"]
#[derive(Debug)]
pub struct Reservation {
    budget: Budget,
    labels: Labels,
    hold: Option<Hold>,
}

impl Reservation {
    pub(super) fn new(budget: Budget, labels: Labels, hold: Hold) -> Self {
        Self {
            budget,
            labels,
            hold: Some(hold),
        }
    }

    /// Names the model that answered, if it was not known or is another one.
    pub fn model(mut self, model: impl Into<std::borrow::Cow<'static, str>>) -> Self {
        self.labels.model = Some(model.into());
        self
    }

    /// The call has ended and used that much. What was reserved beyond it is given back; what it
    /// used beyond what was reserved is spent all the same, even past the limit.
    ///
    /// A call that failed after it was sent is settled, too: it counts as a call.
    pub fn settle(mut self, usage: Usage, cost: impl Into<Option<Cost>>) {
        self.end(Some(Amounts::of_call(usage, cost.into())));
    }

    /// The call was made, and nobody knows what it used: what it asked for counts as used.
    pub fn settle_as_asked(mut self) {
        self.end(None);
    }

    /// The call was not made: gives everything back. The same as dropping it.
    pub fn release(self) {
        drop(self);
    }

    /// The budget that it was reserved in.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    fn end(&mut self, used: Option<Amounts>) {
        let Some(hold) = self.hold.take() else {
            return; // cannot be: only the end takes it
        };
        let ended = Ended {
            used: used.unwrap_or_default(),
            metered: used.is_some(),
            as_asked: used.is_none(),
            names: Names {
                model: self.labels.model.as_deref(),
                provider: self.labels.provider.as_deref(),
                user: self.labels.user.as_deref(),
            },
        };
        let mut crossings = Vec::new();
        let now = self.budget.now();
        self.budget
            .lock()
            .settle(&hold, &ended, now, &mut crossings);
        crossing::tell(crossings);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if let Some(hold) = self.hold.take() {
            self.budget.lock().release(&hold);
        }
    }
}
