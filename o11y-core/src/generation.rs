//! A call of a language model: asked for, observed, and told exactly once how it ended.
//!
//! The life of a call, as events that all carry the same call id: `llm.request`, which an enforcer
//! may veto, then exactly one of `llm.generate`, `llm.error` and `llm.vetoed`. A call with usage
//! is followed by `lm.tokens`, which repeats the tokens under short names and is marked as a mirror.

use std::{
    fmt::Display,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
};

#[cfg(feature = "stream")]
pub use self::stream::GenerationStream;
pub use self::{call::Call, error::GenerationError, owned::OwnedCall, request::Generation};
use crate::{
    context::{
        Context,
        frame::{Frame, TaskFrame},
        future::InContext,
    },
    event::Vetoed,
};

mod call;
mod error;
pub(crate) mod outcome;
mod owned;
mod request;
pub(crate) mod response;
mod stream;

/// Calling a model.
impl Context {
    /// Makes a model call inside a span of type generation, unless an enforcer vetoes it.
    ///
    /// `f` is handed the [`Call`] to note the answer in. It is not called when the request is
    /// vetoed; the error is then made from the [`Vetoed`]. The call's events are emitted whether
    /// telemetry is on or off, so a budget holds without an exporter. A future that is dropped
    /// before its end counts as `llm.error`. The parent is taken at this call.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// use o11y_core::{Context, Generation};
    /// # async fn ask_the_model() -> anyhow::Result<serde_json::Value> {
    /// #     Ok(serde_json::json!({
    /// #         "model": "gpt-4o-mini-2024-07-18",
    /// #         "choices": [{"message": {"role": "assistant", "content": "A flat white."}}],
    /// #         "usage": {"prompt_tokens": 23, "completion_tokens": 5, "total_tokens": 28}
    /// #     }))
    /// # }
    ///
    /// let request = Generation::new("openai", "gpt-4o-mini").input("What shall I drink?").estimate(200);
    /// let answer = Context::generation(request, async |call| -> anyhow::Result<_> {
    ///     let answer = ask_the_model().await?;
    ///     call.record_response(&answer);
    ///     Ok(answer)
    /// })
    /// .await?;
    /// # assert!(answer.is_object());
    /// # anyhow::Ok(())
    /// # })?;
    /// # anyhow::Ok(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of `f`, and the one made from [`Vetoed`].
    pub fn generation<T, E, F>(generation: Generation, f: F) -> impl Future<Output = Result<T, E>>
    where
        E: Display + From<Vetoed>,
        F: AsyncFnOnce(&mut Call<'_>) -> Result<T, E>,
    {
        let Generation { spec, asked } = generation;
        let mut frame = TaskFrame::prepare(spec);
        async move {
            frame.start();
            let (span, current) = frame.parts();
            let outcome = InContext::new(current, async move || {
                let mut call = Call::lent(span, asked);
                call.request()?;
                let outcome = f(&mut call).await;
                call.end(outcome.as_ref().err());
                outcome
            })
            .await;
            frame.finish(&outcome);
            outcome.unwrap_or_else(|payload| resume_unwind(payload))
        }
    }

    /// Like [`generation`](Self::generation), on the calling thread.
    ///
    /// # Errors
    ///
    /// Those of `f`, and the one made from [`Vetoed`].
    pub fn generation_blocking<T, E>(
        generation: Generation,
        f: impl FnOnce(&mut Call<'_>) -> Result<T, E>,
    ) -> Result<T, E>
    where
        E: Display + From<Vetoed>,
    {
        // Moved from where it lies into its frame: a record is large.
        let mut frame = Frame::prepare(generation.spec);
        frame.enter();
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let mut call = Call::lent(&mut frame.span, generation.asked);
            call.request()?;
            let outcome = f(&mut call);
            call.end(outcome.as_ref().err());
            outcome
        }));
        frame.exit(&outcome);
        outcome.unwrap_or_else(|payload| resume_unwind(payload))
    }
}
