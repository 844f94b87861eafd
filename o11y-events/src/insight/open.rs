//! The traces whose root has not ended.

use std::{
    collections::{HashMap, HashSet},
    mem,
    time::{Duration, Instant},
};

use foldhash::fast::RandomState;
use o11y_core::{Anchor, ObservationType, Record, SpanId, Status, TraceId};

use crate::figure::beginning;

const MAX_SPANS: usize = 20_000;
const MAX_SPANS_OF_TRACE: usize = 1_000;
const MAX_NAME_BYTES: usize = 200;

/// How often it is looked for traces that have been silent.
const LOOK: Duration = Duration::from_secs(1);

/// What is kept of a span.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) id: SpanId,
    pub(super) parent: Option<SpanId>,
    /// In nanoseconds, since whenever.
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) name: Box<str>,
    pub(super) observation: ObservationType,
    pub(super) failed: bool,
    /// Its parent is in another process: it is the root of what happens here.
    pub(super) is_local_root: bool,
}

impl Seen {
    pub(super) fn of(record: &Record, anchor: &Anchor) -> Self {
        let start = record.start_unix_nanos(anchor);
        Self {
            id: record.span_id(),
            parent: record.parent_id(),
            start,
            end: record.end_unix_nanos(anchor).max(start),
            name: beginning(record.name(), MAX_NAME_BYTES).into(),
            observation: record.observation(),
            failed: record.status() == Status::Error,
            is_local_root: record.parent_is_remote(),
        }
    }
}

/// A trace that is no longer open.
#[derive(Debug)]
pub(super) struct Gone {
    pub(super) id: TraceId,
    pub(super) spans: Vec<Seen>,
    pub(super) left_out: u64,
    /// Whether its root, or its root here, is the last of the spans.
    pub(super) is_complete: bool,
}

#[derive(Debug)]
struct Open {
    spans: Vec<Seen>,
    left_out: u64,
    heard: Instant,
    /// The number of the span that was heard last, which tells apart what one moment brought.
    turn: u64,
}

#[derive(Debug)]
pub(super) struct OpenTraces {
    traces: HashMap<TraceId, Open, RandomState>,
    spans: usize,
    turns: u64,
    looked: Option<Instant>,
    pub(super) quiet: Duration,
    pub(super) max_traces: usize,
}

impl OpenTraces {
    pub(super) fn new() -> Self {
        Self {
            traces: HashMap::default(),
            spans: 0,
            turns: 0,
            looked: None,
            quiet: Duration::from_secs(300),
            max_traces: 256,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.traces.len()
    }

    pub(super) fn contains(&self, id: TraceId) -> bool {
        self.traces.contains_key(&id)
    }

    /// Adds a span. What is no longer open by that: its own trace if it is the root, and those that
    /// have been silent or have to make room.
    pub(super) fn add(&mut self, id: TraceId, span: Seen, now: Instant) -> Vec<Gone> {
        let is_root = span.parent.is_none();
        let local_root = span.is_local_root.then_some(span.id);
        let is_new = !self.traces.contains_key(&id);
        let is_time = self
            .looked
            .is_none_or(|looked| now.saturating_duration_since(looked) >= LOOK);
        let mut gone = if is_new && is_time {
            self.silent(now)
        } else {
            Vec::new()
        };
        let trace = self.traces.entry(id).or_insert_with(|| Open {
            spans: Vec::new(),
            left_out: 0,
            heard: now,
            turn: 0,
        });
        trace.heard = now;
        self.turns += 1;
        trace.turn = self.turns;
        if is_root || local_root.is_some() || trace.spans.len() < MAX_SPANS_OF_TRACE {
            trace.spans.push(span);
            self.spans += 1;
        } else {
            trace.left_out += 1;
        }
        if is_root {
            gone.extend(self.remove(id, true));
        } else if let Some(root) = local_root {
            gone.extend(self.remove_below(id, root));
        }
        while self.traces.len() > self.max_traces || self.spans > MAX_SPANS {
            let oldest = self.traces.iter().min_by_key(|(_, trace)| trace.turn);
            let Some(oldest) = oldest.map(|(id, _)| *id) else {
                break;
            };
            gone.extend(self.remove(oldest, false));
        }
        gone
    }

    /// Removes those of which nothing was heard for too long.
    pub(super) fn silent(&mut self, now: Instant) -> Vec<Gone> {
        self.looked = Some(now);
        let is_silent = |trace: &Open| now.saturating_duration_since(trace.heard) >= self.quiet;
        let silent = self.traces.iter().filter(|(_, trace)| is_silent(trace));
        let silent: Vec<_> = silent.map(|(id, _)| *id).collect();
        silent
            .into_iter()
            .filter_map(|id| self.remove(id, false))
            .collect()
    }

    /// Removes what is below a root whose parent is in another process. The trace may have more of
    /// them here, at the same time or later.
    fn remove_below(&mut self, id: TraceId, root: SpanId) -> Option<Gone> {
        let trace = self.traces.get_mut(&id)?;
        let mut below = HashSet::<_, RandomState>::from_iter([root]);
        // The newest first, for parents end last.
        for span in trace.spans.iter().rev() {
            if span.parent.is_some_and(|parent| below.contains(&parent)) {
                below.insert(span.id);
            }
        }
        let spans = mem::take(&mut trace.spans);
        let (spans, left) = spans.into_iter().partition(|span| below.contains(&span.id));
        trace.spans = left;
        self.spans -= below.len();
        let left_out = mem::take(&mut trace.left_out);
        if trace.spans.is_empty() {
            self.traces.remove(&id);
        }
        Some(Gone {
            id,
            spans,
            left_out,
            is_complete: true,
        })
    }

    fn remove(&mut self, id: TraceId, is_complete: bool) -> Option<Gone> {
        let trace = self.traces.remove(&id)?;
        self.spans -= trace.spans.len();
        Some(Gone {
            id,
            spans: trace.spans,
            left_out: trace.left_out,
            is_complete,
        })
    }
}
