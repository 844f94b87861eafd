//! Scores on the worker: one request per step, so that neither lane waits long for the other.
//!
//! What is in hand is a stack of parts. A step sends the uppermost; it is settled, halved, or put
//! back to be sent again. The wait before that is no pause of the worker: spans go on meanwhile. A
//! server that is away for long is probed with the oldest score, as with spans.

use std::time::{Instant, SystemTime};

use super::{courier::Courier, spans::PROBE_AFTER};
use crate::{
    config::Config,
    guard::guarded,
    lane::Lane,
    queue::Item as _,
    retry::Backoff,
    schedule::{Decision, Schedule},
    score::{BATCH_SIZE, Envelope, Fate, Fates, REQUEST_BYTES},
    stats::LossReason,
    transport::{Endpoint, Reply, Request, Transport},
    verdict::{MAX_SERVER_FAILURES, Verdict, judge},
};

/// The worker's end of the lane of scores.
pub(crate) struct Scores {
    pub(crate) schedule: Schedule,
    backoff: Backoff,
    /// What is in hand, the next part last.
    parts: Vec<Part>,
    /// The bytes of what is in hand.
    content: usize,
    /// Nothing is sent before.
    resume_at: Option<Instant>,
    /// The end has been noticed.
    is_ending: bool,
    route: Route,
    body: Vec<u8>,
    cap: usize,
}

/// Scores that one request carries.
#[derive(Default)]
struct Part {
    scores: Vec<Envelope>,
    /// How often the server has failed at them.
    failures: u32,
    /// How often nobody took them since there was a server.
    away: u32,
    is_retry: bool,
}

/// The way that scores take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Route {
    /// By the batch.
    Batches,
    /// The server has no endpoint for batches. Kept for good once it has taken a score this way; if
    /// it knows this endpoint as little as the other, it may have been a proxy that answered.
    OneByOne { is_proven: bool },
}

impl Scores {
    pub(crate) fn new(config: &Config, lane: &Lane<Envelope>, seed: u64, now: Instant) -> Self {
        Self {
            schedule: Schedule::new(
                lane.queue.room(),
                lane.trigger,
                lane.trigger_bytes,
                config.export_interval,
                now,
            ),
            backoff: Backoff::new(config.first_backoff, seed),
            parts: Vec::new(),
            content: 0,
            resume_at: None,
            is_ending: false,
            route: Route::Batches,
            body: Vec::new(),
            cap: config.batch_size.cap().min(BATCH_SIZE),
        }
    }

    /// Whether nothing is in hand.
    pub(crate) fn is_idle(&self) -> bool {
        self.parts.is_empty()
    }

    /// The end has come: it does not wait behind a backoff.
    pub(crate) fn note_end(&mut self) {
        if !std::mem::replace(&mut self.is_ending, true) {
            self.resume_at = None;
        }
    }

    /// What to do with what is in hand; none if that is nothing.
    pub(crate) fn resume(&self, now: Instant) -> Option<Decision> {
        if self.is_idle() {
            return None;
        }
        let wait = self.resume_at.and_then(|at| at.checked_duration_since(now));
        Some(match wait {
            Some(wait) if !wait.is_zero() => Decision::Poll(wait),
            _ => Decision::Send,
        })
    }

    /// Sends one request. A panic (of which none is known) costs what is in hand.
    pub(crate) fn step<T: Transport>(&mut self, lane: &Lane<Envelope>, courier: &mut Courier<T>) {
        let done = guarded(|| {
            if self.parts.is_empty() {
                self.fill(lane);
                self.schedule.sent();
            }
            self.resume_at = None;
            if let Some(part) = self.next() {
                self.deliver(part, lane, courier);
            }
        });
        if done.is_none() {
            self.abandon(LossReason::Unencodable, lane);
        }
        self.body.clear();
        self.body.shrink_to(REQUEST_BYTES);
    }

    /// Gives up everything in hand.
    pub(crate) fn abandon(&mut self, reason: LossReason, lane: &Lane<Envelope>) {
        lane.ledger.lose_hand(reason);
        lane.queue.settle(std::mem::take(&mut self.content));
        self.parts.clear();
    }

    /// Takes what waits, up to the size of a request.
    fn fill(&mut self, lane: &Lane<Envelope>) {
        let mut part = Part::default();
        while part.scores.len() < self.cap && self.content < REQUEST_BYTES {
            let Some(score) = lane.take() else {
                break;
            };
            self.content += score.content_bytes();
            part.scores.push(score);
        }
        let is_too_large = self.content > REQUEST_BYTES;
        let last = part.scores.pop_if(|_| is_too_large);
        // The last one has made it too large; it goes by itself.
        self.parts.extend(last.map(|score| Part {
            scores: vec![score],
            ..Part::default()
        }));
        if !part.scores.is_empty() {
            self.parts.push(part);
        }
    }

    /// The next part, of a single score where that is the way.
    fn next(&mut self) -> Option<Part> {
        let part = self.parts.pop()?;
        if self.route == Route::Batches || part.scores.len() == 1 {
            return Some(part);
        }
        self.parts
            .extend(part.scores.into_iter().rev().map(|score| Part {
                scores: vec![score],
                ..Part::default()
            }));
        self.parts.pop()
    }

    fn deliver<T: Transport>(
        &mut self,
        mut part: Part,
        lane: &Lane<Envelope>,
        courier: &mut Courier<T>,
    ) {
        let endpoint = self.write(&part);
        let request = Request {
            endpoint,
            bytes: &self.body,
            plain_bytes: self.body.len(),
            is_gzip: false, // the server does not undo it here
        };
        let Some(reply) = courier.carry(request, &lane.ledger, part.is_retry) else {
            return self.abandon(LossReason::ShutdownDeadline, lane);
        };
        part.failures += u32::from(reply.answer.is_server_failure());
        part.away += u32::from(reply.answer.is_away());
        let verdict = judge(&reply.answer, part.failures, SystemTime::now());
        let is_missing = matches!(reply.answer.status(), Some(404 | 410));
        match (verdict, self.route) {
            (Verdict::Delivered, _) => self.settle(part, &reply, lane, courier),
            (Verdict::Retry { after }, _) => {
                part.is_retry = true;
                self.put_back(part);
                self.back_off(after, lane, courier);
            }
            (Verdict::Halve(_), _) if part.scores.len() > 1 => {
                let second = part.scores.split_off(part.scores.len() / 2);
                for scores in [second, part.scores] {
                    self.parts.push(Part {
                        scores,
                        ..Part::default()
                    });
                }
            }
            (Verdict::Lose(_), Route::Batches) if is_missing => {
                self.route = Route::OneByOne { is_proven: false };
                self.parts.push(part);
            }
            (Verdict::Lose(reason), Route::OneByOne { is_proven: false }) if is_missing => {
                self.route = Route::Batches;
                self.abandon(reason, lane);
            }
            // The same keys would be refused again, and the server remembers each attempt.
            (Verdict::Lose(reason @ LossReason::Unauthorized), _) => self.abandon(reason, lane),
            (Verdict::Halve(reason) | Verdict::Lose(reason), _) => {
                self.lose(&part.scores, reason, lane);
            }
        }
    }

    /// Puts a part back, to be sent again. If the server is away for long, its oldest score comes
    /// first, alone, and the rest after it in two halves.
    fn put_back(&mut self, mut part: Part) {
        if part.away < PROBE_AFTER || part.scores.len() == 1 {
            self.parts.push(part);
            return;
        }
        let mut rest = part.scores.split_off(1);
        let second = rest.split_off(rest.len() / 2);
        for scores in [second, rest, part.scores] {
            if !scores.is_empty() {
                self.parts.push(Part {
                    scores,
                    is_retry: true,
                    ..Part::default()
                });
            }
        }
    }

    /// Writes the body of a request: the same bytes whenever it is the same part.
    fn write(&mut self, part: &Part) -> Endpoint {
        self.body.clear();
        if let Route::OneByOne { .. } = self.route {
            let bodies = part.scores.iter().map(Envelope::body);
            self.body.extend(bodies.flat_map(str::bytes));
            return Endpoint::Scores;
        }
        self.body.extend_from_slice(br#"{"batch":["#);
        for (place, score) in part.scores.iter().enumerate() {
            if place > 0 {
                self.body.push(b',');
            }
            self.body.extend_from_slice(score.event().as_bytes());
        }
        self.body.extend_from_slice(b"]}");
        Endpoint::Ingestion
    }

    /// The request was taken; what became of each score is in the answer.
    fn settle<T: Transport>(
        &mut self,
        part: Part,
        reply: &Reply,
        lane: &Lane<Envelope>,
        courier: &mut Courier<T>,
    ) {
        let fates = if let Route::OneByOne { is_proven } = &mut self.route {
            *is_proven = true;
            Fates::default()
        } else {
            Fates::read(&reply.body)
        };
        let mut again = Vec::new();
        let mut has_failed = false;
        for score in part.scores {
            match fates.of(score.id()) {
                Fate::Delivered => {
                    lane.ledger.deliver(1);
                    self.let_go(&score, lane);
                }
                Fate::Lost(reason) => self.lose(&[score], reason, lane),
                Fate::Again { is_failure } => {
                    has_failed |= is_failure;
                    again.push(score);
                }
            }
        }
        let failures = part.failures + u32::from(has_failed);
        if again.is_empty() {
            self.backoff.reset();
        } else if failures >= MAX_SERVER_FAILURES {
            self.lose(&again, LossReason::RetriesExhausted, lane);
        } else {
            self.parts.push(Part {
                scores: again,
                failures,
                away: 0,
                is_retry: true,
            });
            self.back_off(None, lane, courier);
        }
    }

    /// Waits before the next request, if the end leaves time for it.
    fn back_off<T: Transport>(
        &mut self,
        asked_for: Option<std::time::Duration>,
        lane: &Lane<Envelope>,
        courier: &mut Courier<T>,
    ) {
        let wait = self.backoff.next(asked_for);
        match courier.allowed_wait(wait, asked_for) {
            Some(wait) => self.resume_at = Some(Instant::now() + wait),
            None => self.abandon(LossReason::ShutdownDeadline, lane),
        }
    }

    fn lose(&mut self, scores: &[Envelope], reason: LossReason, lane: &Lane<Envelope>) {
        lane.ledger.lose(reason, scores.len() as u64);
        for score in scores {
            self.let_go(score, lane);
        }
    }

    fn let_go(&mut self, score: &Envelope, lane: &Lane<Envelope>) {
        self.content -= score.content_bytes();
        lane.queue.settle(score.content_bytes());
    }
}

#[cfg(test)]
mod tests;
