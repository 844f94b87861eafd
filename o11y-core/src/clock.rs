//! The clock: raw ticks on the user's thread, turned into wall-clock time by whoever exports.

use std::{
    sync::{Arc, LazyLock},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use arc_swap::ArcSwapOption;

/// Calibrated on first use (under a millisecond), not before `main`: see ADR 0014.
static CLOCK: LazyLock<quanta::Clock> = LazyLock::new(quanta::Clock::new);

/// Marks a time of the wall clock.
const WALL: u64 = 1 << 63;

/// A reading of the processor's time stamp counter, or of the monotonic clock where there is none;
/// or a time of the wall clock, where that is all that is known.
///
/// No counter of a machine that runs for less than 73 years reaches the highest bit, which marks
/// nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Ticks(u64);

impl Ticks {
    pub(crate) const ZERO: Self = Self(0);

    #[inline]
    pub(crate) fn now() -> Self {
        Self(CLOCK.raw())
    }

    pub(crate) const fn raw(self) -> u64 {
        self.0
    }

    /// A time of the wall clock, which anchors leave as it is.
    #[cfg(feature = "otel")]
    pub(crate) fn of_wall(wall: SystemTime) -> Self {
        Self(unix_nanos(wall).min(!WALL) | WALL)
    }

    /// The nanoseconds since 1970, if that is what it is.
    const fn wall_nanos(self) -> Option<u64> {
        if self.0 & WALL == 0 {
            None
        } else {
            Some(self.0 & !WALL)
        }
    }

    #[cfg(test)]
    pub(crate) const fn from_raw(raw: u64) -> Self {
        Self(raw)
    }

    /// The time from here to now, zero if it is yet to come.
    pub(crate) fn elapsed(self) -> Duration {
        match self.wall_nanos() {
            Some(nanos) => {
                Duration::from_nanos(unix_nanos(SystemTime::now()).saturating_sub(nanos))
            }
            None => Self::now().since(self),
        }
    }

    /// The time from `earlier` to here, zero if it is later.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        let nanos = match (self.wall_nanos(), earlier.wall_nanos()) {
            (Some(here), Some(earlier)) => here.saturating_sub(earlier),
            _ => CLOCK.delta_as_nanos(earlier.0, self.0),
        };
        Duration::from_nanos(nanos)
    }
}

/// How the ticks of this process map to wall-clock time, as of one moment.
///
/// Make one for each batch. All of them draw on one record of moments at which both clocks were
/// read, and a tick is placed between its two neighbours. So the same tick is the same time in every
/// batch, the order of ticks is the order of times, and a slow drift between the clocks does not
/// add up. If the wall clock jumps, ticks before the jump stay where they were, and no duration is
/// stretched.
#[derive(Debug, Clone)]
pub struct Anchor {
    /// In the order of ticks, never empty. Two with the same ticks are a jump.
    knots: Vec<Knot>,
}

/// One moment on both clocks.
#[derive(Debug, Clone, Copy)]
struct Knot {
    ticks: Ticks,
    unix_nanos: u64,
}

/// What all anchors of the process draw on. No lock, because a child would find it closed for ever
/// if its parent forked while another thread held it.
static KNOTS: ArcSwapOption<Vec<Knot>> = ArcSwapOption::const_empty();

/// When there are more, every other one of the older half goes. The clocks run so evenly that a
/// wider interval gives the same times to within a microsecond.
const MAX_KNOTS: usize = 256;

/// A wall clock that is further off than this, and a thousandth of the time since the last look,
/// has been set; less is drift.
const JUMP: Duration = Duration::from_millis(10);

impl Anchor {
    /// Reads both clocks.
    #[must_use]
    pub fn now() -> Self {
        let knot = Knot::read();
        let mut knots = Vec::new();
        // Once more if another thread was faster.
        drop(KNOTS.rcu(|known| {
            knots = known.as_deref().map_or_else(Vec::new, Vec::clone);
            add(&mut knots, knot);
            Some(Arc::new(knots.clone()))
        }));
        Self { knots }
    }

    /// Says that the present moment is `wall`, whatever the clocks say: for tests and for output
    /// with stable times.
    #[must_use]
    pub fn at(wall: SystemTime) -> Self {
        let knot = Knot {
            ticks: Ticks::now(),
            unix_nanos: unix_nanos(wall),
        };
        Self { knots: vec![knot] }
    }

    pub(crate) fn unix_nanos(&self, ticks: Ticks) -> u64 {
        if let Some(nanos) = ticks.wall_nanos() {
            return nanos;
        }
        // A tick at a jump belongs to the time before it.
        let place = self.knots.partition_point(|knot| knot.ticks < ticks);
        let before = place.checked_sub(1).and_then(|place| self.knots.get(place));
        match (before, self.knots.get(place)) {
            (Some(before), Some(after)) => before.interpolate(after, ticks),
            (Some(knot), None) | (None, Some(knot)) => knot.extrapolate(ticks),
            (None, None) => 0, // there is always a knot
        }
    }
}

impl Knot {
    /// Reads the wall clock between two readings of the ticks, again if the thread was held up.
    fn read() -> Self {
        const HELD_UP: Duration = Duration::from_micros(2);
        let mut best = None;
        for _ in 0..8 {
            let before = Ticks::now();
            let unix_nanos = unix_nanos(SystemTime::now());
            let took = Ticks::now().since(before);
            let knot = Self {
                ticks: before,
                unix_nanos,
            };
            if best.is_none_or(|(_, shortest)| took < shortest) {
                best = Some((knot, took));
            }
            if took < HELD_UP {
                break;
            }
        }
        best.map_or(
            Self {
                ticks: Ticks::ZERO,
                unix_nanos: 0,
            },
            |(knot, _)| knot,
        )
    }

    fn extrapolate(&self, ticks: Ticks) -> u64 {
        let after = CLOCK.delta_as_nanos(self.ticks.0, ticks.0);
        let before = CLOCK.delta_as_nanos(ticks.0, self.ticks.0);
        self.unix_nanos.saturating_add(after).saturating_sub(before)
    }

    fn interpolate(&self, after: &Self, ticks: Ticks) -> u64 {
        let whole = u128::from(after.ticks.0 - self.ticks.0);
        let part = u128::from(ticks.0 - self.ticks.0);
        let nanos = u128::from(after.unix_nanos.saturating_sub(self.unix_nanos));
        let nanos = nanos * part / whole.max(1);
        self.unix_nanos
            .saturating_add(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

fn add(knots: &mut Vec<Knot>, mut new: Knot) {
    if let Some(last) = knots.last() {
        if new.ticks <= last.ticks {
            return; // another thread was faster
        }
        let expected = last.extrapolate(new.ticks);
        let tolerance = JUMP + new.ticks.since(last.ticks) / 1_000;
        let off = Duration::from_nanos(new.unix_nanos.abs_diff(expected));
        if off > tolerance {
            knots.push(Knot {
                unix_nanos: expected,
                ..new
            });
        } else {
            new.unix_nanos = new.unix_nanos.max(last.unix_nanos);
        }
    }
    knots.push(new);
    if knots.len() > MAX_KNOTS {
        thin_out(knots);
    }
}

/// Drops every other knot of the older half, but none of a jump.
fn thin_out(knots: &mut Vec<Knot>) {
    let half = knots.len() / 2;
    let is_jump = |place: usize| {
        let same =
            |other: Option<&Knot>| other.is_some_and(|other| other.ticks == knots[place].ticks);
        same(knots.get(place + 1)) || place > 0 && same(knots.get(place - 1))
    };
    let keep: Vec<_> = (0..knots.len())
        .map(|place| place >= half || place % 2 == 0 || is_jump(place))
        .collect();
    let mut keep = keep.into_iter();
    knots.retain(|_| keep.next().unwrap_or(true));
}

/// A clock set before 1970 gives 0; one after 2554 stays at the end.
fn unix_nanos(wall: SystemTime) -> u64 {
    let since_epoch = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[expect(clippy::cast_possible_wrap, reason = "small numbers of a test")]
mod tests {
    use super::*;

    #[test]
    fn an_anchor_gives_moments_on_both_sides_of_it() {
        let before = Ticks::now();
        let anchor = Anchor::at(UNIX_EPOCH + Duration::from_secs(1_000));
        let after = Ticks::now();

        assert!(anchor.unix_nanos(before) <= 1_000_000_000_000);
        assert!(anchor.unix_nanos(after) >= 1_000_000_000_000);
        assert!(anchor.unix_nanos(after) < 1_060_000_000_000);
    }

    #[cfg(feature = "otel")]
    #[test]
    fn a_time_of_the_wall_clock_stays_what_it_is() {
        let wall = UNIX_EPOCH + Duration::from_nanos(1_700_000_000_123_456_789);
        let start = Ticks::of_wall(wall);
        let end = Ticks::of_wall(wall + Duration::from_nanos(5));

        let jumped = Anchor::at(UNIX_EPOCH);
        assert_eq!(jumped.unix_nanos(start), 1_700_000_000_123_456_789);
        assert_eq!(end.since(start), Duration::from_nanos(5));
        assert_eq!(start.since(end), Duration::ZERO);
        let edges = [
            UNIX_EPOCH - Duration::from_secs(1),
            UNIX_EPOCH + Duration::from_secs(1 << 40),
        ];
        let edges = edges.map(|edge| jumped.unix_nanos(Ticks::of_wall(edge)));
        assert_eq!(edges, [0, !WALL]);
    }

    #[test]
    fn a_distance_is_the_same_through_any_anchor() {
        let start = Ticks::now();
        let end = Ticks(start.0 + 1_000_000);
        let distance = |anchor: Anchor| anchor.unix_nanos(end) - anchor.unix_nanos(start);

        // Of one moment: between two, a distance is that of the wall clock.
        let usual = distance(Anchor {
            knots: vec![Knot::read()],
        });
        let jumped = distance(Anchor::at(UNIX_EPOCH + Duration::from_secs(5)));

        assert!(usual.abs_diff(jumped) <= 1, "{usual} and {jumped}");
    }

    /// Knots a second apart, of a wall clock that is `off(second)` nanoseconds off.
    fn knots(seconds: u64, off: impl Fn(u64) -> i64) -> Vec<Knot> {
        let start = Ticks::now();
        let mut knots = Vec::new();
        for second in 0..seconds {
            let (ticks, nanos) = (start.0 + second * TICKS, (1 + second) * 1_000_000_000);
            let new = Knot {
                ticks: Ticks(ticks),
                unix_nanos: nanos.saturating_add_signed(off(second)),
            };
            add(&mut knots, new);
        }
        knots
    }

    /// Ticks that take about a second.
    const TICKS: u64 = 2_000_000_000;

    fn scale() -> u64 {
        CLOCK.delta_as_nanos(1, 1 + TICKS)
    }

    #[test]
    fn a_tick_is_the_same_time_in_every_later_batch_and_order_is_kept() {
        let wobble = |second: u64| (second % 7 * 30_000) as i64;
        let steady = |second: u64| (second as i64) * (scale() as i64 - 1_000_000_000);
        let knots = knots(50, |second| steady(second) + wobble(second));
        let early = Anchor {
            knots: knots[..20].to_vec(),
        };
        let late = Anchor { knots };

        let first = late.knots[0].ticks.0;
        let mut last = 0;
        for step in 0..19 * 50 {
            let ticks = Ticks(first + step * TICKS / 50);
            let time = late.unix_nanos(ticks);

            assert_eq!(time, early.unix_nanos(ticks));
            assert!(time >= last, "{time} after {last}");
            last = time;
        }
    }

    #[test]
    fn a_jump_of_the_wall_clock_stretches_no_duration() {
        const HOUR: i64 = 3_600_000_000_000;
        for jump in [HOUR, -HOUR] {
            let steady = |second: u64| (second as i64) * (scale() as i64 - 1_000_000_000);
            let offset = 2 * HOUR;
            let knots = knots(10, |second| {
                offset + steady(second) + if second >= 5 { jump } else { 0 }
            });
            let anchor = Anchor { knots };
            let first = anchor.knots[0].ticks.0;
            let time =
                |half_seconds: u64| anchor.unix_nanos(Ticks(first + half_seconds * TICKS / 2));

            // From 4.0 s to 4.5 s, between the two knots around the jump; and after it.
            let half = scale() / 2;
            assert!((time(9) - time(8)).abs_diff(half) < 1_000, "{jump}");
            assert!((time(13) - time(12)).abs_diff(half) < 1_000, "{jump}");
            assert!(
                (time(12) as i64 - time(8) as i64 - jump)
                    .unsigned_abs()
                    .abs_diff(4 * half)
                    < 1_000
            );
        }
    }

    #[test]
    fn the_record_of_moments_is_bounded_and_keeps_its_ends() {
        let steady = |second: u64| (second as i64) * (scale() as i64 - 1_000_000_000);
        let knots = knots(10_000, steady);

        assert!(knots.len() <= MAX_KNOTS, "{}", knots.len());
        assert_eq!(knots[0].unix_nanos, 1_000_000_000);
        assert!(knots.is_sorted_by_key(|knot| knot.ticks));
        let anchor = Anchor { knots };
        for second in [1, 17, 5_000, 9_998] {
            let ticks = Ticks(anchor.knots[0].ticks.0 + second * TICKS);
            let expected = 1_000_000_000 + second * scale();
            assert!(
                anchor.unix_nanos(ticks).abs_diff(expected) < 1_000,
                "{second}"
            );
        }
    }

    #[test]
    fn a_wall_clock_before_1970_is_zero_not_a_panic() {
        let anchor = Anchor::at(UNIX_EPOCH - Duration::from_secs(1));

        assert_eq!(anchor.unix_nanos(Ticks(0)), 0);
    }
}
