//! A call of a language model: asked for, observed, and told exactly once how it ended.
//!
//! The life of a call, as events that all carry the same call id: `llm.request`, which an enforcer
//! may veto, then exactly one of `llm.generate`, `llm.error` and `llm.vetoed`. A call with usage
//! is followed by `lm.tokens`, which repeats the tokens under short names and is marked as a mirror.

use std::{
    borrow::Cow,
    fmt::{self, Display},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
};

pub use self::call::Call;
use crate::{
    attribute::Attributes,
    context::{
        Context,
        frame::{Frame, TaskFrame},
        future::InContext,
    },
    event::Vetoed,
    key,
    observation::ObservationType,
    span::SpanSpec,
    value::Value,
};

mod call;
mod response;

/// A model call that is about to be made: who is asked, what, and what it may cost in tokens.
///
/// Give it to [`Context::generation`] or [`Context::generation_blocking`].
#[must_use = "give it to `Context::generation`"]
pub struct Generation {
    spec: SpanSpec,
    provider: Value,
    model: Value,
    estimate: Option<u64>,
    max_tokens: Option<u64>,
}

impl Generation {
    /// A chat with `model` of `provider`, in a span `llm.generate`.
    pub fn new(provider: impl Into<Value>, model: impl Into<Value>) -> Self {
        let (provider, model) = (provider.into(), model.into());
        Self {
            spec: SpanSpec::new("llm.generate")
                .observation(ObservationType::Generation)
                .attribute(key::OPERATION_NAME, "chat")
                .attribute(key::PROVIDER_NAME, provider.clone())
                .attribute(key::REQUEST_MODEL, model.clone()),
            provider,
            model,
            estimate: None,
            max_tokens: None,
        }
    }

    /// Sets the prompt: text, or messages as anything serialisable.
    pub fn input(mut self, input: impl Into<Value>) -> Self {
        self.spec = self.spec.input(input);
        self
    }

    /// Sets a parameter of the request by its full key, such as `gen_ai.request.top_p`.
    pub fn attribute(mut self, key: impl Into<Cow<'static, str>>, value: impl Into<Value>) -> Self {
        self.spec = self.spec.attribute(key, value);
        self
    }

    /// Sets the sampling temperature.
    pub fn temperature(self, temperature: f64) -> Self {
        self.attribute(key::REQUEST_TEMPERATURE, temperature)
    }

    /// Sets the most tokens that the answer may have.
    pub fn max_tokens(mut self, tokens: u64) -> Self {
        self.max_tokens = Some(tokens);
        self.attribute(key::REQUEST_MAX_TOKENS, tokens)
    }

    /// States an upper bound of the tokens, input and output together, for budgets to judge by
    /// before the call.
    pub fn estimate(mut self, tokens: u64) -> Self {
        self.estimate = Some(tokens);
        self
    }

    /// The attributes that the events of this call begin with.
    fn event_attributes(&self) -> Attributes {
        let mut attributes = Attributes::new();
        attributes.put(key::PROVIDER_NAME, self.provider.clone());
        attributes.put(key::REQUEST_MODEL, self.model.clone());
        attributes.put(key::ESTIMATED_TOKENS, self.estimate.into());
        attributes.put(key::REQUEST_MAX_TOKENS, self.max_tokens.into());
        attributes
    }
}

impl fmt::Debug for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generation")
            .field("spec", &self.spec)
            .field("estimate", &self.estimate)
            .finish_non_exhaustive()
    }
}

/// Why a call gave no answer, for an error type that cannot itself be made from [`Vetoed`].
///
/// ```
/// use o11y_core::{Context, Generation, GenerationError};
///
/// let call = Generation::new("openai", "gpt-4o-mini");
/// let failed: Result<(), GenerationError<std::io::Error>> =
///     Context::generation_blocking(call, |_call| {
///         std::fs::read("/no/such/model").map_err(GenerationError::Call)?;
///         Ok(())
///     });
/// assert!(matches!(failed, Err(GenerationError::Call(_))));
/// ```
#[derive(Debug, thiserror::Error)]
pub enum GenerationError<E> {
    /// A budget or another enforcer refused the call before it was made.
    #[error("the call was refused before it was made")]
    Vetoed(#[from] Vetoed),
    /// The call itself failed.
    #[error("the call failed")]
    Call(#[source] E),
}

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
        let attributes = generation.event_attributes();
        let mut frame = TaskFrame::prepare(|| generation.spec);
        async move {
            frame.start();
            let (span, current) = frame.parts();
            let outcome = InContext::new(current, async move || {
                let mut call = Call::new(span, attributes);
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
        let attributes = generation.event_attributes();
        let mut frame = Frame::prepare(|| generation.spec);
        frame.enter();
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let mut call = Call::new(&mut frame.span, attributes);
            call.request()?;
            let outcome = f(&mut call);
            call.end(outcome.as_ref().err());
            outcome
        }));
        frame.exit(&outcome);
        outcome.unwrap_or_else(|payload| resume_unwind(payload))
    }
}
