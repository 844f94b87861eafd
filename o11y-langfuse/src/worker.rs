//! The worker: the one thread that takes spans out of the queue, encodes, sends and settles them.
//!
//! Every span that it takes is in its hand until it is delivered or lost, and both are entered in
//! the ledger in the same step. Every way out of the loop passes through [`Worker::finish`].

use std::{
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use o11y_core::Anchor;

use crate::{
    announce::Announcer,
    config::Config,
    encode::Batch,
    gzip::Gzip,
    inbox::Inbox,
    retry::Backoff,
    schedule::{Decision, Schedule},
    shared::Shared,
    stats::LossReason,
    transport::{Body, Transport},
    verdict::{Verdict, judge},
};

/// While a flush waits for a span that another thread is just handing over.
const HAND_OVER: Decision = Decision::Poll(Duration::from_millis(1));

/// The longest wait between attempts while the end is waited for.
const LAST_WAIT: Duration = Duration::from_millis(500);

/// Less time than this is not enough for another attempt.
const TOO_LATE: Duration = Duration::from_millis(5);

pub(crate) struct Worker<T> {
    shared: Arc<Shared>,
    inbox: Inbox,
    schedule: Schedule,
    backoff: Backoff,
    announcer: Announcer,
    outbox: Outbox<T>,
    cap: usize,
    request_bytes: usize,
    /// The bytes of content of the batch in hand.
    content: usize,
}

/// What a request is made of and sent with: borrowed while the inbox is waited on.
struct Outbox<T> {
    transport: T,
    host: String,
    batch: Batch,
    gzip: Option<Gzip>,
    scratch: Vec<u8>,
    timeout: Duration,
}

impl<T: Transport> Worker<T> {
    pub(crate) fn new(config: &Config, shared: Arc<Shared>, inbox: Inbox, transport: T) -> Self {
        let now = Instant::now();
        Self {
            inbox,
            schedule: Schedule::new(
                shared.trigger,
                shared.trigger_bytes,
                config.export_interval,
                now,
            ),
            backoff: Backoff::new(config.first_backoff, shared.seed),
            announcer: Announcer::default(),
            outbox: Outbox {
                transport,
                host: config.host.to_string(),
                batch: Batch::new(&config.resource),
                gzip: config.gzip.then(Gzip::new),
                scratch: Vec::new(),
                timeout: config.timeout,
            },
            cap: config.batch_size.cap(),
            request_bytes: config.request_bytes,
            content: 0,
            shared,
        }
    }

    /// Works until the end is asked for.
    pub(crate) fn run(mut self) {
        loop {
            self.inbox.take();
            let decision = self.decide();
            if decision == Decision::Send {
                self.step();
            }
            self.inbox.answer(self.shared.settled());
            let is_end = self.inbox.ending().is_some();
            self.announcer.losses(&self.shared, false);
            if is_end && (self.shared.queue.len() == 0 || self.is_too_late()) {
                return self.finish();
            }
            self.wait(decision);
        }
    }

    fn decide(&mut self) -> Decision {
        let waiting = self.shared.queue.len();
        let scheduled = self
            .schedule
            .decide(Instant::now(), waiting, self.shared.queue.bytes());
        match (self.inbox.is_pressing(), waiting) {
            (false, _) => scheduled,
            (true, 0) => HAND_OVER,
            (true, _) => Decision::Send,
        }
    }

    /// Looks away for as long as was decided.
    fn wait(&mut self, decision: Decision) {
        let Decision::Rest(_) = decision else {
            return self.inbox.wait(decision);
        };
        // The order is the wake protocol's: say so first, then look once more.
        let wake = &self.shared.queue.wake;
        wake.rest();
        let unsettled = wake.accepted().saturating_sub(self.shared.settled());
        if unsettled < self.shared.trigger as u64 && !self.shared.is_due() {
            self.inbox.wait(decision);
        }
        self.shared.queue.wake.rise();
    }

    /// Takes one batch, sends and settles it. A panic (of which none is known) costs the batch.
    fn step(&mut self) {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            self.fill();
            self.deliver();
        }));
        if outcome.is_err() {
            self.shared.ledger.lose_hand(LossReason::Unencodable);
        }
        self.shared.queue.settle(std::mem::take(&mut self.content));
        self.outbox.batch.clear();
        self.outbox.batch.shrink_to(2 * self.request_bytes);
        self.outbox.scratch.clear();
        self.outbox.scratch.shrink_to(self.request_bytes);
        if let Some(gzip) = &mut self.outbox.gzip {
            gzip.shrink_to(self.request_bytes);
        }
        self.schedule.sent();
    }

    /// Encodes what waits, up to the size of a request.
    fn fill(&mut self) {
        let anchor = Anchor::now();
        let batch = &mut self.outbox.batch;
        while batch.len() < self.cap && batch.bytes() < self.request_bytes {
            let Some(record) = self.shared.take() else {
                break;
            };
            self.content += record.content_bytes();
            batch.push(&record, &anchor);
        }
    }

    /// Sends the batch, in parts where the server or the size asks for it, and settles every span.
    fn deliver(&mut self) {
        let spans = 0..self.outbox.batch.len();
        let mut parts = Vec::with_capacity(4);
        if spans.len() > 1 && self.outbox.batch.bytes() > self.request_bytes {
            // The last span has made it too large; it goes by itself.
            parts.push(spans.end - 1..spans.end);
            parts.push(0..spans.end - 1);
        } else if !spans.is_empty() {
            parts.push(spans);
        }
        while let Some(part) = parts.pop() {
            let count = part.len() as u64;
            match self.send(part.clone()) {
                Verdict::Delivered => self.shared.ledger.deliver(count),
                Verdict::Halve(_) if part.len() > 1 => {
                    let middle = self.outbox.batch.middle(part.clone());
                    parts.push(middle..part.end);
                    parts.push(part.start..middle);
                }
                Verdict::Halve(reason) | Verdict::Lose(reason) => {
                    self.shared.ledger.lose(reason, count);
                }
                // Sending again was given up because the end has come.
                Verdict::Retry { .. } => {
                    self.shared.ledger.lose(LossReason::ShutdownDeadline, count);
                }
            }
        }
    }

    /// Sends some spans until there is a verdict on them. `Retry` is returned only if there is no
    /// time for another attempt.
    fn send(&mut self, part: Range<usize>) -> Verdict {
        let Outbox {
            transport,
            host,
            batch,
            gzip,
            scratch,
            timeout,
        } = &mut self.outbox;
        let request = batch.request(part, scratch);
        // The same bytes on every attempt: the server tells repeated spans by what is in them.
        let body = match gzip.as_mut().map(|gzip| gzip.compress(request)) {
            Some(Ok(bytes)) => Body {
                bytes,
                is_gzip: true,
            },
            // Without compression it arrives, too.
            Some(Err(_)) | None => Body {
                bytes: request,
                is_gzip: false,
            },
        };
        let mut server_failures = 0;
        let mut is_retry = false;
        loop {
            let deadline = match self.inbox.ending() {
                Some(ending) if time_left(ending.deadline) < TOO_LATE => {
                    return Verdict::Retry { after: None };
                }
                Some(ending) => ending.deadline,
                None => Instant::now() + *timeout,
            };
            let reply = transport.send(body, deadline);
            self.announcer.reply(&reply, host);
            self.shared
                .ledger
                .note_request(reply.answer.status(), body.bytes.len(), is_retry);
            is_retry = true;
            server_failures += u32::from(reply.answer.is_server_failure());
            let verdict = judge(&reply.answer, server_failures, SystemTime::now());
            match verdict {
                Verdict::Retry { after } => {
                    // What the queue loses meanwhile is not kept secret until the server is back.
                    self.announcer.losses(&self.shared, false);
                    let wait = self.backoff.next(after);
                    self.inbox.take();
                    let Some(wait) = allowed_wait(wait, after, &self.inbox) else {
                        return verdict;
                    };
                    self.inbox.pause(wait);
                }
                Verdict::Lose(LossReason::Unauthorized) => {
                    self.schedule.refused(Instant::now());
                    return verdict;
                }
                Verdict::Delivered => {
                    self.schedule.accepted();
                    self.backoff.reset();
                    return verdict;
                }
                Verdict::Halve(_) | Verdict::Lose(_) => return verdict,
            }
        }
    }

    fn is_too_late(&self) -> bool {
        self.inbox
            .ending()
            .is_some_and(|ending| time_left(ending.deadline) < TOO_LATE)
    }

    /// The end: what still waits is lost under its reason, and whoever waits is answered.
    fn finish(mut self) {
        self.shared.discard(LossReason::ShutdownDeadline);
        self.announcer.losses(&self.shared, true);
        self.inbox.take();
        self.inbox.answer(u64::MAX);
        if let Some(ending) = self.inbox.ending() {
            _ = ending.done.try_send(()); // whoever asked may have stopped waiting
        }
    }
}

fn time_left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

/// How long to wait for the next attempt; none if the end comes first. Until the end is asked for
/// there is always time.
fn allowed_wait(wait: Duration, asked_for: Option<Duration>, inbox: &Inbox) -> Option<Duration> {
    let Some(ending) = inbox.ending() else {
        return Some(wait);
    };
    let left = time_left(ending.deadline);
    if left < TOO_LATE || asked_for.is_some_and(|asked_for| asked_for > left) {
        return None;
    }
    Some(wait.min(LAST_WAIT).min(left / 2))
}

#[cfg(test)]
mod tests;
