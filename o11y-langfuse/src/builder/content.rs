//! What leaves the program of its content, and of its spans.

use o11y_core::Record;

use super::LangfuseBuilder;
use crate::{
    filter::Filter,
    mask::{Content, Mask, Masked},
};

/// What leaves the program.
impl LangfuseBuilder {
    /// Whether input and output are sent, under whichever key they were set. Without them names,
    /// types, times, models, tokens, cost, status messages and metadata still are. Defaults to yes.
    ///
    /// ```
    /// # use o11y_langfuse::Langfuse;
    /// let builder = Langfuse::builder().capture_content(false);
    /// ```
    pub fn capture_content(mut self, capture: bool) -> Self {
        self.capture_content = Some(capture);
        self
    }

    /// Changes content before it leaves: input, output, status messages, metadata of observations
    /// and traces, attributes of events. Names, ids, tags, models, tokens and cost are not shown to
    /// it.
    ///
    /// `mask` returns the new text, or an `Option` with `None` for "leave it as it is", or a
    /// `Result` of either. If it fails or panics, `<masking failed>` stands in place of the content,
    /// and [`Stats::masking_failures`](crate::Stats::masking_failures) counts it.
    ///
    /// It runs on the worker's thread, once for each piece of content: a request that is sent again
    /// has the same bytes. It must not open spans, which would come back to it. Defaults to none; a
    /// second call replaces the first.
    ///
    /// ```
    /// use o11y_langfuse::Langfuse;
    ///
    /// let builder = Langfuse::builder().mask(|content| {
    ///     let is_secret = content.key() == "customer.card" || content.text().contains("sk-");
    ///     is_secret.then(|| "***".to_owned())
    /// });
    /// ```
    pub fn mask<M: Masked>(
        mut self,
        mask: impl Fn(Content<'_>) -> M + Send + Sync + 'static,
    ) -> Self {
        self.mask = Some(Mask::new(mask));
        self
    }

    /// Exports only the spans and events for which `keeps` is true. The others take no room in the
    /// queue and are counted as [`Stats::filtered`](crate::Stats::filtered), not as lost.
    ///
    /// It is asked when a span ends, on the program's thread: a look at the name or type is fine,
    /// a regular expression over the input is not. One that panics leaves the span out.
    ///
    /// Children end before their parents and keep their parent's id. Below a span that was left out
    /// they stand at the top of the trace in Langfuse; if it was the root, the trace has no input and
    /// output of its own, and its name has to come from
    /// [`TraceAttributes::name`](o11y_core::TraceAttributes::name). To leave whole traces out, use
    /// [`sample_rate`](Self::sample_rate). Defaults to all; a second call replaces the first.
    ///
    /// ```
    /// use o11y_langfuse::Langfuse;
    ///
    /// let builder = Langfuse::builder().filter(|record| record.name() != "health");
    /// ```
    pub fn filter(mut self, keeps: impl Fn(&Record) -> bool + Send + Sync + 'static) -> Self {
        self.filter = Some(Filter::new(keeps));
        self
    }

    /// Whether spans of OpenTelemetry's SDK are exported that have nothing to do with language
    /// models, such as those of requests and of databases. Defaults to no, as in Langfuse's own SDKs:
    /// Langfuse bills by the observation. Spans of [`o11y_core`] are always exported.
    ///
    /// A span has to do with models if its instrumentation is known for that, or if one of its keys or
    /// events is in `gen_ai.`, `langfuse.`, `openinference.`, `llm.` or `traceloop.`. It is judged when
    /// it is opened and, if that says no, again when it ends. One that is left out is counted as
    /// [`Stats::filtered`](crate::Stats::filtered), and what is below it stands below the next span
    /// above. A [`filter`](Self::filter) is asked about the others.
    ///
    /// ```
    /// use o11y_langfuse::Langfuse;
    ///
    /// let builder = Langfuse::builder().all_otel_spans(true); // the whole tree
    /// ```
    #[cfg(feature = "otel")]
    #[cfg_attr(docsrs, doc(cfg(feature = "otel")))]
    pub fn all_otel_spans(mut self, all: bool) -> Self {
        self.all_otel_spans = all;
        self
    }
}
