//! The executor: one queue and one worker thread in front of any destinations.

use std::{
    fmt,
    hash::{BuildHasher as _, RandomState},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use crossbeam_channel::unbounded;
use o11y_core::{FlushError, Observability, Sink};

#[cfg(feature = "otel")]
pub use self::otel::ExecutorSpanProcessor;
use self::{
    book::Books,
    builder::Settings,
    intake::{Intake, be_worker},
    order::Orders,
    shared::Shared,
    station::Station,
    worker::Worker,
};
pub use self::{
    builder::ExecutorBuilder,
    stats::{ExecutorStats, ProcessorStats},
};
use crate::{config::DEFAULT_DROP_GRACE, error::ConfigError, flush::Flush, processor::Processor};

mod backlog;
mod book;
mod builder;
mod intake;
mod order;
#[cfg(feature = "otel")]
mod otel;
mod part;
mod shared;
mod station;
mod stats;
mod taken;
mod worker;

#[cfg(test)]
mod tests;

/// The name of the worker thread; the system shows its first 15 bytes.
const THREAD_NAME: &str = "o11y-executor";

/// Drives [`Processor`]s: one bounded queue, one thread, one call at a time.
///
/// ```text
///   the program's threads              │  the worker thread
///                                      │
///   span starts, ends ─► bounded queue ╪═► batch ─┬─► processor
///                full: the oldest make │          ├─► processor, waits for its retry ─► backlog
///                room, and are counted │          └─► processor
/// ```
///
/// The program never waits for a processor. Processors are called in turn, so a slow one delays the
/// others, but none can break another: a failure, a retry or a panic concerns the processor that it
/// comes from. A destination that must not be delayed gets an executor of its own.
///
/// # Order
///
/// Starts are given in the order in which spans started, ends in the order in which they ended, and
/// the start of a span always before its end. A batch is given in two calls, first its starts, then
/// its ends. Records that wait for a retry keep what came after them waiting.
///
/// # Bounds
///
/// The queue is bounded by count and by bytes; if it is full the oldest are lost. Before a processor
/// that waits for a retry a backlog builds up with the same bounds, and the same rule. Backlogs
/// share their records.
///
/// # Use
///
/// [`sink`](Self::sink) is what [`Observability::enable`], [`Telemetry::scoped`] and [`FanOut`]
/// take:
///
/// ```
/// use std::{sync::{Arc, Mutex}, time::Duration};
/// use o11y_core::{Context, EventBus, Record, Telemetry};
/// use o11y_langfuse::{Executor, ProcessError, Processor};
///
/// struct Names(Arc<Mutex<Vec<String>>>);
///
/// impl Processor for Names {
///     fn wants_starts(&self) -> bool {
///         true
///     }
///
///     fn on_spans_start(&mut self, spans: &[Record]) -> Result<(), ProcessError> {
///         self.0.lock().unwrap().extend(spans.iter().map(|span| format!("+{}", span.name())));
///         Ok(())
///     }
///
///     fn on_spans_end(&mut self, spans: &[Record]) -> Result<(), ProcessError> {
///         self.0.lock().unwrap().extend(spans.iter().map(|span| format!("-{}", span.name())));
///         Ok(())
///     }
/// }
///
/// let names = Arc::default();
/// let executor = Executor::builder()
///     .processor(Names(Arc::clone(&names)))
///     .linger(Duration::from_millis(200))
///     .spawn()?;
///
/// Telemetry::scoped(executor.sink(), EventBus::new()).run(|| {
///     Context::with_span("serve", |_span| Context::with_span("brew", |_span| ()));
/// });
/// executor.flush(Duration::from_secs(5))?;
///
/// assert_eq!(*names.lock().unwrap(), ["+serve", "+brew", "-brew", "-serve"]);
/// assert_eq!(executor.stats().processors[0].processed, 4);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
///
/// Dropping it delivers what waits, within the configured time (5 seconds unless told otherwise),
/// and ends the worker.
///
/// [`Telemetry::scoped`]: o11y_core::Telemetry::scoped
/// [`FanOut`]: o11y_core::FanOut
#[must_use = "bind it to a name, not `_`: the worker ends when this is dropped"]
pub struct Executor {
    intake: Arc<Intake>,
    sink: Arc<dyn Sink>,
    /// None: the default of whoever asks.
    shutdown_timeout: Option<Duration>,
}

impl Executor {
    /// An executor without processors yet.
    pub fn builder() -> ExecutorBuilder {
        ExecutorBuilder::new()
    }

    fn start(
        processors: Vec<Box<dyn Processor>>,
        settings: &Settings,
    ) -> Result<Self, ConfigError> {
        let seed = RandomState::new().hash_one(0);
        let stations: Vec<_> = (0..)
            .zip(processors)
            .map(|(place, processor)| Station::new(place, processor, settings, seed))
            .collect();
        let wants_starts = stations.iter().any(|station| station.wants_starts);
        let names = stations.iter().map(|station| station.name().to_owned());
        let shared = Arc::new(Shared::new(settings, Books::new(names)));
        let (orders, received) = unbounded();
        let of_worker = Arc::clone(&shared);
        let worker = Worker::new(
            settings,
            Arc::clone(&shared),
            stations,
            Orders::new(received),
            Box::new(Instant::now),
        );
        let thread = thread::Builder::new()
            .name(THREAD_NAME.to_owned())
            .spawn(move || {
                be_worker(&of_worker);
                worker.run();
            })
            .map_err(ConfigError::Thread)?;
        let intake = Arc::new(Intake::new(shared, wants_starts, orders, thread));
        Ok(Self {
            sink: intake.clone(),
            intake,
            shutdown_timeout: settings.shutdown_timeout,
        })
    }

    /// What takes spans for this executor; all are the same one.
    #[must_use]
    pub fn sink(&self) -> Arc<dyn Sink> {
        Arc::clone(&self.sink)
    }

    /// What became of everything that was handed over so far.
    #[must_use]
    pub fn stats(&self) -> ExecutorStats {
        self.intake.stats()
    }

    /// Passes on every start and end from before this call, and has each processor that is through
    /// with them [`flush`](Processor::flush).
    ///
    /// Blocks for as long as the processors take, at most for `timeout`. In async code use
    /// [`flush_async`](Self::flush_async).
    ///
    /// # Errors
    ///
    /// [`FlushError::Timeout`] says how many are still waiting then, which goes on;
    /// [`FlushError::Lost`] if any were lost meanwhile; [`FlushError::Sink`] is the [`ProcessError`]
    /// that a processor's flush returned; [`FlushError::Several`] if there is more to tell;
    /// [`FlushError::OwnThread`] in a processor.
    ///
    /// [`ProcessError`]: crate::ProcessError
    pub fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        self.intake.flush(timeout)
    }

    /// Like [`flush`](Self::flush), without blocking the thread and without any runtime of yours: a
    /// short-lived thread does the waiting. Starts at the call; dropping the future leaves it to end
    /// by itself.
    ///
    /// # Errors
    ///
    /// Those of [`flush`](Self::flush), and [`FlushError::Sink`] if no thread could be started.
    pub fn flush_async(
        &self,
        timeout: Duration,
    ) -> impl Future<Output = Result<(), FlushError>> + Send + use<> {
        let intake = Arc::clone(&self.intake);
        Flush::spawn(move || intake.flush(timeout))
    }

    /// Passes on what waits, at most for `timeout`, has each processor
    /// [`shutdown`](Processor::shutdown), and ends the worker. What is handed over later is counted
    /// as lost. A second call returns at once.
    ///
    /// A processor that hangs cannot be cut: the deadline is kept, and the worker ends when the
    /// processor returns, but what it takes then does not count any more.
    ///
    /// # Errors
    ///
    /// [`FlushError::Lost`] says how many remained, processor by processor; [`FlushError::Sink`] is
    /// the error of a processor's shutdown; [`FlushError::Several`] if there is more to tell;
    /// [`FlushError::OwnThread`] in a processor.
    pub fn shutdown(&self, timeout: Duration) -> Result<(), FlushError> {
        Observability::retire(&self.sink, "shut down");
        self.intake.shutdown(timeout)
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        // Losses are in the figures; a destructor has nobody to tell.
        let grace = self.shutdown_timeout.unwrap_or(DEFAULT_DROP_GRACE);
        let _losses = self.shutdown(grace);
    }
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor")
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
