//! What the receiver's threads share: what has arrived, what to do wrong, and who is connected.
//!
//! One lock guards everything. It is never held over input, output or decoding.

use std::{
    collections::{BTreeMap, VecDeque},
    net::{Shutdown, TcpStream},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{fault::Fault, observation::Observation, request::Request};

#[derive(Debug, Default)]
pub(crate) struct State {
    inner: Mutex<Inner>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    requests: Vec<Request>,
    /// Requests that were forgotten; the tickets of later ones still count them.
    cleared_requests: usize,
    observations: Vec<Observation>,
    scores: Vec<serde_json::Value>,
    script: VecDeque<Fault>,
    always: Option<Fault>,
    /// How many times held requests were let go.
    releases: u64,
    is_stopping: bool,
    accepted_connections: usize,
    open_connections: BTreeMap<usize, Arc<TcpStream>>,
}

/// What a request brought.
#[derive(Debug, Default)]
pub(crate) struct Stored {
    pub(crate) observations: Vec<Observation>,
    pub(crate) scores: Vec<serde_json::Value>,
}

/// An export request on its way: its place among the requests and what is to happen to it.
#[derive(Debug)]
pub(crate) struct Ticket {
    number: usize,
    releases: u64,
    pub(crate) fault: Fault,
}

impl State {
    /// A test that panicked with the lock has not broken anything: all changes are single steps.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes something and tells everybody who waits, after the lock is released.
    fn change<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        let result = change(&mut self.lock());
        self.changed.notify_all();
        result
    }

    /// Waits until the condition holds, at most so long; tells whether it does.
    fn wait(&self, timeout: Duration, condition: impl Fn(&Inner) -> bool) -> bool {
        let waited = self
            .changed
            .wait_timeout_while(self.lock(), timeout, |inner| !condition(inner));
        let (_inner, result) = waited.unwrap_or_else(PoisonError::into_inner);
        !result.timed_out()
    }

    // What the user says and asks.

    pub(crate) fn script(&self, faults: impl IntoIterator<Item = Fault>) {
        // Collected first, because the iterator is foreign code.
        let faults: Vec<_> = faults.into_iter().collect();
        self.change(|inner| inner.script.extend(faults));
    }

    pub(crate) fn always(&self, fault: Option<Fault>) {
        self.change(|inner| inner.always = fault);
    }

    pub(crate) fn release(&self) {
        self.change(|inner| {
            inner.releases += 1;
            // A request that was meant to stall may still be on its way: it must not stall after
            // the release that was meant for it.
            for fault in &mut inner.script {
                if *fault == Fault::Stall {
                    *fault = Fault::Healthy;
                }
            }
            if inner.always == Some(Fault::Stall) {
                inner.always = None;
            }
        });
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.lock().requests.clone()
    }

    pub(crate) fn observations(&self) -> Vec<Observation> {
        self.lock().observations.clone()
    }

    pub(crate) fn observation_count(&self) -> usize {
        self.lock().observations.len()
    }

    pub(crate) fn scores(&self) -> Vec<serde_json::Value> {
        self.lock().scores.clone()
    }

    pub(crate) fn accepted_connections(&self) -> usize {
        self.lock().accepted_connections
    }

    pub(crate) fn wait_for_requests(&self, count: usize, timeout: Duration) -> bool {
        self.wait(timeout, |inner| inner.requests.len() >= count)
    }

    pub(crate) fn wait_for_observations(&self, count: usize, timeout: Duration) -> bool {
        self.wait(timeout, |inner| inner.observations.len() >= count)
    }

    pub(crate) fn wait_for_scores(&self, count: usize, timeout: Duration) -> bool {
        self.wait(timeout, |inner| inner.scores.len() >= count)
    }

    pub(crate) fn clear(&self) {
        self.change(|inner| {
            inner.cleared_requests += inner.requests.len();
            inner.requests.clear();
            inner.observations.clear();
            inner.scores.clear();
        });
    }

    // What happens to a request.

    /// Records a request and takes the fault that is meant for it, in one step, so that requests
    /// and faults meet in the same order.
    pub(crate) fn admit(&self, request: Request) -> Ticket {
        self.change(|inner| {
            let number = inner.cleared_requests + inner.requests.len();
            inner.requests.push(request);
            let fault = inner.script.pop_front().or_else(|| inner.always.clone());
            Ticket {
                number,
                releases: inner.releases,
                fault: fault.unwrap_or(Fault::Healthy),
            }
        })
    }

    /// Holds a request until a release, or so long; tells whether it goes on then.
    pub(crate) fn hold(&self, ticket: &Ticket, limit: Option<Duration>) -> bool {
        let is_over = |inner: &Inner| inner.is_stopping || inner.releases != ticket.releases;
        // A century stands for ever: the platform's clock need not be able to count further.
        self.wait(
            limit.unwrap_or(Duration::from_secs(100 * 365 * 86_400)),
            is_over,
        );
        !self.lock().is_stopping
    }

    /// Stores what a request brought and how it is answered, in one step, so that whoever sees
    /// what was stored sees the status too.
    pub(crate) fn settle(&self, ticket: &Ticket, status: Option<u16>, stored: Stored) {
        self.change(|inner| {
            let index = ticket.number.checked_sub(inner.cleared_requests);
            if let Some(request) = index.and_then(|index| inner.requests.get_mut(index)) {
                request.status = status;
            }
            inner.observations.extend(stored.observations);
            inner.scores.extend(stored.scores);
        });
    }

    // Who is connected.

    /// Counts a connection and keeps its socket, to be able to cut it; `None` when stopping.
    pub(crate) fn connect(&self, stream: &Arc<TcpStream>) -> Option<usize> {
        let mut inner = self.lock();
        if inner.is_stopping {
            return None;
        }
        inner.accepted_connections += 1;
        let number = inner.accepted_connections;
        inner.open_connections.insert(number, Arc::clone(stream));
        Some(number)
    }

    pub(crate) fn disconnect(&self, number: usize) {
        self.lock().open_connections.remove(&number);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.lock().is_stopping
    }

    /// Pauses, but not longer than until the receiver stops.
    pub(crate) fn pause(&self, time: Duration) {
        self.wait(time, |inner| inner.is_stopping);
    }

    /// Ends everything that waits: on a fault, or on a socket.
    pub(crate) fn stop(&self) {
        self.change(|inner| {
            inner.is_stopping = true;
            for stream in inner.open_connections.values() {
                // It fails when the client has left already, and then there is nothing to cut.
                drop(stream.shutdown(Shutdown::Both));
            }
        });
    }
}
