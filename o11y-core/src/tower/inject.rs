//! Hands the trace on to whoever is called.

use std::task;

use http::Request;
use tower_layer::Layer;
use tower_service::Service;

use crate::{context::Context, propagation::Propagation};

/// Writes the trace into the headers of each request: `traceparent` and `tracestate`, and `baggage`
/// if that is switched on.
///
/// The point is the one at which the service is called. Put it inside of a layer that opens a span,
/// such as [`GenerationLayer`](super::GenerationLayer), and the callee's spans lie below that span.
/// Everybody who is called learns the ids of the trace.
///
/// ```
/// use http::{Request, Response};
/// use o11y_core::{Context, tower::InjectLayer};
/// use tower::{ServiceBuilder, ServiceExt as _, service_fn};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// # let recording = o11y_core::testing::Recording::new();
/// # recording.wrap(async {
/// // In place of this closure: the client of hyper-util, or any other service for requests.
/// let client = ServiceBuilder::new().layer(InjectLayer::new()).service(service_fn(
///     async |request: Request<String>| {
///         assert!(request.headers().contains_key("traceparent"));
///         anyhow::Ok(Response::new(()))
///     },
/// ));
/// Context::with_span_async("ask", async |_span| client.oneshot(Request::new("latte".to_owned())).await)
///     .await?;
/// # anyhow::Ok(())
/// # }).await
/// # })?;
/// # anyhow::Ok(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[must_use = "layer it over a service"]
pub struct InjectLayer {
    propagation: Propagation,
}

impl InjectLayer {
    /// The trace alone: `traceparent` and `tracestate`.
    pub const fn new() -> Self {
        Self {
            propagation: Propagation::new(),
        }
    }

    /// Whether the trace attributes travel as baggage, too: user, session, tags, metadata. Defaults
    /// to false; see [`Propagation`].
    pub const fn baggage(mut self, baggage: bool) -> Self {
        self.propagation = self.propagation.baggage(baggage);
        self
    }
}

impl<S> Layer<S> for InjectLayer {
    type Service = Inject<S>;

    fn layer(&self, inner: S) -> Inject<S> {
        Inject {
            inner,
            propagation: self.propagation,
        }
    }
}

/// The service that [`InjectLayer`] makes.
#[derive(Debug, Clone)]
pub struct Inject<S> {
    pub(super) inner: S,
    pub(super) propagation: Propagation,
}

impl<S, B> Service<Request<B>> for Inject<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> task::Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut req: Request<B>) -> S::Future {
        let here = Context::current();
        self.propagation.inject(&here, req.headers_mut());
        self.inner.call(req)
    }
}
