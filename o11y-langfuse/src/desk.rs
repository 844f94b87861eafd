//! Where one process hands over what its worker is to send, and how that worker is asked to flush
//! or to end.
//!
//! A fork copies the memory of a process but only one of its threads: the child has a desk and no
//! worker behind it, queues that another thread may have been in the middle of filling, and locks
//! that nobody will open. So the child leaves its parent's desk alone, for good, and sets up its
//! own: what waited at the fork is the parent's to send.

use std::{
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crossbeam_channel::{Sender, bounded, unbounded};
use o11y_core::{FlushError, Record};

use crate::{
    config::{Config, LONGEST_DURATION},
    error::ConfigError,
    inbox::{Command, Ending, Inbox, Ticket},
    lane::Lane,
    latch::Latch,
    queue::Item,
    shared::Shared,
    stats::{LossReason, Losses, Stats},
    transport::{Cut, Guarded, HttpTransport, Transport},
    worker::Worker,
};

/// The name of the worker thread; the system shows its first 15 bytes.
const THREAD_NAME: &str = "o11y-langfuse";

/// After a request was cut, the time for the worker to say so.
pub(crate) const GRACE: Duration = Duration::from_millis(40);

/// Between two looks at the process id by the spans of a busy process, in readings of the clock: at
/// most a millisecond. The look is a system call, and some thousand of them a second cost less than
/// a hundredth of a core.
const LOOK_EVERY: u64 = 1_000_000;

/// So many spans at most end without such a look, and never a quarter of a queue: another thread
/// that the fork has caught in the middle of a hand-over blocks its place in the ring for ever.
const LOOK_EVERY_SPANS: u64 = 64;

#[derive(Debug)]
pub(crate) struct Desk {
    process: u32,
    /// When a span last looked at the process id. It guards nothing.
    looked: AtomicU64,
    /// The same of spans of OpenTelemetry's SDK, in nanoseconds since 1970.
    #[cfg(feature = "otel")]
    looked_by_sdk: AtomicU64,
    /// A span looks if the number of those before it has none of these bits.
    look_mask: u64,
    pub(crate) shared: Arc<Shared>,
    commands: Sender<Command>,
    /// Taken by the first shutdown.
    running: Mutex<Option<Running>>,
    /// The first shutdown is through.
    ended: Latch,
    /// That of the child, in a process that was forked.
    next: OnceLock<Arc<Desk>>,
}

#[derive(Debug)]
struct Running {
    thread: JoinHandle<()>,
    cutter: Box<dyn Cut>,
}

impl Desk {
    /// Starts a worker thread that sends over HTTP.
    pub(crate) fn spawn(config: &Config) -> Result<Self, ConfigError> {
        let transport = HttpTransport::new(config);
        let cutter = transport.cutter();
        Self::spawn_with(config, Guarded(transport), cutter)
    }

    /// Starts a worker thread.
    pub(crate) fn spawn_with(
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
                // What happens in here, such as in a mask, is nothing to report.
                #[cfg(feature = "otel")]
                let _quiet = opentelemetry::Context::enter_telemetry_suppressed_scope();
                worker.run();
            })
            .map_err(ConfigError::Thread)?;
        let running = Running {
            thread,
            cutter: Box::new(cutter),
        };
        Ok(Self::new(config, shared, commands, Some(running)))
    }

    /// A desk that takes nothing: as after a shutdown.
    fn closed(config: &Config) -> Self {
        let shared = Arc::new(Shared::new(config));
        shared.close();
        shared.end();
        let desk = Self::new(config, shared, unbounded().0, None);
        desk.ended.open();
        desk
    }

    fn new(
        config: &Config,
        shared: Arc<Shared>,
        commands: Sender<Command>,
        running: Option<Running>,
    ) -> Self {
        let every_spans = (config.queue_size as u64 / 4).clamp(1, LOOK_EVERY_SPANS);
        Self {
            process: std::process::id(),
            looked: AtomicU64::new(0),
            #[cfg(feature = "otel")]
            looked_by_sdk: AtomicU64::new(0),
            look_mask: (1 << every_spans.ilog2()) - 1,
            shared,
            commands,
            running: Mutex::new(running),
            ended: Latch::default(),
            next: OnceLock::new(),
        }
    }

    /// The desk that was used last: one load unless the process was forked.
    #[inline]
    pub(crate) fn latest(self: &Arc<Self>) -> &Arc<Self> {
        let mut desk = self;
        while let Some(next) = desk.next.get() {
            desk = next;
        }
        desk
    }

    /// The desk of this process. In a child that has none yet it is set up, with a worker unless
    /// the parent's had none any more or the system refuses to start it.
    pub(crate) fn of_this_process(self: &Arc<Self>, config: &Config) -> &Arc<Self> {
        self.find(config, || {
            Self::spawn(config).unwrap_or_else(|_| Self::closed(config)) // nobody to tell safely
        })
    }

    fn find(self: &Arc<Self>, config: &Config, set_up: impl Fn() -> Self) -> &Arc<Self> {
        let mut desk = self.latest();
        while desk.process != std::process::id() {
            let next = if desk.shared.spans.queue.is_closed() {
                Self::closed(config)
            } else {
                set_up()
            };
            desk.leave(next);
            desk = desk.latest();
        }
        desk
    }

    /// In a child: leaves the parent's desk for `next`.
    #[expect(
        clippy::mem_forget,
        reason = "dropped, it would detach a thread that is not here and free what a thread that \
                  is not here was in the middle of writing"
    )]
    fn leave(self: &Arc<Self>, next: Self) {
        std::mem::forget(Arc::clone(self));
        // Two threads may come here at once: the second one's worker finds its channel closed and
        // ends. Nothing is logged, because the logger's own locks may be among those never opened.
        let _second = self.next.set(Arc::new(next));
    }

    /// Whether a span that has ended is to look whether this is still the desk's process. Answers
    /// from what is known anyway almost always.
    #[inline]
    pub(crate) fn is_to_look(&self, record: &Record) -> bool {
        self.is_due(&self.looked, record.end_reading())
    }

    /// The same of a span of OpenTelemetry's SDK, which ended then, in nanoseconds since 1970.
    #[cfg(feature = "otel")]
    pub(crate) fn is_to_look_at(&self, ended: u64) -> bool {
        self.is_due(&self.looked_by_sdk, ended)
    }

    #[inline]
    fn is_due(&self, looked: &AtomicU64, now: u64) -> bool {
        let ago = now.saturating_sub(looked.load(Ordering::Relaxed));
        if ago <= LOOK_EVERY && self.shared.spans.accepted() & self.look_mask != 0 {
            return false;
        }
        looked.store(now, Ordering::Relaxed);
        true
    }

    /// Hands an item over that holds `content` bytes, and wakes a worker that rests if that makes a
    /// batch due. `take` fetches it at the last moment.
    #[inline]
    pub(crate) fn hand_over<T: Item>(
        &self,
        lane: &Lane<T>,
        content: usize,
        take: impl FnOnce() -> T,
    ) {
        lane.queue.push_with(content, take);
        if lane.claims_wake() {
            self.wake();
        }
    }

    /// Wakes the worker. A child has none here, and a channel with locks that nobody may ever open.
    #[cold]
    fn wake(&self) {
        if self.process == std::process::id() {
            let _unsent = self.commands.send(Command::Look); // a worker that has ended needs no wake
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        self.shared.stats()
    }

    pub(crate) fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
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

    pub(crate) fn shutdown(&self, timeout: Duration) -> Result<(), FlushError> {
        if self.is_own_thread() {
            return Err(FlushError::OwnThread);
        }
        let deadline = deadline_after(timeout);
        let before = self.stats().all_lost();
        let running = self
            .running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(Running { thread, cutter }) = running else {
            // Whoever comes second waits for the first, but no longer than it was told to.
            return if self.ended.wait(deadline) {
                self.loss_since(&before)
            } else {
                Err(self.timed_out(timeout))
            };
        };
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

    /// Ends the desk of this process; a child that has none yet needs no worker for that.
    pub(crate) fn shut_down_here(
        self: &Arc<Self>,
        config: &Config,
        timeout: Duration,
    ) -> Result<(), FlushError> {
        self.find(config, || Self::closed(config)).shutdown(timeout)
    }

    #[cfg(test)]
    pub(crate) fn is_running(&self) -> bool {
        self.running.lock().unwrap().is_some()
    }

    /// Whether a second shutdown waits for the first.
    #[cfg(test)]
    pub(crate) fn is_end_waited_for(&self) -> bool {
        self.ended.waits() > 0
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
