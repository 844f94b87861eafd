//! A destination of one's own: what the worker thread of an executor calls with batches of spans.

use std::{error::Error, fmt, time::Duration};

use o11y_core::Record;
#[cfg(feature = "otel")]
use opentelemetry_sdk::{Resource, trace::SpanData};

/// A destination for spans: a file, a database, a service of one's own.
///
/// An [`Executor`](crate::Executor) calls it, always on its worker thread and one call at a time,
/// so a processor may block and needs no lock; the program does not wait for it. Records come in
/// the order in which the program handed them over, in batches of one kind.
///
/// ```
/// use o11y_core::{Context, Observability, Record};
/// use o11y_langfuse::{Executor, ProcessError, Processor};
///
/// struct Console;
///
/// impl Processor for Console {
///     fn on_spans_end(&mut self, spans: &[Record]) -> Result<(), ProcessError> {
///         for span in spans {
///             println!("{} took {:?}", span.name(), span.duration());
///         }
///         Ok(())
///     }
/// }
///
/// let executor = Executor::builder().processor(Console).spawn()?;
/// Observability::enable(executor.sink());
///
/// Context::with_span("brew", |_span| ());
/// drop(executor); // delivers what waits
/// # Ok::<_, o11y_langfuse::ConfigError>(())
/// ```
///
/// # Verdicts
///
/// What a method returns decides about the records of that call, for this processor alone:
///
/// | | |
/// |---|---|
/// | `Ok(())` | processed |
/// | [`ProcessError::retry`] | given again later; what comes after them waits behind them |
/// | [`ProcessError::permanent`] | lost, counted as `rejected` |
/// | a panic | the same, and counted as a panic |
///
/// Spans that a processor opens on the worker thread are given to no executor: its own work would
/// feed it without end.
pub trait Processor: Send + 'static {
    /// The name in figures and logs; asked once. Defaults to the name of the type.
    fn name(&self) -> &str {
        std::any::type_name::<Self>()
    }

    /// Whether [`on_spans_start`](Self::on_spans_start) is to be called; asked once. Each start
    /// costs the program a copy of the record; if no processor wants them they cost nothing.
    fn wants_starts(&self) -> bool {
        false
    }

    /// Spans have started, and have not ended yet or ended just now: only what their descriptions
    /// say is known. The start of a span is always given before its end.
    ///
    /// # Errors
    ///
    /// A [`ProcessError`] is the verdict on records that were not processed.
    fn on_spans_start(&mut self, spans: &[Record]) -> Result<(), ProcessError> {
        _ = spans; // most destinations wait for the end
        Ok(())
    }

    /// Spans have ended. A record holds everything, also what changed after the start. The start
    /// may be missing: it may have been lost.
    ///
    /// # Errors
    ///
    /// A [`ProcessError`] is the verdict on records that were not processed.
    fn on_spans_end(&mut self, spans: &[Record]) -> Result<(), ProcessError>;

    /// Spans of OpenTelemetry's SDK have ended, all from one resource: they come by
    /// [`Executor::span_processor`](crate::Executor::span_processor). Defaults to giving
    /// [`on_spans_end`](Self::on_spans_end) the records that say the same, as Langfuse would be sent
    /// them. Feature `otel`.
    ///
    /// # Errors
    ///
    /// A [`ProcessError`] is the verdict on spans that were not processed.
    #[cfg(feature = "otel")]
    #[cfg_attr(docsrs, doc(cfg(feature = "otel")))]
    fn on_otel_spans_end(
        &mut self,
        spans: &[SpanData],
        resource: &Resource,
    ) -> Result<(), ProcessError> {
        self.on_spans_end(&crate::otel::records_of(spans, resource))
    }

    /// Writes out what the processor itself holds back; everything from before the flush has been
    /// given to it. `timeout` is how long somebody waits for it.
    ///
    /// # Errors
    ///
    /// Whoever asked for the flush is told.
    fn flush(&mut self, timeout: Duration) -> Result<(), ProcessError> {
        _ = timeout; // nothing is held back
        Ok(())
    }

    /// The last call, after which the processor is dropped on the worker thread. Defaults to a
    /// [`flush`](Self::flush).
    ///
    /// # Errors
    ///
    /// Whoever asked for the shutdown is told.
    fn shutdown(&mut self, timeout: Duration) -> Result<(), ProcessError> {
        self.flush(timeout)
    }
}

/// Why records were not processed, and whether to give them again.
///
/// It speaks of the whole call, unless [`at`](Self::at) says where it happened.
#[derive(Debug, thiserror::Error)]
#[error("{verdict}")]
pub struct ProcessError {
    verdict: Verdict,
    at: Option<usize>,
    source: Box<dyn Error + Send + Sync>,
}

/// What is to become of the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// They are given again, not before this time has passed.
    Retry { after: Option<Duration> },
    /// They are lost.
    Permanent,
}

impl ProcessError {
    /// The destination is away or busy: the records are given again, after a wait that doubles from
    /// one failure to the next, and not before `after` has passed if the destination named a time;
    /// more than five minutes are not believed.
    pub fn retry(after: Option<Duration>, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Verdict::Retry { after }, source.into())
    }

    /// The destination will never take the records: they are lost and counted.
    pub fn permanent(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Verdict::Permanent, source.into())
    }

    /// It happened at the record with this index of the batch, and those before it are processed.
    /// On a retry that one and those after it are given again. If it is permanent that one is lost
    /// alone, and those after it are given next, in a batch of their own.
    ///
    /// For destinations that take spans one by one:
    ///
    /// ```
    /// # use o11y_core::Record;
    /// # use o11y_langfuse::ProcessError;
    /// # fn insert(span: &Record) -> std::io::Result<()> { Ok(()) }
    /// fn on_spans_end(spans: &[Record]) -> Result<(), ProcessError> {
    ///     for (index, span) in spans.iter().enumerate() {
    ///         insert(span).map_err(|error| ProcessError::permanent(error).at(index))?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    #[must_use]
    pub fn at(mut self, index: usize) -> Self {
        self.at = Some(index);
        self
    }

    /// Whether the records are to be given again.
    ///
    /// ```
    /// use o11y_langfuse::ProcessError;
    ///
    /// assert!(ProcessError::retry(None, "the disk is busy").is_retry());
    /// assert!(!ProcessError::permanent("there is no disk").is_retry());
    /// ```
    #[must_use]
    pub fn is_retry(&self) -> bool {
        matches!(self.verdict, Verdict::Retry { .. })
    }

    pub(crate) fn verdict(&self) -> Verdict {
        self.verdict
    }

    pub(crate) fn index(&self) -> Option<usize> {
        self.at
    }

    fn new(verdict: Verdict, source: Box<dyn Error + Send + Sync>) -> Self {
        Self {
            verdict,
            at: None,
            source,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Retry { .. } => "the destination could not take spans now",
            Self::Permanent => "the destination refused spans",
        })
    }
}
