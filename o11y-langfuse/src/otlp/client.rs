//! Our blocking HTTP as the client of OpenTelemetry's exporters.

use std::{
    fmt,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use ureq::{
    Agent,
    http::{HeaderValue, header, response::Parts},
};

use crate::{
    config::{DEFAULT_TIMEOUT, LONGEST_DURATION, is_loopback},
    encode::{Field, Fields},
    error::ConfigError,
    gzip::Gzip,
    roots::Roots,
    transport::agent_to,
    verdict::Answer,
};

/// How much of an answer is read: it says whether spans were rejected, and why.
const MAX_ANSWER_BYTES: u64 = 64 * 1024;

/// An HTTP client for `opentelemetry-otlp`, in place of `reqwest`: the one that sends to Langfuse,
/// which blocks its thread and needs no runtime.
///
/// It keeps what the last request was answered, for [`SdkExporter::client`]: the SDK's errors say
/// neither the status nor `Retry-After`. Clones are the same client. For `opentelemetry-otlp` without
/// `reqwest`, take it with `default-features = false, features = ["http-proto", "trace"]`.
///
/// | | |
/// |---|---|
/// | time-out | 10 seconds for a whole request, of which 5 for connecting |
/// | bodies | compressed with gzip, unless they are already, or go to this machine |
/// | redirects | not followed: they would take headers with keys elsewhere |
/// | proxy | as `HTTPS_PROXY` and its like say, but not to this machine |
/// | certificates | those of the web |
/// | answers | up to 64 KiB are read |
///
/// A future of it blocks when it is first polled, and must not be polled in async code.
///
/// [`SdkExporter::client`]: crate::SdkExporter::client
#[derive(Clone)]
#[must_use = "give a clone of it to the exporter's builder"]
pub struct BlockingHttpClient {
    /// For the world outside.
    agent: Agent,
    /// For this machine.
    local: Agent,
    timeout: Duration,
    roots: Option<Roots>,
    is_gzip: bool,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// What the last request was answered; none if there was none.
    answer: Mutex<Option<Answer>>,
    /// Taken while it works.
    gzip: Mutex<Option<Gzip>>,
    rejected: AtomicU64,
}

impl BlockingHttpClient {
    /// A client with a time-out of 10 seconds that trusts the certificates of the web.
    pub fn new() -> Self {
        Self::with(DEFAULT_TIMEOUT, None)
    }

    /// Sets the time that a request may take, its answer included.
    pub fn timeout(self, timeout: Duration) -> Self {
        let made = Self::with(timeout.min(LONGEST_DURATION), self.roots);
        made.gzip(self.is_gzip)
    }

    /// Trusts these root certificates in place of those of the web: one or more in PEM.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] if there is none in it, or a damaged block.
    pub fn root_certificates(self, pem: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let roots = Roots::parse("root_certificates", pem.as_ref())?;
        let made = Self::with(self.timeout, Some(roots));
        Ok(made.gzip(self.is_gzip))
    }

    /// Whether bodies are compressed. Defaults to true; those to this machine never are.
    pub fn gzip(mut self, compress: bool) -> Self {
        self.is_gzip = compress;
        self
    }

    /// How many spans collectors rejected out of requests that they took otherwise. They do not say
    /// which, so the executor counts these as processed; the first time is said in the log.
    #[must_use]
    pub fn rejected_spans(&self) -> u64 {
        self.shared.rejected.load(Ordering::Relaxed)
    }

    fn with(timeout: Duration, roots: Option<Roots>) -> Self {
        Self {
            agent: agent_to(false, timeout, roots.as_ref()),
            local: agent_to(true, timeout, roots.as_ref()),
            timeout,
            roots,
            is_gzip: true,
            shared: Arc::default(),
        }
    }

    /// Forgets the last answer.
    pub(super) fn forget(&self) {
        self.note(None);
    }

    /// What the last request was answered; none if none was sent since it was forgotten.
    pub(super) fn answer(&self) -> Option<Answer> {
        let answer = &self.shared.answer;
        answer.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn note(&self, answer: Option<Answer>) {
        *self
            .shared
            .answer
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = answer;
    }

    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (mut parts, body) = request.into_parts();
        let is_local = parts.uri.host().is_some_and(is_loopback);
        let is_plain = !parts.headers.contains_key(header::CONTENT_ENCODING);
        let agent = if is_local { &self.local } else { &self.agent };
        self.note(Some(Answer::Nothing)); // until there is one
        if !self.is_gzip || is_local || !is_plain {
            return self.run(agent, Request::from_parts(parts, body.as_ref()));
        }
        let gzip = &self.shared.gzip;
        let gzip = gzip.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut gzip = gzip.unwrap_or_else(Gzip::new);
        parts
            .headers
            .insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        let answer = self.run(agent, Request::from_parts(parts, gzip.compress(&body)?));
        *self
            .shared
            .gzip
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(gzip);
        answer
    }

    fn run(&self, agent: &Agent, request: Request<&[u8]>) -> Result<Response<Bytes>, HttpError> {
        let (parts, mut body) = agent.run(request)?.into_parts();
        self.note(Some(answer_of(&parts)));
        // Read to its end, or the connection cannot serve the next request. The status has said
        // what became of the request, so a body that is cut short or too long changes nothing.
        let body = body
            .with_config()
            .limit(MAX_ANSWER_BYTES)
            .read_to_vec()
            .unwrap_or_default();
        let rejected = rejected_in(&body);
        if rejected > 0 && self.shared.rejected.fetch_add(rejected, Ordering::Relaxed) == 0 {
            log::warn!("the collector rejected {rejected} spans of a request; this is said once");
        }
        Ok(Response::from_parts(parts, body.into()))
    }
}

fn answer_of(parts: &Parts) -> Answer {
    let retry_after = parts.headers.get(header::RETRY_AFTER);
    Answer::Status {
        status: parts.status.as_u16(),
        retry_after: retry_after.and_then(|value| value.to_str().ok().map(str::to_owned)),
    }
}

/// How many spans an `ExportTraceServiceResponse` says were rejected; what is none says nothing.
fn rejected_in(body: &[u8]) -> u64 {
    const PARTIAL_SUCCESS: u64 = 1;
    const REJECTED_SPANS: u64 = 1;
    let rejected = Fields(body).find_map(|field| match field {
        (PARTIAL_SUCCESS, Field::Bytes(message)) => Fields(message).find_map(|field| match field {
            (REJECTED_SPANS, Field::Number(count)) => Some(count),
            _ => None,
        }),
        _ => None,
    });
    // An `int64`: below nothing is nothing.
    rejected
        .filter(|count| i64::try_from(*count).is_ok())
        .unwrap_or(0)
}

impl Default for BlockingHttpClient {
    fn default() -> Self {
        Self::new()
    }
}

impl HttpClient for BlockingHttpClient {
    fn send_bytes<'life0, 'async_trait>(
        &'life0 self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move { self.send(request) })
    }
}

impl fmt::Debug for BlockingHttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockingHttpClient")
            .field("timeout", &self.timeout)
            .field("roots", &self.roots)
            .field("gzip", &self.is_gzip)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_collector_rejected_is_read_from_its_answer() {
        // partial_success { rejected_spans: 300, error_message: "no" }
        let answer = [0x0a, 0x07, 0x08, 0xac, 0x02, 0x12, 0x02, b'n', b'o'];

        assert_eq!(rejected_in(&answer), 300);
        for other in [&b""[..], b"{\"message\":\"OK\"}", &[0x0a, 0x00]] {
            assert_eq!(rejected_in(other), 0);
        }
    }

    #[test]
    fn certificates_that_are_none_are_refused() {
        let refused = BlockingHttpClient::new().root_certificates("secret");

        let refused = refused.unwrap_err().to_string();
        assert!(!refused.contains("secret"), "{refused}");
    }
}
