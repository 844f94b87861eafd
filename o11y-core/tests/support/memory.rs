//! A sink that keeps what ends, shared by all tests of a binary; each looks at its own trace.

#![expect(clippy::expect_used, reason = "only tests use it")]
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::{
    fmt::Write as _,
    sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock, PoisonError},
};

use o11y_core::{
    Anchor, Context, Ended, Level, Observability, Record, Sink, SpanId, Status, TraceId, key,
};

#[derive(Default)]
pub(crate) struct Memory {
    records: Mutex<Vec<Record>>,
    meddler: OnceLock<fn()>,
}

static MEMORY: LazyLock<Arc<Memory>> = LazyLock::new(|| {
    let memory = Arc::new(Memory::default());
    Observability::enable(memory.clone());
    memory
});

/// Switches recording on, once for the process.
pub(crate) fn memory() -> &'static Memory {
    &MEMORY
}

/// Runs `f` in a root span and returns its trace.
pub(crate) fn traced(f: impl FnOnce()) -> TraceId {
    memory();
    Context::with_span("root", |span| {
        f();
        span.context().trace_id().expect("telemetry is on")
    })
}

/// Like [`traced`], for an async closure.
pub(crate) async fn traced_async(f: impl AsyncFnOnce()) -> TraceId {
    memory();
    Context::with_span_async("root", async |span| {
        f().await;
        span.context().trace_id().expect("telemetry is on")
    })
    .await
}

impl Sink for Memory {
    fn wants_starts(&self) -> bool {
        true
    }

    fn on_start(&self, _record: &Record) {
        self.meddle();
    }

    fn on_end(&self, ended: Ended<'_>) {
        self.meddle();
        self.records().push(ended.take());
    }
}

impl Memory {
    /// From now on, for all tests of the binary, does this inside the sink at every start and end.
    pub(crate) fn set_meddler(&self, meddler: fn()) {
        self.meddler.get_or_init(|| meddler);
    }

    fn meddle(&self) {
        if let Some(meddler) = self.meddler.get() {
            meddler();
        }
    }

    /// A test that fails while it looks must not make the others fail.
    fn records(&self) -> MutexGuard<'_, Vec<Record>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the ended span of that trace and name; there must be exactly one.
    #[track_caller]
    pub(crate) fn look<R>(&self, trace: TraceId, name: &str, look: impl FnOnce(&Record) -> R) -> R {
        let records = self.records();
        let mut found = records
            .iter()
            .filter(|record| record.trace_id() == trace && record.name() == name);
        let record = found.next().unwrap_or_else(|| panic!("no span {name}"));
        assert!(found.next().is_none(), "more than one span {name}");
        look(record)
    }

    /// How many spans of that name ended, in any trace.
    pub(crate) fn count(&self, name: &str) -> usize {
        let records = self.records();
        records
            .iter()
            .filter(|record| record.name() == name)
            .count()
    }

    /// The trace of the only span of that name.
    #[track_caller]
    pub(crate) fn trace_of(&self, name: &str) -> TraceId {
        let records = self.records();
        let mut found = records.iter().filter(|record| record.name() == name);
        let record = found.next().unwrap_or_else(|| panic!("no span {name}"));
        assert!(found.next().is_none(), "more than one span {name}");
        record.trace_id()
    }

    /// The trace as an indented tree of types and names, ` [ERROR]` behind what failed: siblings
    /// by name, because threads end in any order.
    pub(crate) fn outline(&self, trace: TraceId) -> String {
        self.draw(trace, by_name, |record| {
            let mark = if record.status() == Status::Error {
                " [ERROR]"
            } else {
                ""
            };
            format!("{} {}{mark}", record.observation(), record.name())
        })
    }

    /// The trace as an indented tree with all there is to see, siblings in the order of their
    /// start: for code that does one thing after the other. See [`line`].
    pub(crate) fn tree(&self, trace: TraceId) -> String {
        self.draw(trace, by_start, line)
    }

    /// Like [`tree`](Self::tree) with siblings by name: for code that does things at once.
    pub(crate) fn tree_by_name(&self, trace: TraceId) -> String {
        self.draw(trace, by_name, line)
    }

    fn draw(
        &self,
        trace: TraceId,
        sort: fn(&mut Vec<&Record>),
        line: fn(&Record) -> String,
    ) -> String {
        let records = self.records();
        let mut of_trace: Vec<_> = records
            .iter()
            .filter(|record| record.trace_id() == trace)
            .collect();
        sort(&mut of_trace);
        let mut drawn = String::new();
        let count = draw(&of_trace, None, 0, line, &mut drawn);
        // What hangs below something that is not there must not go unseen.
        for _ in count..of_trace.len() {
            drawn.push_str("(orphan)\n");
        }
        drawn
    }
}

/// `type name [LEVEL: message] key=value ..`: the mark only where there is something to mark, the
/// keys in the order of the alphabet, because they may be set by several threads.
pub(crate) fn line(record: &Record) -> String {
    let mut line = format!("{} {}", record.observation(), record.name());
    if record.level() != Level::Default || record.status() != Status::Unset {
        write!(line, " [{}", record.level()).expect("text");
        if let Some(message) = record.status_message() {
            write!(line, ": {message}").expect("text");
        }
        line.push(']');
    }
    let mut attributes: Vec<_> = record
        .attributes()
        .iter()
        .filter(|(key, _)| ![key::STATUS_MESSAGE, key::ERROR_TYPE].contains(key))
        .map(|(key, value)| format!(" {key}={value}"))
        .collect();
    attributes.sort_unstable();
    line.extend(attributes);
    line
}

fn by_name(records: &mut Vec<&Record>) {
    records.sort_by(|one, other| one.name().cmp(other.name()));
}

fn by_start(records: &mut Vec<&Record>) {
    let anchor = Anchor::now();
    records.sort_by_key(|record| record.start_unix_nanos(&anchor));
}

/// Draws what hangs below `parent`, and returns how many lines that took.
fn draw(
    records: &[&Record],
    parent: Option<SpanId>,
    depth: usize,
    line: fn(&Record) -> String,
    out: &mut String,
) -> usize {
    let mut count = 0;
    for record in records.iter().filter(|one| one.parent_id() == parent) {
        writeln!(out, "{:depth$}{}", "", line(record)).expect("text");
        count += 1 + draw(records, Some(record.span_id()), depth + 2, line, out);
    }
    count
}
