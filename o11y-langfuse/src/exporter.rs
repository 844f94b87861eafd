//! The handle: hands spans and scores to the worker, starts it, and asks it to flush or to end.

use std::{
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crossbeam_channel::{Sender, bounded, unbounded};
use o11y_core::{Ended, Event, FlushError, Observability, Score, Sink};

use crate::{
    config::{Config, LONGEST_DURATION},
    error::ConfigError,
    filter::Filter,
    inbox::{Command, Ending, Inbox, Ticket},
    lane::Lane,
    latch::Latch,
    queue::Item,
    score::Envelope,
    shared::Shared,
    stats::{LossReason, Losses, Stats},
    transport::{Cut, HttpTransport, Transport},
    worker::Worker,
};

/// The name of the worker thread; the system shows its first 15 bytes.
const THREAD_NAME: &str = "o11y-langfuse";

/// After a request was cut, the time for the worker to say so.
const GRACE: Duration = Duration::from_millis(40);

/// A sink with one worker thread.
#[derive(Debug)]
pub(crate) struct Exporter {
    shared: Arc<Shared>,
    sample_rate: f64,
    /// Of scores that name no other.
    environment: Option<String>,
    filter: Option<Filter>,
    commands: Sender<Command>,
    /// Taken by the first shutdown.
    running: Mutex<Option<Running>>,
    /// The first shutdown is through.
    ended: Latch,
}

#[derive(Debug)]
struct Running {
    thread: JoinHandle<()>,
    cutter: Box<dyn Cut>,
}

impl Exporter {
    /// Starts the worker thread.
    pub(crate) fn spawn(config: &Config) -> Result<Self, ConfigError> {
        let transport = HttpTransport::new(config);
        let cutter = transport.cutter();
        Self::spawn_with(config, transport, cutter)
    }

    fn spawn_with(
        config: &Config,
        transport: impl Transport + 'static,
        cutter: impl Cut + 'static,
    ) -> Result<Self, ConfigError> {
        let shared = Arc::new(Shared::new(config));
        let (commands, received) = unbounded();
        let worker = Worker::new(config, Arc::clone(&shared), Inbox::new(received), transport);
        let of_worker = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name(THREAD_NAME.to_owned())
            .spawn(move || {
                // Set before the first span can come; nobody else sets it.
                _ = of_worker.worker.set(thread::current().id());
                worker.run();
            })
            .map_err(ConfigError::Thread)?;
        Ok(Self {
            shared,
            sample_rate: config.sample_rate,
            environment: config.resource.environment.clone(),
            filter: config.filter.clone(),
            commands,
            running: Mutex::new(Some(Running {
                thread,
                cutter: Box::new(cutter),
            })),
            ended: Latch::default(),
        })
    }

    pub(crate) fn stats(&self) -> Stats {
        self.shared.stats()
    }

    /// Takes the score that a `score.create` event carries, unless its trace is not recorded.
    pub(crate) fn on_score(&self, event: &Event) {
        let lane = &self.shared.scores;
        if lane.queue.is_closed() {
            lane.queue.turn_away();
            return;
        }
        match Score::from_event(event) {
            Ok(score) if self.is_sampled(&score) => {
                self.hand_over(lane, Envelope::new(&score, self.environment.as_deref()));
            }
            Ok(_) => self.shared.leave_out_score(),
            // While telemetry is off, the trace of a score is not to be known.
            Err(_) if !Observability::is_enabled() => {}
            Err(error) => {
                log::debug!("an event `{}` is no score: {error}", Score::EVENT);
                lane.lose_at_once(LossReason::Unencodable);
            }
        }
    }

    /// A score stays with its trace. Where that is another one than the current, its id tells.
    fn is_sampled(&self, score: &Score) -> bool {
        score.is_sampled().unwrap_or_else(|| {
            let trace = score.trace_id();
            trace.is_none_or(|trace| trace.is_sampled_at(self.sample_rate))
        })
    }

    #[inline]
    fn hand_over<T: Item>(&self, lane: &Lane<T>, item: T) {
        lane.queue.push(item);
        // A plain load almost always: only a worker that rests is worth a wake.
        if lane.queue.wake.is_resting() && lane.is_due() && lane.queue.wake.claim() {
            let _unsent = self.commands.send(Command::Look); // a worker that has ended needs no wake
        }
    }

    fn is_own_thread(&self) -> bool {
        self.shared.worker.get() == Some(&thread::current().id())
    }

    fn timed_out(&self, timeout: Duration) -> FlushError {
        FlushError::Timeout {
            waiting: self.stats().all_waiting(),
            timeout,
        }
    }

    /// The error for what was lost since `before`, if anything was.
    fn loss_since(&self, before: &Losses) -> Result<(), FlushError> {
        let lost = self.stats().all_lost().since(before);
        match lost.total() {
            0 => Ok(()),
            total => Err(FlushError::Lost {
                lost: total,
                reasons: lost.to_string(),
            }),
        }
    }
}

/// A moment that far away, or a year away: a time-out of `Duration::MAX` means "for ever".
fn deadline_after(timeout: Duration) -> Instant {
    Instant::now() + timeout.min(LONGEST_DURATION)
}

impl Sink for Exporter {
    fn sample_rate(&self) -> f64 {
        self.sample_rate
    }

    fn on_end(&self, ended: Ended<'_>) {
        if let Some(filter) = &self.filter
            && !filter.keeps(ended.record())
        {
            self.shared.filtered.fetch_add(1, Ordering::Relaxed); // it guards nothing
            return;
        }
        self.hand_over(&self.shared.spans, ended.take());
    }

    fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        if self.is_own_thread() {
            return Err(FlushError::OwnThread);
        }
        let deadline = deadline_after(timeout);
        let before = self.stats().all_lost();
        let (done, answer) = bounded(1);
        let ticket = Ticket {
            accepted: self.shared.accepted(),
            done,
        };
        // After the end there is nobody to ask, and nothing that waits.
        let asked = self.commands.send(Command::Flush(ticket)).is_ok();
        if asked && answer.recv_deadline(deadline).is_err() && self.stats().all_waiting() > 0 {
            return Err(self.timed_out(timeout));
        }
        self.loss_since(&before)
    }

    fn shutdown(&self, timeout: Duration) -> Result<(), FlushError> {
        if self.is_own_thread() {
            return Err(FlushError::OwnThread);
        }
        let deadline = deadline_after(timeout);
        let running = self
            .running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(Running { thread, cutter }) = running else {
            // Whoever comes second waits for the first, but no longer than it was told to.
            let is_through = self.ended.wait(deadline);
            return is_through
                .then_some(())
                .ok_or_else(|| self.timed_out(timeout));
        };
        let before = self.stats().all_lost();
        self.shared.close();
        let (done, answer) = bounded(1);
        let ending = Ending { deadline, done };
        let asked = self.commands.send(Command::Shutdown(ending)).is_ok();
        let mut ended = asked && answer.recv_deadline(deadline).is_ok();
        if !ended {
            // It hangs in a request. Cutting that makes it come back at once, unless it is a name
            // look-up or a connect, which end by their own time-outs.
            let cut_until = Instant::now() + GRACE;
            cutter.cut();
            ended = asked && answer.recv_deadline(cut_until).is_ok();
        }
        self.shared.end();
        if ended {
            let _joined = thread.join(); // it has said that it is at its end
            // What was handed over while it ended.
            self.shared.discard(LossReason::AfterShutdown);
        } else {
            self.shared.give_up();
        }
        self.ended.open();
        self.loss_since(&before)
    }
}

#[cfg(test)]
mod tests;
