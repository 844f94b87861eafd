//! What each answer of the server means for the spans or scores of a request.
//!
//! | answer | verdict |
//! |---|---|
//! | any 2xx | delivered; the body is not read as protobuf, Langfuse answers JSON; of scores it says which were taken, see [`Fates`](crate::score::Fates) |
//! | no answer (refused, reset, timed out, not HTTP) | sent again, the same bytes, after a backoff, as long as it takes; after four attempts a single span first |
//! | 408, 429, 502, 503, 504 | likewise, and not before `Retry-After` |
//! | 500 and other 5xx | sent again, at most 8 times: the request itself may be what the server fails on |
//! | 400, 422 | halved, down to the spans that are at fault: those are lost as `rejected`, the others delivered |
//! | 413 | halved; a lone span is trimmed and sent again, and lost as `too_large` if that is no help |
//! | 401, 403 | lost as `unauthorized`, with the rest of the batch, and said once |
//! | other | lost as `rejected`: a redirect or a 404 is no Langfuse |

use std::time::{Duration, SystemTime};

use crate::stats::LossReason;

/// Attempts at a request that the server itself fails on.
pub(crate) const MAX_SERVER_FAILURES: u32 = 8;

/// What the transport brought back.
#[derive(Debug)]
pub(crate) enum Answer {
    /// An HTTP response.
    Status {
        status: u16,
        retry_after: Option<String>,
    },
    /// None: the connection was refused, reset, timed out or spoke something else.
    Nothing,
}

impl Answer {
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            Self::Nothing => None,
        }
    }

    /// Whether the server failed at the request itself, rather than being away or busy.
    pub(crate) fn is_server_failure(&self) -> bool {
        self.status().is_some_and(is_server_failure)
    }

    /// Whether nobody took the request. A server that counts requests is there, and more of them
    /// are no help.
    pub(crate) fn is_away(&self) -> bool {
        self.status()
            .is_none_or(|status| is_temporary(status) && status != 429)
    }
}

/// Whether the server failed at what it was sent.
pub(crate) fn is_server_failure(status: u16) -> bool {
    matches!(status, 500 | 501 | 505..=599)
}

/// Whether the server was away or busy, and will take the same later.
pub(crate) fn is_temporary(status: u16) -> bool {
    matches!(status, 408 | 429 | 502 | 503 | 504)
}

/// What to do with the spans or scores of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Delivered,
    /// Send again; not before this time has passed, if the server named one.
    Retry {
        after: Option<Duration>,
    },
    /// Send halves; a lone span that is too large is trimmed first, and else lost.
    Halve(LossReason),
    Lose(LossReason),
}

/// Judges an answer. `failures` counts the server's own failures at this request, this included.
pub(crate) fn judge(answer: &Answer, failures: u32, now: SystemTime) -> Verdict {
    let (status, retry_after) = match answer {
        Answer::Status {
            status,
            retry_after,
        } => (*status, retry_after.as_deref()),
        Answer::Nothing => return Verdict::Retry { after: None },
    };
    let after = || retry_after.and_then(|text| parse_retry_after(text, now));
    match status {
        200..=299 => Verdict::Delivered,
        status if is_temporary(status) => Verdict::Retry { after: after() },
        500..=599 if failures < MAX_SERVER_FAILURES => Verdict::Retry { after: after() },
        500..=599 => Verdict::Lose(LossReason::RetriesExhausted),
        400 | 422 => Verdict::Halve(LossReason::Rejected),
        413 => Verdict::Halve(LossReason::TooLarge),
        401 | 403 => Verdict::Lose(LossReason::Unauthorized),
        _ => Verdict::Lose(LossReason::Rejected),
    }
}

/// Reads `Retry-After`: seconds, or an HTTP date. What is neither says nothing.
fn parse_retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    // A date that has passed means now.
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use proptest::prelude::*;

    use super::*;
    use crate::{
        corpus,
        retry::{self, Backoff},
    };

    fn verdict(status: u16, retry_after: Option<&str>, failures: u32) -> Verdict {
        let answer = Answer::Status {
            status,
            retry_after: retry_after.map(str::to_owned),
        };
        judge(
            &answer,
            failures,
            UNIX_EPOCH + Duration::from_secs(784_111_700),
        )
    }

    #[test]
    fn every_answer_has_its_verdict() {
        let again = Verdict::Retry { after: None };
        for (status, failures, expected) in [
            (200, 0, Verdict::Delivered),
            (204, 0, Verdict::Delivered),
            (207, 0, Verdict::Delivered),
            (301, 0, Verdict::Lose(LossReason::Rejected)),
            (307, 0, Verdict::Lose(LossReason::Rejected)),
            (400, 0, Verdict::Halve(LossReason::Rejected)),
            (401, 0, Verdict::Lose(LossReason::Unauthorized)),
            (403, 0, Verdict::Lose(LossReason::Unauthorized)),
            (404, 0, Verdict::Lose(LossReason::Rejected)),
            (408, 99, again),
            (413, 0, Verdict::Halve(LossReason::TooLarge)),
            (422, 0, Verdict::Halve(LossReason::Rejected)),
            (429, 99, again),
            (500, 1, again),
            (500, 7, again),
            (500, 8, Verdict::Lose(LossReason::RetriesExhausted)),
            (502, 99, again),
            (503, 99, again),
            (504, 99, again),
            (507, 8, Verdict::Lose(LossReason::RetriesExhausted)),
        ] {
            assert_eq!(verdict(status, None, failures), expected, "{status}");
        }
        assert_eq!(judge(&Answer::Nothing, 99, UNIX_EPOCH), again);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let after = |text| match verdict(429, Some(text), 0) {
            Verdict::Retry { after } => after,
            other => panic!("{other:?}"),
        };

        assert_eq!(after("7"), Some(Duration::from_secs(7)));
        assert_eq!(after(" 0 "), Some(Duration::ZERO));
        // 77 seconds after the moment of the test.
        assert_eq!(
            after("Sun, 06 Nov 1994 08:49:37 GMT"),
            Some(Duration::from_secs(77))
        );
        assert_eq!(after("Sun, 06 Nov 1994 08:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(after("soon"), None);
        assert_eq!(after("-1"), None);
    }

    /// The moment of the other tests.
    fn parsed(text: &str) -> Option<Duration> {
        parse_retry_after(text, UNIX_EPOCH + Duration::from_secs(784_111_700))
    }

    #[test]
    fn the_corpus_of_retry_after_is_read_as_it_says() {
        let cases = corpus::cases(include_str!("verdict/retry_after.txt"));
        for (expected, value) in &cases {
            let value = str::from_utf8(value).unwrap();
            let seconds = expected.parse().ok().map(Duration::from_secs);
            assert_eq!(parsed(value), seconds, "{value:?}");
        }
        assert!(cases.len() > 25, "{}", cases.len());
    }

    proptest! {
        #[test]
        fn any_retry_after_is_an_answer(text in ".{0,40}", digits in "[0-9]{1,30}") {
            let asked_for = [parsed(&text), parsed(&digits)];
            let mut backoff = Backoff::new(retry::FIRST, 1);
            for asked_for in asked_for {
                prop_assert!(backoff.next(asked_for) <= retry::LONGEST_ASKED_FOR);
            }
        }
    }
}
