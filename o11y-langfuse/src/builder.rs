//! The settings of an exporter, collected one by one and checked all at once.

use std::{fmt, time::Duration};

use crate::{
    config::{
        BatchSize, Config, DEFAULT_DROP_GRACE, DEFAULT_EXPORT_INTERVAL, DEFAULT_QUEUE_BYTES,
        DEFAULT_QUEUE_SIZE, DEFAULT_REQUEST_BYTES, DEFAULT_SHUTDOWN_TIMEOUT, DEFAULT_TIMEOUT, Host,
        LONGEST_DURATION,
        check::{check_environment, check_key},
    },
    encode::Resource,
    error::ConfigError,
    filter::Filter,
    mask::{Mask, Privacy},
    retry,
    roots::Roots,
};

mod content;

/// Where the configuration of an exporter begins.
#[derive(Debug)]
pub enum Langfuse {}

impl Langfuse {
    /// An exporter configured by code alone; the environment is not looked at.
    ///
    /// ```
    /// use std::time::Duration;
    /// use o11y_langfuse::Langfuse;
    ///
    /// let config = Langfuse::builder()
    ///     .public_key("pk-lf-1")
    ///     .secret_key("sk-lf-1")
    ///     .host("https://langfuse.example.com")
    ///     .queue_size(20_000)
    ///     .export_interval(Duration::from_secs(1))
    ///     .build()?;
    /// # Ok::<_, o11y_langfuse::ConfigError>(())
    /// ```
    pub fn builder() -> LangfuseBuilder {
        LangfuseBuilder::default()
    }
}

/// Collects the settings of an exporter.
///
/// ```
/// use std::time::Duration;
/// use o11y_langfuse::{Config, Langfuse, LangfuseBuilder};
///
/// // What the environment says, and over it what this program knows better.
/// let builder: LangfuseBuilder = Langfuse::builder()
///     .public_key("pk-lf-1")
///     .secret_key("sk-lf-1")
///     .service_name("barista")
///     .service_version("2.1.0")
///     .environment("production")
///     .release("2026-11-21")
///     .sample_rate(0.2)
///     .queue_size(2_000)
///     .queue_bytes(16 << 20)
///     .batch_size(500)
///     .request_bytes(1_000_000)
///     .timeout(Duration::from_secs(5))
///     .shutdown_timeout(Duration::from_secs(3))
///     .gzip(true);
/// let config: Config = builder.build()?;
/// # Ok::<_, o11y_langfuse::ConfigError>(())
/// ```
#[must_use = "call `build` or `spawn`"]
#[derive(Clone, Default)]
pub struct LangfuseBuilder {
    pub(crate) host: Option<String>,
    pub(crate) public_key: Option<String>,
    pub(crate) secret_key: Option<String>,
    pub(crate) queue_size: Option<usize>,
    pub(crate) queue_bytes: Option<usize>,
    pub(crate) export_interval: Option<Duration>,
    pub(crate) batch_size: Option<usize>,
    pub(crate) request_bytes: Option<usize>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) shutdown_timeout: Option<Duration>,
    pub(crate) gzip: Option<bool>,
    pub(crate) root_certificates: Option<Vec<u8>>,
    pub(crate) sample_rate: Option<f64>,
    pub(crate) service_name: Option<String>,
    pub(crate) service_version: Option<String>,
    pub(crate) environment: Option<String>,
    pub(crate) release: Option<String>,
    pub(crate) capture_content: Option<bool>,
    pub(crate) mask: Option<Mask>,
    pub(crate) filter: Option<Filter>,
    #[cfg(feature = "otel")]
    pub(crate) all_otel_spans: bool,
    /// Set if the environment switches telemetry off, with the reason.
    pub(crate) off: Option<String>,
}

impl LangfuseBuilder {
    /// The project's public key, `pk-lf-…`.
    pub fn public_key(mut self, key: impl Into<String>) -> Self {
        self.public_key = Some(key.into());
        self
    }

    /// The project's secret key, `sk-lf-…`.
    pub fn secret_key(mut self, key: impl Into<String>) -> Self {
        self.secret_key = Some(key.into());
        self
    }

    /// The server, with its scheme. Defaults to `https://cloud.langfuse.com`.
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.host = Some(host.into());
        self
    }

    /// How many spans may wait; beyond it the oldest are lost and counted. Defaults to 8,192.
    pub fn queue_size(mut self, spans: usize) -> Self {
        self.queue_size = Some(spans);
        self
    }

    /// How many bytes of content may wait; beyond it the oldest are lost and counted. A `String` that
    /// was moved in counts with its whole buffer. Defaults to 64 MiB.
    pub fn queue_bytes(mut self, bytes: usize) -> Self {
        self.queue_bytes = Some(bytes);
        self
    }

    /// How long a span waits at most before it is sent; zero switches the timer off. Defaults to 5
    /// seconds.
    pub fn export_interval(mut self, interval: Duration) -> Self {
        self.export_interval = Some(interval);
        self
    }

    /// How many spans make a batch due, and the most that one request carries. Defaults to a
    /// trigger of 100 and requests bounded by bytes alone.
    pub fn batch_size(mut self, spans: usize) -> Self {
        self.batch_size = Some(spans);
        self
    }

    /// How many bytes a request has at most before compression, a single larger span excepted.
    /// Defaults to 3,500,000.
    pub fn request_bytes(mut self, bytes: usize) -> Self {
        self.request_bytes = Some(bytes);
        self
    }

    /// How long a request may take. Defaults to 10 seconds.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// How long ending may take where no time is given: dropping the [`Telemetry`](crate::Telemetry), a
    /// [panic](crate::Telemetry::drain_on_panic), the shutdown of OpenTelemetry's SDK. Defaults to 10
    /// seconds, and to 5 for the drop.
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.shutdown_timeout = Some(timeout);
        self
    }

    /// Whether requests are compressed. Defaults to yes, but no to a loopback address.
    pub fn gzip(mut self, gzip: bool) -> Self {
        self.gzip = Some(gzip);
        self
    }

    /// The root certificates that vouch for the server, in PEM, instead of those of the web: for a
    /// server with a certificate of a company's own. Defaults to Mozilla's, as compiled in.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let telemetry = o11y_langfuse::Langfuse::from_env()?
    ///     .host("https://langfuse.internal")
    ///     .root_certificates(std::fs::read("/etc/ssl/our-root.pem")?)
    ///     .spawn()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.root_certificates = Some(pem.into());
        self
    }

    /// The share of traces to record, from 0 to 1; a trace is kept or left out as a whole, and every
    /// service with the same share agrees on which. Defaults to 1, all of them.
    pub fn sample_rate(mut self, share: f64) -> Self {
        self.sample_rate = Some(share);
        self
    }

    /// The name of this service, shown with every observation. Defaults to none.
    pub fn service_name(mut self, name: impl Into<String>) -> Self {
        self.service_name = Some(name.into());
        self
    }

    /// The version of this service: that of every trace that names no other. Defaults to none.
    pub fn service_version(mut self, version: impl Into<String>) -> Self {
        self.service_version = Some(version.into());
        self
    }

    /// The environment of all traces that name no other: lower-case letters, digits, `-` and `_`,
    /// at most 40, not starting with `langfuse`. Defaults to the server's `default`.
    pub fn environment(mut self, environment: impl Into<String>) -> Self {
        self.environment = Some(environment.into());
        self
    }

    /// The release of the application. Defaults to none.
    pub fn release(mut self, release: impl Into<String>) -> Self {
        self.release = Some(release.into());
        self
    }

    /// Checks everything.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Missing`] without keys, [`ConfigError::Invalid`] for what cannot work.
    pub fn build(self) -> Result<Config, ConfigError> {
        let public_key = self
            .public_key
            .ok_or(ConfigError::Missing { name: "public_key" })?;
        let secret_key = self
            .secret_key
            .ok_or(ConfigError::Missing { name: "secret_key" })?;
        check_key("public_key", &public_key)?;
        check_key("secret_key", &secret_key)?;
        let host = match &self.host {
            Some(text) => Host::parse("host", text)?,
            None => Host::cloud(),
        };
        if let Some(environment) = &self.environment {
            check_environment("environment", environment)?;
        }
        let batch_size = match self.batch_size {
            None => BatchSize::Auto,
            Some(size) => BatchSize::Fixed(at_least_one("batch_size", size)?),
        };
        let roots = self.root_certificates.as_deref();
        let roots = roots.map(|pem| Roots::parse("root_certificates", pem));
        let interval = self.export_interval.unwrap_or(DEFAULT_EXPORT_INTERVAL);
        Ok(Config {
            gzip: self.gzip.unwrap_or(!host.is_loopback()),
            roots: roots.transpose()?,
            host,
            public_key,
            secret_key,
            queue_size: at_least_one("queue_size", self.queue_size.unwrap_or(DEFAULT_QUEUE_SIZE))?,
            queue_bytes: at_least_one(
                "queue_bytes",
                self.queue_bytes.unwrap_or(DEFAULT_QUEUE_BYTES),
            )?,
            export_interval: (!interval.is_zero()).then_some(interval.min(LONGEST_DURATION)),
            batch_size,
            request_bytes: at_least_one(
                "request_bytes",
                self.request_bytes.unwrap_or(DEFAULT_REQUEST_BYTES),
            )?,
            timeout: not_zero("timeout", self.timeout.unwrap_or(DEFAULT_TIMEOUT))?,
            shutdown_timeout: self.shutdown_timeout.unwrap_or(DEFAULT_SHUTDOWN_TIMEOUT),
            drop_grace: self.shutdown_timeout.unwrap_or(DEFAULT_DROP_GRACE),
            sample_rate: share("sample_rate", self.sample_rate.unwrap_or(1.0))?,
            first_backoff: retry::FIRST,
            resource: Resource {
                service_name: self.service_name,
                service_version: self.service_version,
                environment: self.environment,
                release: self.release,
            },
            privacy: Privacy {
                captures_content: self.capture_content.unwrap_or(true),
                mask: self.mask,
            },
            filter: self.filter,
            #[cfg(feature = "otel")]
            all_otel_spans: self.all_otel_spans,
        })
    }
}

impl fmt::Debug for LangfuseBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LangfuseBuilder")
            .field("host", &self.host)
            .field("public_key", &self.public_key)
            .field("secret_key", &self.secret_key.as_ref().map(|_| "***"))
            .finish_non_exhaustive()
    }
}

fn at_least_one(name: &'static str, number: usize) -> Result<usize, ConfigError> {
    if number == 0 {
        return Err(ConfigError::Invalid {
            name: name.into(),
            problem: "is 0".into(),
            expected: "at least 1",
        });
    }
    Ok(number)
}

fn share(name: &'static str, share: f64) -> Result<f64, ConfigError> {
    if (0.0..=1.0).contains(&share) {
        return Ok(share);
    }
    Err(ConfigError::Invalid {
        name: name.into(),
        problem: format!("is {share}"),
        expected: "a share from 0 to 1, such as 0.25",
    })
}

fn not_zero(name: &'static str, duration: Duration) -> Result<Duration, ConfigError> {
    if duration.is_zero() {
        return Err(ConfigError::Invalid {
            name: name.into(),
            problem: "is 0".into(),
            expected: "more than no time, such as 10 seconds",
        });
    }
    Ok(duration.min(LONGEST_DURATION))
}

#[cfg(test)]
mod tests;
