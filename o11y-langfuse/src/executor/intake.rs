//! The program's side of an executor: a sink that hands over, and asks the worker to flush or end.

use std::{
    cell::Cell,
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};
use o11y_core::{Ended, FlushError, Record, Sink};

#[cfg(feature = "otel")]
use super::otel::OtelSpan;
use super::{
    order::{Ending, Failures, Order, Ticket},
    shared::Shared,
    stats::ExecutorStats,
};
use crate::{config::LONGEST_DURATION, latch::Latch, queue, stats::LossReason};

/// After the deadline, the time for the worker to say that it has ended.
const GRACE: Duration = Duration::from_millis(40);

thread_local! {
    /// Whether this is a worker of an executor, whose spans would come back without end.
    static IS_WORKER: Cell<bool> = const { Cell::new(false) };
}

/// What waits in the queue: one span may be there twice.
#[derive(Debug)]
pub(super) enum Item {
    Start(Record),
    End(Record),
    /// The end of a span of OpenTelemetry's SDK.
    #[cfg(feature = "otel")]
    Otel(Box<OtelSpan>),
}

impl queue::Item for Item {
    fn content_bytes(&self) -> usize {
        match self {
            Self::Start(record) | Self::End(record) => record.content_bytes(),
            #[cfg(feature = "otel")]
            Self::Otel(span) => span.content_bytes(),
        }
    }
}

#[derive(Debug)]
pub(super) struct Intake {
    shared: Arc<Shared>,
    wants_starts: bool,
    orders: Sender<Order>,
    /// Taken by the first shutdown.
    thread: Mutex<Option<JoinHandle<()>>>,
    /// The first shutdown is through.
    ended: Latch,
}

impl Intake {
    pub(super) fn new(
        shared: Arc<Shared>,
        wants_starts: bool,
        orders: Sender<Order>,
        thread: JoinHandle<()>,
    ) -> Self {
        Self {
            shared,
            wants_starts,
            orders,
            thread: Mutex::new(Some(thread)),
            ended: Latch::default(),
        }
    }

    pub(super) fn stats(&self) -> ExecutorStats {
        self.shared.stats()
    }

    /// Takes the end of a span of OpenTelemetry's SDK.
    #[cfg(feature = "otel")]
    pub(super) fn take(&self, span: Box<OtelSpan>) {
        if !IS_WORKER.get() {
            self.hand_over(Item::Otel(span));
        }
    }

    /// Counts a span that comes after the end of whoever hands it over.
    #[cfg(feature = "otel")]
    pub(super) fn turn_away(&self) {
        self.shared.lane.queue.turn_away();
    }

    /// Counts a span that no processor could make anything of.
    #[cfg(feature = "otel")]
    pub(super) fn lose(&self, reason: LossReason) {
        self.shared.lane.lose_at_once(reason);
    }

    fn hand_over(&self, item: Item) {
        let queue = &self.shared.lane.queue;
        queue.push_with(queue::Item::content_bytes(&item), || item);
        // A plain load almost always: only a worker that rests is worth a wake.
        if queue.wake.is_resting() && self.shared.lane.is_due() && queue.wake.claim() {
            let _unsent = self.orders.send(Order::Look); // a worker that has ended needs no wake
        }
    }

    fn is_own_thread(&self) -> bool {
        self.shared.worker.get() == Some(&thread::current().id())
    }

    fn timed_out(&self, timeout: Duration) -> FlushError {
        FlushError::Timeout {
            waiting: self.stats().remaining(),
            timeout,
        }
    }

    /// What the processors said, and what was lost since `earlier`.
    fn outcome(&self, earlier: &ExecutorStats, mut failures: Failures) -> Result<(), FlushError> {
        let (lost, reasons) = self.stats().lost_since(earlier);
        if lost > 0 {
            failures.push(FlushError::Lost { lost, reasons });
        }
        match failures.pop() {
            None => Ok(()),
            Some(only) if failures.is_empty() => Err(only),
            Some(latest) => {
                failures.push(latest);
                Err(FlushError::Several(failures))
            }
        }
    }
}

impl Sink for Intake {
    fn wants_starts(&self) -> bool {
        self.wants_starts
    }

    fn on_start(&self, record: &Record) {
        if IS_WORKER.get() {
            return;
        }
        if self.shared.lane.queue.is_closed() {
            self.shared.lane.queue.turn_away(); // no copy for nothing
            return;
        }
        self.hand_over(Item::Start(record.clone()));
    }

    fn on_end(&self, ended: Ended<'_>) {
        if !IS_WORKER.get() {
            self.hand_over(Item::End(ended.take()));
        }
    }

    fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        if self.is_own_thread() {
            return Err(FlushError::OwnThread);
        }
        let deadline = deadline_after(timeout);
        let before = self.stats();
        let (done, answer) = bounded(1);
        let ticket = Ticket::new(self.shared.lane.accepted(), deadline, done);
        if self.orders.send(Order::Flush(ticket)).is_err() {
            return Ok(()); // after the end nothing waits
        }
        match answer.recv_deadline(deadline) {
            Ok(failures) => self.outcome(&before, failures),
            // The worker has ended without an answer: nothing waits.
            Err(RecvTimeoutError::Disconnected) => self.outcome(&before, Vec::new()),
            Err(RecvTimeoutError::Timeout) => Err(self.timed_out(timeout)),
        }
    }

    fn shutdown(&self, timeout: Duration) -> Result<(), FlushError> {
        if self.is_own_thread() {
            return Err(FlushError::OwnThread);
        }
        let deadline = deadline_after(timeout);
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(thread) = thread else {
            // Whoever comes second waits for the first, but no longer than it was told to.
            let is_through = self.ended.wait(deadline);
            return is_through
                .then_some(())
                .ok_or_else(|| self.timed_out(timeout));
        };
        let Shared { lane, books, .. } = &*self.shared;
        let before = self.stats();
        lane.queue.close();
        let (done, answer) = bounded(1);
        let _ended = self.orders.send(Order::Shutdown(Ending { deadline, done })); // if unsent
        let answer = answer.recv_deadline(deadline + GRACE);
        lane.queue.end();
        let failures = if let Ok(failures) = answer {
            let _joined = thread.join(); // it has said that it is at its end
            // What was handed over while it ended.
            lane.discard(LossReason::AfterShutdown);
            failures
        } else {
            // It hangs in a processor, which nothing can cut. The thread ends when that returns.
            lane.give_up();
            books.close();
            Vec::new()
        };
        self.ended.open();
        self.outcome(&before, failures)
    }
}

/// Marks the calling thread as a worker: what it records itself is not handed over.
pub(super) fn be_worker(shared: &Shared) {
    IS_WORKER.set(true);
    // Nobody else sets it.
    _ = shared.worker.set(thread::current().id());
}

/// A moment that far away, or a year away: a time-out of `Duration::MAX` means "for ever".
fn deadline_after(timeout: Duration) -> Instant {
    Instant::now() + timeout.min(LONGEST_DURATION)
}
