//! The inner service's future, polled and dropped where the request stands.

use std::{
    fmt::{self, Display},
    pin::Pin,
    task::{self, Poll},
};

use http::{Response, StatusCode};
use http_body::Body;
use pin_project_lite::pin_project;

use super::{body::ContinueTraceBody, serving::Serving};

pin_project! {
    /// The future of [`ContinueTrace`](super::ContinueTrace).
    pub struct ContinueTraceFuture<F> {
        #[pin]
        inner: Option<F>,
        serving: Option<Serving>,
        is_head: bool,
    }

    impl<F> PinnedDrop for ContinueTraceFuture<F> {
        // What destructors do belongs to the request, too.
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if let Some(serving) = this.serving {
                let _inside = serving.enter();
                this.inner.set(None);
            }
        }
    }
}

impl<F> ContinueTraceFuture<F> {
    pub(super) fn new(inner: F, serving: Serving, is_head: bool) -> Self {
        Self {
            inner: Some(inner),
            serving: Some(serving),
            is_head,
        }
    }
}

impl<F, B, E> Future for ContinueTraceFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
    E: Display,
{
    type Output = Result<Response<ContinueTraceBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(mut serving) = this.serving.take() else {
            return Poll::Pending; // polled after its end
        };
        let polled = serving.within(|| {
            let polled = this.inner.as_mut().as_pin_mut().map(|inner| inner.poll(cx));
            if let Some(Poll::Ready(_)) = polled {
                this.inner.set(None);
            }
            polled.unwrap_or(Poll::Pending)
        });
        match polled {
            Ok(Poll::Pending) => {
                *this.serving = Some(serving);
                Poll::Pending
            }
            Ok(Poll::Ready(Ok(response))) => {
                serving.answered(response.status());
                let ends = *this.is_head || has_no_body(response.status());
                Poll::Ready(Ok(
                    response.map(|body| ContinueTraceBody::new(body, serving, ends))
                ))
            }
            Ok(Poll::Ready(Err(error))) => {
                serving.failed(&error);
                Poll::Ready(Err(error))
            }
            Err(payload) => serving.panicked(payload),
        }
    }
}

/// Whether the body of such an answer is never sent, so that nobody asks for it.
fn has_no_body(status: StatusCode) -> bool {
    status.is_informational() || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

impl<F> fmt::Debug for ContinueTraceFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContinueTraceFuture")
            .field("has_ended", &self.serving.is_none())
            .finish_non_exhaustive()
    }
}
