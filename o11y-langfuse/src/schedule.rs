//! When a batch is due, and how long the worker may look away. Pure: time is passed in.

use std::time::{Duration, Instant};

use self::pace::Pace;
use crate::wake::LONGEST_REST;

mod pace;

/// How long a worker goes on looking after a batch was due by size.
const BUSY: Duration = Duration::from_secs(1);

/// No timer is so short that a worker at rest looks more often than this.
const SHORTEST_REST: Duration = Duration::from_millis(50);

/// How long nothing is sent by itself after the keys were refused. The server remembers unknown
/// keys for 300 s from the last attempt, so a shorter pause could keep new keys unknown for ever.
pub(crate) const REFUSED: Duration = Duration::from_secs(310);

/// What the worker is to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Send a batch.
    Send,
    /// Look again after this time; nobody will call.
    Poll(Duration),
    /// Look again after this time, or when called because a batch is due.
    Rest(Duration),
}

impl Decision {
    /// How long to look away; none if something is to be sent.
    pub(crate) fn pause(self) -> Option<Duration> {
        match self {
            Self::Send => None,
            Self::Poll(pause) | Self::Rest(pause) => Some(pause),
        }
    }
}

/// The policy: a batch is due by count, by bytes, or by the age of its oldest span.
#[derive(Debug)]
pub(crate) struct Schedule {
    trigger: usize,
    trigger_bytes: usize,
    interval: Option<Duration>,
    last_look: Instant,
    /// What the last look has left waiting.
    left: usize,
    pace: Pace,
    /// The oldest span that waits is no older than this.
    oldest: Option<Instant>,
    busy_until: Option<Instant>,
    refused_until: Option<Instant>,
}

impl Schedule {
    /// For a queue of `room` places.
    pub(crate) fn new(
        room: usize,
        trigger: usize,
        trigger_bytes: usize,
        interval: Option<Duration>,
        now: Instant,
    ) -> Self {
        Self {
            trigger,
            trigger_bytes,
            interval,
            last_look: now,
            left: 0,
            pace: Pace::new(room, now),
            oldest: None,
            busy_until: None,
            refused_until: None,
        }
    }

    /// Judges what waits at the moment `now`.
    pub(crate) fn decide(&mut self, now: Instant, waiting: usize, bytes: usize) -> Decision {
        let last_look = std::mem::replace(&mut self.last_look, now);
        let left = std::mem::replace(&mut self.left, waiting);
        self.pace.note(now, waiting.saturating_sub(left));
        let longest = self
            .interval
            .unwrap_or(LONGEST_REST)
            .clamp(SHORTEST_REST, LONGEST_REST);
        if let Some(refused_until) = self.refused_until {
            if now < refused_until {
                return Decision::Poll(longest.min(refused_until - now));
            }
            self.refused_until = None;
        }
        let full = waiting >= self.trigger || bytes >= self.trigger_bytes && waiting > 0;
        if full {
            if self.busy_until.is_none_or(|busy_until| now >= busy_until) {
                self.pace.restart(now);
            }
            self.busy_until = Some(now + BUSY);
            return Decision::Send;
        }
        let mut pause = longest;
        if waiting == 0 {
            self.oldest = None;
        } else {
            // It came after the last look, when nothing waited.
            let oldest = *self.oldest.get_or_insert(last_look);
            if let Some(interval) = self.interval {
                let due = oldest + interval;
                if now >= due {
                    return Decision::Send;
                }
                pause = pause.min(due - now);
            }
        }
        match self.busy_until {
            Some(busy_until) if now < busy_until => Decision::Poll(pause.min(self.pace.pause())),
            _ => Decision::Rest(pause),
        }
    }

    /// A batch was taken; what is left, if anything, came later than its oldest span.
    pub(crate) fn sent(&mut self) {
        self.oldest = None;
        self.left = 0;
    }

    /// The keys were refused.
    pub(crate) fn refused(&mut self, now: Instant) {
        self.refused_until = Some(now + REFUSED);
    }

    /// The keys were accepted.
    pub(crate) fn accepted(&mut self) {
        self.refused_until = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn schedule(interval: Option<Duration>) -> (Schedule, Instant) {
        let start = Instant::now();
        (Schedule::new(8_192, 100, 1_000, interval, start), start)
    }

    #[test]
    fn an_idle_worker_looks_twice_a_second() {
        let (mut schedule, start) = schedule(Some(5 * SECOND));

        for look in 0..10 {
            let decision = schedule.decide(start + look * LONGEST_REST, 0, 0);
            assert_eq!(decision, Decision::Rest(LONGEST_REST));
        }
    }

    #[test]
    fn a_batch_is_due_by_count_or_by_bytes() {
        let (mut schedule, start) = schedule(None);

        assert_eq!(
            schedule.decide(start, 99, 999),
            Decision::Rest(LONGEST_REST)
        );
        assert_eq!(schedule.decide(start, 100, 0), Decision::Send);
        assert_eq!(schedule.decide(start, 1, 1_000), Decision::Send);
        assert_ne!(schedule.decide(start, 0, 1_000), Decision::Send);
    }

    #[test]
    fn a_span_leaves_no_later_than_the_interval_after_it_ended() {
        let (mut schedule, start) = schedule(Some(5 * SECOND));
        schedule.decide(start, 0, 0);

        // It ended right after the first look and is seen only at the second one.
        let seen = start + LONGEST_REST;
        assert_eq!(schedule.decide(seen, 1, 0), Decision::Rest(LONGEST_REST));
        let nearly = start + Duration::from_millis(4_999);
        assert_eq!(
            schedule.decide(nearly, 1, 0),
            Decision::Rest(Duration::from_millis(1))
        );
        assert_eq!(schedule.decide(start + 5 * SECOND, 1, 0), Decision::Send);
    }

    #[test]
    fn without_a_timer_only_size_counts() {
        let (mut schedule, start) = schedule(None);

        assert_eq!(
            schedule.decide(start + 1_000 * SECOND, 99, 0),
            Decision::Rest(LONGEST_REST)
        );
    }

    #[test]
    fn a_busy_worker_polls_for_a_while_and_then_rests() {
        let (mut schedule, start) = schedule(Some(5 * SECOND));
        schedule.decide(start, 100, 0);
        schedule.sent();

        assert_eq!(schedule.decide(start, 1, 0), Decision::Poll(pace::SHORTEST));
        assert_eq!(
            schedule.decide(start + BUSY, 1, 0),
            Decision::Rest(LONGEST_REST)
        );
    }

    /// A batch that becomes due while the worker looks away is seen within 20 ms, or the worker rests
    /// and is woken: the other half of the 50 ms is the request's.
    #[test]
    fn a_worker_that_nobody_wakes_looks_again_before_a_due_batch_is_late() {
        let (mut schedule, start) = schedule(Some(5 * SECOND));
        let mut now = start;
        for look in 0..2_000_u32 {
            let waiting = if look % 97 == 0 { 100 } else { 1 };
            match schedule.decide(now, waiting, 0) {
                Decision::Send => schedule.sent(),
                Decision::Poll(pause) => {
                    assert!(pause <= pace::LONGEST, "{look}: {pause:?}");
                    now += pause;
                }
                Decision::Rest(pause) => now += pause,
            }
        }
        assert!(pace::LONGEST < Duration::from_millis(25));
        assert!(now > start + 100 * SECOND);
    }

    #[test]
    fn after_the_keys_were_refused_nothing_is_sent_until_the_server_has_forgotten_them() {
        let (mut schedule, start) = schedule(Some(5 * SECOND));
        schedule.refused(start);

        assert_eq!(
            schedule.decide(start, 1_000, 0),
            Decision::Poll(LONGEST_REST)
        );
        assert_eq!(schedule.decide(start + REFUSED, 1_000, 0), Decision::Send);
        schedule.refused(start + REFUSED);
        schedule.accepted();
        assert_eq!(schedule.decide(start + REFUSED, 1_000, 0), Decision::Send);
    }
}
