//! Where the soak's chance comes from: one seed, and everything else drawn from it.

use std::time::Duration;

use rand_xoshiro::{
    SplitMix64,
    rand_core::{Rng as _, SeedableRng as _},
};

pub(crate) struct Chance {
    source: SplitMix64,
}

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            source: SplitMix64::seed_from_u64(seed),
        }
    }

    /// A source of its own for another thread.
    pub(crate) fn fork(&mut self) -> Self {
        Self::new(self.source.next_u64())
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.source.next_u64() % (high - low + 1)
    }

    pub(crate) fn size(&mut self, low: usize, high: usize) -> usize {
        usize::try_from(self.between(low as u64, high as u64)).unwrap_or(low)
    }

    pub(crate) fn millis(&mut self, low: u64, high: u64) -> Duration {
        Duration::from_millis(self.between(low, high))
    }

    /// True in so many of a hundred cases.
    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.between(1, 100) <= percent
    }

    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.size(0, choices.len() - 1)]
    }
}
