//! How long to wait before a request is sent again.

use std::time::Duration;

use rand_xoshiro::{
    SplitMix64,
    rand_core::{Rng as _, SeedableRng as _},
};

/// The first wait, as in the mirrored system.
pub(crate) const FIRST: Duration = Duration::from_millis(200);

/// The longest wait: a server that comes back is found within half a minute.
pub(crate) const LONGEST: Duration = Duration::from_secs(30);

/// The longest `Retry-After` that is believed; a longer one would be a mistake or an attack.
pub(crate) const LONGEST_ASKED_FOR: Duration = Duration::from_secs(300);

/// Exponential backoff with equal jitter: half of the wait is certain, half is chance, so that many
/// processes which failed together do not come back together.
///
/// The waits double: 0.1–0.2 s, 0.2–0.4 s, 0.4–0.8 s, .. up to 15–30 s.
#[derive(Debug)]
pub(crate) struct Backoff {
    first: Duration,
    attempt: u32,
    chance: SplitMix64,
}

impl Backoff {
    pub(crate) fn new(first: Duration, seed: u64) -> Self {
        Self {
            first,
            attempt: 0,
            chance: SplitMix64::seed_from_u64(seed),
        }
    }

    /// The next wait; what the server asked for counts instead if it is longer.
    pub(crate) fn next(&mut self, asked_for: Option<Duration>) -> Duration {
        let factor = 1 << self.attempt.min(16);
        let whole = self.first.saturating_mul(factor).min(LONGEST);
        self.attempt += 1;
        let half = whole / 2;
        let chance = f64::from(self.chance.next_u32()) / f64::from(u32::MAX);
        let jitter = half.mul_f64(chance);
        let asked_for = asked_for.unwrap_or_default().min(LONGEST_ASKED_FOR);
        (half + jitter).max(asked_for)
    }

    /// A request succeeded: the next failure starts from the first wait.
    pub(crate) fn reset(&mut self) {
        self.attempt = 0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn waits_double_within_their_bounds(seed: u64) {
            let mut backoff = Backoff::new(FIRST, seed);
            for attempt in 0..40 {
                let whole = FIRST.saturating_mul(1 << attempt.min(16)).min(LONGEST);

                let wait = backoff.next(None);

                prop_assert!(wait >= whole / 2 && wait <= whole, "{attempt}: {wait:?}");
            }
            backoff.reset();
            prop_assert!(backoff.next(None) <= FIRST);
        }
    }

    #[test]
    fn what_the_server_asks_for_is_waited_for_within_reason() {
        let mut backoff = Backoff::new(FIRST, 1);

        assert_eq!(
            backoff.next(Some(Duration::from_secs(60))),
            Duration::from_secs(60)
        );
        assert!(backoff.next(Some(Duration::ZERO)) >= FIRST);
        assert_eq!(backoff.next(Some(Duration::MAX)), LONGEST_ASKED_FOR);
    }
}
