//! The way to one sink: once at a time on a thread, with its panics kept from the host.

use std::{
    any::Any,
    cell::Cell,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use crate::{
    id::TraceId,
    record::Record,
    sink::{Ended, Sink},
};

/// Panics of all sinks.
static PANICS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// Whether this thread is inside a sink, whose own spans would come back to it without end.
    static IN_SINK: Cell<bool> = const { Cell::new(false) };
}

/// A sink, and what it was asked for once.
pub(crate) struct Outlet {
    pub(crate) sink: Arc<dyn Sink>,
    pub(crate) wants_starts: bool,
    /// Traces whose id's lower half is below this are recorded.
    pub(crate) sampled_below: u64,
}

impl Outlet {
    pub(crate) fn new(sink: Arc<dyn Sink>) -> Self {
        Self {
            wants_starts: sink.wants_starts(),
            sampled_below: below(sink.sample_rate()),
            sink,
        }
    }

    /// Whether a trace is recorded.
    pub(crate) fn samples(&self, trace: TraceId) -> bool {
        samples(self.sampled_below, trace)
    }

    /// Whether what it is given reaches that sink.
    pub(crate) fn leads_to(&self, sink: &Arc<dyn Sink>) -> bool {
        Arc::ptr_eq(&self.sink, sink) || self.sink.leads_to(sink)
    }

    /// Gives it a record to keep.
    pub(crate) fn end(&self, mut record: Record) {
        self.sink.on_end(Ended::new(&mut record));
    }

    /// A span has started.
    pub(crate) fn started(&self, record: &Record) {
        if self.wants_starts {
            call(|| self.sink.on_start(record));
        }
    }

    /// A span has ended; what the sink does not take stays where it lies.
    #[expect(clippy::inline_always, reason = "as with `observability::ended`")]
    #[inline(always)]
    pub(crate) fn ended(&self, record: &mut Record) {
        call(|| self.sink.on_end(Ended::new(record)));
    }
}

/// Panics of all sinks, since the start.
pub(crate) fn panics() -> u64 {
    PANICS.load(Ordering::Relaxed)
}

/// Whether a trace is one of those below a bound.
#[inline]
pub(crate) fn samples(below: u64, trace: TraceId) -> bool {
    below == u64::MAX || trace.low() < below
}

#[expect(clippy::inline_always, reason = "as with `observability::ended`")]
#[inline(always)]
fn call(call: impl FnOnce()) {
    if IN_SINK.get() {
        return;
    }
    IN_SINK.set(true);
    let outcome = catch_unwind(AssertUnwindSafe(call));
    IN_SINK.set(false);
    if let Err(payload) = outcome {
        PANICS.fetch_add(1, Ordering::Relaxed); // a counter
        discard(payload);
    }
}

/// Drops what a panic carried, which may be anything, and may itself panic when it is dropped.
pub(crate) fn discard(payload: Box<dyn Any + Send>) {
    if let Err(worse) = drop_caught(payload) {
        #[expect(
            clippy::mem_forget,
            reason = "dropping it as well could go on for ever"
        )]
        mem::forget(worse);
    }
}

/// Drops what is somebody else's.
pub(crate) fn drop_caught<T>(theirs: T) -> thread::Result<()> {
    catch_unwind(AssertUnwindSafe(|| drop(theirs)))
}

/// The bound for a share of all traces. Ids are random, so their lower half is as good as a die,
/// and every service that rolls it so agrees on the same traces.
pub(crate) fn below(rate: f64) -> u64 {
    // 2^64, which a float cannot tell from `u64::MAX`.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates at both ends and takes NaN for zero"
    )]
    let bound = (rate * 18_446_744_073_709_551_616.0) as u64;
    bound
}
