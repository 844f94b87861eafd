//! A stream that is polled, and dropped, with its own context in place of the thread's.

use std::{
    pin::Pin,
    task::{self, Poll},
};

use futures_core::Stream;
use pin_project_lite::pin_project;

use super::{Context, current::Current, future::Inside};

impl Context {
    /// Makes this the current point whenever `stream` is polled, and while it is dropped: what it
    /// does for an item is done below this context's span, whoever asks for the item.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// use futures_util::{StreamExt as _, stream};
    /// use o11y_core::Context;
    ///
    /// let pages = Context::with_span("crawl", |span| {
    ///     let pages = stream::iter(["menu", "prices"]);
    ///     let read = pages.map(|page| Context::with_span("read", |_span| page.len()));
    ///     span.context().wrap_stream(read)
    /// });
    ///
    /// // Each `read` is a child of `crawl`, though nothing is open here.
    /// assert_eq!(pages.collect::<Vec<_>>().await, [4, 6]);
    /// # });
    /// # std::io::Result::Ok(())
    /// ```
    pub fn wrap_stream<S: Stream>(self, stream: S) -> impl Stream<Item = S::Item> {
        Carried {
            current: Current::at(self),
            stream: Some(stream),
        }
    }
}

pin_project! {
    /// The stream is none while it is dropped.
    struct Carried<S> {
        current: Current,
        #[pin]
        stream: Option<S>,
    }

    impl<S> PinnedDrop for Carried<S> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let _inside = Inside::enter(this.current);
            this.stream.set(None);
        }
    }
}

impl<S: Stream> Stream for Carried<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Option<S::Item>> {
        let this = self.project();
        let _inside = Inside::enter(this.current);
        this.stream
            .as_pin_mut()
            .map_or(Poll::Ready(None), |stream| stream.poll_next(cx))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let stream = self.stream.as_ref();
        stream.map_or((0, Some(0)), Stream::size_hint)
    }
}
