//! What an exporter is told: every setting, its default and the reason for it.

use std::{fmt, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};

use crate::{encode::Resource, filter::Filter, mask::Privacy, roots::Roots};

pub use self::host::Host;

#[cfg(feature = "otlp")]
pub(crate) use self::host::is_loopback;

pub(crate) mod check;
mod host;

/// Spans that may wait. 8,192 records are 2.2 MB; with the mirrored system's 1,000 a burst of
/// 10,000 spans lost 86 % when measured.
pub(crate) const DEFAULT_QUEUE_SIZE: usize = 8_192;

/// Bytes of content that may wait, beside the records themselves.
pub(crate) const DEFAULT_QUEUE_BYTES: usize = 64 * 1024 * 1024;

/// Spans that make a batch due, as in the mirrored system.
pub(crate) const DEFAULT_TRIGGER: usize = 100;

/// The time after which a span leaves although few wait, as in the mirrored system's article.
pub(crate) const DEFAULT_EXPORT_INTERVAL: Duration = Duration::from_secs(5);

/// The time that a shutdown may take which is told none, such as that of OpenTelemetry's SDK; as in
/// the mirrored system.
pub(crate) const DEFAULT_SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// The time that dropping the guard may take, unless a time for the shutdown is set. It is shorter
/// because it comes unasked: a program that has nothing else to do is not to hang for ten seconds
/// because its server is away.
pub(crate) const DEFAULT_DROP_GRACE: Duration = Duration::from_secs(5);

/// The time that a request may take. A client that gives up on a server which has stored the
/// spans sends them twice, so it is longer than the five seconds of the official SDKs.
pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// A longer time is taken for this one; it keeps every deadline within what a clock can count.
pub(crate) const LONGEST_DURATION: Duration = Duration::from_secs(366 * 24 * 3_600);

/// Bytes of a request before compression. Langfuse Cloud takes 5 MB; larger requests gain nothing.
pub(crate) const DEFAULT_REQUEST_BYTES: usize = 3_500_000;

/// How many spans make up a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BatchSize {
    /// A batch is due at [`DEFAULT_TRIGGER`] spans, and takes whatever waits, by bytes.
    Auto,
    /// A batch is due at so many spans, and takes no more.
    Fixed(usize),
}

impl BatchSize {
    pub(crate) fn trigger(self) -> usize {
        match self {
            Self::Auto => DEFAULT_TRIGGER,
            Self::Fixed(size) => size,
        }
    }

    pub(crate) fn cap(self) -> usize {
        match self {
            Self::Auto => usize::MAX,
            Self::Fixed(size) => size,
        }
    }
}

/// A configuration that can work: made by [`LangfuseBuilder::build`](crate::LangfuseBuilder::build).
#[derive(Clone)]
pub struct Config {
    pub(crate) host: Host,
    pub(crate) public_key: String,
    pub(crate) secret_key: String,
    pub(crate) queue_size: usize,
    pub(crate) queue_bytes: usize,
    /// None: no timer.
    pub(crate) export_interval: Option<Duration>,
    pub(crate) batch_size: BatchSize,
    pub(crate) request_bytes: usize,
    pub(crate) timeout: Duration,
    pub(crate) shutdown_timeout: Duration,
    pub(crate) drop_grace: Duration,
    pub(crate) gzip: bool,
    /// None: those of the web.
    pub(crate) roots: Option<Roots>,
    pub(crate) sample_rate: f64,
    /// No setting: tests wait for less.
    pub(crate) first_backoff: Duration,
    pub(crate) resource: Resource,
    pub(crate) privacy: Privacy,
    pub(crate) filter: Option<Filter>,
    #[cfg(feature = "otel")]
    pub(crate) all_otel_spans: bool,
}

impl Config {
    /// The value of the `Authorization` header.
    pub(crate) fn authorization(&self) -> String {
        let keys = format!("{}:{}", self.public_key, self.secret_key);
        format!("Basic {}", BASE64_STANDARD.encode(keys))
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("host", &self.host)
            .field("public_key", &self.public_key)
            .field("secret_key", &"***")
            .field("queue_size", &self.queue_size)
            .field("queue_bytes", &self.queue_bytes)
            .field("export_interval", &self.export_interval)
            .field("batch_size", &self.batch_size)
            .field("timeout", &self.timeout)
            .field("shutdown_timeout", &self.shutdown_timeout)
            .field("drop_grace", &self.drop_grace)
            .field("gzip", &self.gzip)
            .field("roots", &self.roots)
            .field("resource", &self.resource)
            .finish_non_exhaustive()
    }
}
