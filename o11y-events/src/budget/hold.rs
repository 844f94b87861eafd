//! What calls do to a budget and to those around it: reserve, settle, release.

use super::{
    amount::Amounts, ask::Asked, crossing::Crossing, exceeded::BudgetExceeded, node::Ended,
    tree::State,
};

/// What a reservation holds, from a budget outwards.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hold {
    pub(super) leaf: usize,
    /// The first budget around it that is not held, if not all are.
    pub(super) until: Option<usize>,
    pub(super) amounts: Amounts,
    /// When it was made, counted in resets and by the clock.
    resets: u64,
    pub(super) at: u64,
}

impl State {
    /// Reserves in all budgets of the chain, or in none.
    pub(super) fn reserve(
        &mut self,
        leaf: usize,
        until: Option<usize>,
        asked: &Asked,
        now: u64,
        crossings: &mut Vec<Crossing>,
    ) -> Result<Hold, BudgetExceeded> {
        let now = self.advance(now);
        self.check(leaf, until, asked, now, crossings)?;
        self.each(leaf, until, |node| {
            node.hold(&asked.amounts, now, crossings);
        });
        Ok(Hold {
            leaf,
            until,
            amounts: asked.amounts,
            resets: self.resets,
            at: now,
        })
    }

    /// Whether a call fits into all budgets of the chain; a refusal is counted.
    pub(super) fn check(
        &mut self,
        leaf: usize,
        until: Option<usize>,
        asked: &Asked,
        now: u64,
        crossings: &mut Vec<Crossing>,
    ) -> Result<(), BudgetExceeded> {
        let now = self.advance(now);
        let mut fits = true;
        self.each(leaf, until, |node| fits &= node.admits(asked, now));
        if fits {
            return Ok(());
        }
        self.refuse(leaf, until, asked, now, crossings)
    }

    /// A call does not fit: says why, and counts it.
    #[cold]
    fn refuse(
        &mut self,
        leaf: usize,
        until: Option<usize>,
        asked: &Asked,
        now: u64,
        crossings: &mut Vec<Crossing>,
    ) -> Result<(), BudgetExceeded> {
        let mut refusal: Option<BudgetExceeded> = None;
        let mut refused_by = None;
        let mut place = Some(leaf);
        while let Some(here) = place.filter(|here| Some(*here) != until) {
            let node = &mut self.nodes[here];
            place = node.parent;
            if let Some(other) = node.refuses(asked, now, crossings) {
                refused_by = Some(here);
                match &mut refusal {
                    None => refusal = Some(other),
                    Some(refusal) => refusal.waits_for(other.frees_in),
                }
            }
        }
        let (Some(refusal), Some(refused_by)) = (refusal, refused_by) else {
            return Ok(());
        };
        let beyond = self.nodes[refused_by].parent;
        self.each(leaf, beyond, |node| node.refused += 1);
        Err(refusal)
    }

    /// A call has ended: what it held is given back, and what it used is added.
    pub(super) fn settle(
        &mut self,
        hold: &Hold,
        ended: &Ended<'_>,
        now: u64,
        crossings: &mut Vec<Crossing>,
    ) {
        let now = self.advance(now);
        let used = if ended.as_asked {
            &hold.amounts
        } else {
            &ended.used
        };
        self.each(hold.leaf, hold.until, |node| {
            node.let_go(&hold.amounts);
            node.add(ended, used, true, now, crossings);
        });
    }

    /// A call has ended that reserved nothing.
    pub(super) fn add(
        &mut self,
        leaf: usize,
        ended: &Ended<'_>,
        now: u64,
        crossings: &mut Vec<Crossing>,
    ) {
        let now = self.advance(now);
        self.each(leaf, None, |node| {
            node.add(ended, &ended.used, false, now, crossings);
        });
    }

    /// A call was not made: everything is as if it had not been asked for.
    pub(super) fn release(&mut self, hold: &Hold) {
        self.each(hold.leaf, hold.until, |node| {
            node.let_go(&hold.amounts);
            if hold.resets >= node.reset_at {
                node.undo_begin(hold.at);
            }
        });
    }
}
