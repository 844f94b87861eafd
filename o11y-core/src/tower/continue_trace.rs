//! Serves requests in the trace that they come in.

use std::{fmt, sync::Arc, task};

use http::{Method, Request, Response, request::Parts};
use tower_layer::Layer;
use tower_service::Service;

use self::serving::Serving;
pub use self::{body::ContinueTraceBody, future::ContinueTraceFuture};
use crate::{
    context::Context,
    propagation::{Propagation, Remote},
    scope::{Scope, TraceAttributes},
    span::{IntoSpanSpec, SpanSpec},
    telemetry::Telemetry,
    text::text,
};

mod body;
mod future;
mod serving;

/// Reads something of a request.
type Read<T> = Arc<dyn Fn(&Parts) -> T + Send + Sync>;

/// Serves each request in the trace that it comes in: what runs for it, until the last byte of its
/// answer, lies below the caller's span.
///
/// The caller is read from the headers `traceparent` and `tracestate`. Without them the request
/// stands where the service is called, which in a server is outside of any trace. The context holds
/// for the inner service, its future and the body of the answer, also while they are dropped; tasks
/// that they spawn take it along only if it is [handed to them](Context::current).
///
/// No span is opened unless [`request_span`](Self::request_span) asks for one: in a trace of calls
/// of a model, spans of every route are noise.
///
/// ```
/// use axum::{Router, routing::get};
/// use o11y_core::{ObservationType, SpanSpec, tower::ContinueTraceLayer};
///
/// let layer = ContinueTraceLayer::new()
///     .user(|parts| Some(parts.headers.get("x-user")?.to_str().ok()?.to_owned()))
///     .request_id(|parts| Some(parts.headers.get("x-request-id")?.to_str().ok()?.to_owned()))
///     .request_span(|parts| SpanSpec::new(format!("{} {}", parts.method, parts.uri.path())));
/// let service: Router = Router::new().route("/menu", get(async || "latte")).layer(layer);
/// # drop(service);
/// ```
///
/// # The span of a request
///
/// | when | then |
/// |---|---|
/// | the answer's head is there | `http.response.status_code`; 500 and more is an error |
/// | the body ends, or has none | the span ends |
/// | the body or the service fails | the span is an error, with the message |
/// | it panics | an error with the panic's message; the panic goes on |
/// | the caller goes away before the end | the span ends, marked `cancelled` |
///
/// Closures that read the request are called once for each, on the thread that calls the service.
#[derive(Clone, Default)]
#[must_use = "layer it over a service"]
pub struct ContinueTraceLayer {
    propagation: Propagation,
    telemetry: Option<Telemetry>,
    trace: Option<Read<TraceAttributes>>,
    user: Option<Read<Option<String>>>,
    session: Option<Read<Option<String>>>,
    request_id: Option<Read<Option<String>>>,
    span: Option<Read<SpanSpec>>,
}

impl ContinueTraceLayer {
    /// Continues the caller's trace, and nothing else.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the caller's baggage is read, too: its user, session, tags and metadata. Defaults to
    /// false, because a stranger could say anything; see [`Propagation`].
    ///
    /// Members of others, which are only passed on, are put into the request's extensions as a
    /// [`Remote`], if there are any.
    pub fn baggage(mut self, baggage: bool) -> Self {
        self.propagation = self.propagation.baggage(baggage);
        self
    }

    /// Where it all goes. Defaults to the scope in which the service is called.
    pub fn telemetry(mut self, telemetry: Telemetry) -> Self {
        self.telemetry = Some(telemetry);
        self
    }

    /// What is said of the trace: tags, metadata, name, version. Over what baggage says.
    pub fn trace(
        mut self,
        read: impl Fn(&Parts) -> TraceAttributes + Send + Sync + 'static,
    ) -> Self {
        self.trace = Some(Arc::new(read));
        self
    }

    /// The user on whose behalf the request is made, if it says so.
    pub fn user(mut self, read: impl Fn(&Parts) -> Option<String> + Send + Sync + 'static) -> Self {
        self.user = Some(Arc::new(read));
        self
    }

    /// The session that the request is part of, if it says so.
    pub fn session(
        mut self,
        read: impl Fn(&Parts) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.session = Some(Arc::new(read));
        self
    }

    /// The id of the request, if it has one: as by [`Context::with_request`].
    pub fn request_id(
        mut self,
        read: impl Fn(&Parts) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.request_id = Some(Arc::new(read));
        self
    }

    /// Opens a span of each request. `describe` is called only while telemetry is on.
    ///
    /// In axum's `Router::layer` the route has been found already, so the pattern that matched is
    /// among the `extensions`, and makes a better name than the path.
    pub fn request_span<T: IntoSpanSpec>(
        mut self,
        describe: impl Fn(&Parts) -> T + Send + Sync + 'static,
    ) -> Self {
        self.span = Some(Arc::new(move |parts| describe(parts).into_span_spec()));
        self
    }

    /// Where the request stands.
    fn context(&self, parts: &mut Parts) -> Context {
        let _in_scope = self.telemetry.as_ref().map(Telemetry::attach);
        let caller = self.propagation.extract(&parts.headers);
        let mut here = standing(&caller);
        let said = self.attributes(parts);
        if said != TraceAttributes::new() {
            here.scope = Some(Scope::nested(here.scope.as_deref(), &said));
        }
        if let Some(id) = self.request_id.as_ref().and_then(|read| read(parts)) {
            here.scope = Some(Scope::in_request(here.scope.as_deref(), text(id)));
        }
        if caller.baggage().is_some() {
            parts.extensions.insert(caller);
        }
        here
    }

    fn attributes(&self, parts: &Parts) -> TraceAttributes {
        let of = |read: &Option<Read<Option<String>>>| read.as_ref().and_then(|read| read(parts));
        let mut attributes = match &self.trace {
            Some(read) => read(parts),
            None => TraceAttributes::new(),
        };
        if let Some(user) = of(&self.user) {
            attributes = attributes.user(user);
        }
        if let Some(session) = of(&self.session) {
            attributes = attributes.session(session);
        }
        attributes
    }
}

/// The caller's point, with what is inherited here: telemetry, modules, trace attributes.
fn standing(caller: &Remote) -> Context {
    let mut here = Context::current();
    let point = caller.context();
    if let Some(said) = point.trace_attributes() {
        here.scope = Some(Scope::nested(here.scope.as_deref(), said));
    }
    if point.span_id().is_none() {
        return here;
    }
    if let Some(state) = caller.tracestate() {
        here.scope = Some(Scope::called_with(
            here.scope.as_deref(),
            point.trace_id,
            state,
        ));
    }
    if point.has_app_root_above() {
        let scope = Scope::below_app_root(here.scope.as_deref(), point.trace_id);
        here.scope = Some(scope);
    }
    Context {
        trace_id: point.trace_id,
        span_id: point.span_id,
        sampled: point.sampled,
        remote: point.remote,
        mailbox: point.mailbox.clone(),
        ..here
    }
}

impl<S> Layer<S> for ContinueTraceLayer {
    type Service = ContinueTrace<S>;

    fn layer(&self, inner: S) -> ContinueTrace<S> {
        ContinueTrace {
            inner,
            layer: Arc::new(self.clone()),
        }
    }
}

impl fmt::Debug for ContinueTraceLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContinueTraceLayer")
            .field("propagation", &self.propagation)
            .field("opens_span", &self.span.is_some())
            .finish_non_exhaustive()
    }
}

/// The service that [`ContinueTraceLayer`] makes.
#[derive(Debug, Clone)]
pub struct ContinueTrace<S> {
    inner: S,
    layer: Arc<ContinueTraceLayer>,
}

impl<S, B, R> Service<Request<B>> for ContinueTrace<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Error: fmt::Display,
    R: http_body::Body,
    R::Error: fmt::Display,
{
    type Response = Response<ContinueTraceBody<R>>;
    type Error = S::Error;
    type Future = ContinueTraceFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> task::Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, req: Request<B>) -> Self::Future {
        let (mut parts, body) = req.into_parts();
        let context = self.layer.context(&mut parts);
        let describe = self.layer.span.as_deref();
        let mut serving = Serving::begin(context, describe.map(|describe| || describe(&parts)));
        let is_head = parts.method == Method::HEAD;
        let req = Request::from_parts(parts, body);
        match serving.within(|| self.inner.call(req)) {
            Ok(future) => ContinueTraceFuture::new(future, serving, is_head),
            Err(payload) => serving.panicked(payload),
        }
    }
}
