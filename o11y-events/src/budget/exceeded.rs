//! Why a budget said no.

use std::{fmt, time::Duration};

use super::{amount::Amount, crossing::Standing, limits::Limit};

/// A call was refused because it does not fit into a budget.
///
/// It is the cause of the veto: `vetoed.downcast_ref::<BudgetExceeded>()`. Of several limits that
/// are in the way, in the budget or in those around it, it names the innermost budget's first.
///
/// To go on, ask for less, wait until calls that are under way have ended or
/// [`frees_in`](Self::frees_in) has passed, or [`reset`](crate::Budget::reset) the budget.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("budget `{}` exceeded: {standing}{}", standing.budget, Remedy(self))]
pub struct BudgetExceeded {
    pub(super) standing: Box<Standing>,
    pub(super) asked: Option<u64>,
    pub(super) frees_in: Option<Duration>,
}

impl BudgetExceeded {
    /// Another limit is in the way as well, for that long.
    pub(super) fn waits_for(&mut self, other: Option<Duration>) {
        self.frees_in = match (self.frees_in, other) {
            (Some(one), Some(other)) => Some(one.max(other)),
            _ => None,
        };
    }

    /// The name of the budget.
    #[must_use]
    pub fn budget(&self) -> &str {
        &self.standing.budget
    }

    /// The limit that was in the way.
    #[must_use]
    pub fn limit(&self) -> Limit {
        self.standing.limit
    }

    /// What was spent of it, in all or in the window.
    #[must_use]
    pub fn spent(&self) -> Amount {
        self.standing.amount(self.standing.spent)
    }

    /// What was reserved of it by calls that were under way.
    #[must_use]
    pub fn reserved(&self) -> Amount {
        self.standing.amount(self.standing.reserved)
    }

    /// What the call asked for of it, if that was known.
    #[must_use]
    pub fn asked(&self) -> Option<Amount> {
        self.asked.map(|asked| self.standing.amount(asked))
    }

    /// How long until enough of what was spent has left the windows; what is reserved may change
    /// that. None if waiting does not help: one of the limits in the way is for good, or the call
    /// does not fit beside what is reserved.
    #[must_use]
    pub fn frees_in(&self) -> Option<Duration> {
        self.frees_in
    }
}

/// The end of the message: what was asked for, and what can be done.
struct Remedy<'a>(&'a BudgetExceeded);

impl fmt::Display for Remedy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BudgetExceeded {
            asked, frees_in, ..
        } = self.0;
        if let Some(asked) = self.0.asked().filter(|_| *asked > Some(0)) {
            write!(f, ", this call asks for {asked}")?;
        }
        match frees_in {
            Some(wait) => write!(f, ": try again in {wait:.0?}"),
            None => f.write_str(": ask for less, raise the limit or reset the budget"),
        }
    }
}
