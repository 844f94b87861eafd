//! What the worker of an executor is told: flushes to answer, the end, and that it is to look.

use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use o11y_core::FlushError;

/// What went wrong at the processors.
pub(super) type Failures = Vec<FlushError>;

/// A message to the worker.
#[derive(Debug)]
pub(super) enum Order {
    /// A batch has become due.
    Look,
    Flush(Ticket),
    Shutdown(Ending),
}

/// A flush that waits for its answer.
#[derive(Debug)]
pub(super) struct Ticket {
    /// How much had been accepted when it was made.
    pub(super) accepted: u64,
    pub(super) deadline: Instant,
    pub(super) done: Sender<Failures>,
    /// The last batch that it waits for, once all that it waits for has left the queue.
    pub(super) last_batch: Option<u64>,
    /// Which processors have flushed.
    pub(super) flushed: Vec<bool>,
    pub(super) failures: Failures,
}

/// The end, as it was asked for: deliver what there is until the deadline.
#[derive(Debug)]
pub(super) struct Ending {
    pub(super) deadline: Instant,
    pub(super) done: Sender<Failures>,
}

/// The worker's side of the channel.
#[derive(Debug)]
pub(super) struct Orders {
    received: Receiver<Order>,
    pub(super) tickets: Vec<Ticket>,
    pub(super) ending: Option<Ending>,
}

impl Ticket {
    pub(super) fn new(accepted: u64, deadline: Instant, done: Sender<Failures>) -> Self {
        Self {
            accepted,
            deadline,
            done,
            last_batch: None,
            flushed: Vec::new(),
            failures: Vec::new(),
        }
    }

    /// Everybody has flushed, or there is nobody left who could.
    pub(super) fn answer(self) {
        let _unheard = self.done.try_send(self.failures); // whoever asked may have stopped waiting
    }
}

impl Orders {
    pub(super) fn new(received: Receiver<Order>) -> Self {
        Self {
            received,
            tickets: Vec::new(),
            ending: None,
        }
    }

    /// Takes what has come in, without waiting.
    pub(super) fn take(&mut self) {
        while let Ok(order) = self.received.try_recv() {
            self.note(order);
        }
    }

    /// Waits for that long, or until something comes in.
    pub(super) fn wait(&mut self, pause: Duration) {
        match self.received.recv_timeout(pause) {
            Ok(order) => self.note(order),
            Err(RecvTimeoutError::Timeout) => {}
            // Nobody is left who could hand anything over, or ask for the end.
            Err(RecvTimeoutError::Disconnected) => self.note(Order::Shutdown(Ending {
                deadline: Instant::now(),
                done: bounded(0).0,
            })),
        }
    }

    /// Whether everything that waits is to be passed on now.
    pub(super) fn is_pressing(&self) -> bool {
        self.ending.is_some() || !self.tickets.is_empty()
    }

    fn note(&mut self, order: Order) {
        match order {
            Order::Look => {}
            Order::Flush(ticket) => self.tickets.push(ticket),
            // Only the first shutdown asks; any other waits for its end.
            Order::Shutdown(ending) => self.ending = self.ending.take().or(Some(ending)),
        }
    }
}
