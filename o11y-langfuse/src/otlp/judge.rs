//! What the result of an export means for its spans.

use std::{
    error::Error,
    time::{Duration, SystemTime},
};

use opentelemetry::SpanId;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};

use crate::verdict::{Answer, MAX_SERVER_FAILURES, Verdict, judge};

type Cause = Box<dyn Error + Send + Sync>;

/// What becomes of the spans of an export.
#[derive(Debug)]
pub(super) enum Fate {
    Delivered,
    Again(Option<Duration>, Cause),
    /// Halves are to be tried; a lone span is lost.
    Halved(Cause),
    Lost(Cause),
}

/// An export failed, and this was the answer to its request.
#[derive(Debug, thiserror::Error)]
#[error("the destination answered with status {status}")]
struct Answered {
    status: u16,
    source: OTelSdkError,
}

/// Counts the failures at one batch that may be the batch's own fault.
#[derive(Debug, Default)]
pub(super) struct Failing {
    /// The first span of it.
    batch: Option<SpanId>,
    failures: u32,
}

impl Failing {
    /// `answer` is what the client was told, if it is ours and sent anything; `first` is the id of
    /// the first span.
    pub(super) fn judge(
        &mut self,
        result: OTelSdkResult,
        answer: Option<&Answer>,
        first: Option<SpanId>,
        now: SystemTime,
    ) -> Fate {
        let error = match result {
            Ok(()) => {
                *self = Self::default();
                return Fate::Delivered;
            }
            Err(error) => error,
        };
        match (&error, answer) {
            (OTelSdkError::AlreadyShutdown, _) => Fate::Lost(error.into()),
            (
                _,
                Some(Answer::Status {
                    status: 200..=299, ..
                }),
            )
            | (OTelSdkError::InternalFailure(_), None) => self.guess(first, error),
            (OTelSdkError::Timeout(_), None) => Fate::Again(None, error.into()),
            (_, Some(answer)) => self.by_answer(answer, first, error, now),
        }
    }

    fn by_answer(
        &mut self,
        answer: &Answer,
        first: Option<SpanId>,
        error: OTelSdkError,
        now: SystemTime,
    ) -> Fate {
        let failures = if answer.is_server_failure() {
            self.count(first)
        } else {
            0
        };
        let verdict = judge(answer, failures, now);
        let cause: Cause = match answer.status() {
            Some(status) => Box::new(Answered {
                status,
                source: error,
            }),
            None => error.into(),
        };
        match verdict {
            Verdict::Delivered => Fate::Delivered, // a 2xx is not judged here
            Verdict::Retry { after } => Fate::Again(after, cause),
            Verdict::Halve(_) => Fate::Halved(cause),
            Verdict::Lose(_) => Fate::Lost(cause),
        }
    }

    /// Nobody knows what failed: it may pass, or it may be these spans.
    fn guess(&mut self, first: Option<SpanId>, error: OTelSdkError) -> Fate {
        if self.count(first) < MAX_SERVER_FAILURES {
            Fate::Again(None, error.into())
        } else {
            Fate::Lost(error.into())
        }
    }

    fn count(&mut self, first: Option<SpanId>) -> u32 {
        if self.batch != first {
            self.batch = first;
            self.failures = 0;
        }
        self.failures += 1;
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn failure() -> OTelSdkResult {
        Err(OTelSdkError::InternalFailure("it failed".to_owned()))
    }

    fn answer(status: u16) -> Answer {
        Answer::Status {
            status,
            retry_after: Some("7".to_owned()),
        }
    }

    fn fate(result: OTelSdkResult, answer: Option<&Answer>) -> Fate {
        Failing::default().judge(result, answer, Some(SpanId::from(1)), UNIX_EPOCH)
    }

    #[test]
    fn the_clients_answer_decides() {
        let seven = Some(Duration::from_secs(7));

        assert!(
            matches!(fate(failure(), Some(&answer(429))), Fate::Again(after, _) if after == seven)
        );
        assert!(matches!(
            fate(failure(), Some(&answer(413))),
            Fate::Halved(_)
        ));
        assert!(matches!(fate(failure(), Some(&answer(401))), Fate::Lost(_)));
        let none = Answer::Nothing;
        assert!(matches!(fate(failure(), Some(&none)), Fate::Again(None, _)));
        assert!(matches!(fate(Ok(()), Some(&answer(500))), Fate::Delivered));
    }

    #[test]
    fn the_sdks_own_errors_decide_where_there_is_no_answer() {
        let late = Err(OTelSdkError::Timeout(Duration::from_secs(1)));

        assert!(matches!(fate(late, None), Fate::Again(None, _)));
        let ended = Err(OTelSdkError::AlreadyShutdown);
        assert!(matches!(fate(ended, None), Fate::Lost(_)));
        assert!(matches!(fate(failure(), None), Fate::Again(None, _)));
    }

    #[test]
    fn what_fails_for_no_known_reason_is_tried_eight_times() {
        for answered in [None, Some(500)] {
            let mut failing = Failing::default();
            let mut attempt = |id: u64| {
                let answer = answered.map(answer);
                failing.judge(
                    failure(),
                    answer.as_ref(),
                    Some(SpanId::from(id)),
                    UNIX_EPOCH,
                )
            };

            for _ in 1..8 {
                assert!(matches!(attempt(1), Fate::Again(..)));
            }
            assert!(matches!(attempt(1), Fate::Lost(_)));
            assert!(matches!(attempt(2), Fate::Again(..)));
        }
    }

    #[test]
    fn the_status_is_said_and_the_cause_kept() {
        let Fate::Lost(error) = fate(failure(), Some(&answer(401))) else {
            panic!("not lost");
        };

        assert_eq!(
            error.to_string(),
            "the destination answered with status 401"
        );
        assert!(error.source().unwrap().to_string().contains("it failed"));
    }
}
