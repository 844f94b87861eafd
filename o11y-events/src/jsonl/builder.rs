//! Where lines are written, how much, and with what.

use std::{io, path::PathBuf, sync::Arc};

use o11y_core::Pattern;

use super::{JsonLines, Shared, output::Output, queue::Queue, worker::Worker};

const MEBIBYTE: u64 = 1_024 * 1_024;

/// How a [`JsonLines`] is made.
///
/// ```
/// use o11y_core::{attributes, event, events};
/// use o11y_events::{BaseSubscriber, JsonLines};
///
/// let path = std::env::temp_dir().join(format!("events-{}.jsonl", std::process::id()));
/// let lines = JsonLines::builder(&path)
///     .pattern("order.*")
///     .max_bytes(16 << 20) // then a new file is begun
///     .keep(3) // older ones
///     .queue_bytes(1 << 20)
///     .content(true)
///     .fsync(true)
///     .open()?
///     .attach(events());
/// event("order.placed", attributes! { "cups" => 2 });
/// drop(lines); // writes what waits
/// # assert!(std::fs::read_to_string(&path)?.contains("order.placed"));
/// # std::fs::remove_file(&path)?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[must_use = "call `open`"]
#[derive(Debug, Clone)]
pub struct JsonLinesBuilder {
    path: PathBuf,
    pattern: Pattern,
    max_bytes: u64,
    keep: u32,
    queue_bytes: usize,
    content: bool,
    fsync: bool,
}

impl JsonLinesBuilder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            pattern: "*".into(),
            max_bytes: 64 * MEBIBYTE,
            keep: 5,
            queue_bytes: 8 * 1_024 * 1_024,
            content: false,
            fsync: false,
        }
    }

    /// Which events it writes. Defaults to `*`, everything; spans are not chosen by it.
    pub fn pattern(mut self, pattern: impl Into<Pattern>) -> Self {
        self.pattern = pattern.into();
        self
    }

    /// The size at which a new file is begun. A single line that is longer makes a longer file.
    /// Defaults to 64 MiB.
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// How many older files are kept. Defaults to 5; with 0 the file is begun anew and its lines are
    /// gone.
    pub fn keep(mut self, files: u32) -> Self {
        self.keep = files;
        self
    }

    /// How many bytes may wait for the disk. Defaults to 8 MiB.
    pub fn queue_bytes(mut self, bytes: usize) -> Self {
        self.queue_bytes = bytes;
        self
    }

    /// Whether prompts, answers and long texts are written. Defaults to not.
    pub fn content(mut self, written: bool) -> Self {
        self.content = written;
        self
    }

    /// Whether the system is asked to bring lines to the disk after every write, which survives a
    /// loss of power too. Defaults to not: what was written survives the end of the process.
    pub fn fsync(mut self, synced: bool) -> Self {
        self.fsync = synced;
        self
    }

    /// Opens the file and starts the thread that writes. A line that a crash left half written is
    /// ended first.
    ///
    /// # Errors
    ///
    /// [`JsonLinesError`] if the file cannot be opened or the thread not started.
    pub fn open(self) -> Result<JsonLines, JsonLinesError> {
        let path = self.path.clone();
        let output = Output::open(self.path, self.max_bytes, self.keep, self.fsync)
            .map_err(|source| JsonLinesError::Open { path, source })?;
        let shared = Arc::new(Shared {
            queue: Queue::new(self.queue_bytes),
            pattern: self.pattern,
            with_content: self.content,
        });
        JsonLines::spawn(shared, Worker::new(output))
            .map_err(|source| JsonLinesError::Thread { source })
    }
}

/// Why lines cannot be written at all. What happens later is counted, see
/// [`JsonLinesStats`](crate::JsonLinesStats).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JsonLinesError {
    /// The file cannot be opened for appending.
    #[error("cannot append to {}", path.display())]
    Open {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The thread cannot be started.
    #[error("cannot start the thread that writes lines of JSON")]
    Thread {
        /// What the system says.
        source: io::Error,
    },
}
