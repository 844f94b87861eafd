//! What takes ended spans from the core.

use std::{error::Error, fmt, sync::Arc, time::Duration};

#[cfg(feature = "otel")]
use crate::id::SpanId;
use crate::record::Record;

/// Takes spans: an exporter, a test's memory, a fan-out of several.
///
/// Both span methods run on the thread that opens or closes the span, for every span: they must
/// not block. Spans that a sink itself opens are not given to it. A panic is caught and counted.
///
/// ```
/// use std::sync::{Mutex, PoisonError};
/// use o11y_core::{Context, Ended, EventBus, Record, Sink, Telemetry};
///
/// /// Keeps everything in memory.
/// #[derive(Default)]
/// struct Memory(Mutex<Vec<Record>>);
///
/// impl Sink for Memory {
///     fn on_end(&self, ended: Ended<'_>) {
///         self.0.lock().unwrap_or_else(PoisonError::into_inner).push(ended.take());
///     }
/// }
///
/// let memory = std::sync::Arc::new(Memory::default());
/// Telemetry::scoped(memory.clone(), EventBus::new()).run(|| {
///     Context::with_span("answer", |_span| Context::with_span("search", |_span| ()));
/// });
/// let names: Vec<_> = memory.0.lock().unwrap().iter().map(|record| record.name().to_owned()).collect();
/// assert_eq!(names, ["search", "answer"]); // in the order of the ends
/// ```
pub trait Sink: Send + Sync + 'static {
    /// Whether [`on_start`](Self::on_start) is to be called; asked once, when it is enabled.
    fn wants_starts(&self) -> bool {
        false
    }

    /// The share of traces that are to be recorded, from 0 to 1; asked once, when it is enabled. A
    /// trace that comes from elsewhere is recorded if it was there.
    fn sample_rate(&self) -> f64 {
        1.0
    }

    /// A span has started; only what its description says is known.
    fn on_start(&self, record: &Record) {
        _ = record; // most sinks wait for the end
    }

    /// A span has ended. [`Ended::take`] owns the record without a copy.
    fn on_end(&self, ended: Ended<'_>);

    /// Whether it passes on to `sink` what it is given: for a sink that stands in front of others.
    fn leads_to(&self, sink: &Arc<dyn Sink>) -> bool {
        _ = sink; // most are an end
        false
    }

    /// Delivers what is held.
    ///
    /// # Errors
    ///
    /// [`FlushError`] if the time was too short or something was lost.
    fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        _ = timeout; // nothing is held
        Ok(())
    }

    /// Delivers what is held and takes no more.
    ///
    /// # Errors
    ///
    /// [`FlushError`] if the time was too short or something was lost.
    fn shutdown(&self, timeout: Duration) -> Result<(), FlushError> {
        self.flush(timeout)
    }
}

/// A span that has just ended, lent to a sink where it lies.
///
/// ```
/// use std::sync::Mutex;
/// use o11y_core::{Ended, Record, Sink};
///
/// /// Keeps what is about coffee, and nothing long of it.
/// struct Coffee(Mutex<Vec<Record>>);
///
/// impl Sink for Coffee {
///     fn on_end(&self, mut ended: Ended<'_>) {
///         if ended.record().name().starts_with("coffee.") {
///             ended.cut(1_000, 10_000);
///             self.0.lock().unwrap().push(ended.take());
///         } // what is not taken is dropped when this returns
///     }
/// }
/// ```
pub struct Ended<'a> {
    record: &'a mut Record,
}

impl<'a> Ended<'a> {
    /// If the record is taken, a blank stays.
    pub(crate) fn new(record: &'a mut Record) -> Self {
        Self { record }
    }

    /// Looks at the record.
    #[must_use]
    #[inline]
    pub fn record(&self) -> &Record {
        self.record
    }

    /// Does as [`Record::cut`], where the record lies.
    pub fn cut(&mut self, each: usize, bytes: usize) {
        self.record.cut(each, bytes);
    }

    /// Puts the record below another point of its trace, or at the top.
    #[cfg(feature = "otel")]
    #[doc(hidden)] // an exporter does so where it leaves out the span of OpenTelemetry's above
    pub fn stand_below(&mut self, parent: Option<SpanId>, is_remote: bool) {
        self.record.parent_id = parent.unwrap_or(SpanId::NONE);
        self.record.parent_is_remote = is_remote;
    }

    /// Owns the record.
    #[must_use]
    #[inline]
    pub fn take(self) -> Record {
        self.record.take()
    }
}

impl fmt::Debug for Ended<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ended").field(&self.record).finish()
    }
}

/// Why a flush or a shutdown did not deliver everything.
///
/// ```
/// use std::time::Duration;
/// use o11y_core::{FlushError, Observability};
///
/// match Observability::flush(Duration::from_secs(2)) {
///     Ok(()) => {}
///     Err(FlushError::Timeout { waiting, .. }) => println!("{waiting} are still on their way"),
///     Err(error) => println!("{error}"), // with how many and for which reason
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FlushError {
    /// The time was up. What waits is delivered later, or lost if this was a shutdown; the sink's
    /// own figures say which.
    #[error("{waiting} spans and scores were not delivered within {timeout:?}")]
    Timeout {
        /// How many were still waiting, spans and scores.
        waiting: u64,
        /// The time that was given.
        timeout: Duration,
    },
    /// Everything was dealt with in time, but some of it did not arrive.
    #[error("{lost} spans and scores were lost: {reasons}")]
    Lost {
        /// How many, spans and scores.
        lost: u64,
        /// How many for which reason.
        reasons: String,
    },
    /// Flush was called where it cannot wait: on the sink's own thread.
    #[error("flush was called from the exporter's own thread, which cannot wait for itself")]
    OwnThread,
    /// Several sinks of a [`FanOut`](crate::FanOut) did not deliver everything.
    #[error("{} sinks did not deliver everything: {}", .0.len(), joined(.0))]
    Several(Vec<Self>),
    /// Any other failure of a sink.
    #[error("the sink could not flush")]
    Sink(#[source] Box<dyn Error + Send + Sync>),
}

fn joined(errors: &[FlushError]) -> String {
    let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
    texts.join("; ")
}
