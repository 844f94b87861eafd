//! Spans on the worker: taken into its hand, encoded, sent until there is a verdict, and settled.

use std::{
    ops::Range,
    time::{Instant, SystemTime},
};

use o11y_core::Anchor;

use super::{ballast::Ballast, courier::Courier};
use crate::{
    config::Config,
    encode::{Batch, Trimmed},
    guard::guarded,
    gzip::Gzip,
    lane::Lane,
    queue::Item as _,
    queued::Queued,
    retry::Backoff,
    schedule::Schedule,
    stats::LossReason,
    transport::{Endpoint, Request, Transport},
    verdict::{Verdict, judge},
};

/// So often a request that nobody takes is sent whole, which takes some three seconds. What comes
/// then is a probe of a single span: a server that is away for long reads as little as possible,
/// and a line that is too slow for the whole finds out what it can carry.
pub(crate) const PROBE_AFTER: u32 = 4;

/// Some spans of the batch in hand that are to be sent in one request.
struct Part {
    spans: Range<usize>,
    is_retry: bool,
    /// The one span, if it was made smaller because the server does not take it whole.
    trimmed: Option<Trimmed>,
}

impl Part {
    fn new(spans: Range<usize>) -> Self {
        Self {
            spans,
            is_retry: false,
            trimmed: None,
        }
    }

    fn again(spans: Range<usize>) -> Self {
        Self {
            is_retry: true,
            ..Self::new(spans)
        }
    }
}

/// What came of sending some spans.
enum Outcome {
    Judged(Verdict),
    /// The server is away for long.
    Away,
}

/// The worker's end of the lane of spans.
pub(crate) struct Spans {
    pub(crate) schedule: Schedule,
    backoff: Backoff,
    batch: Batch,
    gzip: Option<Gzip>,
    scratch: Vec<u8>,
    cap: usize,
    request_bytes: usize,
    /// The bytes of content of the batch in hand.
    content: usize,
    ballast: Ballast,
}

impl Spans {
    pub(crate) fn new(config: &Config, lane: &Lane<Queued>, seed: u64, now: Instant) -> Self {
        Self {
            schedule: Schedule::new(
                lane.queue.room(),
                lane.trigger,
                lane.trigger_bytes,
                config.export_interval,
                now,
            ),
            backoff: Backoff::new(config.first_backoff, seed),
            batch: Batch::new(&config.resource, &config.privacy),
            gzip: config.gzip.then(Gzip::new),
            scratch: Vec::new(),
            cap: config.batch_size.cap(),
            request_bytes: config.request_bytes,
            content: 0,
            ballast: Ballast::default(),
        }
    }

    /// Takes one batch, sends and settles it. A panic (of which none is known) costs the batch.
    pub(crate) fn step<T: Transport>(&mut self, lane: &Lane<Queued>, courier: &mut Courier<T>) {
        let done = guarded(|| {
            self.fill(lane);
            self.deliver(lane, courier);
        });
        if done.is_none() {
            lane.ledger.lose_hand(LossReason::Unencodable);
        }
        lane.queue.settle(std::mem::take(&mut self.content));
        self.batch.clear();
        self.batch.shrink_to(2 * self.request_bytes);
        self.scratch.clear();
        self.scratch.shrink_to(self.request_bytes);
        if let Some(gzip) = &mut self.gzip {
            gzip.shrink_to(self.request_bytes);
        }
        self.schedule.sent();
    }

    /// Encodes what waits, up to the size of a request. It is left off where another span as large
    /// as the largest so far would be too much: what is too much goes in a request of its own.
    fn fill(&mut self, lane: &Lane<Queued>) {
        let anchor = Anchor::now();
        let batch = &mut self.batch;
        let mut lag = None;
        while batch.len() < self.cap && batch.bytes() + batch.largest() < self.request_bytes {
            let Some(item) = lane.take() else {
                break;
            };
            self.content += item.content_bytes();
            match item.into_record() {
                Some(record) => {
                    lag.get_or_insert_with(|| record.ended_ago()); // the first is the oldest
                    batch.push(&record, &anchor);
                    self.ballast.keep(record);
                }
                None => lane.ledger.lose(LossReason::Unencodable, 1),
            }
        }
        if let Some(lag) = lag {
            lane.ledger.note_lag(lag);
        }
        let failures = batch.take_masking_failures();
        lane.ledger.note_masking_failures(failures);
    }

    /// Sends the batch, in parts where the server or the size asks for it, and settles every span.
    fn deliver<T: Transport>(&mut self, lane: &Lane<Queued>, courier: &mut Courier<T>) {
        let spans = 0..self.batch.len();
        let mut parts = Vec::with_capacity(4);
        if spans.len() > 1 && self.batch.bytes() > self.request_bytes {
            // The last span is larger than those before and has made it too large.
            parts.push(Part::new(spans.end - 1..spans.end));
            parts.push(Part::new(0..spans.end - 1));
        } else if !spans.is_empty() {
            parts.push(Part::new(spans));
        }
        while let Some(part) = parts.pop() {
            let count = part.spans.len() as u64;
            let outcome = self.send(&part, lane, courier);
            let Part { spans, trimmed, .. } = part;
            let verdict = match outcome {
                Outcome::Judged(verdict) => verdict,
                Outcome::Away => {
                    let probe = spans.start..spans.start + 1;
                    let rest = probe.end..spans.end;
                    if rest.len() > 1 {
                        let middle = self.batch.middle(rest.clone());
                        parts.push(Part::again(middle..rest.end));
                        parts.push(Part::again(rest.start..middle));
                    } else {
                        parts.push(Part::again(rest));
                    }
                    parts.push(Part::again(probe));
                    continue;
                }
            };
            match verdict {
                Verdict::Delivered => lane.ledger.deliver(count),
                Verdict::Halve(_) if spans.len() > 1 => {
                    let middle = self.batch.middle(spans.clone());
                    parts.push(Part::new(middle..spans.end));
                    parts.push(Part::new(spans.start..middle));
                }
                Verdict::Halve(LossReason::TooLarge) => {
                    let cuts = trimmed.map_or(0, |trimmed| trimmed.cuts);
                    match self.batch.trim(spans.start, cuts) {
                        Some(trimmed) => parts.push(Part {
                            trimmed: Some(trimmed),
                            ..Part::new(spans)
                        }),
                        None => lane.ledger.lose(LossReason::TooLarge, count),
                    }
                }
                // The same keys would be refused again, and the server remembers each attempt.
                Verdict::Lose(reason @ LossReason::Unauthorized) => {
                    lane.ledger.lose_hand(reason);
                    parts.clear();
                }
                Verdict::Halve(reason) | Verdict::Lose(reason) => {
                    lane.ledger.lose(reason, count);
                }
                // Sending again was given up because the end has come.
                Verdict::Retry { .. } => {
                    lane.ledger.lose(LossReason::ShutdownDeadline, count);
                }
            }
        }
        lane.ledger.note_trimmed(self.batch.trimmed());
    }

    /// Sends some spans until there is a verdict on them, or until it is clear that the server is
    /// away for long. `Retry` is returned only if there is no time for another attempt.
    fn send<T: Transport>(
        &mut self,
        part: &Part,
        lane: &Lane<Queued>,
        courier: &mut Courier<T>,
    ) -> Outcome {
        let is_single = part.spans.len() == 1;
        let mut is_retry = part.is_retry;
        let encoded = match &part.trimmed {
            Some(trimmed) => self.batch.request_of(trimmed, &mut self.scratch),
            None => self.batch.request(part.spans.clone(), &mut self.scratch),
        };
        // The same bytes on every attempt: the server tells repeated spans by what is in them.
        let (bytes, is_gzip) = match self.gzip.as_mut().map(|gzip| gzip.compress(encoded)) {
            Some(Ok(bytes)) => (bytes, true),
            // Without compression it arrives, too.
            Some(Err(_)) | None => (encoded, false),
        };
        let request = Request {
            endpoint: Endpoint::Traces,
            bytes,
            plain_bytes: encoded.len(),
            is_gzip,
        };
        let mut server_failures = 0;
        let mut away = 0;
        loop {
            let Some(reply) = courier.carry(request, &lane.ledger, is_retry) else {
                return Outcome::Judged(Verdict::Retry { after: None });
            };
            is_retry = true;
            server_failures += u32::from(reply.answer.is_server_failure());
            away += u32::from(reply.answer.is_away());
            let verdict = judge(&reply.answer, server_failures, SystemTime::now());
            match verdict {
                Verdict::Retry { after } => {
                    let wait = self.backoff.next(after);
                    let Some(wait) = courier.allowed_wait(wait, after) else {
                        return Outcome::Judged(verdict);
                    };
                    courier.inbox.pause(wait);
                    if away >= PROBE_AFTER && !is_single {
                        return Outcome::Away;
                    }
                }
                Verdict::Delivered => {
                    self.backoff.reset();
                    return Outcome::Judged(verdict);
                }
                Verdict::Halve(_) | Verdict::Lose(_) => return Outcome::Judged(verdict),
            }
        }
    }
}
