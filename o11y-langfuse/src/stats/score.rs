//! The figures of scores, beside those of spans.

use std::fmt;

use super::{Losses, plural};
use crate::lane::Figures;

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
    /// Scores that were not sent because their trace is not recorded: no loss, and not accepted.
    pub not_sampled: u64,
    /// Requests sent, retries included.
    pub requests: u64,
    /// Requests that repeated an earlier one, or a part of it.
    pub retries: u64,
    /// Bytes of request bodies sent, as they went over the wire.
    pub bytes_sent: u64,
    /// The HTTP status of the latest answer; none before the first.
    pub last_status: Option<u16>,
}

impl ScoreStats {
    pub(crate) fn new(figures: Figures, not_sampled: u64) -> Self {
        let Figures {
            accepted,
            delivered,
            lost,
            waiting,
            requests,
            retries,
            bytes_sent,
            last_status,
            masking_failures: _, // nothing of a score is masked
        } = figures;
        Self {
            accepted,
            delivered,
            lost,
            waiting,
            not_sampled,
            requests,
            retries,
            bytes_sent,
            last_status,
        }
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
        )
    }
}
