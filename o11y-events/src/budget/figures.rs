//! What is known of a budget: spent, reserved and left, and by whom.

use super::{
    Budget,
    amount::{Amount, Measure, Tally},
    shares::Share,
    snapshot::BudgetSnapshot,
};

impl Budget {
    /// What was spent since the start or the last reset.
    #[must_use]
    pub fn spent(&self) -> Tally {
        self.lock().node(self.handle.place).spent.tally()
    }

    /// What the calls that are under way hold.
    #[must_use]
    pub fn reserved(&self) -> Tally {
        let state = self.lock();
        state.node(self.handle.place).reserved.amounts().tally()
    }

    /// What is left of a measure: the least of what its limits leave, here and in the budgets
    /// around. None if nothing limits it.
    #[must_use]
    pub fn remaining(&self, measure: Measure) -> Option<Amount> {
        let now = self.now();
        self.lock().remaining(self.handle.place, measure, now)
    }

    /// What each model spent, the largest first.
    #[must_use]
    pub fn by_model(&self) -> Vec<Share> {
        self.lock().node(self.handle.place).by_model.list()
    }

    /// What each provider was paid, the largest first.
    #[must_use]
    pub fn by_provider(&self) -> Vec<Share> {
        self.lock().node(self.handle.place).by_provider.list()
    }

    /// What each user spent, the largest first.
    #[must_use]
    pub fn by_user(&self) -> Vec<Share> {
        self.lock().node(self.handle.place).by_user.list()
    }

    /// Everything at one moment.
    #[must_use]
    pub fn snapshot(&self) -> BudgetSnapshot {
        let now = self.now();
        let mut state = self.lock();
        let now = state.advance(now);
        BudgetSnapshot::of(state.node_mut(self.handle.place), now)
    }
}
