//! A request to a model: read, asked for, sent, and its answer handed back to be read.

use std::{
    any::type_name,
    fmt::{self, Display},
    pin::Pin,
    task::{self, Poll, ready},
};

use http::{Request, Response, header, request::Parts};
use http_body::Body;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::{
    GenerationLayer, answer::Answer, endpoint::Endpoint, refused::Refused,
    request_body::RequestBody, response_body::ResponseBody,
};
use crate::{context::Context, generation::OwnedCall, tower::BoxError};

pin_project! {
    /// The future of [`GenerationService`](super::GenerationService).
    pub struct GenerationFuture<S, B>
    where
        S: Service<Request<RequestBody<B>>>,
        B: Body,
    {
        // What is to be sent, until it is.
        asking: Option<Box<Asking<S, B>>>,
        #[pin]
        sent: Option<S::Future>,
        call: Option<OwnedCall>,
        max_body_bytes: usize,
    }

    impl<S, B> PinnedDrop for GenerationFuture<S, B>
    where
        S: Service<Request<RequestBody<B>>>,
        B: Body,
    {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if let Some(call) = this.call {
                let _inside = call.enter();
                this.sent.set(None);
            }
        }
    }
}

struct Asking<S, B: Body> {
    inner: S,
    layer: GenerationLayer,
    endpoint: Endpoint,
    parts: Parts,
    body: RequestBody<B>,
    /// Where the service was called.
    here: Context,
}

impl<S, B> GenerationFuture<S, B>
where
    S: Service<Request<RequestBody<B>>>,
    B: Body + Unpin,
{
    pub(super) fn passing(sent: S::Future) -> Self {
        Self {
            asking: None,
            sent: Some(sent),
            call: None,
            max_body_bytes: 0,
        }
    }

    pub(super) fn reading(
        inner: S,
        layer: GenerationLayer,
        endpoint: Endpoint,
        request: Request<B>,
    ) -> Self {
        let (parts, body) = request.into_parts();
        Self {
            max_body_bytes: layer.max_body_bytes,
            asking: Some(Box::new(Asking {
                inner,
                layer,
                endpoint,
                parts,
                body: RequestBody::passing(body),
                here: Context::current(),
            })),
            sent: None,
            call: None,
        }
    }
}

impl<S, B> Asking<S, B>
where
    S: Service<Request<RequestBody<B>>>,
    B: Body + Unpin,
{
    /// Sends the request, unless it is refused. `is_whole`: the body can be read.
    fn send(mut self, is_whole: bool) -> Result<(S::Future, OwnedCall), Refused> {
        let host = self.parts.uri.host().or_else(|| {
            let host = self.parts.headers.get(header::HOST)?.to_str().ok()?;
            host.split(':').next()
        });
        let held = is_whole.then(|| self.body.held());
        let asked = self
            .here
            .run(|| self.layer.ask(&self.endpoint, host, held.as_deref()));
        let mut call = asked.map_err(Refused::new)?;
        drop(held);
        let request = Request::from_parts(self.parts, self.body);
        let sent = {
            let _inside = call.enter();
            self.inner.call(request)
        };
        Ok((sent, call))
    }
}

impl<S, B, R> Future for GenerationFuture<S, B>
where
    S: Service<Request<RequestBody<B>>, Response = Response<R>>,
    S::Error: Into<BoxError>,
    B: Body + Unpin,
    R: Body,
    R::Error: Display,
{
    type Output = Result<Response<ResponseBody<R>>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Some(asking) = this.asking {
            let is_whole = ready!(asking.body.poll_hold(cx, *this.max_body_bytes));
            if let Some(asking) = this.asking.take() {
                let (sent, call) = asking.send(is_whole)?;
                this.sent.set(Some(sent));
                *this.call = Some(call);
            }
        }
        // Taken out, so that a panic of the service drops it while the thread unwinds.
        let mut call = this.call.take();
        let polled = {
            let _inside = call.as_mut().map(OwnedCall::enter);
            let Some(sent) = this.sent.as_mut().as_pin_mut() else {
                return Poll::Pending; // polled after its end
            };
            let polled = sent.poll(cx);
            if polled.is_ready() {
                this.sent.set(None);
            }
            polled
        };
        let outcome = match polled {
            Poll::Pending => {
                *this.call = call;
                return Poll::Pending;
            }
            Poll::Ready(outcome) => outcome,
        };
        let max_body_bytes = *this.max_body_bytes;
        Poll::Ready(match (outcome, call) {
            (Ok(response), None) => Ok(response.map(ResponseBody::passing)),
            (Ok(response), Some(call)) => {
                let (parts, body) = response.into_parts();
                let answer = Answer::new(call, parts.status, &parts.headers, max_body_bytes);
                let body = ResponseBody::read_by(body, answer);
                Ok(Response::from_parts(parts, body))
            }
            (Err(error), None) => Err(error.into()),
            (Err(error), Some(call)) => {
                let error = error.into();
                call.fail_as(type_name::<S::Error>(), &Chain(&*error));
                Err(error)
            }
        })
    }
}

/// An error with its causes: those of HTTP clients say little without them.
pub(in crate::tower) struct Chain<'a>(pub(in crate::tower) &'a (dyn std::error::Error + 'static));

impl Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = self.0.to_string();
        f.write_str(&told)?;
        let causes = std::iter::successors(self.0.source(), |cause| cause.source());
        for cause in causes.take(16) {
            let cause = cause.to_string();
            // Some print their causes themselves.
            if !told.contains(&cause) {
                write!(f, ": {cause}")?;
                told = cause;
            }
        }
        Ok(())
    }
}

impl<S, B> fmt::Debug for GenerationFuture<S, B>
where
    S: Service<Request<RequestBody<B>>>,
    B: Body,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GenerationFuture")
            .field("call", &self.call)
            .finish_non_exhaustive()
    }
}
