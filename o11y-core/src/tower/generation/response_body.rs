//! An answer's body, read as it passes.

use std::{
    any::type_name,
    fmt::{self, Display},
    pin::Pin,
    task::{self, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::{answer::Answer, contiguous};

pin_project! {
    /// The body of an answer on its way through [`GenerationService`](super::GenerationService):
    /// the inner one, frame by frame. It is polled, and dropped, in the context of the call.
    pub struct ResponseBody<B> {
        #[pin]
        inner: Option<B>,
        // None once the call has ended.
        answer: Option<Box<Answer>>,
    }

    impl<B> PinnedDrop for ResponseBody<B> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if let Some(answer) = this.answer {
                let _inside = answer.enter();
                this.inner.set(None);
            }
        }
    }
}

impl<B: Body> ResponseBody<B> {
    pub(super) fn passing(inner: B) -> Self {
        Self {
            inner: Some(inner),
            answer: None,
        }
    }

    pub(in crate::tower) fn read_by(inner: B, mut answer: Answer) -> Self {
        if inner.is_end_stream() {
            answer.end();
            return Self::passing(inner);
        }
        Self {
            inner: Some(inner),
            answer: Some(Box::new(answer)),
        }
    }
}

impl<B> Body for ResponseBody<B>
where
    B: Body,
    B::Error: Display,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let mut this = self.project();
        let Some(mut inner) = this.inner.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        // Taken out, so that a panic of the inner body drops it while the thread unwinds.
        let mut answer = this.answer.take();
        let polled = {
            let _inside = answer.as_mut().and_then(|answer| answer.enter());
            inner.as_mut().poll_frame(cx)
        };
        let frame = polled.map(|frame| frame.map(|frame| frame.map(contiguous)));
        if let Some(answer) = &mut answer {
            match &frame {
                Poll::Ready(Some(Ok(frame))) => {
                    if let Some(bytes) = frame.data_ref() {
                        answer.read(bytes);
                    }
                    // After the last frame many clients do not ask once more.
                    if inner.is_end_stream() {
                        answer.end();
                    }
                }
                Poll::Ready(Some(Err(error))) => answer.fail(type_name::<B::Error>(), error),
                Poll::Ready(None) => answer.end(),
                Poll::Pending => {}
            }
        }
        *this.answer = answer.filter(|answer| answer.is_open());
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let inner = self.inner.as_ref();
        inner.map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl<B> fmt::Debug for ResponseBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody")
            .field("is_read", &self.answer.is_some())
            .finish_non_exhaustive()
    }
}
