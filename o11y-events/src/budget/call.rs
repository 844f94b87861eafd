//! What trackers do with a budget when a call begins and when it has ended.

use std::time::Duration;

use super::{
    Budget, ask::Bounds, calls::Caller, crossing::tell, exceeded::BudgetExceeded, node::Ended,
    window::nanoseconds,
};

impl Budget {
    /// A call asks to begin. What it asks for is held until it ends, if it has an id to tell its
    /// end by; calls older than `expiry` are given up.
    pub(crate) fn begin(
        &self,
        caller: Option<Caller<'_>>,
        bounds: &Bounds,
        expiry: Option<Duration>,
    ) -> Result<(), BudgetExceeded> {
        let asked = bounds.asked();
        let mut crossings = Vec::new();
        let expiry = expiry.map(nanoseconds);
        let now = match expiry {
            Some(_) => self.handle.tree.now(),
            None => self.now(),
        };
        let mut state = self.lock();
        let leaf = self.handle.place;
        let answer = match caller {
            Some(caller) => state.begin_call(caller, leaf, &asked, (now, expiry), &mut crossings),
            None => state.check(leaf, None, &asked, now, &mut crossings),
        };
        drop(state);
        tell(crossings);
        answer
    }

    /// A call has ended: settles what the tracker holds for it in this tree; false if it heard of no
    /// beginning.
    pub(crate) fn end(&self, caller: Caller<'_>, ended: &Ended<'_>) -> bool {
        // Which budget holds the call is not known here, so neither is whether it has windows.
        let tree = &self.handle.tree;
        let now = if tree.has_windows() { tree.now() } else { 0 };
        let mut crossings = Vec::new();
        let is_known = self.lock().settle_call(caller, ended, now, &mut crossings);
        tell(crossings);
        is_known
    }

    /// A call has ended whose beginning nobody heard.
    pub(crate) fn add(&self, ended: &Ended<'_>) {
        let now = self.now();
        let mut crossings = Vec::new();
        self.lock()
            .add(self.handle.place, ended, now, &mut crossings);
        tell(crossings);
    }

    /// A call was refused for another reason than its limits.
    pub(crate) fn note_refused(&self) {
        self.lock().node_mut(self.handle.place).refused += 1;
    }

    /// A call was not made.
    pub(crate) fn give_back(&self, caller: Caller<'_>) {
        self.lock().release_call(caller);
    }

    /// A tracker hears no more.
    pub(crate) fn give_back_all_of(&self, tracker: u64) {
        self.lock().release_all_of(tracker);
    }
}
