//! The body of an answer, made where the request stands; its end is the request's.

use std::{
    fmt::{self, Display},
    pin::Pin,
    task::{self, Poll},
};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::serving::Serving;

pin_project! {
    /// The body of an answer of [`ContinueTrace`](super::ContinueTrace): the inner one, polled and
    /// dropped in the context of its request.
    pub struct ContinueTraceBody<B> {
        #[pin]
        inner: Option<B>,
        serving: Option<Serving>,
    }

    impl<B> PinnedDrop for ContinueTraceBody<B> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if let Some(serving) = this.serving {
                let _inside = serving.enter();
                this.inner.set(None);
            }
        }
    }
}

impl<B: Body> ContinueTraceBody<B> {
    /// `ends`: nobody will ask for the body.
    pub(super) fn new(inner: B, serving: Serving, ends: bool) -> Self {
        let serving = if ends || inner.is_end_stream() {
            serving.end();
            None
        } else {
            Some(serving)
        };
        Self {
            inner: Some(inner),
            serving,
        }
    }
}

impl<B> Body for ContinueTraceBody<B>
where
    B: Body,
    B::Error: Display,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let Some(mut inner) = this.inner.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        let Some(mut serving) = this.serving.take() else {
            return inner.poll_frame(cx);
        };
        match serving.within(|| inner.as_mut().poll_frame(cx)) {
            Ok(Poll::Pending) => {
                *this.serving = Some(serving);
                Poll::Pending
            }
            Ok(Poll::Ready(Some(Ok(frame)))) => {
                // After the last frame many callers do not ask once more.
                if inner.is_end_stream() {
                    serving.end();
                } else {
                    *this.serving = Some(serving);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Ok(Poll::Ready(Some(Err(error)))) => {
                serving.failed(&error);
                Poll::Ready(Some(Err(error)))
            }
            Ok(Poll::Ready(None)) => {
                serving.end();
                Poll::Ready(None)
            }
            Err(payload) => serving.panicked(payload),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let inner = self.inner.as_ref();
        inner.map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl<B> fmt::Debug for ContinueTraceBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContinueTraceBody")
            .field("has_ended", &self.serving.is_none())
            .finish_non_exhaustive()
    }
}
