//! The switch: whether anything is recorded, and the sink that records go to.

use std::{
    borrow::Cow,
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;

use crate::{
    clock::Ticks,
    id::TraceId,
    record::Record,
    sink::{Ended, FlushError, Sink},
};

/// Whether spans are recorded. `Relaxed`, because it guards nothing: whoever sees it on and then
/// finds no sink drops the record.
static ENABLED: AtomicBool = AtomicBool::new(false);

/// Whether the sink asked for starts; the same reasoning.
static WANTS_STARTS: AtomicBool = AtomicBool::new(false);

/// Traces whose id's lower half is below this are recorded; the same reasoning.
static SAMPLED_BELOW: AtomicU64 = AtomicU64::new(u64::MAX);

/// Panics of the sink.
static SINK_PANICS: AtomicU64 = AtomicU64::new(0);

static OUTLET: ArcSwapOption<Outlet> = ArcSwapOption::const_empty();

static DISABLED_REASON: Mutex<Cow<'static, str>> = Mutex::new(Cow::Borrowed("never enabled"));

struct Outlet {
    sink: Arc<dyn Sink>,
}

thread_local! {
    /// Whether this thread is inside the sink, whose own spans would come back to it without end.
    static IN_SINK: Cell<bool> = const { Cell::new(false) };
}

/// The switch of the process: all functions are static.
///
/// Off until [`enable`](Self::enable) is called, usually by an exporter's `init`. A library that
/// instruments itself never touches it.
#[derive(Debug)]
pub enum Observability {}

impl Observability {
    /// Whether spans are recorded.
    #[must_use]
    #[inline]
    pub fn is_enabled() -> bool {
        ENABLED.load(Ordering::Relaxed)
    }

    /// Records from now on, into `sink`, which takes the place of another one.
    pub fn enable(sink: Arc<dyn Sink>) {
        let wants_starts = sink.wants_starts();
        let sampled_below = below(sink.sample_rate());
        // The first reading calibrates the clock; no span should have to wait for that.
        _ = Ticks::now();
        let before = OUTLET.swap(Some(Arc::new(Outlet { sink })));
        WANTS_STARTS.store(wants_starts, Ordering::Relaxed);
        SAMPLED_BELOW.store(sampled_below, Ordering::Relaxed);
        ENABLED.store(true, Ordering::Relaxed);
        drop(before);
    }

    /// Records no new spans from now on. The sink stays, so that spans which are open still reach
    /// it, to be delivered or to be counted as lost.
    pub fn disable(reason: impl Into<Cow<'static, str>>) {
        ENABLED.store(false, Ordering::Relaxed);
        let reason = std::mem::replace(&mut *lock_reason(), reason.into());
        drop(reason);
    }

    /// Does as [`disable`](Self::disable) if `sink` is the one in use: the way out of an exporter
    /// that may have been replaced by another.
    pub fn retire(sink: &Arc<dyn Sink>, reason: impl Into<Cow<'static, str>>) {
        let in_use = OUTLET
            .load()
            .as_ref()
            .is_some_and(|outlet| Arc::ptr_eq(&outlet.sink, sink));
        if in_use {
            Self::disable(reason);
        }
    }

    /// Why nothing is recorded; none while it is.
    #[must_use]
    pub fn disabled_reason() -> Option<Cow<'static, str>> {
        (!Self::is_enabled()).then(|| lock_reason().clone())
    }

    /// Has the sink deliver what it holds.
    ///
    /// # Errors
    ///
    /// What the sink says; without a sink there is nothing to deliver.
    pub fn flush(timeout: Duration) -> Result<(), FlushError> {
        OUTLET
            .load_full()
            .map_or(Ok(()), |outlet| outlet.sink.flush(timeout))
    }

    /// Switches off, and has the sink deliver what it holds and end.
    ///
    /// # Errors
    ///
    /// What the sink says; without a sink there is nothing to end.
    pub fn shutdown(timeout: Duration) -> Result<(), FlushError> {
        Self::disable("shut down");
        OUTLET
            .load_full()
            .map_or(Ok(()), |outlet| outlet.sink.shutdown(timeout))
    }

    /// Panics of the sink, since the start; each lost at most one record.
    #[must_use]
    pub fn sink_panics() -> u64 {
        SINK_PANICS.load(Ordering::Relaxed)
    }
}

fn lock_reason() -> std::sync::MutexGuard<'static, Cow<'static, str>> {
    DISABLED_REASON
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}

/// The bound for a share of all traces. Ids are random, so their lower half is as good as a die,
/// and every service that rolls it so agrees on the same traces.
fn below(rate: f64) -> u64 {
    // 2^64, which a float cannot tell from `u64::MAX`.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates at both ends and takes NaN for zero"
    )]
    let bound = (rate * 18_446_744_073_709_551_616.0) as u64;
    bound
}

/// Whether a new trace is recorded.
#[inline]
pub(crate) fn samples(trace: TraceId) -> bool {
    let below = SAMPLED_BELOW.load(Ordering::Relaxed);
    below == u64::MAX || trace.low() < below
}

/// A span has started.
#[inline]
pub(crate) fn started(record: &Record) {
    if WANTS_STARTS.load(Ordering::Relaxed) {
        in_sink(|sink| sink.on_start(record));
    }
}

/// A span has ended; what the sink does not take is dropped after it.
pub(crate) fn ended(slot: &mut Option<Record>) {
    in_sink(|sink| sink.on_end(Ended::new(slot)));
    *slot = None; // in place: taking it out would copy it, and mostly there is nothing left
}

/// Calls the sink, once at a time on a thread, and keeps its panics from the host.
fn in_sink(call: impl FnOnce(&dyn Sink)) {
    if IN_SINK.get() {
        return;
    }
    let outlet = OUTLET.load();
    let Some(outlet) = &*outlet else {
        return;
    };
    IN_SINK.set(true);
    let outcome = catch_unwind(AssertUnwindSafe(|| call(&*outlet.sink)));
    IN_SINK.set(false);
    if outcome.is_err() {
        SINK_PANICS.fetch_add(1, Ordering::Relaxed); // a counter
    }
}
