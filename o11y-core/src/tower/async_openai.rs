//! The layers for the HTTP service of async-openai's client, whose requests are factories of
//! requests.

use std::{
    any::type_name,
    pin::Pin,
    sync::{Mutex, PoisonError},
    task,
};

use async_openai::{error::OpenAIError, middleware::HttpRequestFactory};
use reqwest::ResponseBuilderExt as _;
use tower_service::Service;

use super::{
    Inject,
    generation::{
        GenerationService, Refused, ResponseBody, answer::Answer, endpoint::Endpoint,
        future::Chain, is_wanted,
    },
};
use crate::{context::Context, generation::OwnedCall};

type BoxFuture = Pin<Box<dyn Future<Output = Result<reqwest::Response, OpenAIError>> + Send>>;

/// For `Client::with_http_service` of async-openai; see the layer for what it does.
///
/// A refused call is an [`OpenAIError::Boxed`] of a [`Refused`].
///
/// ```
/// use async_openai::{
///     Client,
///     config::OpenAIConfig,
///     middleware::{ReqwestService, retry::OpenAIRetryLayer},
/// };
/// use o11y_core::tower::GenerationLayer;
///
/// # fn client(http: reqwest::Client) -> Client<OpenAIConfig> {
/// Client::new().with_http_service(
///     tower::ServiceBuilder::new()
///         .layer(OpenAIRetryLayer::default()) // of the crate itself: each attempt is a call
///         .layer(GenerationLayer::new())
///         .service(ReqwestService::new(http)),
/// )
/// # }
/// ```
#[cfg_attr(docsrs, doc(cfg(feature = "async-openai")))]
impl<S> Service<HttpRequestFactory> for GenerationService<S>
where
    S: Service<HttpRequestFactory, Response = reqwest::Response> + Clone + Send + 'static,
    S::Error: Into<OpenAIError>,
    S::Future: Send + 'static,
{
    type Response = reqwest::Response;
    type Error = OpenAIError;
    type Future = BoxFuture;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> task::Poll<Result<(), OpenAIError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, req: HttpRequestFactory) -> BoxFuture {
        if !is_wanted() {
            let sent = self.inner.call(req);
            return Box::pin(async move { sent.await.map_err(Into::into) });
        }
        // The one that is ready is the one to be called.
        let spare = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, spare);
        let layer = self.layer.clone();
        let here = Context::current();
        Box::pin(async move {
            let request = req.build().await?;
            let url = request.url();
            let Some(endpoint) = Endpoint::of(request.method(), url.path()) else {
                let sent = inner.call(built(request, req));
                return sent.await.map_err(Into::into);
            };
            let body = request.body().and_then(reqwest::Body::as_bytes);
            let body = body.filter(|body| body.len() <= layer.max_body_bytes);
            let asked = here.run(|| layer.ask(&endpoint, url.host_str(), body));
            let mut call = asked.map_err(|vetoed| {
                let refused = Refused::new(vetoed);
                OpenAIError::Boxed(Box::new(refused))
            })?;
            let sent = {
                let _inside = call.enter();
                inner.call(built(request, req))
            };
            let outcome = call.context().wrap(sent).await;
            match outcome.map_err(Into::into) {
                Ok(response) => Ok(read_by(call, response, layer.max_body_bytes)),
                Err(error) => {
                    call.fail_as(type_name::<OpenAIError>(), &Chain(&error));
                    Err(error)
                }
            }
        })
    }
}

#[cfg_attr(docsrs, doc(cfg(feature = "async-openai")))]
impl<S> Service<HttpRequestFactory> for Inject<S>
where
    S: Service<HttpRequestFactory>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut task::Context<'_>) -> task::Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, req: HttpRequestFactory) -> S::Future {
        let here = Context::current();
        let propagation = self.propagation;
        let req = HttpRequestFactory::new(move || {
            let (here, req) = (here.clone(), req.clone());
            async move {
                let mut request = req.build().await?;
                propagation.inject(&here, request.headers_mut());
                Ok(request)
            }
        });
        self.inner.call(req)
    }
}

/// The factory, of which one request has been built already.
fn built(request: reqwest::Request, factory: HttpRequestFactory) -> HttpRequestFactory {
    let request = Mutex::new(Some(request));
    HttpRequestFactory::new(move || {
        let first = request
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let factory = factory.clone();
        async move {
            match first {
                Some(request) => Ok(request),
                None => factory.build().await,
            }
        }
    })
}

/// The response, whose body is read as it passes.
fn read_by(call: OwnedCall, response: reqwest::Response, max_bytes: usize) -> reqwest::Response {
    let url = response.url().clone();
    let (mut parts, body) = http::Response::from(response).into_parts();
    // The conversion loses the address.
    if let Ok(with_url) = http::Response::builder().url(url).body(()) {
        parts.extensions.extend(with_url.into_parts().0.extensions);
    }
    let answer = Answer::new(call, parts.status, &parts.headers, max_bytes);
    let body = reqwest::Body::wrap(ResponseBody::read_by(body, answer));
    http::Response::from_parts(parts, body).into()
}
