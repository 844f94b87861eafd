//! A budget at one moment.

use std::fmt;

use super::{
    amount::{Amount, Tally, clamped},
    limits::Limit,
    node::Node,
    shares::Share,
};

/// What a budget looked like at one moment: all figures are of the same.
///
/// ```
/// use o11y_events::{Ask, Budget, BudgetSnapshot, LimitSnapshot, Limits};
///
/// let budget = Budget::new("agent", Limits::new().tokens(1_000).calls(10));
/// budget.reserve(Ask::new().tokens(400))?.settle_as_asked();
///
/// let now: BudgetSnapshot = budget.snapshot();
/// let tokens: &LimitSnapshot = &now.limits[0];
/// assert_eq!(tokens.spent.count(), Some(400));
/// println!("{now}");
/// # Ok::<_, o11y_events::BudgetExceeded>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BudgetSnapshot {
    /// Its name.
    pub name: String,
    /// Its limits, and where they stand.
    pub limits: Vec<LimitSnapshot>,
    /// What was spent since the start or the last reset.
    pub spent: Tally,
    /// What is reserved by the calls that are under way.
    pub reserved: Tally,
    /// How many reservations are open.
    pub open: u64,
    /// Calls that it refused, that a budget around it did, or that its tracker did because they
    /// have no price.
    pub refused: u64,
    /// Answered calls that did not tell what they used.
    pub unmetered: u64,
    /// What was spent by model, the largest first.
    pub by_model: Vec<Share>,
    /// What was spent by provider, the largest first.
    pub by_provider: Vec<Share>,
    /// What was spent by user, the largest first.
    pub by_user: Vec<Share>,
}

/// Where a limit stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitSnapshot {
    /// The limit.
    pub limit: Limit,
    /// What was spent of it, in all or in the window.
    pub spent: Amount,
    /// What is reserved of it.
    pub reserved: Amount,
    /// What is neither spent nor reserved.
    pub remaining: Amount,
}

impl BudgetSnapshot {
    pub(super) fn of(node: &mut Node, now: u64) -> Self {
        Self {
            name: node.name.to_string(),
            limits: LimitSnapshot::all_of(node, now),
            spent: node.spent.tally(),
            reserved: node.reserved.amounts().tally(),
            open: node.open,
            refused: node.refused,
            unmetered: node.unmetered,
            by_model: node.by_model.list(),
            by_provider: node.by_provider.list(),
            by_user: node.by_user.list(),
        }
    }
}

impl LimitSnapshot {
    fn all_of(node: &mut Node, now: u64) -> Vec<Self> {
        let Node {
            gauges,
            spent,
            reserved,
            ..
        } = node;
        let snapshots = gauges.iter_mut().map(|gauge| {
            let (spent, held) = (gauge.spent(spent, now), gauge.held(reserved));
            let left = u128::from(gauge.limit.count()).saturating_sub(spent + held);
            let amount = |count| gauge.limit.measure().amount(clamped(count));
            Self {
                limit: gauge.limit,
                spent: amount(spent),
                reserved: amount(held),
                remaining: amount(left),
            }
        });
        snapshots.collect()
    }
}

/// One line: `agent: 900 of 1000 tokens, 3 of 50 calls per 60s; 1 call open, 2 refused`.
impl fmt::Display for BudgetSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.name)?;
        let mut limits = self.limits.iter();
        match limits.next() {
            Some(first) => write!(f, "{} of {}", first.spent, first.limit)?,
            None => write!(f, "{} tokens", self.spent.tokens)?,
        }
        limits.try_for_each(|limit| write!(f, ", {} of {}", limit.spent, limit.limit))?;
        let calls = if self.open == 1 { "call" } else { "calls" };
        write!(f, "; {} {calls} open, {} refused", self.open, self.refused)
    }
}
