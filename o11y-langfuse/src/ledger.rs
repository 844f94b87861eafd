//! The ledger of one lane: where every item is that was handed over.
//!
//! Invariant: `accepted = delivered + lost(by reason) + waiting`. `waiting` is counted, from the
//! ring and from what the worker has in hand, never derived by subtraction.

use std::{
    sync::PoisonError,
    time::{Duration, SystemTime},
};

use crate::{
    failure::Failure,
    stats::{LossReason, Losses},
    sync::{Mutex, MutexGuard},
    transport::{Reply, Request},
};

/// The worker's side of the ledger. Items move from the ring into the hand, and from the hand to
/// their end, only under this lock, so whoever holds it sees each of them exactly once.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    entries: Mutex<Entries>,
}

impl Entries {
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }
}

#[derive(Debug, Default)]
pub(crate) struct Entries {
    /// Items taken out of the ring, ever.
    pub(crate) taken: u64,
    /// Items taken and not yet settled.
    pub(crate) in_hand: u64,
    /// Items that had met their end when the hand was last empty.
    pub(crate) settled_before_hand: u64,
    pub(crate) delivered: u64,
    pub(crate) lost: Losses,
    pub(crate) requests: Requests,
    /// Pieces of content that the program's mask could not deal with.
    pub(crate) masking_failures: u64,
    /// Spans of which texts were cut here.
    pub(crate) trimmed: u64,
    /// How long the oldest item of the latest batch had waited.
    pub(crate) lag: Option<Duration>,
    pub(crate) longest_lag: Duration,
    /// Set when a shutdown gave up on the worker: what it reports later no longer counts.
    closed: bool,
}

/// What is known of the requests of a lane.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Requests {
    pub(crate) count: u64,
    pub(crate) retries: u64,
    /// Bytes of bodies before compression.
    pub(crate) bytes: u64,
    pub(crate) bytes_sent: u64,
    pub(crate) last_status: Option<u16>,
    pub(crate) last_success: Option<SystemTime>,
    pub(crate) last_failure: Option<Failure>,
    pub(crate) failures_in_a_row: u64,
    /// Those that failed, by [class](Failure::CLASSES).
    pub(crate) failed: [u64; Failure::CLASSES.len()],
    /// What all of them took together, and the longest one.
    pub(crate) time: Duration,
    pub(crate) longest: Duration,
    pub(crate) latest: Option<Duration>,
}

impl Ledger {
    pub(crate) fn open(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn deliver(&self, count: u64) {
        let mut entries = self.open();
        if !entries.closed {
            entries.in_hand -= count;
            entries.delivered += count;
        }
    }

    /// Items in hand are lost.
    pub(crate) fn lose(&self, reason: LossReason, count: u64) {
        let mut entries = self.open();
        if !entries.closed {
            entries.in_hand -= count;
            entries.lost.add(reason, count);
        }
    }

    /// Everything in hand is lost.
    pub(crate) fn lose_hand(&self, reason: LossReason) {
        let mut entries = self.open();
        let in_hand = std::mem::take(&mut entries.in_hand);
        if !entries.closed {
            entries.lost.add(reason, in_hand);
        }
    }

    /// The oldest item of a batch, now taken to be sent, has waited for so long.
    pub(crate) fn note_lag(&self, lag: Duration) {
        let mut entries = self.open();
        entries.lag = Some(lag);
        entries.longest_lag = entries.longest_lag.max(lag);
    }

    /// A request was sent, and after so long this came back.
    pub(crate) fn note_request(
        &self,
        request: &Request<'_>,
        reply: &Reply,
        is_retry: bool,
        took: Duration,
    ) {
        let now = SystemTime::now();
        let mut entries = self.open();
        let requests = &mut entries.requests;
        requests.count += 1;
        requests.retries += u64::from(is_retry);
        requests.bytes += request.plain_bytes as u64;
        requests.bytes_sent += request.bytes.len() as u64;
        requests.time = requests.time.saturating_add(took);
        requests.longest = requests.longest.max(took);
        requests.latest = Some(took);
        requests.last_status = reply.answer.status().or(requests.last_status);
        match Failure::of(reply) {
            None => {
                requests.last_success = Some(now);
                requests.failures_in_a_row = 0;
            }
            Some(failure) => {
                requests.last_failure = Some(failure);
                requests.failures_in_a_row += 1;
                requests.failed[failure.class()] += 1;
            }
        }
    }

    pub(crate) fn note_masking_failures(&self, failures: u64) {
        if failures > 0 {
            self.open().masking_failures += failures;
        }
    }

    pub(crate) fn note_trimmed(&self, spans: u64) {
        if spans == 0 {
            return;
        }
        let mut entries = self.open();
        if !entries.closed {
            entries.trimmed += spans;
        }
    }

    /// Counts everything in hand as lost, for good: a call that cannot be cut may still end well,
    /// but what was reported as lost must not turn up as delivered.
    pub(crate) fn close(&self) {
        let mut entries = self.open();
        let in_hand = std::mem::take(&mut entries.in_hand);
        entries.lost.add(LossReason::ShutdownDeadline, in_hand);
        entries.closed = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_ledger_counts_no_late_delivery() {
        let ledger = Ledger::default();
        ledger.open().in_hand = 7;

        ledger.close();
        ledger.deliver(7);

        assert_eq!(ledger.open().delivered, 0);
        assert_eq!(ledger.open().lost.get(LossReason::ShutdownDeadline), 7);
    }
}
