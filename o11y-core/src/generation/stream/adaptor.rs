//! A stream of chunks that is its own model call.

use std::{
    fmt::{self, Display},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{self, Poll},
};

use futures_core::{FusedStream, Stream};
use pin_project_lite::pin_project;
use serde::Serialize;

use crate::{
    context::{
        Context,
        future::{InContext, Inside},
    },
    event::Vetoed,
    generation::{
        call::Call,
        owned::{OwnedCall, Prepared},
        request::Generation,
    },
    id::SpanId,
    usage::Usage,
};

pin_project! {
    /// A stream of chunks that is its own model call: it yields what the inner stream yields, notes
    /// it, and ends the call when the stream ends, fails or is dropped.
    ///
    /// Made by [`Context::generation_stream`], [`Context::generation_plain_stream`] and
    /// [`OwnedCall::observe`]. The inner stream is polled, and dropped, in the context of the call's
    /// span, so spans opened inside become its children. It is not polled again after its end.
    #[project = Projection]
    #[must_use = "streams do nothing unless polled, and the call counts as cancelled when this is dropped"]
    pub struct GenerationStream<S>
    where
        S: Stream,
    {
        // Of the two this is dropped last.
        call: OwnedCall,
        note: fn(&mut OwnedCall, &S::Item),
        #[pin]
        inner: Option<S>,
    }

    impl<S> PinnedDrop for GenerationStream<S>
    where
        S: Stream,
    {
        fn drop(this: Pin<&mut Self>) {
            this.project().drop_inner();
        }
    }
}

/// Answers that come as a stream.
impl Context {
    /// Makes a model call whose answer is a stream of `Result`s, as the clients of providers have
    /// them, inside a span of type generation, unless an enforcer vetoes it.
    ///
    /// `f` makes the request and returns the stream. Every chunk is noted as by
    /// [`Call::record_chunk`] and yielded as it came. The call ends, and its span with it, when the
    /// stream does: well at its end, with the error at its first `Err`, and as cancelled when it is
    /// dropped before (as panicked while the thread unwinds). What the stream yields after an `Err`
    /// is yielded, too, but belongs to no call any more. The parent is taken at this call.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// use futures_util::{Stream, TryStreamExt as _};
    /// use o11y_core::{Context, Generation};
    /// # use serde_json::{Value, json};
    /// # async fn ask_the_model() -> anyhow::Result<impl Stream<Item = anyhow::Result<Value>>> {
    /// #     Ok(futures_util::stream::iter([
    /// #         Ok(json!({"choices": [{"index": 0, "delta": {"content": "A flat "}}]})),
    /// #         Ok(json!({"choices": [{"index": 0, "delta": {"content": "white."}}]})),
    /// #         Ok(json!({"choices": [], "usage": {"prompt_tokens": 31, "completion_tokens": 5}})),
    /// #     ]))
    /// # }
    ///
    /// let request = Generation::new("openai", "gpt-4o-mini").input("What shall I drink?");
    /// let mut chunks = Context::generation_stream(request, async |_call| ask_the_model().await).await?;
    /// while let Some(chunk) = chunks.try_next().await? {
    ///     // show it
    /// #   drop(chunk);
    /// }
    /// assert_eq!(chunks.usage().map(|usage| usage.total()), Some(36));
    /// # anyhow::Ok(())
    /// # })?;
    /// # anyhow::Ok(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of `f`, and the one made from [`Vetoed`].
    pub fn generation_stream<S, T, X, E, F>(
        generation: Generation,
        f: F,
    ) -> impl Future<Output = Result<GenerationStream<S>, E>>
    where
        S: Stream<Item = Result<T, X>>,
        T: Serialize,
        X: Display,
        E: Display + From<Vetoed>,
        F: AsyncFnOnce(&mut Call<'_>) -> Result<S, E>,
    {
        open(generation, f, note_result)
    }

    /// Like [`generation_stream`](Self::generation_stream), for a stream whose items cannot be
    /// errors: chunks as they are, or pieces of text.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// use futures_util::{StreamExt as _, stream};
    /// use o11y_core::{Context, Generation, GenerationStream, Vetoed};
    ///
    /// let request = Generation::new("llama.cpp", "qwen3").input("What shall I drink?");
    /// let pieces: GenerationStream<_> = Context::generation_plain_stream(request, async |_call| {
    ///     Ok::<_, Vetoed>(stream::iter(["A flat ", "white."]))
    /// })
    /// .await?;
    /// let answer: String = pieces.collect().await;
    /// assert_eq!(answer, "A flat white.");
    /// # Ok::<_, Vetoed>(())
    /// # })?;
    /// # anyhow::Ok(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of `f`, and the one made from [`Vetoed`].
    pub fn generation_plain_stream<S, E, F>(
        generation: Generation,
        f: F,
    ) -> impl Future<Output = Result<GenerationStream<S>, E>>
    where
        S: Stream,
        S::Item: Serialize,
        E: Display + From<Vetoed>,
        F: AsyncFnOnce(&mut Call<'_>) -> Result<S, E>,
    {
        open(generation, f, note_plain)
    }
}

impl OwnedCall {
    /// Lets a stream of chunks be the rest of this call, as
    /// [`Context::generation_stream`] does.
    ///
    /// ```
    /// use futures_util::{StreamExt as _, stream};
    /// use o11y_core::{Context, Generation};
    ///
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let call = Context::start_generation(Generation::new("llama.cpp", "qwen3"))?;
    /// let pieces = stream::iter([Ok::<_, std::io::Error>("A flat "), Ok("white.")]);
    /// let count = call.observe(pieces).count().await;
    /// # assert_eq!(count, 2);
    /// # anyhow::Ok(())
    /// # })?;
    /// # anyhow::Ok(())
    /// ```
    pub fn observe<S, T, X>(self, stream: S) -> GenerationStream<S>
    where
        S: Stream<Item = Result<T, X>>,
        T: Serialize,
        X: Display,
    {
        GenerationStream {
            call: self,
            note: note_result,
            inner: Some(stream),
        }
    }
}

fn open<S, E, F>(
    generation: Generation,
    f: F,
    note: fn(&mut OwnedCall, &S::Item),
) -> impl Future<Output = Result<GenerationStream<S>, E>>
where
    S: Stream,
    E: Display + From<Vetoed>,
    F: AsyncFnOnce(&mut Call<'_>) -> Result<S, E>,
{
    let prepared = Prepared::new(generation.stream(true));
    async move {
        let mut call = prepared.start()?;
        let (calling, current) = call.parts();
        let outcome = InContext::new(current, || f(calling)).await;
        match outcome {
            Ok(Ok(stream)) => Ok(GenerationStream {
                call,
                note,
                inner: Some(stream),
            }),
            Ok(Err(error)) => {
                call.end_with(&error);
                Err(error)
            }
            Err(payload) => call.end_and_unwind(payload),
        }
    }
}

fn note_plain<T: Serialize>(call: &mut OwnedCall, item: &T) {
    call.record_chunk(item);
}

fn note_result<T: Serialize, X: Display>(call: &mut OwnedCall, item: &Result<T, X>) {
    match item {
        Ok(chunk) => call.record_chunk(chunk),
        Err(error) => call.end_with(error),
    }
}

impl<S: Stream> GenerationStream<S> {
    /// The id that all events of this call carry: its span's own.
    #[must_use]
    pub fn id(&self) -> SpanId {
        self.call.id()
    }

    /// The tokens noted so far; all of them after the end.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        self.call.usage()
    }

    /// The call, to note what the stream does not say.
    #[must_use]
    pub fn call(self: Pin<&mut Self>) -> &mut Call<'static> {
        self.project().call
    }
}

impl<S: Stream> Projection<'_, S> {
    /// What the destructors of the inner stream do belongs to the call's span, too.
    fn drop_inner(&mut self) {
        if self.inner.is_some() {
            let _inside = Inside::enter(self.call.parts().1);
            self.inner.set(None);
        }
    }
}

impl<S: Stream> Stream for GenerationStream<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Option<S::Item>> {
        let mut this = self.project();
        let Some(inner) = this.inner.as_mut().as_pin_mut() else {
            return Poll::Ready(None);
        };
        let polled = {
            let _inside = Inside::enter(this.call.parts().1);
            catch_unwind(AssertUnwindSafe(|| inner.poll_next(cx)))
        };
        match polled {
            Ok(Poll::Ready(Some(item))) => {
                (this.note)(this.call, &item);
                Poll::Ready(Some(item))
            }
            Ok(Poll::Ready(None)) => {
                this.drop_inner();
                this.call.end_well();
                Poll::Ready(None)
            }
            Ok(Poll::Pending) => Poll::Pending,
            Err(payload) => {
                this.drop_inner();
                this.call.end_and_unwind(payload)
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.inner.as_ref().map_or((0, Some(0)), S::size_hint)
    }
}

impl<S: Stream> FusedStream for GenerationStream<S> {
    fn is_terminated(&self) -> bool {
        self.inner.is_none()
    }
}

impl<S: Stream> fmt::Debug for GenerationStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GenerationStream")
            .field("call", &self.call)
            .field("has_ended", &self.inner.is_none())
            .finish_non_exhaustive()
    }
}
