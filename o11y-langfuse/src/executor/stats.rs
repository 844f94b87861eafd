//! The figures of an executor and of each of its processors.

use std::fmt;

use crate::{lane::Figures, stats::Losses};

/// What became of the starts and ends that were handed to an executor, at one moment.
///
/// `accepted = passed_on + lost.total() + waiting` holds exactly whenever no other thread is just
/// handing one over. From there on each processor has its own account.
///
/// Prints as one line, and one more for each processor.
///
/// ```
/// use std::{sync::Arc, time::Duration};
/// use o11y_core::{Context, EventBus, Record, Telemetry};
/// use o11y_langfuse::{Executor, ExecutorStats, ProcessError, Processor, ProcessorStats};
///
/// struct Full;
///
/// impl Processor for Full {
///     fn on_spans_end(&mut self, _spans: &[Record]) -> Result<(), ProcessError> {
///         Err(ProcessError::permanent("the disk is full"))
///     }
/// }
///
/// let executor = Executor::builder().processor(Full).spawn()?;
/// Telemetry::scoped(executor.sink(), EventBus::new()).run(|| Context::with_span("brew", |_span| ()));
/// println!("{:?}", executor.flush(Duration::from_secs(5))); // what was lost, and why
///
/// let stats: ExecutorStats = executor.stats();
/// assert!(stats.is_balanced());
/// let full: &ProcessorStats = &stats.processors[0];
/// assert_eq!((full.accepted, full.processed, full.lost.total()), (1, 0, 1));
/// assert_eq!(stats.remaining(), 0);
/// # Ok::<_, o11y_langfuse::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ExecutorStats {
    /// Starts and ends handed over, those after the shutdown included. There are starts only if a
    /// processor wants them.
    pub accepted: u64,
    /// Those that were passed on to the processors.
    pub passed_on: u64,
    /// Those that no processor was given: `queue_full`, `after_shutdown` or `shutdown_deadline`.
    pub lost: Losses,
    /// Those in the queue.
    pub waiting: u64,
    /// How often the worker panicked outside of any processor, and went on.
    pub restarts: u64,
    /// One for each processor, in the order in which they were added.
    pub processors: Vec<ProcessorStats>,
}

/// What became of the starts and ends that were passed on to one processor.
///
/// `accepted = processed + lost.total() + waiting` holds at every moment.
///
/// | reason in `lost` | |
/// |---|---|
/// | `queue_full` | they waited for a retry, and newer ones needed the room |
/// | `rejected` | the verdict was permanent, or the call panicked |
/// | `retries_exhausted` | given as often as [`max_attempts`](crate::ExecutorBuilder::max_attempts) allows |
/// | `shutdown_deadline` | the time given to the shutdown was up |
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ProcessorStats {
    /// Its [`name`](crate::Processor::name).
    pub name: String,
    /// Starts and ends passed on; starts only if it wants them.
    pub accepted: u64,
    /// Those that it took.
    pub processed: u64,
    /// Those that it did not get or did not take.
    pub lost: Losses,
    /// Those in the call under way, and behind it.
    pub waiting: u64,
    /// Batches given to it, retries included.
    pub calls: u64,
    /// Calls that gave the records of an earlier one again.
    pub retries: u64,
    /// Calls that panicked, those of `flush` and `shutdown` included.
    pub panics: u64,
}

impl ExecutorStats {
    pub(super) fn new(queue: &Figures, restarts: u64, processors: Vec<ProcessorStats>) -> Self {
        Self {
            accepted: queue.accepted,
            passed_on: queue.delivered,
            lost: queue.lost,
            waiting: queue.waiting,
            restarts,
            processors,
        }
    }

    /// Whether every account adds up.
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        self.accepted == self.passed_on + self.lost.total() + self.waiting
            && self.processors.iter().all(ProcessorStats::is_balanced)
    }

    /// Starts and ends that are not through: those in the queue, and those that the processor
    /// which is furthest behind has still before it.
    #[must_use]
    pub fn remaining(&self) -> u64 {
        let behind = self.processors.iter().map(|processor| processor.waiting);
        self.waiting + behind.max().unwrap_or(0)
    }

    /// How many were lost since an earlier moment, and the reasons, processor by processor.
    pub(super) fn lost_since(&self, earlier: &Self) -> (u64, String) {
        let (mut total, mut reasons) = (0, Vec::new());
        let new = self.lost.since(&earlier.lost);
        if new.total() > 0 {
            total += new.total();
            reasons.push(new.to_string());
        }
        for (now, before) in self.processors.iter().zip(&earlier.processors) {
            let new = now.lost.since(&before.lost);
            if new.total() > 0 {
                total += new.total();
                reasons.push(format!("{new} at {}", now.name));
            }
        }
        (total, reasons.join("; "))
    }
}

impl ProcessorStats {
    pub(super) fn new(name: String) -> Self {
        Self {
            name,
            ..Self::default()
        }
    }

    /// Whether the account adds up.
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        self.accepted == self.processed + self.lost.total() + self.waiting
    }
}

impl fmt::Display for ExecutorStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            accepted,
            passed_on,
            lost,
            waiting,
            restarts,
            processors,
        } = self;
        write!(f, "accepted {accepted} = passed on {passed_on} + ")?;
        losses(f, lost)?;
        write!(f, " + waiting {waiting}")?;
        if *restarts > 0 {
            write!(f, "; restarts {restarts}")?;
        }
        processors
            .iter()
            .try_for_each(|processor| write!(f, "\n{processor}"))
    }
}

impl fmt::Display for ProcessorStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            accepted,
            processed,
            lost,
            waiting,
            calls,
            retries,
            panics,
        } = self;
        write!(f, "{name}: accepted {accepted} = processed {processed} + ")?;
        losses(f, lost)?;
        write!(f, " + waiting {waiting}; calls {calls}, retries {retries}")?;
        if *panics > 0 {
            write!(f, ", panics {panics}")?;
        }
        Ok(())
    }
}

fn losses(f: &mut fmt::Formatter<'_>, lost: &Losses) -> fmt::Result {
    match lost.total() {
        0 => f.write_str("lost 0"),
        total => write!(f, "lost {total} ({lost})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::LossReason;

    #[test]
    fn figures_print_as_lines_that_add_up() {
        let mut lost = Losses::default();
        lost.add(LossReason::Rejected, 2);
        let stats = ExecutorStats {
            accepted: 10,
            passed_on: 9,
            waiting: 1,
            processors: vec![ProcessorStats {
                name: "archive".to_owned(),
                accepted: 9,
                processed: 6,
                lost,
                waiting: 1,
                calls: 3,
                retries: 1,
                panics: 1,
            }],
            ..ExecutorStats::default()
        };

        assert!(stats.is_balanced());
        assert_eq!(stats.remaining(), 2);
        assert_eq!(
            stats.to_string(),
            "accepted 10 = passed on 9 + lost 0 + waiting 1\n\
             archive: accepted 9 = processed 6 + lost 2 (2 rejected) + waiting 1; \
             calls 3, retries 1, panics 1"
        );
    }
}
