//! What the worker is told: flushes to answer, the end, and that it is to look at the queue.

use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

/// A message to the worker.
#[derive(Debug)]
pub(crate) enum Command {
    /// A batch has become due.
    Look,
    /// Answer when everything accepted so far is settled.
    Flush(Ticket),
    /// Deliver what there is until the deadline, then end.
    Shutdown(Ending),
    /// Panic: the only way to break the worker itself.
    #[cfg(test)]
    Panic,
}

/// A flush that waits for its answer.
#[derive(Debug)]
pub(crate) struct Ticket {
    /// How much had been accepted when it was made.
    pub(crate) accepted: Counts,
    pub(crate) done: Sender<()>,
}

/// How many spans and scores, counted from the start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counts {
    pub(crate) spans: u64,
    pub(crate) scores: u64,
}

impl Counts {
    /// More than there will ever be.
    pub(crate) const ALL: Self = Self {
        spans: u64::MAX,
        scores: u64::MAX,
    };

    fn covers(self, other: Self) -> bool {
        self.spans >= other.spans && self.scores >= other.scores
    }
}

/// The end, as it was asked for.
#[derive(Debug)]
pub(crate) struct Ending {
    pub(crate) deadline: Instant,
    pub(crate) done: Sender<()>,
}

impl Ending {
    /// An end that nobody waits for.
    fn now() -> Self {
        Self {
            deadline: Instant::now(),
            done: bounded(0).0,
        }
    }
}

/// The worker's side of the command channel.
#[derive(Debug)]
pub(crate) struct Inbox {
    commands: Receiver<Command>,
    tickets: Vec<Ticket>,
    ending: Option<Ending>,
}

impl Inbox {
    pub(crate) fn new(commands: Receiver<Command>) -> Self {
        Self {
            commands,
            tickets: Vec::new(),
            ending: None,
        }
    }

    /// Takes what has come in, without waiting.
    pub(crate) fn take(&mut self) {
        while let Ok(command) = self.commands.try_recv() {
            self.note(command);
        }
    }

    /// Waits for that long, or until something comes in.
    pub(crate) fn wait(&mut self, pause: Duration) {
        match self.commands.recv_timeout(pause) {
            Ok(command) => self.note(command),
            Err(RecvTimeoutError::Timeout) => {}
            // The handle is gone without a shutdown: there is nobody left to wait for.
            Err(RecvTimeoutError::Disconnected) => self.note(Command::Shutdown(Ending::now())),
        }
    }

    /// Waits before a retry. A flush does not cut the wait, the end does.
    pub(crate) fn pause(&mut self, pause: Duration) {
        let until = Instant::now() + pause;
        let was_ending = self.ending.is_some();
        while self.ending.is_some() == was_ending {
            match self.commands.recv_deadline(until) {
                Ok(command) => self.note(command),
                Err(RecvTimeoutError::Timeout) => return,
                Err(RecvTimeoutError::Disconnected) => self.note(Command::Shutdown(Ending::now())),
            }
        }
    }

    /// Whether everything that waits is to be sent now.
    pub(crate) fn is_pressing(&self) -> bool {
        self.ending.is_some() || !self.tickets.is_empty()
    }

    pub(crate) fn ending(&self) -> Option<&Ending> {
        self.ending.as_ref()
    }

    /// Answers the flushes whose spans and scores are all settled.
    pub(crate) fn answer(&mut self, settled: Counts) {
        self.tickets.retain(|ticket| {
            let done = settled.covers(ticket.accepted);
            if done {
                _ = ticket.done.try_send(()); // whoever asked may have stopped waiting
            }
            !done
        });
    }

    fn note(&mut self, command: Command) {
        match command {
            Command::Look => {}
            Command::Flush(ticket) => self.tickets.push(ticket),
            // A second shutdown waits for the first one's end.
            Command::Shutdown(ending) => self.ending = self.ending.take().or(Some(ending)),
            #[cfg(test)]
            Command::Panic => panic!("the worker is to break"),
        }
    }
}
