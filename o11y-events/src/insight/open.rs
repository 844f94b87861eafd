//! The traces whose root has not ended.

use std::{
    collections::HashMap,
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
        }
    }
}

/// A trace that is no longer open.
#[derive(Debug)]
pub(super) struct Gone {
    pub(super) id: TraceId,
    pub(super) spans: Vec<Seen>,
    pub(super) left_out: u64,
    /// Whether its root is the last of the spans.
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
        if is_root || trace.spans.len() < MAX_SPANS_OF_TRACE {
            trace.spans.push(span);
            self.spans += 1;
        } else {
            trace.left_out += 1;
        }
        if is_root {
            gone.extend(self.remove(id, true));
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
