//! The calls that are under way, by their id: who holds what for each of them.
//!
//! Several trackers may watch budgets of one tree, say one for an agent and one for the process.
//! Each budget is held by whoever comes first, so that a call counts once everywhere.

use std::{
    collections::{HashMap, hash_map::Entry},
    iter,
};

use compact_str::CompactString;
use foldhash::fast::RandomState;

use super::{
    ask::Asked, crossing::Crossing, exceeded::BudgetExceeded, hold::Hold, node::Ended, tree::State,
};

/// How many calls may be under way in a tree. Ends may never come (a future that is leaked), so
/// their number has to be bounded; no process has as many requests open.
const MAX_OPEN: usize = 65_536;

/// Calls under way.
#[derive(Debug, Default)]
pub(super) struct Calls {
    open: HashMap<CompactString, Parts, RandomState>,
    next: u64,
    /// When it was last looked for calls that have expired.
    swept: u64,
}

/// What is held for a call, as a rule by one tracker.
#[derive(Debug)]
struct Parts {
    first: Part,
    others: Vec<Part>,
}

impl Parts {
    fn iter(&self) -> impl Iterator<Item = &Part> {
        iter::once(&self.first).chain(&self.others)
    }

    /// Takes the first away; false if there is no other.
    fn lose_first(&mut self) -> bool {
        let next = self.others.pop();
        next.map(|next| self.first = next).is_some()
    }
}

/// What one tracker holds for a call.
#[derive(Debug, Clone, Copy)]
struct Part {
    tracker: u64,
    /// Numbers calls in the order in which they began.
    order: u64,
    hold: Hold,
}

/// Who asks for which call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller<'a> {
    pub(crate) tracker: u64,
    pub(crate) call: &'a str,
}

impl State {
    /// A call asks to begin. One that began under the same id counts as given up.
    pub(super) fn begin_call(
        &mut self,
        caller: Caller<'_>,
        leaf: usize,
        asked: &Asked,
        (now, expiry): (u64, Option<u64>),
        crossings: &mut Vec<Crossing>,
    ) -> Result<(), BudgetExceeded> {
        let is_known = self.calls.open.contains_key(caller.call);
        if is_known {
            self.release_call(caller);
        }
        if self.calls.open.len() >= MAX_OPEN {
            self.give_up_oldest();
        }
        if let Some(expiry) = expiry {
            self.give_up_expired(now, expiry);
        }
        let until = is_known
            .then(|| self.first_held(caller.call, leaf))
            .flatten();
        let hold = self.reserve(leaf, until, asked, now, crossings)?;
        self.retain(leaf);
        self.calls.next += 1;
        let part = Part {
            tracker: caller.tracker,
            order: self.calls.next,
            hold,
        };
        match self.calls.open.entry(caller.call.into()) {
            Entry::Occupied(mut parts) => parts.get_mut().others.push(part),
            Entry::Vacant(place) => {
                let others = Vec::new();
                place.insert(Parts {
                    first: part,
                    others,
                });
            }
        }
        Ok(())
    }

    /// A call has ended; false if the tracker heard of no beginning.
    pub(super) fn settle_call(
        &mut self,
        caller: Caller<'_>,
        ended: &Ended<'_>,
        now: u64,
        crossings: &mut Vec<Crossing>,
    ) -> bool {
        let Some(hold) = self.take_call(caller) else {
            return false;
        };
        self.settle(&hold, ended, now, crossings);
        self.forget(hold.leaf);
        true
    }

    /// What the tracker holds for a call.
    fn take_call(&mut self, caller: Caller<'_>) -> Option<Hold> {
        let (call, mut parts) = self.calls.open.remove_entry(caller.call)?;
        let is_its = |part: &Part| part.tracker == caller.tracker;
        if is_its(&parts.first) {
            let hold = parts.first.hold;
            if parts.lose_first() {
                self.calls.open.insert(call, parts);
            }
            return Some(hold);
        }
        let place = parts.others.iter().position(is_its);
        let hold = place.map(|place| parts.others.swap_remove(place).hold);
        self.calls.open.insert(call, parts);
        hold
    }

    /// A call was not made.
    pub(super) fn release_call(&mut self, caller: Caller<'_>) {
        if let Some(hold) = self.take_call(caller) {
            self.release(&hold);
            self.forget(hold.leaf);
        }
    }

    /// A tracker hears no more.
    pub(super) fn release_all_of(&mut self, tracker: u64) {
        self.give_up(|part| part.tracker == tracker);
    }

    /// The innermost budget of the chain that another tracker already holds for the call. All
    /// around it are held as well.
    fn first_held(&self, call: &str, leaf: usize) -> Option<usize> {
        let parts = self.calls.open.get(call)?;
        let is_held = |place: &usize| {
            parts.iter().any(|part| {
                self.chain(part.hold.leaf, part.hold.until)
                    .any(|held| held == *place)
            })
        };
        self.chain(leaf, None).find(is_held)
    }

    /// Makes room: the oldest eighth counts as given up. If one of them ends after all, what it
    /// used is added all the same.
    fn give_up_oldest(&mut self) {
        let parts = self.calls.open.values().flat_map(Parts::iter);
        let orders = parts.map(|part| part.order);
        let mut orders: Vec<_> = orders.collect();
        orders.sort_unstable();
        if let Some(newest) = orders.get(MAX_OPEN / 8).copied() {
            self.give_up(|part| part.order <= newest);
        }
    }

    /// Looks at all calls, but not at each request.
    fn give_up_expired(&mut self, now: u64, expiry: u64) {
        if now.saturating_sub(self.calls.swept) < expiry / 8 {
            return;
        }
        self.calls.swept = now;
        self.give_up(|part| now.saturating_sub(part.hold.at) > expiry);
    }

    fn give_up(&mut self, is_over: impl Fn(&Part) -> bool) {
        let mut over = Vec::new();
        self.calls.open.retain(|_, parts| {
            over.extend(parts.others.extract_if(.., |part| is_over(part)));
            if !is_over(&parts.first) {
                return true;
            }
            over.push(parts.first);
            parts.lose_first()
        });
        for part in over {
            self.release(&part.hold);
            self.forget(part.hold.leaf);
        }
    }
}
