//! The figures that anyone may read: what became of everything that was handed over.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

pub use self::{
    loss::{LossReason, Losses},
    score::ScoreStats,
};
use crate::{failure::Failure, lane::Figures};

mod loss;
mod score;

/// What became of the spans handed to an exporter, at one moment; of the scores in
/// [`scores`](Self::scores).
///
/// `accepted = delivered + lost.total() + waiting` holds exactly whenever no other thread is just
/// handing a span over.
///
/// Prints as one line, and scores, if there were any, at its end:
///
/// ```text
/// accepted 128 = delivered 120 + lost 3 (3 queue_full) + waiting 5; 2 requests, 1 retry; \
/// latest 38.2ms, longest 51.0ms; lag 4.1s, longest 5.0s
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Spans handed over, those after the shutdown included.
    pub accepted: u64,
    /// Spans that the server confirmed with a status of 2xx.
    pub delivered: u64,
    /// Spans that did not arrive.
    pub lost: Losses,
    /// Spans in the queue and in the batch in hand.
    pub waiting: u64,
    /// Of these, the spans in the batch in hand.
    pub in_hand: u64,
    /// Bytes of content that these hold: what
    /// [`queue_bytes`](crate::LangfuseBuilder::queue_bytes) bounds.
    pub waiting_bytes: u64,
    /// The most spans that ever waited in the queue at once; at
    /// [`queue_size`](crate::LangfuseBuilder::queue_size) it was full.
    pub most_queued: u64,
    /// The most bytes that ever waited, the span that was one too many included.
    pub most_waiting_bytes: u64,
    /// Requests sent, retries included.
    pub requests: u64,
    /// Requests that repeated an earlier one.
    pub retries: u64,
    /// The time that all requests took together, the failed ones included; the waits between them
    /// are not.
    pub request_time: Duration,
    /// The time that the latest request took; none before the first.
    pub last_request_time: Option<Duration>,
    /// The time that the longest request took.
    pub longest_request: Duration,
    /// How long after its end the oldest span of the latest batch was taken to be sent for the first
    /// time; none before the first. It grows with the interval, and while the server does not keep
    /// up.
    pub lag: Option<Duration>,
    /// The longest lag of any batch.
    pub longest_lag: Duration,
    /// Bytes of request bodies sent, before compression.
    pub bytes_before_gzip: u64,
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
    /// Spans that [`filter`](crate::LangfuseBuilder::filter) left out, and those of OpenTelemetry's SDK
    /// that have nothing to do with models: not accepted, and no loss.
    pub filtered: u64,
    /// Pieces of content that [`mask`](crate::LangfuseBuilder::mask) failed on and that were
    /// hidden.
    pub masking_failures: u64,
    /// Spans of which the longest texts were cut on their way out, because the server refused them for
    /// their size (status 413) or a mask had made them larger than a request. What was cut says so.
    pub trimmed: u64,
    /// The failed requests by [class](Failure::CLASSES).
    pub(crate) failed_by_class: FailedByClass,
    /// How often the worker went on after a panic of its own, of which none is known.
    pub worker_restarts: u64,
    scores: ScoreStats,
}

/// Requests that failed, by [class](Failure::CLASSES).
pub(crate) type FailedByClass = [u64; Failure::CLASSES.len()];

impl Stats {
    pub(crate) fn new(spans: &Figures, filtered: u64, scores: ScoreStats) -> Self {
        let Figures {
            accepted,
            delivered,
            lost,
            waiting,
            in_hand,
            waiting_bytes,
            most_queued,
            most_bytes,
            requests,
            masking_failures,
            trimmed,
            lag,
            longest_lag,
        } = *spans;
        Self {
            accepted,
            delivered,
            lost,
            waiting,
            in_hand,
            waiting_bytes,
            most_queued,
            most_waiting_bytes: most_bytes,
            requests: requests.count,
            retries: requests.retries,
            request_time: requests.time,
            last_request_time: requests.latest,
            longest_request: requests.longest,
            lag,
            longest_lag,
            bytes_before_gzip: requests.bytes,
            bytes_sent: requests.bytes_sent,
            last_status: requests.last_status,
            last_success: requests.last_success,
            last_failure: requests.last_failure,
            failures_in_a_row: requests.failures_in_a_row,
            filtered,
            masking_failures,
            trimmed,
            failed_by_class: requests.failed,
            worker_restarts: 0, // not of one lane
            scores,
        }
    }

    /// Requests that failed: without an answer, or with a status that is no 2xx.
    #[must_use]
    pub fn failed_requests(&self) -> u64 {
        self.failed_by_class.iter().sum()
    }

    /// What became of the scores.
    #[must_use]
    pub fn scores(&self) -> &ScoreStats {
        &self.scores
    }

    /// Whether the invariant holds, of spans and of scores.
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        self.accepted == self.delivered + self.lost.total() + self.waiting
            && self.scores.is_balanced()
    }

    /// Spans and scores that wait.
    pub(crate) fn all_waiting(&self) -> u64 {
        self.waiting + self.scores.waiting
    }

    /// Spans and scores that were lost.
    pub(crate) fn all_lost(&self) -> Losses {
        self.lost.and(&self.scores.lost)
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        balance(f, self.accepted, self.delivered, &self.lost, self.waiting)?;
        if self.trimmed > 0 {
            write!(f, "; {} trimmed", self.trimmed)?;
        }
        let requests = plural(self.requests, "request", "requests");
        let retries = plural(self.retries, "retry", "retries");
        write!(f, "; {requests}, {retries}")?;
        failing(f, self.failures_in_a_row, self.last_failure)?;
        if let Some(latest) = self.last_request_time {
            write!(
                f,
                "; latest {latest:.1?}, longest {:.1?}",
                self.longest_request
            )?;
        }
        if let Some(lag) = self.lag {
            write!(f, "; lag {lag:.1?}, longest {:.1?}", self.longest_lag)?;
        }
        if self.scores.accepted + self.scores.not_sampled > 0 {
            write!(f, "; scores: {}", self.scores)?;
        }
        Ok(())
    }
}

fn balance(
    f: &mut fmt::Formatter<'_>,
    accepted: u64,
    delivered: u64,
    lost: &Losses,
    waiting: u64,
) -> fmt::Result {
    let total = lost.total();
    write!(
        f,
        "accepted {accepted} = delivered {delivered} + lost {total}"
    )?;
    if total > 0 {
        write!(f, " ({lost})")?;
    }
    write!(f, " + waiting {waiting}")
}

/// Whether requests fail now, and why.
fn failing(f: &mut fmt::Formatter<'_>, failures: u64, last: Option<Failure>) -> fmt::Result {
    match last {
        Some(last) if failures > 0 => {
            write!(
                f,
                ", {} in a row ({last})",
                plural(failures, "failure", "failures")
            )
        }
        _ => Ok(()),
    }
}

fn plural(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_print_as_one_line_that_adds_up() {
        let mut lost = Losses::default();
        lost.add(LossReason::QueueFull, 3);
        let stats = Stats {
            accepted: 128,
            delivered: 120,
            lost,
            waiting: 5,
            requests: 2,
            retries: 1,
            ..Stats::default()
        };

        assert!(stats.is_balanced());
        assert_eq!(
            stats.to_string(),
            "accepted 128 = delivered 120 + lost 3 (3 queue_full) + waiting 5; 2 requests, 1 retry"
        );
    }

    #[test]
    fn the_line_says_how_long_requests_take_and_how_late_spans_leave() {
        let stats = Stats {
            requests: 2,
            last_request_time: Some(Duration::from_micros(38_210)),
            longest_request: Duration::from_millis(51),
            lag: Some(Duration::from_millis(4_100)),
            longest_lag: Duration::from_secs(5),
            ..Stats::default()
        };

        let line = stats.to_string();

        let times = "; latest 38.2ms, longest 51.0ms; lag 4.1s, longest 5.0s";
        assert!(line.ends_with(times), "{line}");
    }

    #[test]
    fn the_line_says_that_requests_fail_and_why() {
        let stats = Stats {
            requests: 3,
            retries: 2,
            failures_in_a_row: 3,
            last_failure: Some(Failure::Status(503)),
            ..Stats::default()
        };

        let line = stats.to_string();

        assert!(
            line.ends_with("; 3 requests, 2 retries, 3 failures in a row (status 503)"),
            "{line}"
        );
        let mended = Stats {
            failures_in_a_row: 0,
            ..stats
        };
        assert!(mended.to_string().ends_with("; 3 requests, 2 retries"));
    }

    #[test]
    fn scores_stand_at_the_end_of_the_line_if_there_were_any() {
        let mut lost = Losses::default();
        lost.add(LossReason::Rejected, 1);
        let stats = Stats {
            scores: ScoreStats {
                accepted: 7,
                delivered: 6,
                lost,
                not_sampled: 2,
                requests: 1,
                ..ScoreStats::default()
            },
            ..Stats::default()
        };

        assert!(stats.is_balanced());
        assert_eq!(
            stats.to_string(),
            "accepted 0 = delivered 0 + lost 0 + waiting 0; 0 requests, 0 retries; \
             scores: accepted 7 = delivered 6 + lost 1 (1 rejected) + waiting 0; 2 not sampled; \
             1 request, 0 retries"
        );
    }
}
