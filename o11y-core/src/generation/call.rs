//! A model call while it runs, and the promise that its end is told exactly once.

use std::{
    any::type_name,
    fmt::{self, Display},
};

use serde::Serialize;

use super::response;
use crate::{
    attribute::Attributes,
    clock::Ticks,
    context::scoping::note_request,
    emit::is_heard_here,
    event::{Event, Vetoed},
    id::SpanId,
    key,
    span::Span,
    usage::{Cost, Usage},
    value::Value,
};

/// A model call while it runs: what the answer is noted in.
///
/// When it is dropped without an end (a panic, a cancelled future) the end that is told is
/// `llm.error`.
pub struct Call<'a> {
    span: &'a mut Span,
    id: SpanId,
    start: Ticks,
    usage: Option<Usage>,
    cost: Option<Cost>,
    /// What every event of the call says.
    attributes: Attributes,
    ended: bool,
}

impl<'a> Call<'a> {
    pub(super) fn new(span: &'a mut Span, mut attributes: Attributes) -> Self {
        let start = Ticks::now();
        let id = span
            .record_mut()
            .map_or_else(|| SpanId::generate(start), |record| record.span_id);
        attributes.put(key::CALL_ID, id.hex(&mut [0; 16]).into());
        Self {
            span,
            id,
            start,
            usage: None,
            cost: None,
            attributes,
            ended: true, // until the request is made
        }
    }

    /// Asks whether the call may be made.
    pub(super) fn request<E: Display + From<Vetoed>>(&mut self) -> Result<(), E> {
        if is_unheard() {
            self.ended = false;
            return Ok(());
        }
        let request = Event::new("llm.request", self.attributes.clone()).unrecorded();
        match request.try_emit() {
            Ok(()) => {
                self.ended = false;
                Ok(())
            }
            Err(vetoed) => {
                let reason = format!("{vetoed}: {}", vetoed.reason());
                self.span.fail("vetoed", &reason);
                let mut attributes = std::mem::take(&mut self.attributes);
                attributes.put(key::ERROR_TYPE, "vetoed".into());
                note_request(&mut attributes);
                tell("llm.vetoed", attributes);
                Err(vetoed.into())
            }
        }
    }

    pub(super) fn end<E: Display>(&mut self, error: Option<&E>) {
        if let Some(error) = error {
            self.span.record_error(error);
            self.tell_end(Some(type_name::<E>()));
        } else {
            self.tell_end(None);
        }
    }

    /// The id that all events of this call carry: the span's own.
    #[must_use]
    pub fn id(&self) -> SpanId {
        self.id
    }

    /// The span of this call.
    pub fn span(&mut self) -> &mut Span {
        self.span
    }

    /// Notes a provider's answer: model, id, message, finish reasons, tokens, and the cost where it is
    /// stated. The shape is recognised: OpenAI (chat, Responses, embeddings) and compatible servers,
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

    /// Notes what the model said.
    pub fn set_output(&mut self, output: impl Into<Value>) {
        self.span.set_output(output);
    }

    /// Notes the model that answered, which may be a dated version of the one asked.
    pub fn set_response_model(&mut self, model: impl Into<Value>) {
        let model = model.into();
        self.attributes.put(key::RESPONSE_MODEL, model.clone());
        self.span.set_model(model);
    }

    /// Notes the tokens that were used.
    pub fn set_usage(&mut self, usage: Usage) {
        self.usage = Some(usage);
        self.span.set_usage(usage);
    }

    /// Notes what the call cost. Langfuse then computes nothing itself.
    pub fn set_cost(&mut self, cost: Cost) {
        self.cost = Some(cost);
        self.span.set_cost(cost);
    }

    /// The tokens noted so far.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        self.usage
    }

    /// Emits the one end event, and the mirror of the tokens after it.
    fn tell_end(&mut self, error: Option<&'static str>) {
        if std::mem::replace(&mut self.ended, true) || is_unheard() {
            return;
        }
        let mut attributes = std::mem::take(&mut self.attributes);
        let milliseconds = Ticks::now().since(self.start).as_secs_f64() * 1_000.0;
        attributes.put(key::DURATION_MS, milliseconds.into());
        attributes.put(key::ERROR_TYPE, error.map(Value::of_static).into());
        note_request(&mut attributes);
        let mirror = self.usage.map(|usage| mirror_of(&attributes, &usage));
        if let Some(usage) = self.usage {
            attributes.put(key::INPUT_TOKENS, usage.input_total().into());
            attributes.put(key::OUTPUT_TOKENS, usage.output_total().into());
            attributes.put(key::TOTAL_TOKENS, usage.total().into());
            attributes.put(key::PROMPT_TOKENS, usage.input_total().into());
            attributes.put(key::COMPLETION_TOKENS, usage.output_total().into());
            attributes.put(key::USAGE, usage.into());
        }
        attributes.put(key::COST, self.cost.map(Value::from).into());
        let name = if error.is_some() {
            "llm.error"
        } else {
            "llm.generate"
        };
        tell(name, attributes);
        if let Some(mirror) = mirror {
            tell("lm.tokens", mirror);
        }
    }
}

/// The tokens under the names of the mirrored system's event.
fn mirror_of(call: &Attributes, usage: &Usage) -> Attributes {
    let mut mirror = call.clone();
    mirror.put("input_tokens", usage.input_total().into());
    let cached = usage.get_cached();
    mirror.put("cached_tokens", (cached > 0).then_some(cached).into());
    mirror.put("output_tokens", usage.output_total().into());
    mirror.put("total_tokens", usage.total().into());
    mirror.put(key::MIRROR, true.into());
    mirror
}

/// Whether nobody would hear the events of a call, which then need not be made: they never become
/// observations.
fn is_unheard() -> bool {
    !is_heard_here()
}

/// Events of a call never become observations: its span already is one.
fn tell(name: &'static str, attributes: Attributes) {
    Event::new(name, attributes).unrecorded().emit();
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        let how = if std::thread::panicking() {
            "panic"
        } else {
            "cancelled"
        };
        self.tell_end(Some(how));
    }
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("id", &self.id)
            .field("usage", &self.usage)
            .finish_non_exhaustive()
    }
}
