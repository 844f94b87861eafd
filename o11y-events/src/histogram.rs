//! How long things take: a histogram of durations in a fixed amount of memory.

use std::{fmt, time::Duration};

use crate::figure::{Time, nanos, to_f64};

/// Each power of two is divided into so many buckets of equal width. Together with answering the
/// middle of a bucket this makes an error of half a sixteenth at most.
const STEPS: u64 = 16;

/// `STEPS` as a power of two.
const STEP_BITS: u32 = 4;

/// What is longer than 2^32 µs counts in the last bucket.
const MAX_BITS: u32 = 32;

/// Sixteen buckets below 16 µs and sixteen for each power of two above, 3.6 KiB.
const BUCKETS: usize = 16 * (32 - 4 + 1);

/// Durations, counted in buckets that grow with them: quantiles of any number of calls, in at most
/// 3.7 KB.
///
/// A [`quantile`](Self::quantile) is off by at most 1/32 (3.1 %) of the true one from 16 µs to
/// 71 minutes, and by at most 1 µs below. Beyond 71 minutes only the count, the mean, the shortest
/// and the longest are right; those are exact everywhere. An empty one holds no memory.
///
/// ```
/// use std::time::Duration;
/// use o11y_events::Histogram;
///
/// let mut latency = Histogram::new();
/// for milliseconds in 1..=100 {
///     latency.record(Duration::from_millis(milliseconds));
/// }
///
/// let p95 = latency.quantile(0.95).unwrap().as_secs_f64();
/// assert!((p95 - 0.095).abs() < 0.095 / 32.0);
/// assert_eq!(latency.max(), Some(Duration::from_millis(100)));
/// assert_eq!(latency.mean(), Some(Duration::from_micros(50_500)));
/// ```
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Histogram {
    /// As many as are needed for the longest; the last one is never 0.
    buckets: Vec<u64>,
    count: u64,
    sum_nanos: u64,
    min_nanos: u64,
    max_nanos: u64,
}

impl Histogram {
    /// One without durations.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts a duration.
    pub fn record(&mut self, duration: Duration) {
        let nanos = nanos(duration);
        let place = place_of(nanos / 1_000);
        self.make_room(place + 1);
        if let Some(bucket) = self.buckets.get_mut(place) {
            *bucket += 1;
        }
        self.add(1, nanos, nanos, nanos);
    }

    /// Counts all that the other one has counted, as if it had been counted here.
    ///
    /// ```
    /// use std::time::Duration;
    /// use o11y_events::Histogram;
    ///
    /// let (mut all, mut mine) = (Histogram::new(), Histogram::new());
    /// all.record(Duration::from_millis(3));
    /// mine.record(Duration::from_millis(2));
    /// all.merge(&mine);
    /// assert_eq!((all.count(), all.min(), all.sum()), (2, Some(Duration::from_millis(2)), Duration::from_millis(5)));
    /// ```
    pub fn merge(&mut self, other: &Self) {
        if other.count == 0 {
            return;
        }
        self.make_room(other.buckets.len());
        for (bucket, more) in self.buckets.iter_mut().zip(&other.buckets) {
            *bucket = bucket.saturating_add(*more);
        }
        self.add(
            other.count,
            other.sum_nanos,
            other.min_nanos,
            other.max_nanos,
        );
    }

    /// How many durations there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The duration that this share of all does not exceed: 0.5 is the median, 0.95 what nineteen of
    /// twenty stay within. What is beyond 0 or 1 is taken for that. None without durations.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let rank = rank(share, self.count)?;
        let mut seen = 0;
        let place = self.buckets.iter().position(|bucket| {
            seen = bucket.saturating_add(seen);
            seen >= rank
        })?;
        let nanos = middle_of(place).clamp(self.min_nanos, self.max_nanos);
        Some(Duration::from_nanos(nanos))
    }

    /// The sum by the count. None without durations.
    #[must_use]
    pub fn mean(&self) -> Option<Duration> {
        self.known(self.sum_nanos.checked_div(self.count).unwrap_or(0))
    }

    /// The shortest. None without durations.
    #[must_use]
    pub fn min(&self) -> Option<Duration> {
        self.known(self.min_nanos)
    }

    /// The longest. None without durations.
    #[must_use]
    pub fn max(&self) -> Option<Duration> {
        self.known(self.max_nanos)
    }

    /// All durations together; what is beyond 584 years stays there.
    #[must_use]
    pub fn sum(&self) -> Duration {
        Duration::from_nanos(self.sum_nanos)
    }

    fn known(&self, nanos: u64) -> Option<Duration> {
        (self.count > 0).then(|| Duration::from_nanos(nanos))
    }

    fn make_room(&mut self, buckets: usize) {
        if self.buckets.len() < buckets {
            self.buckets.resize(buckets, 0);
        }
    }

    fn add(&mut self, count: u64, sum: u64, min: u64, max: u64) {
        self.min_nanos = if self.count == 0 {
            min
        } else {
            self.min_nanos.min(min)
        };
        self.max_nanos = self.max_nanos.max(max);
        self.count = self.count.saturating_add(count);
        self.sum_nanos = self.sum_nanos.saturating_add(sum);
    }
}

/// Which of so many, counted from 1, is at that share of them; none of none.
pub(crate) fn rank(share: f64, count: u64) -> Option<u64> {
    if count == 0 {
        return None;
    }
    let exact = share.clamp(0.0, 1.0) * to_f64(count);
    // 0.07 of 100 is 7.000000000000001 in floats, and means 7.
    let near = exact.round();
    let up = if (exact - near).abs() < 1e-9 * to_f64(count) {
        near
    } else {
        exact.ceil()
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "from 0 to the count, and the cast takes NaN for 0"
    )]
    let rank = up as u64;
    Some(rank.clamp(1, count))
}

fn place_of(micros: u64) -> usize {
    let micros = micros.min((1 << MAX_BITS) - 1);
    let step = if micros < STEPS {
        micros
    } else {
        let shift = micros.ilog2() - STEP_BITS;
        u64::from(shift) * STEPS + (micros >> shift)
    };
    usize::try_from(step).unwrap_or(BUCKETS - 1)
}

/// The middle of a bucket in nanoseconds. The buckets above the first sixteen are as wide as a
/// sixteenth of the power of two that they begin in.
fn middle_of(place: usize) -> u64 {
    let place = place as u64;
    let shift = (place / STEPS).saturating_sub(1);
    let first = (place - shift * STEPS) << shift;
    first * 1_000 + (1_000 << shift) / 2
}

/// `p50 1.20 s, p95 2.40 s, p99 2.41 s, 12 in all`.
impl fmt::Display for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, share) in [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)] {
            if let Some(time) = self.quantile(share) {
                write!(f, "{name} {}, ", Time(time))?;
            }
        }
        write!(f, "{} in all", self.count)
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Histogram({self})")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(nanos: &[u64]) -> Histogram {
        let mut histogram = Histogram::new();
        for nanos in nanos {
            histogram.record(Duration::from_nanos(*nanos));
        }
        histogram
    }

    #[test]
    fn its_memory_is_bounded() {
        let histogram = of(&[0, 1_000, 71 * 60 * 1_000_000_000, u64::MAX]);

        assert_eq!(histogram.buckets.len(), BUCKETS);
        assert_eq!(BUCKETS * size_of::<u64>(), 3_712);
        assert_eq!(histogram.max(), Some(Duration::from_nanos(u64::MAX)));
        assert_eq!(Histogram::new().buckets.capacity(), 0);
    }

    #[test]
    fn nothing_has_no_quantile() {
        assert_eq!(Histogram::new().quantile(0.5), None);
        assert_eq!(Histogram::new().mean(), None);
        assert_eq!(Histogram::new().to_string(), "0 in all");
    }

    #[test]
    fn odd_shares_are_taken_for_the_nearest() {
        let histogram = of(&[5_000_000, 9_000_000]);

        for share in [-1.0, 0.0, f64::NAN] {
            assert!(histogram.quantile(share) < Some(Duration::from_millis(6)));
        }
        assert_eq!(histogram.quantile(7.0), histogram.quantile(1.0));
    }

    #[test]
    fn a_share_that_is_a_whole_number_of_them_means_that_one() {
        assert_eq!(rank(0.07, 100), Some(7));
        assert_eq!(rank(0.95, 100), Some(95));
        assert_eq!(rank(0.951, 100), Some(96));
        assert_eq!(rank(0.5, 1), Some(1));
    }

    proptest! {
        #[test]
        fn a_quantile_is_off_by_a_thirty_second_at_most(
            mut nanos in prop::collection::vec(prop_oneof![0..100_000_u64, 0..4_000_000_000_000_u64], 1..200),
            share in 0.0..=1.0,
        ) {
            let histogram = of(&nanos);
            nanos.sort_unstable();
            let rank = rank(share, nanos.len() as u64).unwrap();
            let exact = nanos[usize::try_from(rank).unwrap() - 1];

            let told = crate::figure::nanos(histogram.quantile(share).unwrap());

            prop_assert!(told.abs_diff(exact) <= (exact / 32).max(1_000), "{told} for {exact}");
        }

        #[test]
        fn two_merged_are_one_of_all(
            left in prop::collection::vec(any::<u64>(), 0..50),
            right in prop::collection::vec(0..1_000_000_u64, 0..50),
        ) {
            let mut merged = of(&left);
            merged.merge(&of(&right));

            prop_assert_eq!(merged, of(&[left, right].concat()));
        }
    }
}
