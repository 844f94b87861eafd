//! The settings of an executor, collected one by one and checked all at once.

use std::{fmt, time::Duration};

use super::Executor;
use crate::{
    config::{DEFAULT_QUEUE_BYTES, DEFAULT_QUEUE_SIZE, DEFAULT_TRIGGER, LONGEST_DURATION},
    error::ConfigError,
    processor::Processor,
    retry,
};

/// The time after which a batch goes out although it is not full: as long as whoever watches a
/// file or a screen may wait.
const DEFAULT_LINGER: Duration = Duration::from_secs(1);

/// Collects the processors and settings of an [`Executor`].
///
/// ```
/// use std::time::Duration;
/// use o11y_core::Record;
/// use o11y_langfuse::{Executor, ExecutorBuilder, ProcessError, Processor};
///
/// struct Archive;
///
/// impl Processor for Archive {
///     fn on_spans_end(&mut self, _spans: &[Record]) -> Result<(), ProcessError> {
///         Ok(()) // a slow disk
///     }
/// }
///
/// let builder: ExecutorBuilder = Executor::builder()
///     .processor(Archive)
///     .queue_size(2_000)
///     .queue_bytes(16 << 20)
///     .batch_size(500)
///     .linger(Duration::from_millis(200))
///     .first_retry_after(Duration::from_millis(100))
///     .max_attempts(5)
///     .shutdown_timeout(Duration::from_secs(3));
/// let executor = builder.spawn()?;
/// # drop(executor);
/// # Ok::<_, o11y_langfuse::ConfigError>(())
/// ```
#[must_use = "call `spawn`"]
pub struct ExecutorBuilder {
    processors: Vec<Box<dyn Processor>>,
    settings: Settings,
}

/// What an executor is told.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) queue_size: usize,
    pub(super) queue_bytes: usize,
    pub(super) batch_size: usize,
    /// Zero: everything is passed on at once.
    pub(super) linger: Duration,
    pub(super) first_backoff: Duration,
    pub(super) max_attempts: Option<u32>,
    pub(super) shutdown_timeout: Option<Duration>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            queue_size: DEFAULT_QUEUE_SIZE,
            queue_bytes: DEFAULT_QUEUE_BYTES,
            batch_size: DEFAULT_TRIGGER,
            linger: DEFAULT_LINGER,
            first_backoff: retry::FIRST,
            max_attempts: None,
            shutdown_timeout: None,
        }
    }
}

impl ExecutorBuilder {
    pub(super) fn new() -> Self {
        Self {
            processors: Vec::new(),
            settings: Settings::default(),
        }
    }

    /// Adds a processor. Several are called in turn, on one thread: a slow one delays the others,
    /// so give it an executor of its own if that matters.
    pub fn processor(mut self, processor: impl Processor) -> Self {
        self.processors.push(Box::new(processor));
        self
    }

    /// How many starts and ends may wait in the queue, and how many more before each processor that
    /// waits for a retry; beyond it the oldest are lost and counted. Defaults to 8,192.
    pub fn queue_size(mut self, items: usize) -> Self {
        self.settings.queue_size = items;
        self
    }

    /// How many bytes of content may wait, in the queue and before each processor that waits for a
    /// retry; beyond it the oldest are lost and counted. Defaults to 64 MiB.
    pub fn queue_bytes(mut self, bytes: usize) -> Self {
        self.settings.queue_bytes = bytes;
        self
    }

    /// How many starts and ends make up a batch at most; so many are passed on without lingering.
    /// Defaults to 100.
    pub fn batch_size(mut self, items: usize) -> Self {
        self.settings.batch_size = items;
        self
    }

    /// How long a start or an end waits at most for others to fill its batch. Zero passes each on
    /// at once, which wakes the worker for it; less than 50 ms counts as 50 ms. Defaults to 1
    /// second.
    pub fn linger(mut self, linger: Duration) -> Self {
        self.settings.linger = linger.min(LONGEST_DURATION);
        self
    }

    /// The first wait before a retry; the next ones double up to 30 seconds, each shortened by
    /// chance to no less than half. Defaults to 200 ms.
    pub fn first_retry_after(mut self, wait: Duration) -> Self {
        self.settings.first_backoff = wait.min(LONGEST_DURATION);
        self
    }

    /// How often the same records are given to a processor that asks for a retry; then they are lost
    /// as `retries_exhausted`. Defaults to no limit: what waits is bounded anyway.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.settings.max_attempts = Some(attempts);
        self
    }

    /// How long ending may take where no time is given: dropping the [`Executor`], the shutdown of
    /// OpenTelemetry's SDK. Defaults to 10 seconds, and to 5 for the drop.
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.settings.shutdown_timeout = Some(timeout);
        self
    }

    /// Checks everything and starts the worker thread.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Missing`] without a processor, [`ConfigError::Invalid`] for what cannot work,
    /// [`ConfigError::Thread`] if the system refuses to start a thread.
    pub fn spawn(self) -> Result<Executor, ConfigError> {
        let Self {
            processors,
            settings,
        } = self;
        if processors.is_empty() {
            return Err(ConfigError::Missing { name: "processor" });
        }
        for (name, number) in [
            ("queue_size", settings.queue_size),
            ("queue_bytes", settings.queue_bytes),
            ("batch_size", settings.batch_size),
            (
                "max_attempts",
                settings.max_attempts.map_or(1, |most| most as usize),
            ),
        ] {
            if number == 0 {
                return Err(ConfigError::Invalid {
                    name: name.into(),
                    problem: "is 0".into(),
                    expected: "at least 1",
                });
            }
        }
        Executor::start(processors, &settings)
    }
}

impl fmt::Debug for ExecutorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExecutorBuilder")
            .field("processors", &self.processors.len())
            .field("settings", &self.settings)
            .finish()
    }
}
