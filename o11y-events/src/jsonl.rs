//! Events and spans as lines of JSON in a file.

use std::{
    fmt,
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, SystemTime},
};

use o11y_core::{Ended, Event, FlushError, ObservationType, Pattern, Sink};

pub use self::{
    builder::{JsonLinesBuilder, JsonLinesError},
    stats::JsonLinesStats,
};
use self::{
    queue::{Item, Queue},
    worker::Worker,
};
use crate::subscriber::{BaseSubscriber, Subscriptions};

mod builder;
mod line;
mod output;
mod queue;
mod stats;
mod time;
mod worker;

/// How long a drop waits for the disk.
const GRACE: Duration = Duration::from_secs(5);

/// Writes every event as a line of JSON into a file, and spans as well if it is given some.
///
/// Attached to the bus it hears everything, or what matches [`pattern`](JsonLinesBuilder::pattern).
/// [`sink`](Self::sink) takes ended spans; give it to a [`FanOut`](o11y_core::FanOut) to have them
/// exported as well.
///
/// ```no_run
/// use std::sync::Arc;
/// use o11y_core::{Observability, events};
/// use o11y_events::{BaseSubscriber, JsonLines};
///
/// let lines = JsonLines::builder("run.jsonl").open()?;
/// Observability::enable(Arc::new(lines.sink())); // or beside an exporter, in a `FanOut`
/// let lines = lines.attach(events()); // until the end of `main`
/// # Ok::<(), o11y_events::JsonLinesError>(())
/// ```
///
/// # The lines
///
/// The keys always stand in this order; what is not known is left out:
///
/// ```json
/// {"type":"event","time":"2026-01-31T09:30:00.123456Z","name":"llm.generate","trace_id":"…","span_id":"…","request_id":"req-1","user":"gus","session":"s-1","modules":"Agent > Chain","attributes":{"gen_ai.request.model":"gpt-4o"}}
/// {"type":"span","time":"2026-01-31T09:30:00.000001Z","name":"answer","observation":"agent","trace_id":"…","span_id":"…","parent_id":"…","duration_ms":122.5,"level":"ERROR","status":"error","attributes":{}}
/// ```
///
/// Tokens by class are an object of classes, a cost is a number of dollars, and JSON text stays a
/// text. An event inside a span is written once, even if the span's sink is told of it as well: by the
/// bus that this is attached to. A [scope](o11y_core::Telemetry::scoped) with a bus of its own needs a
/// writer of its own.
///
/// # Content
///
/// Prompts and answers stay out of the file unless [`content`](JsonLinesBuilder::content) says
/// otherwise: what stands under the keys for inputs, outputs and messages, and every text of more
/// than 128 bytes, is written as `<1234 bytes>`.
///
/// # Threads, disks and the end
///
/// A thread of its own writes, every 100 ms while there is something, so that no caller ever waits
/// for a disk. What waits is bounded by bytes: beyond that, what comes is dropped and counted. What
/// the disk refuses is counted with the error, see [`stats`](Self::stats); the thread goes on with
/// what comes next. A drop writes what waits and closes the file, for up to 5 s, so a guard that is
/// kept to the end of `main` loses nothing; `process::exit`, a detached one, and a drop while other
/// threads still emit may end without it, unless [`flush`](Self::flush) is called before. What a
/// crash may lose is the last 100 ms.
///
/// At the size of [`max_bytes`](JsonLinesBuilder::max_bytes) the file is renamed to `run.jsonl.1`,
/// an older one to `run.jsonl.2` and so on, and a new one begun. One process writes to a path.
#[must_use = "attach it to a bus, or keep it beside the sink: it writes nothing once it is dropped"]
pub struct JsonLines {
    shared: Arc<Shared>,
    worker: Option<JoinHandle<()>>,
}

struct Shared {
    queue: Queue,
    pattern: Pattern,
    with_content: bool,
}

impl JsonLines {
    /// Lines into the file at `path`, which is continued if there is one.
    pub fn builder(path: impl Into<std::path::PathBuf>) -> JsonLinesBuilder {
        JsonLinesBuilder::new(path.into())
    }

    fn spawn(shared: Arc<Shared>, worker: Worker) -> std::io::Result<Self> {
        let worker = worker.spawn(Arc::clone(&shared))?;
        Ok(Self {
            shared,
            worker: Some(worker),
        })
    }

    /// What takes ended spans. Clones write to the same file; after this is dropped, what they are
    /// given is counted as dropped.
    pub fn sink(&self) -> JsonLinesSink {
        JsonLinesSink {
            shared: Arc::clone(&self.shared),
        }
    }

    /// Waits until everything that was handed over before has been written.
    ///
    /// # Errors
    ///
    /// [`FlushError::Timeout`] if that takes longer. What the disk refused is no error here: see
    /// [`stats`](Self::stats).
    pub fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        self.shared.queue.flush(timeout)
    }

    /// What became of the lines.
    #[must_use]
    pub fn stats(&self) -> JsonLinesStats {
        self.shared.queue.stats()
    }

    fn on_event(&self, event: &Event) {
        let line = line::of_event(event, SystemTime::now(), self.shared.with_content);
        self.shared.queue.push(Item::Line(line));
    }
}

impl BaseSubscriber for JsonLines {
    fn subscribe(self: &Arc<Self>, subscriptions: &mut Subscriptions<Self>) {
        self.shared.queue.hears_events();
        subscriptions.add_subscription(self.shared.pattern.clone(), Self::on_event);
    }
}

impl Drop for JsonLines {
    fn drop(&mut self) {
        let ended = self.shared.queue.close(GRACE);
        // A worker that hangs in the disk is left behind: its host has waited long enough.
        if let Some(worker) = self.worker.take().filter(|_| ended) {
            drop(worker.join()); // its panic, if any, has no one to go to
        }
    }
}

impl fmt::Debug for JsonLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JsonLines").field(&self.stats()).finish()
    }
}

/// Writes ended spans as lines of JSON, see [`JsonLines::sink`].
#[must_use = "give it to `Observability::enable` or a `FanOut`"]
#[derive(Clone)]
pub struct JsonLinesSink {
    shared: Arc<Shared>,
}

impl Sink for JsonLinesSink {
    fn on_end(&self, ended: Ended<'_>) {
        let record = ended.record();
        let is_event = record.observation() == ObservationType::Event;
        let is_heard = is_event && self.shared.queue.is_hearing_events();
        if !is_heard || !self.shared.pattern.matches(record.name()) {
            self.shared.queue.push(Item::Record(ended.take()));
        }
    }

    fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        self.shared.queue.flush(timeout)
    }
}

impl fmt::Debug for JsonLinesSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JsonLinesSink")
            .field(&self.shared.queue.stats())
            .finish()
    }
}
