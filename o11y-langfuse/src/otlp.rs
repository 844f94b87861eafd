//! Any exporter of OpenTelemetry's SDK behind our queue and worker: a collector, Jaeger, Tempo.

use std::{
    any, fmt,
    time::{Duration, Instant, SystemTime},
};

use o11y_core::{Anchor, Record};
use opentelemetry::Context as OtelContext;
use opentelemetry_sdk::{
    Resource,
    error::{OTelSdkError, OTelSdkResult},
    trace::{SpanData, SpanExporter},
};

pub use self::{client::BlockingHttpClient, names::Names};
use self::{
    conventions::Conventions,
    drive::drive,
    judge::{Failing, Fate},
    langfuse::Langfuse,
};
use crate::{
    config::LONGEST_DURATION,
    mask::{Content, Mask, Masked, Privacy},
    processor::{ProcessError, Processor},
};

mod client;
mod conventions;
mod drive;
mod judge;
mod langfuse;
mod names;
mod sieve;

/// The time that an export may take, as in the SDK's own batch processor.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// An exporter of OpenTelemetry's SDK as a [`Processor`]: an [`Executor`] in front of it takes our
/// spans, and those of the SDK by [`Executor::span_processor`].
///
/// ```no_run
/// use o11y_core::{Context, Observability};
/// use o11y_langfuse::{BlockingHttpClient, Executor, SdkExporter};
/// use opentelemetry_otlp::{Protocol, RetryPolicy, WithExportConfig as _, WithHttpConfig as _};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let client = BlockingHttpClient::new();
/// let exporter = opentelemetry_otlp::SpanExporter::builder()
///     .with_http()
///     .with_protocol(Protocol::HttpBinary)
///     .with_http_client(client.clone())
///     .with_retry_policy(RetryPolicy::disabled()) // the executor gives spans again
///     .build()?; // OTEL_EXPORTER_OTLP_ENDPOINT, or http://localhost:4318
///
/// let executor = Executor::builder()
///     .processor(SdkExporter::new(exporter).client(&client))
///     .spawn()?;
/// Observability::enable(executor.sink());
///
/// Context::with_span("answer", |span| span.set_output("42"));
/// drop(executor); // delivers what waits
/// # Ok(())
/// # }
/// ```
///
/// # Exports
///
/// The exporter's future is polled on the worker's thread, which is parked while it is pending: no
/// runtime of the program is touched. An exporter that itself needs one (`reqwest` without
/// `blocking`, `tonic`) panics there, and its spans are lost as `rejected`: give
/// `opentelemetry-otlp` a [`BlockingHttpClient`].
///
/// | the exporter | the spans |
/// |---|---|
/// | says `Ok` | processed |
/// | fails, and the [client](Self::client) knows the answer: 408, 429, 502 to 504, or none | given again, after `Retry-After` or a growing wait, as long as it takes |
/// | .. 500 and other 5xx | the same, 8 times in all, then lost |
/// | .. 400, 413, 422 | halved, down to those at fault, which are lost alone |
/// | .. anything else | lost |
/// | fails with `InternalFailure`, and nobody knows why | given again, 8 times in all, then lost |
/// | says `Timeout`, or is not through after the [time-out](Self::timeout) | dropped, and given again; the destination may have them twice |
/// | says `AlreadyShutdown` | lost |
/// | panics | lost, and counted as a panic |
///
/// OpenTelemetry is suppressed on the worker's thread during a call.
///
/// # Names
///
/// Attributes go out under the names of OpenTelemetry's conventions, see [`Names`]. Spans of the SDK
/// go out as they came, with their events, links, kind, scope, trace state and dropped counts, and
/// with the resource of their provider.
///
/// [`Executor`]: crate::Executor
/// [`Executor::span_processor`]: crate::Executor::span_processor
#[must_use = "give it to an `ExecutorBuilder`"]
pub struct SdkExporter<E> {
    exporter: E,
    /// What our own spans come from.
    resource: Resource,
    /// What the exporter was told last.
    told: Option<Resource>,
    names: Names,
    privacy: Privacy,
    timeout: Duration,
    client: Option<BlockingHttpClient>,
    /// Made when the first records come; away while it works.
    form: Option<Form>,
    failing: Failing,
}

/// What turns records into the SDK's spans.
enum Form {
    Conventions(Conventions),
    Langfuse(Langfuse),
}

impl<E: SpanExporter + 'static> SdkExporter<E> {
    /// The exporter, with the resource that the SDK makes of the environment
    /// (`OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`).
    pub fn new(exporter: E) -> Self {
        Self {
            exporter,
            resource: Resource::builder().build(),
            told: None,
            names: Names::default(),
            privacy: Privacy::default(),
            timeout: DEFAULT_TIMEOUT,
            client: None,
            form: None,
            failing: Failing::default(),
        }
    }

    /// Sets what our own spans come from, in place of what the environment says. Those of the SDK
    /// keep the resource of their provider.
    pub fn resource(mut self, resource: Resource) -> Self {
        self.resource = resource;
        self
    }

    /// Sets the names under which attributes go out. Defaults to [`Names::Conventions`].
    pub fn names(mut self, names: Names) -> Self {
        self.names = names;
        self
    }

    /// Sets the time after which an export that is still pending is given up. Defaults to 30
    /// seconds. An exporter that blocks cannot be cut: it needs a time-out of its own, as
    /// [`BlockingHttpClient`] has.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout.min(LONGEST_DURATION);
        self
    }

    /// The client that the exporter sends with, a clone of it: what it was answered decides what
    /// becomes of spans, because the SDK's errors do not say it.
    pub fn client(mut self, client: &BlockingHttpClient) -> Self {
        self.client = Some(client.clone());
        self
    }

    /// Shows content to `mask` before it leaves, as
    /// [`LangfuseBuilder::mask`](crate::LangfuseBuilder::mask) does; of a span of the SDK every text
    /// that is no name or id, those of its events included.
    pub fn mask<M: Masked>(
        mut self,
        mask: impl Fn(Content<'_>) -> M + Send + Sync + 'static,
    ) -> Self {
        self.privacy.mask = Some(Mask::new(mask));
        self
    }

    /// Whether input and output are sent; events of spans of the SDK count as content, but for
    /// `exception`. Defaults to true.
    pub fn capture_content(mut self, capture: bool) -> Self {
        self.privacy.captures_content = capture;
        self
    }

    /// Exports what `make` makes of those from `from` up to `to`, in as many requests as it takes.
    fn deliver(
        &mut self,
        (from, to): (usize, usize),
        make: &mut impl FnMut(usize, usize) -> Vec<SpanData>,
    ) -> Result<(), ProcessError> {
        if from == to {
            return Ok(());
        }
        let spans = make(from, to);
        match self.export(spans) {
            Fate::Delivered => Ok(()),
            Fate::Again(after, error) => Err(ProcessError::retry(after, error).at(from)),
            Fate::Halved(_) if to - from > 1 => {
                let middle = from.midpoint(to);
                self.deliver((from, middle), make)?;
                self.deliver((middle, to), make)
            }
            Fate::Halved(error) => Err(ProcessError::permanent(error).at(from)),
            // What came before is through, so the rest is given again, as a whole, and lost then.
            Fate::Lost(error) if from > 0 => Err(ProcessError::permanent(error).at(from)),
            Fate::Lost(error) => Err(ProcessError::permanent(error)),
        }
    }

    fn export(&mut self, spans: Vec<SpanData>) -> Fate {
        if let Some(client) = &self.client {
            client.forget();
        }
        let first = spans.first().map(|span| span.span_context.span_id());
        let deadline = Instant::now() + self.timeout;
        let result = drive(self.exporter.export(spans), deadline)
            .unwrap_or(Err(OTelSdkError::Timeout(self.timeout)));
        let answer = self.client.as_ref().and_then(BlockingHttpClient::answer);
        self.failing
            .judge(result, answer.as_ref(), first, SystemTime::now())
    }

    /// Has the exporter know where the next spans come from.
    fn tell(&mut self, resource: &Resource) {
        if self.told.as_ref() != Some(resource) {
            self.exporter.set_resource(resource);
            self.told = Some(resource.clone());
        }
    }

    fn take_form(&mut self) -> Form {
        let form = self.form.take();
        form.unwrap_or_else(|| Form::new(self.names, &self.privacy))
    }
}

impl Form {
    fn new(names: Names, privacy: &Privacy) -> Self {
        match names {
            Names::Conventions => Self::Conventions(Conventions::new(privacy)),
            Names::Langfuse => Self::Langfuse(Langfuse::new(privacy, false)),
            Names::Both => Self::Langfuse(Langfuse::new(privacy, true)),
        }
    }

    fn spans(&mut self, records: &[Record], anchor: &Anchor) -> Vec<SpanData> {
        match self {
            Self::Conventions(form) => records.iter().map(|it| form.span(it, anchor)).collect(),
            Self::Langfuse(form) => records
                .iter()
                .filter_map(|record| form.span(record, anchor))
                .collect(),
        }
    }
}

impl Form {
    /// A span of the SDK as it goes out. Where Langfuse's names are used it is read as our own
    /// exporter would read it; where both are, only if a call of ours bills for it, too.
    fn passed(&mut self, span: SpanData, anchor: &Anchor) -> Option<SpanData> {
        match self {
            Self::Conventions(form) => Some(form.passed(span)),
            Self::Langfuse(form) => form.passed(span, anchor),
        }
    }
}

impl<E: SpanExporter + 'static> Processor for SdkExporter<E> {
    fn name(&self) -> &str {
        any::type_name::<E>()
    }

    fn on_spans_end(&mut self, spans: &[Record]) -> Result<(), ProcessError> {
        let _quiet = OtelContext::enter_telemetry_suppressed_scope();
        let resource = self.resource.clone();
        self.tell(&resource);
        let anchor = Anchor::now();
        let mut form = self.take_form();
        let result = self.deliver((0, spans.len()), &mut |from, to| {
            form.spans(&spans[from..to], &anchor)
        });
        self.form = Some(form);
        result
    }

    fn on_otel_spans_end(
        &mut self,
        spans: &[SpanData],
        resource: &Resource,
    ) -> Result<(), ProcessError> {
        let _quiet = OtelContext::enter_telemetry_suppressed_scope();
        self.tell(resource);
        let mut form = self.take_form();
        let anchor = Anchor::now();
        let result = self.deliver((0, spans.len()), &mut |from, to| {
            let spans = spans[from..to].iter().cloned();
            spans
                .filter_map(|span| form.passed(span, &anchor))
                .collect()
        });
        self.form = Some(form);
        result
    }

    fn flush(&mut self, timeout: Duration) -> Result<(), ProcessError> {
        _ = timeout; // the SDK's interface takes none
        let _quiet = OtelContext::enter_telemetry_suppressed_scope();
        told(self.exporter.force_flush())
    }

    /// Flushes, and shuts the exporter down with what is left of the time.
    fn shutdown(&mut self, timeout: Duration) -> Result<(), ProcessError> {
        let _quiet = OtelContext::enter_telemetry_suppressed_scope();
        let deadline = Instant::now() + timeout.min(LONGEST_DURATION);
        let flushed = told(self.exporter.force_flush());
        let left = deadline.saturating_duration_since(Instant::now());
        let ended = told(self.exporter.shutdown_with_timeout(left));
        flushed.and(ended)
    }
}

/// What was asked of an exporter that has ended already is done.
fn told(result: OTelSdkResult) -> Result<(), ProcessError> {
    match result {
        Ok(()) | Err(OTelSdkError::AlreadyShutdown) => Ok(()),
        Err(error) => Err(ProcessError::permanent(error)),
    }
}

/// Shows nothing of the exporter, whose own `Debug` may show headers.
impl<E> fmt::Debug for SdkExporter<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SdkExporter")
            .field("exporter", &any::type_name::<E>())
            .field("names", &self.names)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
