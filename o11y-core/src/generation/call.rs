//! A model call while it runs: what is noted of it.

use std::fmt;

use serde::Serialize;

use super::{request::Asked, response, stream::Assembly};
use crate::{
    clock::Ticks,
    event::Event,
    id::SpanId,
    key,
    span::Span,
    usage::{Cost, Usage},
    value::Value,
};

mod telling;

/// A model call while it runs: what the answer is noted in.
///
/// An answer that comes whole is noted with [`record_response`](Self::record_response), one that
/// comes in pieces with [`record_chunk`](Self::record_chunk) or [`push_text`](Self::push_text).
///
/// When it is dropped without an end (a panic, a cancelled future) the end that is told is
/// `llm.error`.
///
/// ```
/// use o11y_core::{Context, Cost, Generation, Usage};
///
/// let request = Generation::new("llama.cpp", "qwen3").input("What shall I drink?");
/// Context::generation_blocking(request, |call| -> anyhow::Result<()> {
///     // By hand, of a model that no provider's JSON tells about.
///     call.first_token();
///     call.set_output("A flat white.");
///     call.set_response_model("qwen3-8b-q4");
///     call.set_usage(Usage::new().input(23).output(5));
///     call.set_cost(Cost::ZERO);
///     call.span().set_attribute("threads", 8);
///     Ok(())
/// })?;
/// # anyhow::Ok(())
/// ```
pub struct Call<'a> {
    span: Held<'a>,
    id: SpanId,
    start: Ticks,
    asked: Asked,
    /// The event that told of it, for the next one to go on with; none if nobody has heard of it yet.
    told: Option<Event>,
    response_model: Value,
    /// How the answer says that it was served; boxed, to keep the call small.
    service_tier: Option<Box<Value>>,
    usage: Option<Usage>,
    cost: Option<Cost>,
    retries: u32,
    first_token: Option<Ticks>,
    /// What the chunks say; made with the first of them.
    assembly: Option<Box<Assembly>>,
    ended: bool,
}

/// Where the span of a call lies.
enum Held<'a> {
    /// In the frame of the closure that the call runs in.
    Lent(&'a mut Span),
    /// With the call, because there is no closure.
    Own(Span),
}

impl Held<'_> {
    fn span(&mut self) -> &mut Span {
        match self {
            Self::Lent(span) => span,
            Self::Own(span) => span,
        }
    }
}

impl<'a> Call<'a> {
    /// A call whose span lies in the frame of a closure.
    pub(super) fn lent(span: &'a mut Span, asked: Asked) -> Self {
        Self::new(Held::Lent(span), asked)
    }

    fn new(mut span: Held<'a>, asked: Asked) -> Self {
        let (id, start) = span.span().record().map_or_else(
            || {
                let now = Ticks::now();
                (SpanId::generate(now), now)
            },
            |record| (record.span_id, record.start),
        );
        Self {
            span,
            id,
            start,
            asked,
            told: None,
            response_model: Value::null(),
            service_tier: None,
            usage: None,
            cost: None,
            retries: 0,
            first_token: None,
            assembly: None,
            ended: true, // until the request is made
        }
    }

    /// The id that all events of this call carry: the span's own.
    #[must_use]
    pub fn id(&self) -> SpanId {
        self.id
    }

    /// The span of this call.
    pub fn span(&mut self) -> &mut Span {
        self.span.span()
    }

    /// Notes a provider's whole answer: model, id, message, finish reasons, tokens, and the cost
    /// where it is stated. The shape is recognised: OpenAI (chat, Responses, embeddings) and compatible servers,
    /// Anthropic, Gemini, Bedrock Converse, Ollama, Mistral, Cohere; any other is noted whole. What
    /// is missing in it is left as it is.
    ///
    /// ```
    /// # use o11y_core::{Context, Generation};
    /// # let request = Generation::new("openai", "gpt-4o-mini");
    /// Context::generation_blocking(request, |call| -> anyhow::Result<()> {
    ///     let answer = serde_json::json!({
    ///         "model": "gpt-4o-mini-2024-07-18",
    ///         "choices": [{"message": {"role": "assistant", "content": "A flat white."}}],
    ///         "usage": {"prompt_tokens": 31, "completion_tokens": 5,
    ///                   "prompt_tokens_details": {"cached_tokens": 8}}
    ///     });
    ///     call.record_response(&answer);
    ///     assert_eq!(call.usage().map(|usage| usage.total()), Some(36));
    ///     Ok(())
    /// })?;
    /// # anyhow::Ok(())
    /// ```
    pub fn record_response(&mut self, response: &impl Serialize) {
        response::note(self, response);
    }

    /// Notes one chunk of a streamed answer, as the provider's client yields it.
    ///
    /// Known are the chunks of OpenAI (chat completions and responses), Anthropic, Gemini, Ollama,
    /// Bedrock's `ConverseStream` and Cohere, and of the many servers that speak like one of them;
    /// a chunk that is a text counts as [`push_text`](Self::push_text). What is not known changes
    /// nothing. The first chunk with content (text, a tool call, reasoning) is the first token.
    ///
    /// At the end, and if no output was set by then, what the chunks said becomes the output:
    /// plain text, or a message as OpenAI's with its tool calls. Reasoning is not kept. At most
    /// 1 MiB is put together; where more was left out stands `…[cut]`, and `o11y.output_cut_bytes`
    /// says how much it was. Usage, and the cost where it is stated beside it, are read all the same:
    /// the last chunk that states them wins.
    ///
    /// ```
    /// # use o11y_core::{Context, Generation};
    /// # use serde_json::json;
    /// # let request = Generation::new("openai", "gpt-4o-mini");
    /// # let chunks = [
    /// #     json!({"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]}),
    /// #     json!({"choices": [{"index": 0, "delta": {"content": "A flat "}}]}),
    /// #     json!({"choices": [{"index": 0, "delta": {"content": "white."}}]}),
    /// #     json!({"choices": [], "usage": {"prompt_tokens": 31, "completion_tokens": 5}}),
    /// # ];
    /// Context::generation_blocking(request, |call| -> anyhow::Result<()> {
    ///     for chunk in &chunks {
    ///         call.record_chunk(chunk);
    ///     }
    ///     assert_eq!(call.usage().map(|usage| usage.total()), Some(36));
    ///     Ok(())
    /// })?;
    /// # anyhow::Ok(())
    /// ```
    pub fn record_chunk(&mut self, chunk: &(impl Serialize + ?Sized)) {
        let keeps = self.span().is_recording();
        let assembly = self.assembly.get_or_insert_default();
        let said = assembly.read(chunk, keeps);
        if said.content {
            self.first_token();
        }
        if said.usage {
            self.record_chunk_usage(chunk);
        }
        self.note_model();
    }

    /// Notes a piece of the answer's text, from a server that says nothing else.
    ///
    /// ```
    /// # use o11y_core::{Context, Generation, Usage};
    /// # let request = Generation::new("llama.cpp", "qwen3");
    /// Context::generation_blocking(request, |call| -> anyhow::Result<()> {
    ///     for piece in ["A flat ", "white."] {
    ///         call.push_text(piece);
    ///     }
    ///     call.set_usage(Usage::new().input(31).output(5));
    ///     Ok(())
    /// })?;
    /// # anyhow::Ok(())
    /// ```
    pub fn push_text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.first_token();
        if self.span().is_recording() {
            self.assembly.get_or_insert_default().push_text(text);
        }
    }

    /// Notes that the first token is here, once; later calls change nothing. Chunks that are
    /// recorded do so themselves.
    pub fn first_token(&mut self) {
        self.first_token.get_or_insert_with(Ticks::now);
    }

    /// Notes that the request is made once more. What chunks of the attempt before have said is
    /// forgotten, and so is its first token; usage stays until it is stated anew.
    ///
    /// ```
    /// # use o11y_core::{Context, Generation};
    /// # fn ask() -> Result<&'static str, std::io::Error> { Ok("A flat white.") }
    /// # let request = Generation::new("openai", "gpt-4o-mini");
    /// let answer = Context::generation_blocking(request, |call| -> anyhow::Result<_> {
    ///     let answer = ask().or_else(|_busy| {
    ///         call.retry();
    ///         ask()
    ///     })?;
    ///     Ok(answer)
    /// })?;
    /// # assert_eq!(answer, "A flat white.");
    /// # anyhow::Ok(())
    /// ```
    pub fn retry(&mut self) {
        self.retries = self.retries.saturating_add(1);
        self.assembly = None;
        self.first_token = None;
        let retries = self.retries;
        self.span().set_attribute(key::RETRIES, retries);
    }

    /// Notes what the model said.
    pub fn set_output(&mut self, output: impl Into<Value>) {
        self.span().set_output(output);
    }

    /// Notes the model that answered, which may be a dated version of the one asked.
    pub fn set_response_model(&mut self, model: impl Into<Value>) {
        self.response_model = model.into();
        let model = self.response_model.clone();
        self.span().set_model(model);
    }

    /// Notes how the provider says that the call was served: `flex`, `priority`. Budgets and figures
    /// price it so, whatever was asked for.
    pub fn set_service_tier(&mut self, tier: impl Into<Value>) {
        self.service_tier = Some(Box::new(tier.into()));
    }

    /// Notes the tokens that were used.
    pub fn set_usage(&mut self, usage: Usage) {
        self.usage = Some(usage);
        self.span().set_usage(usage);
    }

    /// Notes what the call cost. Langfuse then computes nothing itself.
    pub fn set_cost(&mut self, cost: Cost) {
        self.cost = Some(cost);
        self.span().set_cost(cost);
    }

    /// The tokens noted so far.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        self.usage
    }

    /// The chunk is looked at once more, and whole: few chunks state usage.
    fn record_chunk_usage(&mut self, chunk: &(impl Serialize + ?Sized)) {
        // What cannot be serialised says nothing, and must not fail the call that was paid.
        let Ok(chunk) = serde_json::to_value(chunk) else {
            return;
        };
        if let Some(usage) = response::usage_in(&chunk) {
            let merges = chunk["type"] == "message_delta";
            let before = self.usage.filter(|_| merges);
            self.set_usage(before.map_or(usage, |before| cumulated(&before, &usage)));
        }
        if let Some(cost) = response::cost_in(&chunk) {
            self.set_cost(cost);
        }
        if let Some(tier) = response::service_tier_in(&chunk) {
            self.set_service_tier(tier);
        }
    }

    /// Takes the model from the first chunk that names one.
    fn note_model(&mut self) {
        if let Some(assembly) = &mut self.assembly
            && let Some(model) = assembly.take_model()
            && self.response_model.is_null()
        {
            let model = model.to_owned();
            self.set_response_model(model);
        }
    }
}

impl Call<'static> {
    /// A call that keeps its span itself.
    pub(super) fn owning(span: Span, asked: Asked) -> Self {
        Self::new(Held::Own(span), asked)
    }
}

/// Counts that only ever grow, of which a later statement may leave some out.
fn cumulated(before: &Usage, after: &Usage) -> Usage {
    let of = |class: fn(&Usage) -> u64| class(before).max(class(after));
    Usage::new()
        .input(of(Usage::get_input))
        .cached(of(Usage::get_cached))
        .cache_creation(of(Usage::get_cache_creation))
        .cache_creation_5m(of(Usage::get_cache_creation_5m))
        .cache_creation_1h(of(Usage::get_cache_creation_1h))
        .input_audio(of(Usage::get_input_audio))
        .output(of(Usage::get_output))
        .reasoning(of(Usage::get_reasoning))
        .output_audio(of(Usage::get_output_audio))
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("id", &self.id)
            .field("usage", &self.usage)
            .finish_non_exhaustive()
    }
}
