//! Requests over HTTP: one at a time, each with a deadline, and cut short on demand.

use std::{
    error::Error,
    fmt,
    time::{Duration, Instant},
};

use ureq::{Agent, tls::TlsConfig};

use crate::{
    config::{Config, Host},
    guard::guarded,
    roots::Roots,
    verdict::Answer,
};

/// The version that makes the server write spans at once; without it they may take ten minutes.
const INGESTION_VERSION: &str = "4";

/// Our own name: `python` or `javascript` would switch server rules that are not ours.
const SDK_NAME: &str = "o11y-langfuse";

/// The server closes idle connections after 110 s; one that it is about to close is not used.
pub(crate) const MAX_IDLE: Duration = Duration::from_secs(90);

/// Sends request bodies.
pub(crate) trait Transport: Send {
    /// Sends one request and waits for its answer until `deadline`.
    fn send(&mut self, request: Request<'_>, deadline: Instant) -> Reply;
}

/// Where a request goes, and with what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Request<'a> {
    pub(crate) endpoint: Endpoint,
    pub(crate) bytes: &'a [u8],
    /// How many bytes these were before compression.
    pub(crate) plain_bytes: usize,
    pub(crate) is_gzip: bool,
}

/// The places that take what we send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// Spans, as OTLP.
    Traces,
    /// Scores, many at a time.
    Ingestion,
    /// One score.
    Scores,
}

impl Endpoint {
    fn path(self) -> &'static str {
        match self {
            Self::Traces => "/api/public/otel/v1/traces",
            Self::Ingestion => "/api/public/ingestion",
            Self::Scores => "/api/public/scores",
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Traces => "application/x-protobuf",
            Self::Ingestion | Self::Scores => "application/json",
        }
    }

    /// How much of an answer is read. That to a batch of scores judges each of them, in some 100
    /// bytes or, with an error, perhaps a kilobyte; the others only say whether the connection can
    /// be used again.
    fn max_answer_bytes(self) -> u64 {
        match self {
            Self::Ingestion => 1024 * 1024,
            Self::Traces | Self::Scores => 64 * 1024,
        }
    }
}

/// An answer, or why there is none.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) answer: Answer,
    /// What of the body could be read.
    pub(crate) body: Vec<u8>,
    /// For the log: a status is no error here.
    pub(crate) error: Option<Box<dyn Error + Send + Sync>>,
}

impl Reply {
    fn failure(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            error: Some(error.into()),
            ..Answer::Nothing.into()
        }
    }
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        Self {
            answer,
            body: Vec::new(),
            error: None,
        }
    }
}

/// A transport whose panics are failures like others, and sent again: ureq starts a thread for each
/// name that it looks up, and panics where the system has none left.
#[derive(Debug)]
pub(crate) struct Guarded<T>(pub(crate) T);

impl<T: Transport> Transport for Guarded<T> {
    fn send(&mut self, request: Request<'_>, deadline: Instant) -> Reply {
        guarded(|| self.0.send(request, deadline))
            .unwrap_or_else(|| Reply::failure("the HTTP client panicked"))
    }
}

/// The real transport: blocking HTTP on the worker's thread.
#[derive(Debug)]
pub(crate) struct HttpTransport {
    agent: Agent,
    host: Host,
    headers: Vec<(&'static str, String)>,
    timeout: Duration,
}

/// Cuts a request that is in flight, from another thread.
pub(crate) trait Cut: fmt::Debug + Send + Sync {
    /// Ends all connections; later requests fail. What cannot be cut goes on to its own time-out.
    fn cut(&self);
}

/// Cuts what [`HttpTransport`] sends, a name look-up and a TCP connect excepted.
#[derive(Debug)]
pub(crate) struct HttpCut {
    agent: Agent,
}

impl Cut for HttpCut {
    fn cut(&self) {
        self.agent.clone().shutdown();
    }
}

impl HttpTransport {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            agent: agent(&config.host, config.timeout, config.roots.as_ref()),
            host: config.host.clone(),
            headers: vec![
                ("authorization", config.authorization()),
                ("x-langfuse-ingestion-version", INGESTION_VERSION.to_owned()),
                ("x-langfuse-sdk-name", SDK_NAME.to_owned()),
                (
                    "x-langfuse-sdk-version",
                    env!("CARGO_PKG_VERSION").to_owned(),
                ),
                ("x-langfuse-public-key", config.public_key.clone()),
            ],
            timeout: config.timeout,
        }
    }

    pub(crate) fn cutter(&self) -> HttpCut {
        HttpCut {
            agent: self.agent.clone(),
        }
    }
}

/// An agent whose every step ends within `timeout`.
pub(crate) fn agent(host: &Host, timeout: Duration, roots: Option<&Roots>) -> Agent {
    agent_to(host.is_loopback(), timeout, roots)
}

/// The same, to this machine or any other.
pub(crate) fn agent_to(is_loopback: bool, timeout: Duration, roots: Option<&Roots>) -> Agent {
    let mut config = Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(timeout))
        .timeout_connect(Some(timeout.min(Duration::from_secs(5))))
        .max_redirects(0)
        .max_redirects_will_error(false)
        .max_idle_age(MAX_IDLE)
        .max_idle_connections(1)
        .input_buffer_size(16 * 1024)
        .output_buffer_size(64 * 1024)
        .user_agent(concat!("o11y-langfuse/", env!("CARGO_PKG_VERSION")));
    if let Some(roots) = roots {
        let tls = TlsConfig::builder().root_certs(roots.certificates());
        config = config.tls_config(tls.build());
    }
    if is_loopback {
        // A proxy for the world outside has no way to this machine's own loopback.
        config = config.proxy(None);
    }
    config.build().into()
}

impl Transport for HttpTransport {
    fn send(&mut self, request: Request<'_>, deadline: Instant) -> Reply {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Reply::failure("no time was left for the request");
        }
        let mut post = self
            .agent
            .post(self.host.url(request.endpoint.path()))
            .config()
            .timeout_global(Some(self.timeout.min(left)))
            .build()
            .header("content-type", request.endpoint.content_type());
        for (name, value) in &self.headers {
            post = post.header(*name, value);
        }
        if request.is_gzip {
            post = post.header("content-encoding", "gzip");
        }
        let mut response = match post.send(request.bytes) {
            Ok(response) => response,
            Err(error) => return Reply::failure(error),
        };
        let status = response.status().as_u16();
        let retry_after = response
            .headers()
            .get("retry-after")
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        // Read to its end, or the connection cannot serve the next request. The status has said
        // what became of the request, so a body that is cut short or too long changes nothing.
        let body = response
            .body_mut()
            .with_config()
            .limit(request.endpoint.max_answer_bytes())
            .read_to_vec();
        let (body, error) = match body {
            Ok(body) => (body, None),
            Err(error) => (Vec::new(), Some(error.into())),
        };
        Reply {
            answer: Answer::Status {
                status,
                retry_after,
            },
            body,
            error,
        }
    }
}
