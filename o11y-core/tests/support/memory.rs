//! A sink that keeps what ends, shared by all tests of a binary; each looks at its own trace.

#![expect(clippy::unwrap_used, reason = "only tests use it")]
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::{
    fmt::Write as _,
    sync::{Arc, LazyLock, Mutex},
};

use o11y_core::{Ended, Observability, Record, Sink, Status, TraceId};

#[derive(Default)]
pub(crate) struct Memory {
    records: Mutex<Vec<Record>>,
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

impl Sink for Memory {
    fn on_end(&self, ended: Ended<'_>) {
        self.records.lock().unwrap().push(ended.take());
    }
}

impl Memory {
    /// Looks at the ended span of that trace and name; there must be exactly one.
    pub(crate) fn look<R>(&self, trace: TraceId, name: &str, look: impl FnOnce(&Record) -> R) -> R {
        let records = self.records.lock().unwrap();
        let mut found = records
            .iter()
            .filter(|record| record.trace_id() == trace && record.name() == name);
        let record = found.next().unwrap_or_else(|| panic!("no span {name}"));
        assert!(found.next().is_none(), "more than one span {name}");
        look(record)
    }

    /// How many spans of that name ended, in any trace.
    pub(crate) fn count(&self, name: &str) -> usize {
        let records = self.records.lock().unwrap();
        records
            .iter()
            .filter(|record| record.name() == name)
            .count()
    }

    /// The trace as an indented tree: siblings by name, because threads end in any order.
    pub(crate) fn outline(&self, trace: TraceId) -> String {
        let records = self.records.lock().unwrap();
        let of_trace: Vec<_> = records
            .iter()
            .filter(|record| record.trace_id() == trace)
            .collect();
        let mut outline = String::new();
        draw(&of_trace, None, 0, &mut outline);
        outline
    }
}

fn draw(records: &[&Record], parent: Option<o11y_core::SpanId>, depth: usize, out: &mut String) {
    let mut level: Vec<_> = records
        .iter()
        .filter(|record| record.parent_id() == parent)
        .collect();
    level.sort_by_key(|record| record.name().to_owned());
    for record in level {
        let mark = if record.status() == Status::Error {
            " [ERROR]"
        } else {
            ""
        };
        let kind = record.observation();
        writeln!(out, "{:depth$}{kind} {}{mark}", "", record.name()).unwrap();
        draw(records, Some(record.span_id()), depth + 2, out);
    }
}
