//! A model call before it is made: who is asked, what, how, and what it may cost.

use std::{borrow::Cow, fmt};

use crate::{
    attribute::Attributes, key, observation::ObservationType, span::SpanSpec, usage::Usage,
    value::Value,
};

/// A model call that is about to be made: who is asked, what, and what it may cost in tokens.
///
/// Give it to [`Context::generation`] or one of its siblings.
///
/// ```
/// use o11y_core::{Context, Generation, Usage};
///
/// let request = Generation::new("openai", "gpt-4o-mini")
///     .input("What shall I drink?")
///     .temperature(0.2)
///     .max_tokens(100)
///     .stop(["\n\n"])
///     .prompt("barista", 3)
///     .estimate_usage(Usage::new().input(12).output(100));
/// let answer = Context::generation_blocking(request, |_call| anyhow::Ok("A flat white."))?;
/// # assert_eq!(answer, "A flat white.");
/// # anyhow::Ok(())
/// ```
///
/// [`Context::generation`]: crate::Context::generation
#[must_use = "give it to `Context::generation`"]
pub struct Generation {
    pub(super) spec: SpanSpec,
    pub(super) asked: Asked,
}

/// What every event of a call says of the request.
pub(super) struct Asked {
    provider: Value,
    model: Value,
    operation: Value,
    max_tokens: Option<u64>,
    estimate: Option<u64>,
    estimated_usage: Value,
    /// Boxed, because few calls name one.
    service_tier: Option<Box<Value>>,
}

/// What is asked of a model unless something else is said.
const CHAT: Value = Value::of_static("chat");

/// The parameters of a request that are an attribute and nothing else.
macro_rules! parameters {
    ($($(#[$doc:meta])+ $name:ident: $type:ty = $key:ident),+ $(,)?) => {$(
        $(#[$doc])+
        pub fn $name(self, $name: $type) -> Self {
            self.attribute(key::$key, $name)
        }
    )+};
}

impl Generation {
    /// A chat with `model` of `provider`, in a span `llm.generate`.
    pub fn new(provider: impl Into<Value>, model: impl Into<Value>) -> Self {
        let (provider, model) = (provider.into(), model.into());
        // Filled in where it lies: a record is large, and each step of a builder may move it.
        let mut generation = Self {
            asked: Asked {
                provider: provider.clone(),
                model: model.clone(),
                operation: CHAT,
                max_tokens: None,
                estimate: None,
                estimated_usage: Value::null(),
                service_tier: None,
            },
            spec: SpanSpec::new("llm.generate"),
        };
        let record = generation.spec.record_mut();
        record.observation = ObservationType::Generation;
        let attributes = &mut record.attributes;
        attributes.put(key::OPERATION_NAME, CHAT);
        attributes.put(key::PROVIDER_NAME, provider);
        attributes.put(key::REQUEST_MODEL, model);
        generation
    }

    /// Sets what is asked of the model, if it is not a chat: `text_completion`, or `embeddings`,
    /// which makes the span an observation of type embedding.
    pub fn operation(mut self, operation: impl Into<Cow<'static, str>>) -> Self {
        let operation = operation.into();
        if operation == "embeddings" {
            self.spec.record_mut().observation = ObservationType::Embedding;
        }
        self.asked.operation = match operation {
            Cow::Borrowed(name) => Value::of_static(name),
            Cow::Owned(name) => name.into(),
        };
        let operation = self.asked.operation.clone();
        self.attribute(key::OPERATION_NAME, operation)
    }

    /// Sets the prompt: text, or messages as anything serialisable.
    pub fn input(mut self, input: impl Into<Value>) -> Self {
        let input = input.into();
        self.spec.record_mut().attributes.put(key::INPUT, input);
        self
    }

    /// Sets a parameter of the request by its full key, such as `gen_ai.request.choice.count`.
    pub fn attribute(mut self, key: impl Into<Cow<'static, str>>, value: impl Into<Value>) -> Self {
        self.spec.record_mut().attributes.set(key, value);
        self
    }

    /// Sets the most tokens that the answer may have: if it is to have several choices, all of them
    /// together, because that is what budgets reserve.
    #[inline]
    pub fn max_tokens(mut self, tokens: u64) -> Self {
        self.asked.max_tokens = Some(tokens);
        self.attribute(key::REQUEST_MAX_TOKENS, tokens)
    }

    /// Sets how the call is to be served, as the request's `service_tier` says: `flex`, `priority`.
    /// Budgets and figures price it so.
    pub fn service_tier(mut self, tier: impl Into<Value>) -> Self {
        let tier = tier.into();
        self.asked.service_tier = Some(Box::new(tier.clone()));
        self.attribute(key::REQUEST_SERVICE_TIER, tier)
    }

    parameters! {
        /// Sets the sampling temperature.
        temperature: f64 = REQUEST_TEMPERATURE,
        /// Sets the share of probability that tokens are sampled from, from 0 to 1.
        top_p: f64 = REQUEST_TOP_P,
        /// Sets how many of the likeliest tokens are sampled from.
        top_k: u64 = REQUEST_TOP_K,
        /// Sets how much a token counts against itself each time it was used.
        frequency_penalty: f64 = REQUEST_FREQUENCY_PENALTY,
        /// Sets how much a token counts against itself once it was used.
        presence_penalty: f64 = REQUEST_PRESENCE_PENALTY,
        /// Sets the seed of the sampling.
        seed: i64 = REQUEST_SEED,
        /// Sets whether the answer is to come in chunks. `Context::generation_stream` sets it.
        stream: bool = REQUEST_STREAM,
    }

    /// Sets where the model is to stop.
    pub fn stop(self, sequences: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let sequences: Vec<String> = sequences.into_iter().map(Into::into).collect();
        self.attribute(key::REQUEST_STOP_SEQUENCES, &sequences)
    }

    /// Links the prompt of that name and version in Langfuse.
    ///
    /// The version is any integer from 1 to 65,535, which is the range that Langfuse stores. With
    /// another one nothing is linked, because its servers drop a generation whose link is not
    /// whole; the name then goes out as metadata `o11y.prompt_not_linked`. Langfuse links
    /// generations only, so an embedding's prompt shows nowhere.
    ///
    /// ```
    /// # use o11y_core::Generation;
    /// let version_from_langfuse = 3_i64;
    /// let request = Generation::new("openai", "gpt-4o-mini").prompt("barista", version_from_langfuse);
    /// ```
    pub fn prompt(self, name: impl Into<Value>, version: impl TryInto<u16>) -> Self {
        match version.try_into() {
            Ok(version @ 1..) => self
                .attribute(key::PROMPT_NAME, name)
                .attribute(key::PROMPT_VERSION, version),
            _ => self.attribute(key::PROMPT_NOT_LINKED, name),
        }
    }

    /// States an upper bound of the tokens, input and output together, for budgets to judge by
    /// before the call.
    #[inline]
    pub fn estimate(mut self, tokens: u64) -> Self {
        self.asked.estimate = Some(tokens);
        self
    }

    /// States an upper bound of the tokens by class, for budgets that know what each class costs.
    /// Its total is the [`estimate`](Self::estimate), unless another one is stated after it.
    pub fn estimate_usage(mut self, usage: Usage) -> Self {
        self.asked.estimated_usage = usage.into();
        self.estimate(usage.total())
    }
}

impl Asked {
    /// Says it in an event of the call, moved.
    pub(super) fn put_in(&mut self, attributes: &mut Attributes) {
        attributes.put(key::PROVIDER_NAME, self.provider.take());
        attributes.put(key::REQUEST_MODEL, self.model.take());
        attributes.put(key::OPERATION_NAME, self.operation.take());
        attributes.put(key::ESTIMATED_TOKENS, self.estimate.into());
        attributes.put(key::ESTIMATED_USAGE, self.estimated_usage.take());
        attributes.put(key::REQUEST_MAX_TOKENS, self.max_tokens.into());
        if let Some(tier) = self.service_tier.take() {
            attributes.put(key::REQUEST_SERVICE_TIER, *tier);
        }
    }
}

impl fmt::Debug for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generation")
            .field("spec", &self.spec)
            .field("estimate", &self.asked.estimate)
            .finish_non_exhaustive()
    }
}
