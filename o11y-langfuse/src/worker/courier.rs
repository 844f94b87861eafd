//! The courier: makes one request at a time, and knows how much time there is for it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    announce::Announcer,
    config::Config,
    inbox::Inbox,
    ledger::Ledger,
    shared::Shared,
    transport::{Reply, Request, Transport},
};

/// The longest wait between attempts while the end is waited for.
const LAST_WAIT: Duration = Duration::from_millis(500);

/// Less time than this is not enough for another attempt.
const TOO_LATE: Duration = Duration::from_millis(5);

/// What all lanes send through.
pub(crate) struct Courier<T> {
    shared: Arc<Shared>,
    transport: T,
    host: String,
    timeout: Duration,
    pub(crate) inbox: Inbox,
    announcer: Announcer,
    /// What the latest answer said of our keys, until it is asked for.
    keys: Option<Keys>,
}

/// What an answer says of our keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keys {
    Accepted,
    Refused,
}

impl<T: Transport> Courier<T> {
    pub(crate) fn new(config: &Config, shared: Arc<Shared>, inbox: Inbox, transport: T) -> Self {
        Self {
            shared,
            transport,
            host: config.host.to_string(),
            timeout: config.timeout,
            inbox,
            announcer: Announcer::default(),
            keys: None,
        }
    }

    /// Makes a request and waits for its answer; none if the end leaves no time for it.
    pub(crate) fn carry(
        &mut self,
        request: Request<'_>,
        ledger: &Ledger,
        is_retry: bool,
    ) -> Option<Reply> {
        let deadline = match self.inbox.ending() {
            Some(_) if self.is_too_late() => return None,
            Some(ending) => ending.deadline,
            None => Instant::now() + self.timeout,
        };
        let begin = Instant::now();
        let reply = self.transport.send(request, deadline);
        let took = begin.elapsed();
        self.announcer.reply(&reply, &self.host);
        let status = reply.answer.status();
        ledger.note_request(&request, &reply, is_retry, took);
        self.keys = match status {
            Some(200..=299) => Some(Keys::Accepted),
            Some(401 | 403) => Some(Keys::Refused),
            _ => self.keys,
        };
        Some(reply)
    }

    /// How long to wait for the next attempt; none if the end comes first. Until the end is asked
    /// for there is always time.
    pub(crate) fn allowed_wait(
        &mut self,
        wait: Duration,
        asked_for: Option<Duration>,
    ) -> Option<Duration> {
        // What the queues lose meanwhile is not kept secret until the server is back.
        self.announce_losses(false);
        self.inbox.take();
        let Some(left) = self.time_left() else {
            return Some(wait);
        };
        if left < TOO_LATE || asked_for.is_some_and(|asked_for| asked_for > left) {
            return None;
        }
        Some(wait.min(LAST_WAIT).min(left / 2))
    }

    pub(crate) fn take_keys(&mut self) -> Option<Keys> {
        self.keys.take()
    }

    pub(crate) fn announce_losses(&mut self, is_end: bool) {
        self.announcer.losses(&self.shared, is_end);
    }

    pub(crate) fn is_too_late(&self) -> bool {
        self.time_left().is_some_and(|left| left < TOO_LATE)
    }

    /// The time until the end, once that is asked for.
    fn time_left(&self) -> Option<Duration> {
        let ending = self.inbox.ending()?;
        Some(ending.deadline.saturating_duration_since(Instant::now()))
    }
}
