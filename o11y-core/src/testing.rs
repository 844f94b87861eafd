//! What tests of your own code need: a recording of one test's spans and events, and its outline.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

pub use self::outline::Outline;
use crate::{
    bus::EventBus,
    context::ContextGuard,
    observation::ObservationType,
    record::Record,
    sink::{Ended, Sink},
    telemetry::Telemetry,
};

mod outline;

/// Records what runs in it, and nothing else: tests that run in parallel do not see each other.
///
/// ```
/// use o11y_core::{Context, ObservationType, SpanSpec, attributes, event, testing::Recording};
///
/// // The code under test.
/// fn serve(order: &str) {
///     Context::with_span(SpanSpec::new("serve").observation(ObservationType::Agent), |span| {
///         span.set_attribute("order", order);
///         event("cup.filled", attributes! {});
///         Context::with_span("brew", |_span| ());
///     });
/// }
///
/// let recording = Recording::new();
/// recording.run(|| serve("latte"));
///
/// assert_eq!(
///     recording.outline().with(["order"]),
///     "agent serve order=latte\n\
///     \x20 event cup.filled\n\
///     \x20 span brew\n"
/// );
/// assert_eq!(recording.one("serve").attribute("order").and_then(|order| order.as_str()), Some("latte"));
/// ```
///
/// Code that takes the context along, to threads and tasks, stays in the recording; what it does not
/// take along is lost to it, as it would be to its parent span. Events reach the subscribers of
/// [`events`](Self::events) instead of those of the process, so a budget under test is attached
/// there.
///
/// Cheap to clone; clones are the same recording.
#[derive(Clone)]
pub struct Recording {
    memory: Arc<Memory>,
    telemetry: Telemetry,
}

#[derive(Default)]
struct Memory {
    records: Mutex<Vec<Record>>,
}

impl Memory {
    fn lock(&self) -> MutexGuard<'_, Vec<Record>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for Memory {
    fn on_end(&self, ended: Ended<'_>) {
        self.lock().push(ended.take());
    }
}

impl Recording {
    /// A recording of its own, with a bus of its own.
    #[must_use]
    pub fn new() -> Self {
        let memory = Arc::new(Memory::default());
        Self {
            telemetry: Telemetry::scoped(memory.clone(), EventBus::new()),
            memory,
        }
    }

    /// Runs `f` and records it.
    pub fn run<R>(&self, f: impl FnOnce() -> R) -> R {
        self.telemetry.run(f)
    }

    /// Records this thread until the guard is dropped.
    pub fn attach(&self) -> ContextGuard {
        self.telemetry.attach()
    }

    /// Records `future` whenever it is polled.
    pub fn wrap<F: Future>(&self, future: F) -> impl Future<Output = F::Output> {
        self.telemetry.wrap(future)
    }

    /// Where its events are heard.
    #[must_use]
    pub fn events(&self) -> &EventBus {
        self.telemetry.events()
    }

    /// The scope, for code that is handed one.
    pub fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }

    /// What ended so far, in the order of the ends; events inside spans are among them.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        self.memory.lock().clone()
    }

    /// Those of that name.
    #[must_use]
    pub fn named(&self, name: &str) -> Vec<Record> {
        self.filtered(|record| record.name() == name)
    }

    /// Those of that type.
    #[must_use]
    pub fn of_type(&self, observation: ObservationType) -> Vec<Record> {
        self.filtered(|record| record.observation() == observation)
    }

    /// Those directly below that one.
    ///
    /// ```
    /// use o11y_core::{Context, ObservationType, SpanSpec, testing::Recording};
    ///
    /// let recording = Recording::new();
    /// recording.run(|| {
    ///     Context::with_span(SpanSpec::new("serve").observation(ObservationType::Agent), |_span| {
    ///         Context::with_span("grind", |_span| ());
    ///         Context::with_span("brew", |_span| ());
    ///     });
    /// });
    ///
    /// let agents = recording.of_type(ObservationType::Agent);
    /// assert_eq!(recording.children_of(&agents[0]).len(), 2);
    /// assert_eq!(recording.named("brew").len(), 1);
    /// recording.clear();
    /// assert!(recording.records().is_empty());
    /// ```
    #[must_use]
    pub fn children_of(&self, parent: &Record) -> Vec<Record> {
        self.filtered(|record| record.parent_id() == Some(parent.span_id()))
    }

    /// The only one of that name.
    ///
    /// # Panics
    ///
    /// If there is none, or more than one: the test has failed then, and the outline is shown.
    #[must_use]
    #[track_caller]
    pub fn one(&self, name: &str) -> Record {
        let mut named = self.named(name);
        match (named.pop(), named.len()) {
            (Some(record), 0) => record,
            (_, others) => {
                let ended = if others == 0 { 0 } else { others + 1 };
                panic!(
                    "{ended} spans of the name {name:?} have ended, not one:\n{}",
                    self.outline()
                )
            }
        }
    }

    /// Everything as an indented tree.
    pub fn outline(&self) -> Outline {
        Outline::of(self.records())
    }

    /// Forgets what was recorded so far.
    pub fn clear(&self) {
        let records = std::mem::take(&mut *self.memory.lock());
        drop(records);
    }

    fn filtered(&self, keep: impl Fn(&Record) -> bool) -> Vec<Record> {
        let records = self.memory.lock();
        records
            .iter()
            .filter(|record| keep(record))
            .cloned()
            .collect()
    }
}

impl Default for Recording {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recording")
            .field("records", &self.memory.lock().len())
            .finish_non_exhaustive()
    }
}
