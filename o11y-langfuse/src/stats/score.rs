//! The figures of scores, beside those of spans.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use super::{FailedByClass, Losses, plural};
use crate::{failure::Failure, lane::Figures};

/// What became of the scores handed to an exporter, at one moment: those heard as `score.create`
/// on the event bus.
///
/// `accepted = delivered + lost.total() + waiting` holds exactly whenever no other thread is just
/// handing a score over. Prints as one line, like [`Stats`](crate::Stats).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ScoreStats {
    /// Scores handed over, those after the shutdown included.
    pub accepted: u64,
    /// Scores that the server confirmed, each by itself.
    pub delivered: u64,
    /// Scores that did not arrive.
    pub lost: Losses,
    /// Scores in the queue and in the worker's hand.
    pub waiting: u64,
    /// Bytes that these hold.
    pub waiting_bytes: u64,
    /// The most scores that ever waited in the queue at once; at 16,384 it was full.
    pub most_queued: u64,
    /// Scores that were not sent because their trace is not recorded: no loss, and not accepted.
    pub not_sampled: u64,
    /// Requests sent, retries included.
    pub requests: u64,
    /// Requests that repeated an earlier one, or a part of it.
    pub retries: u64,
    /// The time that all requests took together, the failed ones included.
    pub request_time: Duration,
    /// Bytes of request bodies sent, as they went over the wire.
    pub bytes_sent: u64,
    /// The HTTP status of the latest answer; none before the first.
    pub last_status: Option<u16>,
    /// When the latest request that succeeded was answered; none before the first.
    pub last_success: Option<SystemTime>,
    /// Why the latest request that failed did; it stays when later ones succeed.
    pub last_failure: Option<Failure>,
    /// Requests that failed since one has succeeded.
    pub failures_in_a_row: u64,
    /// The failed requests by [class](Failure::CLASSES).
    pub(crate) failed_by_class: FailedByClass,
}

impl ScoreStats {
    pub(crate) fn new(figures: &Figures, not_sampled: u64) -> Self {
        let Figures {
            accepted,
            delivered,
            lost,
            waiting,
            in_hand: _,
            waiting_bytes,
            most_queued,
            most_bytes: _,
            requests,
            trimmed: _,
            lag: _,
            longest_lag: _,
            masking_failures: _, // nothing of a score is masked
        } = *figures;
        Self {
            accepted,
            delivered,
            lost,
            waiting,
            waiting_bytes,
            most_queued,
            not_sampled,
            requests: requests.count,
            retries: requests.retries,
            request_time: requests.time,
            bytes_sent: requests.bytes_sent,
            last_status: requests.last_status,
            last_success: requests.last_success,
            last_failure: requests.last_failure,
            failures_in_a_row: requests.failures_in_a_row,
            failed_by_class: requests.failed,
        }
    }

    /// Requests that failed: without an answer, or with a status that is no 2xx.
    #[must_use]
    pub fn failed_requests(&self) -> u64 {
        self.failed_by_class.iter().sum()
    }

    /// Whether the invariant holds, see there.
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        self.accepted == self.delivered + self.lost.total() + self.waiting
    }
}

impl fmt::Display for ScoreStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        super::balance(f, self.accepted, self.delivered, &self.lost, self.waiting)?;
        if self.not_sampled > 0 {
            write!(f, "; {} not sampled", self.not_sampled)?;
        }
        let requests = plural(self.requests, "request", "requests");
        write!(
            f,
            "; {requests}, {}",
            plural(self.retries, "retry", "retries")
        )?;
        super::failing(f, self.failures_in_a_row, self.last_failure)
    }
}
