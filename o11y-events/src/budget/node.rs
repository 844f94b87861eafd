//! The figures of one budget.

use std::sync::Arc;

use super::{
    amount::{Amounts, Measure, Reserved, clamped},
    ask::Asked,
    crossing::{Crossing, Line, Standing},
    exceeded::BudgetExceeded,
    gauge::Gauge,
    limits::Limits,
    shares::{Names, Shares},
};

/// What one budget allows, what was spent of it, and what is reserved.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) name: Arc<str>,
    /// The budget around it.
    pub(super) parent: Option<usize>,
    /// Handles, budgets within it and calls: none of them, and the place is free.
    pub(super) users: usize,
    pub(super) gauges: Vec<Gauge>,
    pub(super) spent: Amounts,
    pub(super) reserved: Reserved,
    /// How many reservations are open.
    pub(super) open: u64,
    /// Calls that this budget, one around it or its tracker refused.
    pub(super) refused: u64,
    /// Answered calls that did not tell what they used.
    pub(super) unmetered: u64,
    /// When it was last reset, counted in resets of the whole tree.
    pub(super) reset_at: u64,
    pub(super) by_model: Shares,
    pub(super) by_provider: Shares,
    pub(super) by_user: Shares,
}

/// A call that has ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ended<'a> {
    pub(crate) used: Amounts,
    pub(crate) names: Names<'a>,
    /// Whether it told what it used.
    pub(crate) metered: bool,
    /// Whether what it asked for counts as used instead.
    pub(crate) as_asked: bool,
}

impl Node {
    pub(super) fn new(name: Arc<str>, limits: &Limits, parent: Option<usize>) -> Self {
        Self {
            name,
            parent,
            users: 1, // its first handle
            gauges: Gauge::all_of(limits),
            spent: Amounts::default(),
            reserved: Reserved::default(),
            open: 0,
            refused: 0,
            unmetered: 0,
            reset_at: 0,
            by_model: Shares::default(),
            by_provider: Shares::default(),
            by_user: Shares::default(),
        }
    }

    /// Whether a call fits.
    #[inline]
    pub(super) fn admits(&mut self, asked: &Asked, now: u64) -> bool {
        let (spent, reserved) = (&self.spent, &self.reserved);
        let mut gauges = self.gauges.iter_mut();
        gauges.all(|gauge| gauge.admits(asked, spent, reserved, now))
    }

    /// Why the call does not fit, if it does not: the first limit that is in its way, and how long
    /// until none of them is.
    pub(super) fn refuses(
        &mut self,
        asked: &Asked,
        now: u64,
        crossings: &mut Vec<Crossing>,
    ) -> Option<BudgetExceeded> {
        let mut refusal: Option<BudgetExceeded> = None;
        for gauge in &mut self.gauges {
            if gauge.admits(asked, &self.spent, &self.reserved, now) {
                continue;
            }
            let spent = gauge.spent(&self.spent, now);
            let standing = standing(&self.name, gauge, spent, &self.reserved);
            if gauge.tells_refusal(now) {
                crossings.push(Crossing {
                    line: Line::Refused,
                    standing: standing.clone(),
                });
            }
            let stated = asked.stated(gauge.limit.measure());
            let frees_in = gauge.frees_in(stated.unwrap_or(0), &self.reserved, now);
            match &mut refusal {
                None => {
                    refusal = Some(BudgetExceeded {
                        standing: Box::new(standing),
                        asked: stated,
                        frees_in,
                    });
                }
                Some(refusal) => refusal.waits_for(frees_in),
            }
        }
        refusal
    }

    pub(super) fn hold(&mut self, asked: &Amounts, now: u64, crossings: &mut Vec<Crossing>) {
        self.reserved.add(asked);
        self.open += 1;
        for gauge in &mut self.gauges {
            gauge.rearm(now);
            if gauge.begin(now) {
                note_crossings(
                    &self.name,
                    gauge,
                    &self.spent,
                    &self.reserved,
                    now,
                    crossings,
                );
            }
        }
    }

    /// Takes back what was reserved.
    pub(super) fn let_go(&mut self, asked: &Amounts) {
        self.reserved.take(asked);
        self.open = self.open.saturating_sub(1);
    }

    /// Takes back that a call began.
    pub(super) fn undo_begin(&mut self, then: u64) {
        for gauge in &mut self.gauges {
            gauge.undo(then);
        }
    }

    /// Adds an ended call; `began` if its beginning was booked.
    pub(super) fn add(
        &mut self,
        ended: &Ended<'_>,
        used: &Amounts,
        began: bool,
        now: u64,
        crossings: &mut Vec<Crossing>,
    ) {
        self.spent.add(used);
        self.unmetered += u64::from(!ended.metered);
        self.by_model.add(ended.names.model, used);
        self.by_provider.add(ended.names.provider, used);
        self.by_user.add(ended.names.user, used);
        for gauge in &mut self.gauges {
            gauge.rearm(now);
            gauge.book(used, began, now);
            note_crossings(
                &self.name,
                gauge,
                &self.spent,
                &self.reserved,
                now,
                crossings,
            );
        }
    }

    /// What the limits of a measure leave, if there are any.
    pub(super) fn remaining(&mut self, measure: Measure, now: u64) -> Option<u64> {
        let of_measure = |gauge: &&mut Gauge| gauge.limit.measure() == measure;
        let gauges = self.gauges.iter_mut().filter(of_measure);
        gauges
            .map(|gauge| {
                let taken = gauge.spent(&self.spent, now) + gauge.held(&self.reserved);
                clamped(u128::from(gauge.limit.count()).saturating_sub(taken))
            })
            .min()
    }

    /// Forgets what was spent. What is reserved stays: those calls are still under way. Returns
    /// what has to be freed, which needs no lock.
    pub(super) fn reset(&mut self, resets: u64) -> [Shares; 3] {
        self.spent = Amounts::default();
        self.refused = 0;
        self.unmetered = 0;
        self.reset_at = resets;
        for gauge in &mut self.gauges {
            gauge.reset();
        }
        [&mut self.by_model, &mut self.by_provider, &mut self.by_user].map(std::mem::take)
    }
}

/// What was spent has grown: notes the lines that it has crossed by that, as a rule none.
#[inline]
fn note_crossings(
    name: &Arc<str>,
    gauge: &mut Gauge,
    spent: &Amounts,
    reserved: &Reserved,
    now: u64,
    crossings: &mut Vec<Crossing>,
) {
    let spent = gauge.spent(spent, now);
    if gauge.crosses(spent) {
        for line in gauge.crossed(spent, now) {
            let standing = standing(name, gauge, spent, reserved);
            crossings.push(Crossing { line, standing });
        }
    }
}

fn standing(name: &Arc<str>, gauge: &Gauge, spent: u128, reserved: &Reserved) -> Standing {
    Standing {
        budget: Arc::clone(name),
        limit: gauge.limit,
        spent: clamped(spent),
        reserved: clamped(gauge.held(reserved)),
    }
}
