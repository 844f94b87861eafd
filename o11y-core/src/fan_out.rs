//! One sink that gives every record to several.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use crate::{
    outlet::Outlet,
    record::Record,
    sink::{Ended, FlushError, Sink},
};

/// Gives every record to several sinks: two exporters, an exporter and a test's memory.
///
/// The last one is given the record itself and each one before it a clone, which is what a further
/// destination costs the program: a copy of all its texts. A panic of one sink keeps no record from
/// the others.
///
/// ```
/// use std::sync::Arc;
/// use o11y_core::{Ended, FanOut, Observability, Sink};
/// # struct Console;
/// # impl Sink for Console { fn on_end(&self, ended: Ended<'_>) { drop(ended.take()) } }
/// # struct Archive;
/// # impl Sink for Archive { fn on_end(&self, ended: Ended<'_>) { drop(ended.take()) } }
///
/// Observability::enable(Arc::new(FanOut::new([Arc::new(Console) as Arc<dyn Sink>, Arc::new(Archive)])));
/// ```
///
/// # Sampling
///
/// It records as large a share of traces as the sink that wants most. A sink that wants less gets
/// those traces whose id falls within its share, also of those that a caller in another process
/// decided to record.
pub struct FanOut {
    outlets: Vec<Outlet>,
}

impl FanOut {
    /// All of these sinks, in this order.
    #[must_use]
    pub fn new(sinks: impl IntoIterator<Item = Arc<dyn Sink>>) -> Self {
        Self {
            outlets: sinks.into_iter().map(Outlet::new).collect(),
        }
    }

    /// Those that want the trace of a record.
    fn sampling(&self, record: &Record) -> impl Iterator<Item = &Outlet> {
        let trace = record.trace_id();
        self.outlets
            .iter()
            .filter(move |outlet| outlet.samples(trace))
    }

    /// Asks one sink after the other. Each gets an equal share of the time that is left, so one that
    /// hangs does not take it from the next, and one that is fast leaves it more.
    fn each(
        &self,
        timeout: Duration,
        ask: impl Fn(&dyn Sink, Duration) -> Result<(), FlushError>,
    ) -> Result<(), FlushError> {
        let begin = Instant::now();
        let mut errors = Vec::new();
        let mut asked = self.outlets.iter();
        while let Some(outlet) = asked.next() {
            let left = timeout.saturating_sub(begin.elapsed());
            let shares = u32::try_from(asked.len() + 1).unwrap_or(u32::MAX);
            errors.extend(ask(&*outlet.sink, left / shares).err());
        }
        match errors.pop() {
            None => Ok(()),
            Some(only) if errors.is_empty() => Err(only),
            Some(last) => {
                errors.push(last);
                Err(FlushError::Several(errors))
            }
        }
    }
}

/// The first panic of one sink is told when all have had their turn.
fn caught(call: impl FnOnce()) -> thread::Result<()> {
    catch_unwind(AssertUnwindSafe(call))
}

impl Sink for FanOut {
    fn wants_starts(&self) -> bool {
        self.outlets.iter().any(|outlet| outlet.wants_starts)
    }

    fn sample_rate(&self) -> f64 {
        let rates = self.outlets.iter().map(|outlet| outlet.sink.sample_rate());
        rates.fold(0.0, f64::max)
    }

    fn on_start(&self, record: &Record) {
        let mut outcome = Ok(());
        for outlet in self.sampling(record).filter(|outlet| outlet.wants_starts) {
            outcome = outcome.and(caught(|| outlet.sink.on_start(record)));
        }
        outcome.unwrap_or_else(|panic| resume_unwind(panic));
    }

    fn on_end(&self, ended: Ended<'_>) {
        let record = ended.take();
        let mut outcome = Ok(());
        let mut outlets = self.sampling(&record).peekable();
        while let Some(outlet) = outlets.next() {
            if outlets.peek().is_none() {
                drop(outlets);
                outcome = outcome.and(caught(|| outlet.end(record)));
                break;
            }
            outcome = outcome.and(caught(|| outlet.end(record.clone())));
        }
        outcome.unwrap_or_else(|panic| resume_unwind(panic));
    }

    fn leads_to(&self, sink: &Arc<dyn Sink>) -> bool {
        self.outlets.iter().any(|outlet| outlet.leads_to(sink))
    }

    fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        self.each(timeout, <dyn Sink>::flush)
    }

    fn shutdown(&self, timeout: Duration) -> Result<(), FlushError> {
        self.each(timeout, <dyn Sink>::shutdown)
    }
}

impl fmt::Debug for FanOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FanOut")
            .field("sinks", &self.outlets.len())
            .finish()
    }
}
