//! The clock: raw ticks on the user's thread, turned into wall-clock time by whoever exports.

use std::{
    sync::LazyLock,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Calibrated on first use (under a millisecond), not before `main`: see ADR 0014.
static CLOCK: LazyLock<quanta::Clock> = LazyLock::new(quanta::Clock::new);

/// A reading of the processor's time stamp counter, or of the monotonic clock where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Ticks(u64);

impl Ticks {
    pub(crate) const ZERO: Self = Self(0);

    pub(crate) fn now() -> Self {
        Self(CLOCK.raw())
    }

    pub(crate) const fn raw(self) -> u64 {
        self.0
    }

    #[cfg(test)]
    pub(crate) const fn from_raw(raw: u64) -> Self {
        Self(raw)
    }

    /// The time from `earlier` to here, zero if it is later.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(CLOCK.delta_as_nanos(earlier.0, self.0))
    }
}

/// One moment on both clocks: what turns ticks into nanoseconds since 1970.
///
/// Make one for each batch. A span's start and end taken through the same anchor keep their
/// distance even if the wall clock jumps, and a slow drift between the clocks has no time to grow.
#[derive(Debug, Clone, Copy)]
pub struct Anchor {
    ticks: Ticks,
    unix_nanos: u64,
}

impl Anchor {
    /// Reads both clocks.
    #[must_use]
    pub fn now() -> Self {
        Self::at(SystemTime::now())
    }

    /// Says that the present moment is `wall`: for tests and for output with stable times.
    #[must_use]
    pub fn at(wall: SystemTime) -> Self {
        // A clock set before 1970 gives 0; one after 2554 stays at the end.
        let since_epoch = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            ticks: Ticks::now(),
            unix_nanos: u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX),
        }
    }

    pub(crate) fn unix_nanos(&self, ticks: Ticks) -> u64 {
        let after = CLOCK.delta_as_nanos(self.ticks.0, ticks.0);
        let before = CLOCK.delta_as_nanos(ticks.0, self.ticks.0);
        self.unix_nanos.saturating_add(after).saturating_sub(before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_anchor_gives_moments_on_both_sides_of_it() {
        let before = Ticks::now();
        let anchor = Anchor::at(UNIX_EPOCH + Duration::from_secs(1_000));
        let after = Ticks::now();

        assert!(anchor.unix_nanos(before) <= 1_000_000_000_000);
        assert!(anchor.unix_nanos(after) >= 1_000_000_000_000);
        assert!(anchor.unix_nanos(after) < 1_001_000_000_000);
    }

    #[test]
    fn a_distance_is_the_same_through_any_anchor() {
        let start = Ticks::now();
        let end = Ticks(start.0 + 1_000_000);
        let distance = |anchor: Anchor| anchor.unix_nanos(end) - anchor.unix_nanos(start);

        let usual = distance(Anchor::now());
        let jumped = distance(Anchor::at(UNIX_EPOCH + Duration::from_secs(5)));

        assert!(usual.abs_diff(jumped) <= 1, "{usual} and {jumped}");
    }

    #[test]
    fn a_wall_clock_before_1970_is_zero_not_a_panic() {
        let anchor = Anchor::at(UNIX_EPOCH - Duration::from_secs(1));

        assert_eq!(anchor.unix_nanos(Ticks(0)), 0);
    }
}
