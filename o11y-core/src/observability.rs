//! The switch: whether anything is recorded, and which sink a record goes to.
//!
//! There is one sink for the process, and a [`Telemetry`](crate::Telemetry) has one of its own for
//! whatever runs in its scope. As long as there is none of those, one load tells whether anything
//! is recorded.

use std::{
    borrow::Cow,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use arc_swap::{ArcSwapOption, Guard};

use crate::{
    clock::Ticks,
    context::current,
    id::TraceId,
    limit::Limited,
    outlet::{self, Outlet},
    record::Record,
    sink::{FlushError, Sink},
    telemetry::Telemetry,
};

/// Who records: [`PROCESS`] while the process does, and [`SCOPED`] for each telemetry scope that
/// lives. `Relaxed`, because it guards nothing: whoever sees the process's bit and then finds no
/// sink drops the record, and whoever stands in a scope has been handed it after it was counted.
static RECORDING: AtomicUsize = AtomicUsize::new(0);

/// Who of them asked for starts; the same reasoning.
static WANTING_STARTS: AtomicUsize = AtomicUsize::new(0);

const PROCESS: usize = 1;
const SCOPED: usize = 2;

/// Traces whose id's lower half is below this are recorded by the process; the same reasoning.
static SAMPLED_BELOW: AtomicU64 = AtomicU64::new(u64::MAX);

static OUTLET: ArcSwapOption<Outlet> = ArcSwapOption::const_empty();

/// None: never enabled. No lock, because a child of a fork might find it closed for ever.
static DISABLED_REASON: ArcSwapOption<Cow<'static, str>> = ArcSwapOption::const_empty();

/// The switch of the process: all functions are static.
///
/// Off until [`enable`](Self::enable) is called, usually by an exporter's `init`. A library that
/// instruments itself never touches it. A part of the program may record elsewhere, see
/// [`Telemetry`].
///
/// ```
/// use std::{sync::{Arc, atomic::{AtomicU64, Ordering}}, time::Duration};
/// use o11y_core::{Context, Ended, Observability, Sink};
///
/// /// Counts what ends.
/// #[derive(Default)]
/// struct Counter(AtomicU64);
///
/// impl Sink for Counter {
///     fn on_end(&self, _ended: Ended<'_>) {
///         self.0.fetch_add(1, Ordering::Relaxed);
///     }
/// }
///
/// assert!(!Observability::is_enabled());
/// let counter = Arc::new(Counter::default());
/// let sink: Arc<dyn Sink> = counter.clone();
/// Observability::enable(Arc::clone(&sink));
/// assert!(Observability::is_in_use(&sink) && Observability::disabled_reason().is_none());
///
/// Context::with_span("answer", |span| assert!(span.is_recording()));
/// Observability::flush(Duration::from_secs(1))?;
///
/// Observability::retire(&sink, "the example ends"); // as `disable`, if it is still this sink
/// Context::with_span("unheard", |span| assert!(!span.is_recording()));
/// assert_eq!(Observability::disabled_reason().as_deref(), Some("the example ends"));
/// Observability::disable("for good");
/// assert_eq!(counter.0.load(Ordering::Relaxed), 1);
/// assert_eq!(Observability::sink_panics(), 0);
/// assert_eq!(Observability::limited().values_cut, 0); // nothing was too large
/// # Ok::<_, o11y_core::FlushError>(())
/// ```
#[derive(Debug)]
pub enum Observability {}

impl Observability {
    /// Whether spans are recorded where the calling code stands.
    #[must_use]
    #[inline]
    pub fn is_enabled() -> bool {
        match RECORDING.load(Ordering::Relaxed) {
            0 => false,
            PROCESS => true,
            recording => records_in_scope(recording),
        }
    }

    /// Records from now on, into `sink`, which takes the place of another one.
    pub fn enable(sink: Arc<dyn Sink>) {
        let outlet = Outlet::new(sink);
        // The first reading calibrates the clock; no span should have to wait for that.
        _ = Ticks::now();
        let (wants_starts, sampled_below) = (outlet.wants_starts, outlet.sampled_below);
        let before = OUTLET.swap(Some(Arc::new(outlet)));
        if wants_starts {
            WANTING_STARTS.fetch_or(PROCESS, Ordering::Relaxed);
        } else {
            WANTING_STARTS.fetch_and(!PROCESS, Ordering::Relaxed);
        }
        SAMPLED_BELOW.store(sampled_below, Ordering::Relaxed);
        RECORDING.fetch_or(PROCESS, Ordering::Relaxed);
        drop(before);
    }

    /// Records no new spans from now on. The sink stays, so that spans which are open still reach
    /// it, to be delivered or to be counted as lost.
    pub fn disable(reason: impl Into<Cow<'static, str>>) {
        RECORDING.fetch_and(!PROCESS, Ordering::Relaxed);
        DISABLED_REASON.store(Some(Arc::new(reason.into())));
    }

    /// Does as [`disable`](Self::disable) if `sink` is the one in use: the way out of an exporter
    /// that may have been replaced by another.
    pub fn retire(sink: &Arc<dyn Sink>, reason: impl Into<Cow<'static, str>>) {
        let in_use = OUTLET.load();
        let in_use = in_use.as_ref();
        if in_use.is_some_and(|outlet| Arc::ptr_eq(&outlet.sink, sink)) {
            Self::disable(reason);
        }
    }

    /// Whether what ends where the calling code stands goes to `sink`: in a scope of
    /// [`Telemetry`], to the scope's, otherwise to the latest that was given to
    /// [`enable`](Self::enable). A [`FanOut`](crate::FanOut) leads to all of its sinks.
    #[must_use]
    pub fn is_in_use(sink: &Arc<dyn Sink>) -> bool {
        let telemetry = current::with(|current| current.context.telemetry.clone());
        outlet_of(telemetry.as_ref(), &mut None).is_some_and(|outlet| outlet.leads_to(sink))
    }

    /// Why the process records nothing; none while it does.
    #[must_use]
    pub fn disabled_reason() -> Option<Cow<'static, str>> {
        let records = RECORDING.load(Ordering::Relaxed) & PROCESS != 0;
        (!records).then(|| match DISABLED_REASON.load().as_deref() {
            Some(reason) => reason.clone(),
            None => Cow::Borrowed("never enabled"),
        })
    }

    /// Has the sink of the process deliver what it holds.
    ///
    /// # Errors
    ///
    /// What the sink says; without a sink there is nothing to deliver.
    pub fn flush(timeout: Duration) -> Result<(), FlushError> {
        OUTLET
            .load_full()
            .map_or(Ok(()), |outlet| outlet.sink.flush(timeout))
    }

    /// Switches off, and has the sink of the process deliver what it holds and end.
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

    /// What was cut or left out because it was beyond a limit, since the start of the process.
    #[must_use]
    pub fn limited() -> Limited {
        Limited::now()
    }

    /// Panics of sinks, since the start; each lost at most one record.
    #[must_use]
    pub fn sink_panics() -> u64 {
        outlet::panics()
    }
}

/// A telemetry scope has come to life.
pub(crate) fn scope_made(wants_starts: bool) {
    RECORDING.fetch_add(SCOPED, Ordering::Relaxed);
    if wants_starts {
        WANTING_STARTS.fetch_add(SCOPED, Ordering::Relaxed);
    }
}

/// The last handle to a telemetry scope is gone, and with it all that stood in it.
pub(crate) fn scope_gone(wanted_starts: bool) {
    RECORDING.fetch_sub(SCOPED, Ordering::Relaxed);
    if wanted_starts {
        WANTING_STARTS.fetch_sub(SCOPED, Ordering::Relaxed);
    }
}

/// Whether spans are recorded under this telemetry; under the process's if there is none.
#[inline]
pub(crate) fn records_in(telemetry: Option<&Telemetry>) -> bool {
    match RECORDING.load(Ordering::Relaxed) {
        0 => false,
        PROCESS => true,
        recording => records_as(recording, telemetry),
    }
}

#[cold]
fn records_in_scope(recording: usize) -> bool {
    current::with(|current| records_as(recording, current.context.telemetry.as_ref()))
}

fn records_as(recording: usize, telemetry: Option<&Telemetry>) -> bool {
    match telemetry {
        Some(telemetry) => telemetry.outlet().is_some(),
        None => recording & PROCESS != 0,
    }
}

impl TraceId {
    /// Whether a new trace of this id is recorded where that share of all traces is, from 0 to 1.
    /// Every service with the same share agrees on which; one with a larger share has them, too.
    ///
    /// ```
    /// use o11y_core::TraceId;
    ///
    /// let trace = TraceId::random();
    /// assert!(trace.is_sampled_at(1.0) && !trace.is_sampled_at(0.0));
    /// assert!(!trace.is_sampled_at(0.1) || trace.is_sampled_at(0.5));
    /// ```
    #[must_use]
    pub fn is_sampled_at(self, share: f64) -> bool {
        outlet::samples(outlet::below(share), self)
    }
}

/// Whether a new trace is recorded.
#[inline]
pub(crate) fn samples(trace: TraceId, telemetry: Option<&Telemetry>) -> bool {
    match telemetry {
        Some(telemetry) => telemetry
            .outlet()
            .is_some_and(|outlet| outlet.samples(trace)),
        None => outlet::samples(SAMPLED_BELOW.load(Ordering::Relaxed), trace),
    }
}

/// Whether anybody wants to hear of starts.
#[inline]
pub(crate) fn wants_starts() -> bool {
    WANTING_STARTS.load(Ordering::Relaxed) != 0
}

/// A span has started.
pub(crate) fn started(record: &Record, telemetry: Option<&Telemetry>) {
    if let Some(outlet) = outlet_of(telemetry, &mut None) {
        outlet.started(record);
    }
}

/// A span has ended; what the sink does not take stays where it lies.
#[expect(clippy::inline_always, reason = "as with `close`")]
#[inline(always)]
pub(crate) fn ended(record: &mut Record, telemetry: Option<&Telemetry>) {
    if let Some(outlet) = outlet_of(telemetry, &mut None) {
        outlet.ended(record);
    }
}

/// The way to the sink in use. That of the process is held at `held` for as long.
#[inline]
fn outlet_of<'a>(
    telemetry: Option<&'a Telemetry>,
    held: &'a mut Option<Guard<Option<Arc<Outlet>>>>,
) -> Option<&'a Outlet> {
    match telemetry {
        Some(telemetry) => telemetry.outlet(),
        None => held.insert(OUTLET.load()).as_deref(),
    }
}
