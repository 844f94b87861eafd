//! What an application holds: the guard that ends telemetry, its figures, and its questions to
//! Langfuse.

use std::{
    borrow::Cow,
    fmt,
    sync::{Arc, Weak},
    time::Duration,
};

use o11y_core::{EventBus, FlushError, Observability, Sink, TraceId, events};

use self::hearing::Hearing;
#[cfg(feature = "otel")]
use crate::otel::AsyncSpanProcessor;
use crate::{
    api::{Api, Project},
    config::Config,
    error::{ApiError, ConfigError},
    exporter::Exporter,
    flush::Flush,
    stats::Stats,
};

mod hearing;

/// Telemetry while it is on, or the reason why it is off.
///
/// Dropping it delivers what waits, within the configured time (5 seconds unless told otherwise),
/// and ends the worker. Inside async code prefer [`flush_async`](Self::flush_async) before, because
/// a drop blocks its thread for as long as the server takes.
///
/// ```
/// use std::time::Duration;
/// use o11y_core::Context;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let telemetry = o11y_langfuse::init()?;
/// if let Some(reason) = telemetry.off_reason() {
///     println!("not observed: {reason}");
/// }
/// if let Some(warning) = telemetry.warning() {
///     println!("{warning}");
/// }
///
/// Context::with_span("serve", |_span| ());
///
/// telemetry.flush(Duration::from_secs(5))?; // or leave it to the drop
/// println!("{}", telemetry.stats());
/// # Ok(())
/// # }
/// ```
#[must_use = "bind it to a name, not `_`: telemetry ends when this is dropped"]
pub struct Telemetry {
    state: State,
}

enum State {
    On(Box<On>),
    Off(Cow<'static, str>),
}

struct On {
    exporter: Arc<Exporter>,
    hearing: Hearing,
    api: Api,
    warning: Option<String>,
    shutdown_timeout: Duration,
    drop_grace: Duration,
    #[cfg(feature = "otel")]
    resource: crate::encode::Resource,
    #[cfg(feature = "metrics")]
    meters: Arc<crate::metrics::Meters>,
}

impl Telemetry {
    /// Telemetry that is off, for this reason: what code without an exporter holds.
    pub fn off(reason: impl Into<Cow<'static, str>>) -> Self {
        let reason = reason.into();
        log::info!("telemetry is off: {reason}");
        Self::silent(reason)
    }

    /// Telemetry that is off because a variable is missing, which is said.
    pub(crate) fn without(name: &str) -> Self {
        log::warn!("telemetry is off: {name} is not set");
        Self::silent(format!("{name} is not set").into())
    }

    fn silent(reason: Cow<'static, str>) -> Self {
        Self {
            state: State::Off(reason),
        }
    }

    /// Records the process from now on.
    pub(crate) fn enabled(self) -> Self {
        if let Some(on) = self.on() {
            on.hearing.hear(&on.exporter, events());
            Observability::enable(on.exporter.clone());
        }
        self
    }

    /// A part of the program that is recorded here, whatever the rest of it does; its events are
    /// those of `bus`. With telemetry off, only the events are told.
    ///
    /// A second project in one process, or a project for each tenant:
    ///
    /// ```
    /// # use o11y_langfuse::local::Receiver;
    /// use o11y_core::{Context, EventBus};
    /// use o11y_langfuse::Langfuse;
    ///
    /// # let receiver = Receiver::start()?;
    /// # let (host, public_key, secret_key) = (receiver.base_url(), receiver.public_key(), receiver.secret_key());
    /// let evaluations = Langfuse::builder()
    ///     .host(host)
    ///     .public_key(public_key)
    ///     .secret_key(secret_key)
    ///     .spawn_scoped()?;
    /// let scope = evaluations.scope(&EventBus::new());
    ///
    /// scope.run(|| Context::with_span("evaluate", |_span| { /* goes to that project */ }));
    /// Context::with_span("serve", |_span| { /* goes where the process's spans go */ });
    /// # evaluations.flush(std::time::Duration::from_secs(10))?;
    /// # assert_eq!(receiver.observation_count(), 1);
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Keep the guard for as long as the scope is in use: what ends after it is lost, and counted.
    pub fn scope(&self, bus: &EventBus) -> o11y_core::Telemetry {
        let Some(on) = self.on() else {
            return o11y_core::Telemetry::events_only(bus.clone());
        };
        on.hearing.hear(&on.exporter, bus);
        o11y_core::Telemetry::scoped(on.exporter.clone(), bus.clone())
    }

    /// The exporter as a sink, to stand beside others in a [`FanOut`](o11y_core::FanOut); none while
    /// telemetry is off. Scores that are given on the bus of the process go where spans go.
    #[must_use]
    pub fn sink(&self) -> Option<Arc<dyn Sink>> {
        let on = self.on()?;
        on.hearing.hear(&on.exporter, events());
        Some(on.exporter.clone())
    }

    pub(crate) fn spawn(config: &Config) -> Result<Self, ConfigError> {
        let exporter = Arc::new(Exporter::spawn(config)?);
        let warning = config.host.is_exposed().then(|| {
            format!(
                "keys and content go to {} unencrypted, because its address starts with http://",
                config.host
            )
        });
        if let Some(warning) = &warning {
            log::warn!("{warning}");
        }
        Ok(Self {
            state: State::On(Box::new(On {
                exporter,
                hearing: Hearing::new(),
                api: Api::new(config),
                warning,
                shutdown_timeout: config.shutdown_timeout,
                drop_grace: config.drop_grace,
                #[cfg(feature = "otel")]
                resource: config.resource.clone(),
                #[cfg(feature = "metrics")]
                meters: crate::metrics::Meters::new(config),
            })),
        })
    }

    /// Whether spans are exported.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        matches!(self.state, State::On(_))
    }

    /// Why telemetry is off; none while it is on.
    #[must_use]
    pub fn off_reason(&self) -> Option<&str> {
        match &self.state {
            State::On(_) => None,
            State::Off(reason) => Some(reason),
        }
    }

    /// What was warned of at the start: that content crosses the network unencrypted.
    #[must_use]
    pub fn warning(&self) -> Option<&str> {
        self.on()?.warning.as_deref()
    }

    /// What became of the spans and scores so far; all zero while telemetry is off.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.on().map(|on| on.exporter.stats()).unwrap_or_default()
    }

    /// A processor for OpenTelemetry's SDK that uses this queue and worker: both kinds of spans
    /// travel together. Its shutdown delivers what waits and leaves the worker to this guard. With
    /// telemetry off it ignores all spans. Feature `otel`.
    ///
    /// ```
    /// use opentelemetry_sdk::trace::SdkTracerProvider;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let telemetry = o11y_langfuse::init()?;
    /// let provider = SdkTracerProvider::builder()
    ///     .with_span_processor(telemetry.span_processor())
    ///     .build();
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "otel")]
    #[cfg_attr(docsrs, doc(cfg(feature = "otel")))]
    pub fn span_processor(&self) -> AsyncSpanProcessor {
        match self.on() {
            Some(on) => AsyncSpanProcessor::sharing(
                Arc::clone(&on.exporter),
                on.resource.clone(),
                on.shutdown_timeout,
            ),
            None => AsyncSpanProcessor::off(),
        }
    }

    /// Delivers every span that ended and every score that was given before this call.
    ///
    /// Blocks for as long as the server takes, at most for `timeout`. In async code use
    /// [`flush_async`](Self::flush_async).
    ///
    /// # Errors
    ///
    /// [`FlushError::Timeout`] if some are still waiting then, which goes on; [`FlushError::Lost`]
    /// if any were lost meanwhile; [`FlushError::OwnThread`] in code that the worker itself runs.
    pub fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        self.on().map_or(Ok(()), |on| on.exporter.flush(timeout))
    }

    /// Like [`flush`](Self::flush), without blocking the thread and without any runtime of yours: a
    /// short-lived thread does the waiting. Starts at the call; dropping the future leaves it
    /// to end by itself.
    ///
    /// # Errors
    ///
    /// Those of [`flush`](Self::flush), and [`FlushError::Sink`] if no thread could be started.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// use std::time::Duration;
    ///
    /// let telemetry = o11y_langfuse::init()?;
    /// // At the end of each invocation of a serverless function:
    /// telemetry.flush_async(Duration::from_secs(2)).await?;
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn flush_async(
        &self,
        timeout: Duration,
    ) -> impl Future<Output = Result<(), FlushError>> + Send + use<> {
        match self.on() {
            None => Flush::done(),
            Some(on) => {
                let exporter = Arc::clone(&on.exporter);
                Flush::spawn(move || exporter.flush(timeout))
            }
        }
    }

    /// Delivers what waits, at most for `timeout`, and ends the worker. Spans that end and scores that
    /// are given later are counted as lost. A later call returns at once; one at the same time waits
    /// for the end of the first, no longer than it was told to.
    ///
    /// # Errors
    ///
    /// [`FlushError::Lost`] if not everything could be delivered; each loss is in
    /// [`stats`](Self::stats) under its reason. [`FlushError::OwnThread`] in code that the worker itself
    /// runs, such as a mask: nothing new is recorded from then on, as asked, but the worker cannot wait
    /// for itself, so it goes on until it is told from elsewhere or the guard is dropped.
    pub fn shutdown(&self, timeout: Duration) -> Result<(), FlushError> {
        let Some(on) = self.on() else {
            return Ok(());
        };
        let sink: Arc<dyn Sink> = on.exporter.clone();
        Observability::retire(&sink, "shut down");
        on.exporter.shutdown(timeout)
    }

    /// Asks Langfuse which project the keys belong to. Blocks for as long as a request may take.
    ///
    /// # Errors
    ///
    /// [`ApiError`] if telemetry is off, the keys are refused or the server cannot be reached.
    pub fn auth_check(&self) -> Result<Project, ApiError> {
        self.asking(Api::project)
    }

    /// The address of a trace in Langfuse's user interface. The first call asks the server for the
    /// project and blocks for as long as a request may take; later ones do not.
    ///
    /// # Errors
    ///
    /// Those of [`auth_check`](Self::auth_check).
    ///
    /// ```
    /// # use o11y_langfuse::{Langfuse, local::Receiver};
    /// use o11y_core::TraceId;
    /// use o11y_langfuse::Project;
    ///
    /// # let receiver = Receiver::start()?;
    /// # let telemetry = Langfuse::builder()
    /// #     .host(receiver.base_url()).public_key(receiver.public_key()).secret_key(receiver.secret_key())
    /// #     .spawn_scoped()?;
    /// let project: Project = telemetry.auth_check()?;
    /// let url = telemetry.trace_url(TraceId::from_seed("order-17"))?;
    /// assert!(url.contains(&project.id) && url.ends_with("72a90ea3da8b5dd01bde2f27314e02e2"));
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn trace_url(&self, trace: TraceId) -> Result<String, ApiError> {
        self.asking(|api| api.trace_url(trace))
    }

    fn asking<R>(&self, ask: impl FnOnce(&Api) -> Result<R, ApiError>) -> Result<R, ApiError> {
        match &self.state {
            State::On(on) => ask(&on.api),
            State::Off(reason) => Err(ApiError::Off {
                reason: reason.to_string(),
            }),
        }
    }

    /// What metrics show of it; nothing while telemetry is off.
    #[cfg(feature = "metrics")]
    pub(crate) fn meters(&self) -> Option<(&Arc<Exporter>, &Arc<crate::metrics::Meters>)> {
        let on = self.on()?;
        Some((&on.exporter, &on.meters))
    }

    /// What a hook needs to deliver what waits, without keeping it alive; none while telemetry is off.
    pub(crate) fn drain(&self) -> Option<(Weak<Exporter>, Duration)> {
        let on = self.on()?;
        Some((Arc::downgrade(&on.exporter), on.shutdown_timeout))
    }

    fn on(&self) -> Option<&On> {
        match &self.state {
            State::On(on) => Some(on),
            State::Off(_) => None,
        }
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        if let Some(on) = self.on() {
            // Losses are in the log and in the figures; a destructor has nobody to tell.
            let _losses = self.shutdown(on.drop_grace);
            #[cfg(feature = "metrics")]
            on.meters.keep(&on.exporter.stats());
        }
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Telemetry");
        match &self.state {
            State::On(on) => shown.field("stats", &on.exporter.stats()),
            State::Off(reason) => shown.field("off", reason),
        };
        shown.finish_non_exhaustive()
    }
}
