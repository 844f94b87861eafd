//! Trace insight: where the time of a trace went, what failed and what was tried again.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use o11y_core::{Anchor, Ended, FlushError, ObservationType, Record, Sink, TraceId};

pub use self::{
    call_site::CallSite,
    span::SpanInsight,
    stats::InsightStats,
    trace::{RetryPattern, TraceInsight},
};
use self::{
    open::{Gone, OpenTraces, Seen},
    store::Store,
};
use crate::{figure::nanos, table::Table};

mod call_site;
mod open;
mod shape;
mod span;
mod stats;
mod store;
mod trace;

#[cfg(test)]
mod tests;

type Listener = Box<dyn Fn(&TraceInsight) + Send + Sync>;

/// A sink that says of each trace where its time went.
///
/// It keeps of every ended span a few numbers and its name, and computes a [`TraceInsight`] when the
/// root ends, on the thread that ends it. Content is not looked at. Give it to
/// [`Observability::enable`](o11y_core::Observability::enable), alone or [`before`](Self::before) an
/// exporter.
///
/// ```
/// use std::sync::Arc;
/// use o11y_core::{Context, EventBus, Telemetry};
/// use o11y_events::TraceInsights;
///
/// let insights = Arc::new(TraceInsights::new());
/// # let telemetry = Telemetry::scoped(insights.clone(), EventBus::new());
/// # telemetry.run(|| {
/// // Observability::enable(insights.clone());
/// Context::with_span("answer", |_| {
///     let first = Context::try_with_span("search", |_| Err::<(), _>("timeout"));
///     assert!(first.is_err());
///     Context::with_span("search", |_| ());
/// });
/// # });
///
/// let insight = insights.latest().pop().unwrap();
/// assert_eq!((insight.name.as_str(), insight.spans.len(), insight.errors()), ("answer", 3, 1));
/// assert!(insight.retries[0].recovered);
/// println!("{insight}"); // as a tree, with times
/// println!("{insights}"); // what all traces spent, by name
/// ```
///
/// # What it means
///
/// | | |
/// |---|---|
/// | self time | the time of a span in which none of its children ran |
/// | critical path | from the end of the root backwards, at every moment one span: of the children that were running, the one that ended last, from where it is left to its beginning; where none was running, the parent. Its times add up to the trace's, and it is where a trace can be made shorter |
/// | bottleneck | the span with most time of its own on the critical path |
/// | peak concurrency | how many spans were in their self time at one moment: a span that waits for its children is not counted |
/// | retry | a span that begins under the same parent, by the same name, after a failed one has ended |
///
/// A child that outlives its parent, or seems to begin before it, counts as long as the parent does.
///
/// # Bounds
///
/// At most 256 traces are open with 20,000 spans together and 1,000 each, and the last 32 insights
/// are kept. A trace that makes room for newer ones, or of which nothing was heard for five minutes,
/// is told with [`is_complete`](TraceInsight::is_complete) false; its topmost spans then stand side by
/// side. Of a trace that comes from another process the part below each span that was called from
/// there is told for itself. Spans that end after their root are
/// counted as late. Of call sites there are 256, and `(other)`.
pub struct TraceInsights {
    anchor: Anchor,
    keep: usize,
    state: Mutex<State>,
    listener: Option<Listener>,
    next: Option<Arc<dyn Sink>>,
}

struct State {
    open: OpenTraces,
    store: Store,
}

impl State {
    /// What is gone by this; spans that come after are late.
    fn close(&mut self, change: impl FnOnce(&mut OpenTraces) -> Vec<Gone>) -> Vec<Gone> {
        let gone = change(&mut self.open);
        for trace in gone.iter().filter(|trace| !self.open.contains(trace.id)) {
            // A trace from another process may come here again.
            if trace.spans.last().is_none_or(|last| !last.is_local_root) {
                self.store.finished(trace.id);
            }
        }
        gone
    }
}

impl TraceInsights {
    /// One with the bounds above.
    #[must_use]
    pub fn new() -> Self {
        Self {
            // Only differences are taken, so it does not matter how the wall clock goes on.
            anchor: Anchor::at(SystemTime::now()),
            keep: 32,
            state: Mutex::new(State {
                open: OpenTraces::new(),
                store: Store::new(),
            }),
            listener: None,
            next: None,
        }
    }

    /// How many insights are kept. Defaults to 32.
    #[must_use]
    pub fn keep(mut self, traces: usize) -> Self {
        self.keep = traces;
        self
    }

    /// How long a trace may be silent before it is told without its root. Defaults to 5 minutes.
    #[must_use]
    pub fn quiet(self, time: Duration) -> Self {
        self.lock().open.quiet = time;
        self
    }

    /// How many traces may be open. Defaults to 256, at least 1.
    #[must_use]
    pub fn open_traces(self, traces: usize) -> Self {
        self.lock().open.max_traces = traces.max(1);
        self
    }

    /// Calls `listener` with each insight, on the thread that ended the trace: it must not block.
    /// No lock is held; a panic is caught by whoever calls the sink.
    #[must_use]
    pub fn on_trace(mut self, listener: impl Fn(&TraceInsight) + Send + Sync + 'static) -> Self {
        self.listener = Some(Box::new(listener));
        self
    }

    /// Gives every record on to `next`, such as an exporter, once it was looked at. No copy is made,
    /// as a [`FanOut`](o11y_core::FanOut) would. Only traces that `next` samples are seen then.
    #[must_use]
    pub fn before(mut self, next: Arc<dyn Sink>) -> Self {
        self.next = Some(next);
        self
    }

    /// The insights that are kept, the newest last. Traces that have been silent for too long are
    /// among them from now on.
    #[must_use]
    pub fn latest(&self) -> Vec<TraceInsight> {
        let gone = self.lock().close(|open| open.silent(Instant::now()));
        self.tell(&gone);
        self.lock().store.latest()
    }

    /// What all traces spent in spans of the same name, most self time first.
    #[must_use]
    pub fn call_sites(&self) -> Vec<CallSite> {
        self.lock().store.call_sites()
    }

    /// How many traces and spans there were.
    #[must_use]
    pub fn stats(&self) -> InsightStats {
        let state = self.lock();
        InsightStats {
            open: state.open.len(),
            ..state.store.stats
        }
    }

    fn look(&self, record: &Record) -> Option<(TraceId, Seen)> {
        let is_moment = record.observation() == ObservationType::Event;
        (!is_moment).then(|| (record.trace_id(), Seen::of(record, &self.anchor)))
    }

    fn take(&self, trace_id: TraceId, seen: Seen, now: Instant) {
        let mut state = self.lock();
        // A trace that is open was not told, so most spans need not be looked for.
        if !state.open.contains(trace_id) && state.store.is_late(trace_id) {
            return;
        }
        let gone = state.close(|open| open.add(trace_id, seen, now));
        drop(state);
        self.tell(&gone);
    }

    /// Computes without the lock, and calls others without it, when all is kept: they may panic.
    fn tell(&self, gone: &[Gone]) {
        let mut insights = Vec::with_capacity(gone.len());
        for trace in gone {
            let insight = Arc::new(TraceInsight::of(trace));
            let pushed_out = self.lock().store.add(Arc::clone(&insight), self.keep);
            drop(pushed_out);
            insights.push(insight);
        }
        if let Some(listener) = &self.listener {
            for insight in &insights {
                listener(insight);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for TraceInsights {
    fn default() -> Self {
        Self::new()
    }
}

impl Sink for TraceInsights {
    fn wants_starts(&self) -> bool {
        self.next.as_ref().is_some_and(|next| next.wants_starts())
    }

    fn sample_rate(&self) -> f64 {
        self.next.as_ref().map_or(1.0, |next| next.sample_rate())
    }

    fn on_start(&self, record: &Record) {
        if let Some(next) = &self.next {
            next.on_start(record);
        }
    }

    fn on_end(&self, ended: Ended<'_>) {
        let seen = self.look(ended.record());
        // First, so that a listener's panic keeps no record from it.
        if let Some(next) = &self.next {
            next.on_end(ended);
        }
        if let Some((trace_id, seen)) = seen {
            self.take(trace_id, seen, Instant::now());
        }
    }

    fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        self.next
            .as_ref()
            .map_or(Ok(()), |next| next.flush(timeout))
    }

    fn shutdown(&self, timeout: Duration) -> Result<(), FlushError> {
        self.next
            .as_ref()
            .map_or(Ok(()), |next| next.shutdown(timeout))
    }
}

/// What all traces spent, by name: a table.
impl fmt::Display for TraceInsights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new(CallSite::HEADS);
        for site in self.call_sites() {
            table.row(site.cells());
        }
        table.fmt(f)
    }
}

impl fmt::Debug for TraceInsights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TraceInsights").field(&self.stats()).finish()
    }
}

/// Nanoseconds as they are kept here.
fn duration(from: u64, to: u64) -> Duration {
    Duration::from_nanos(to.saturating_sub(from))
}

/// Adds without leaving the range.
fn sum(left: Duration, right: Duration) -> Duration {
    Duration::from_nanos(nanos(left).saturating_add(nanos(right)))
}
