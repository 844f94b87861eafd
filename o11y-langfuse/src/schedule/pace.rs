//! How long a busy worker looks away: long, so that its batches are large, and never so long that the
//! queue overflows meanwhile.

use std::time::{Duration, Instant};

/// The longest: half of the 50 ms within which a due batch shall leave, less what the look takes.
pub(super) const LONGEST: Duration = Duration::from_millis(20);

/// The shortest: what fills a queue of 8,192 in less comes faster than a worker can send it.
pub(super) const SHORTEST: Duration = Duration::from_millis(1);

/// The part of the queue that may fill meanwhile: the rest is for bursts, and for the time that a
/// request takes.
const SHARE: u32 = 4;

/// Follows what comes. It begins with short looks, because nothing is known yet, and lets them grow
/// to twice their length at a time.
#[derive(Debug)]
pub(super) struct Pace {
    pause: Duration,
    /// What may come in one pause.
    most: u32,
    since: Instant,
    came: u32,
}

impl Pace {
    /// For a queue of so many places.
    pub(super) fn new(room: usize, now: Instant) -> Self {
        Self {
            pause: SHORTEST,
            most: u32::try_from(room).unwrap_or(u32::MAX) / SHARE,
            since: now,
            came: 0,
        }
    }

    /// Nothing is known any more.
    pub(super) fn restart(&mut self, now: Instant) {
        *self = Self {
            pause: SHORTEST,
            since: now,
            came: 0,
            ..*self
        };
    }

    /// So much has come since this was told last.
    pub(super) fn note(&mut self, now: Instant, came: usize) {
        let came = u32::try_from(came).unwrap_or(u32::MAX);
        self.came = self.came.saturating_add(came);
        let passed = now.saturating_duration_since(self.since);
        // A shorter time says little of a program that works in bursts.
        if passed < self.pause {
            return;
        }
        let fitting = passed.saturating_mul(self.most) / self.came.max(1);
        self.pause = fitting.min(2 * self.pause).clamp(SHORTEST, LONGEST);
        (self.since, self.came) = (now, 0);
    }

    pub(super) fn pause(&self) -> Duration {
        self.pause
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ROOM: usize = 8_192;

    /// What comes in a pause, with so many items a second.
    fn coming(rate: u32, pause: Duration) -> usize {
        usize::try_from(u128::from(rate) * pause.as_nanos() / 1_000_000_000).unwrap()
    }

    /// The pauses of a worker that looks for a second, with so many items a second.
    fn pauses(rate: u32) -> Vec<Duration> {
        let start = Instant::now();
        let (mut pace, mut now) = (Pace::new(ROOM, start), start);
        let mut pauses = Vec::new();
        while now < start + Duration::from_secs(1) {
            let pause = pace.pause();
            pauses.push(pause);
            now += pause;
            pace.note(now, coming(rate, pause));
        }
        pauses
    }

    proptest! {
        #[test]
        fn no_pause_fills_more_than_a_quarter_of_the_queue(rate in 0..2_000_000_u32) {
            for pause in pauses(rate) {
                let came = coming(rate, pause);

                // Two more, because what came in the pause before was rounded down.
                prop_assert!(came <= ROOM / 4 + 2, "{pause:?}: {came}");
            }
        }
    }

    #[test]
    fn a_program_that_makes_little_is_looked_at_fifty_times_a_second() {
        let pauses = pauses(10_000);

        assert_eq!(pauses.last(), Some(&LONGEST));
        assert!(pauses.len() < 60, "{}", pauses.len());
    }

    #[test]
    fn after_a_restart_the_looks_are_short_again() {
        let now = Instant::now();
        let mut pace = Pace::new(ROOM, now);
        pace.note(now + SHORTEST, 0);
        assert_eq!(pace.pause(), 2 * SHORTEST);

        pace.restart(now + SHORTEST);

        assert_eq!(pace.pause(), SHORTEST);
    }

    #[test]
    fn a_look_that_comes_early_changes_nothing() {
        let now = Instant::now();
        let mut pace = Pace::new(ROOM, now);

        pace.note(now + SHORTEST / 2, 4_000);
        assert_eq!(pace.pause(), SHORTEST);

        pace.note(now + 4 * SHORTEST, 4_192);
        assert_eq!(pace.pause(), SHORTEST);
    }
}
