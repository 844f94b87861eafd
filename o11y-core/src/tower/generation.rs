//! Requests to a model as model calls, on their way through the HTTP client.

use std::{
    borrow::Cow,
    fmt,
    task::{self, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

pub(super) use self::status::status_name;
use self::{endpoint::Endpoint, question::Question};
pub use self::{
    future::GenerationFuture, refused::Refused, request_body::RequestBody,
    response_body::ResponseBody,
};
use super::BoxError;
use crate::{
    context::Context, emit::calls_heard_here, event::Vetoed, generation::OwnedCall,
    observability::Observability,
};

pub(super) mod answer;
pub(super) mod endpoint;
mod events;
pub(super) mod future;
mod held;
mod question;
mod refused;
mod request_body;
mod response_body;
mod status;

/// What is read of a request, of an answer, and of one event of a stream, in bytes. The exporter
/// could not send more of it (see [`MAX_JSON_BYTES`](crate::limit::MAX_JSON_BYTES)).
const MAX_BODY_BYTES: usize = crate::limit::MAX_JSON_BYTES;

/// Makes each request to a model a model call, as [`Context::generation`] does: asked for, observed,
/// and told how it ended.
///
/// ```
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use http_body_util::{BodyExt as _, Full};
/// use o11y_core::tower::GenerationLayer;
/// use tower::{ServiceBuilder, ServiceExt as _, service_fn};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// # let recording = o11y_core::testing::Recording::new();
/// # recording.wrap(async {
/// // In place of this closure: the client of hyper-util, or any other service for requests.
/// # let model = service_fn(async |_request: Request<_>| anyhow::Ok(Response::new(Full::<Bytes>::from(
/// #     r#"{"model": "gpt-4o-mini", "choices": [{"message": {"content": "A flat white."}}]}"#,
/// # ))));
/// # let model = tower::util::BoxCloneService::new(model);
/// let client = ServiceBuilder::new().layer(GenerationLayer::new()).service(model);
/// let request = Request::post("https://api.openai.com/v1/chat/completions").body(Full::<Bytes>::from(
///     r#"{"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "What shall I drink?"}]}"#,
/// ))?;
/// let answer = client.oneshot(request).await.map_err(anyhow::Error::from_boxed)?;
/// let answer = answer.into_body().collect().await?.to_bytes();
/// # assert!(!answer.is_empty());
/// # let call = recording.one("llm.generate");
/// # let said = |key| call.attribute(key).and_then(|value| value.as_str().map(str::to_owned));
/// # assert_eq!(said(o11y_core::key::OUTPUT).as_deref(), Some("A flat white."));
/// # assert_eq!(said(o11y_core::key::PROVIDER_NAME).as_deref(), Some("openai"));
/// # anyhow::Ok(())
/// # }).await
/// # })?;
/// # anyhow::Ok(())
/// ```
///
/// # What is a call
///
/// A POST whose path ends in one of these; anything else passes through:
///
/// | path | operation |
/// |---|---|
/// | `/chat/completions`, `/responses`, `/messages`, `/api/chat` | `chat` |
/// | `/completions`, `/api/generate` | `text_completion` |
/// | `/embeddings`, `/api/embed` | `embeddings` |
///
/// Model, parameters and messages are read from the request's JSON, which is held back until it is
/// whole. A request of more than [4 MiB](Self::max_body_bytes) is not read: it passes through as a
/// call of model `unknown`, or of the deployment that its path names.
///
/// If `llm.request` is vetoed, the inner service is not called; the error is [`Refused`].
///
/// # What the client sees
///
/// The bytes that it would see without the layer, each at the moment at which it would see them.
/// Events of a stream are read as they pass, and nothing but the one that is incomplete is held; of
/// an answer that comes whole as much as of a request is kept aside until its end, and if it is
/// longer, its usage only. An answer that is compressed is not read: put decompression inside.
///
/// Usage of a stream is told by OpenAI if the request asks for it (`stream_options`), which the
/// layer does not do by itself.
///
/// # How a call ends
///
/// | when | then |
/// |---|---|
/// | the body ends, or its last event is there (`[DONE]`, `message_stop`, `response.completed`) | answered |
/// | the status is 400 or more | failed with the status, and with what the body says until it ends or is dropped |
/// | a stream brings an error, or the body or the service fails | failed with the message |
/// | the future or the body is dropped before | cancelled |
/// | the service panics | panicked |
///
/// A layer for retries inside of this one makes attempts of one call; outside of it each attempt is
/// a call of its own, and each is asked for.
///
/// With telemetry off and no subscriber to `llm.*` requests pass through unread.
#[derive(Debug, Clone)]
#[must_use = "layer it over a service"]
pub struct GenerationLayer {
    provider: Option<Cow<'static, str>>,
    pub(super) max_body_bytes: usize,
    estimates: bool,
}

impl GenerationLayer {
    /// The provider is told by the host.
    pub const fn new() -> Self {
        Self {
            provider: None,
            max_body_bytes: MAX_BODY_BYTES,
            estimates: false,
        }
    }

    /// Who serves the model, for prices to go by: `groq`, `openrouter`. Defaults to what the host
    /// tells; behind one that nobody knows, it is `anthropic`, `ollama` or `openai`, by the path.
    pub fn provider(mut self, provider: impl Into<Cow<'static, str>>) -> Self {
        self.provider = Some(provider.into());
        self
    }

    /// The most bytes that are kept of a request, of an answer and of one event of a stream.
    /// Defaults to 4 MiB, because no more of it could reach Langfuse.
    pub const fn max_body_bytes(mut self, bytes: usize) -> Self {
        self.max_body_bytes = bytes;
        self
    }

    /// Whether an upper bound of the tokens is stated, for budgets that reserve what a call may
    /// use: one for each byte of the request, which no tokeniser exceeds with text, and the most
    /// that the answer may have, all its choices together. Nothing is stated of a request that does
    /// not limit its answer, goes on with a conversation that the server has stored, or is not read.
    /// Defaults to false: the bound is some four times what English takes.
    pub const fn estimate(mut self, estimate: bool) -> Self {
        self.estimates = estimate;
        self
    }

    /// Opens the call of a request, unless it is refused.
    pub(super) fn ask(
        &self,
        endpoint: &Endpoint,
        host: Option<&str>,
        body: Option<&[u8]>,
    ) -> Result<OwnedCall, Vetoed> {
        let provider = match &self.provider {
            Some(provider) => provider.clone(),
            None => endpoint.provider(host).into(),
        };
        let question = Question::read(body.unwrap_or_default());
        let generation = question.generation(provider, endpoint, self.estimates);
        Context::start_generation(generation)
    }
}

impl Default for GenerationLayer {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether anybody wants to know of calls here.
pub(super) fn is_wanted() -> bool {
    Observability::is_enabled() || calls_heard_here().any()
}

impl<S> Layer<S> for GenerationLayer {
    type Service = GenerationService<S>;

    fn layer(&self, inner: S) -> GenerationService<S> {
        GenerationService {
            inner,
            layer: self.clone(),
        }
    }
}

/// The service that [`GenerationLayer`] makes.
#[derive(Debug, Clone)]
pub struct GenerationService<S> {
    pub(super) inner: S,
    pub(super) layer: GenerationLayer,
}

impl<S, B, R> Service<Request<B>> for GenerationService<S>
where
    S: Service<Request<RequestBody<B>>, Response = Response<R>> + Clone,
    S::Error: Into<BoxError>,
    B: Body + Unpin,
    R: Body,
    R::Error: fmt::Display,
{
    type Response = Response<ResponseBody<R>>;
    type Error = BoxError;
    type Future = GenerationFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, req: Request<B>) -> Self::Future {
        let endpoint = if is_wanted() {
            Endpoint::of(req.method(), req.uri().path())
        } else {
            None
        };
        match endpoint {
            None => GenerationFuture::passing(self.inner.call(req.map(RequestBody::passing))),
            Some(endpoint) => {
                // The one that is ready is the one to be called.
                let spare = self.inner.clone();
                let inner = std::mem::replace(&mut self.inner, spare);
                GenerationFuture::reading(inner, self.layer.clone(), endpoint, req)
            }
        }
    }
}

/// Takes the frame as one of contiguous bytes; bytes that are so already are not copied.
fn contiguous<D: bytes::Buf>(frame: http_body::Frame<D>) -> http_body::Frame<Bytes> {
    frame.map_data(|mut data| data.copy_to_bytes(data.remaining()))
}
