//! What is told of a model call.

use compact_str::CompactString;

use super::{declaration::typed_event, field};
use crate::{
    attribute::Attributes,
    event::Event,
    generation::outcome::note_tokens,
    key,
    usage::{InclusiveUsage, Usage},
    value::{Value, ValueRef},
};

const REQUEST: &str = "llm.request";
const GENERATE: &str = "llm.generate";
const ERROR: &str = "llm.error";

typed_event! {
    /// A model call, told by hand or read back from its event.
    ///
    /// [`Context::generation`] tells of its calls by itself. This is for calls that something else
    /// made, and for subscribers that read either. A budget counts one emitted by hand as it
    /// counts a real call's, and once.
    ///
    /// ```
    /// use std::time::Duration;
    /// use o11y_core::{Event, LlmEvent, Usage, events};
    ///
    /// let reader = events().subscribe("llm.*", |event: &Event| {
    ///     let Some(call) = LlmEvent::from_event(event) else { return };
    ///     assert_eq!((call.provider(), call.model()), (Some("mistral"), Some("mistral-small")));
    ///     assert_eq!(call.get_total_tokens(), Some(225));
    ///     assert_eq!(call.get_stream(), Some(false)); // false is not absent
    /// });
    ///
    /// LlmEvent::new("Mistral", "mistral-small")
    ///     .usage(Usage::new().input(150).output(75))
    ///     .duration(Duration::from_millis(1_250))
    ///     .stream(false)
    ///     .emit();
    /// # drop(reader);
    /// # assert_eq!(events().panics(), 0);
    /// ```
    ///
    /// Inside a span it becomes an observation of type `event`, whose usage, cost and model are
    /// metadata: it bills nothing. An observation that bills is a generation's.
    ///
    /// [`Context::generation`]: crate::Context::generation
    LlmEvent { usage: Option<Usage>, total_tokens: Option<u64> } => write_tokens

    /// Who serves the model, in lower case: any name, known here or not.
    provider / provider: subject = key::PROVIDER_NAME, "gen_ai.system", "provider";
    /// The model that was asked for; where only the one that answered is known, that one.
    model / model: subject = key::REQUEST_MODEL, "model", key::RESPONSE_MODEL, key::MODEL;
    /// The model that answered, which may be a dated version of the one asked.
    response_model / get_response_model: text = key::RESPONSE_MODEL;
    /// How it was served (`flex`, `priority`), by which it is priced; where only what was asked for is
    /// known, that.
    service_tier / get_service_tier: text = key::RESPONSE_SERVICE_TIER, key::REQUEST_SERVICE_TIER, "service_tier";
    /// What the call cost.
    cost / get_cost: money = key::COST, "gen_ai.usage.cost";
    /// How long it took. Kept as milliseconds.
    duration / get_duration: duration = key::DURATION_MS, "duration_ms";
    /// The sampling temperature.
    temperature / get_temperature: number = key::REQUEST_TEMPERATURE, "temperature";
    /// The most tokens that the answer may have.
    max_tokens / get_max_tokens: count = key::REQUEST_MAX_TOKENS, "max_tokens";
    /// An upper bound of the tokens, for budgets to judge a request by.
    estimate / get_estimate: count = key::ESTIMATED_TOKENS;
    /// Whether the answer was asked for piece by piece.
    stream / get_stream: truth = key::REQUEST_STREAM, "stream";
    /// The id that all events of one call share.
    call_id / get_call_id: text = key::CALL_ID;
    /// The id of the request that was served. Read from an event that does not say it, it is the
    /// one of [`Context::with_request`](crate::Context::with_request).
    request_id / get_request_id: text = key::REQUEST_ID, "request_id";
    finish_reasons: own = key::FINISH_REASONS, "finish_reasons", "finish_reason";
    error_type: own = key::ERROR_TYPE, "error_type";
}

impl LlmEvent {
    /// A call of `model` of `provider` that was answered: `llm.generate`.
    pub fn new(provider: impl Into<Value>, model: impl Into<Value>) -> Self {
        let mut event = Self::silent(CompactString::const_new(GENERATE));
        event.provider = lower(field::into_text(provider.into()));
        event.model = field::into_text(model.into());
        event
    }

    /// A call that is about to be made: `llm.request`, for [`try_emit`](Self::try_emit).
    ///
    /// ```
    /// use o11y_core::{Event, LlmEvent, Veto, events};
    ///
    /// let _small_calls_only = events().subscribe("llm.request", |event: &Event| {
    ///     match LlmEvent::from_event(event).and_then(|call| call.get_estimate()) {
    ///         Some(tokens) if tokens > 10_000 => Err(Veto::new("too large")),
    ///         _ => Ok(()),
    ///     }
    /// });
    ///
    /// let request = LlmEvent::request("openai", "gpt-4o-mini").estimate(50_000);
    /// assert!(request.try_emit().is_err());
    /// ```
    pub fn request(provider: impl Into<Value>, model: impl Into<Value>) -> Self {
        Self::new(provider, model).named(REQUEST)
    }

    /// The tokens by class.
    pub fn usage(mut self, usage: Usage) -> Self {
        self.usage = Some(usage);
        self.settle_total();
        self
    }

    /// What [`usage`](Self::usage) was set to. Read from an event without a [`Usage`], it is made
    /// from the tokens of input and output; one that says only their sum has none.
    #[must_use]
    pub fn get_usage(&self) -> Option<Usage> {
        self.usage
    }

    /// All tokens, where they are not the sum of [`usage`](Self::usage) or nothing else is known.
    pub fn total_tokens(mut self, tokens: u64) -> Self {
        self.total_tokens = Some(tokens);
        self.settle_total();
        self
    }

    /// All tokens: those of [`total_tokens`](Self::total_tokens), or else the sum of
    /// [`usage`](Self::usage).
    #[must_use]
    pub fn get_total_tokens(&self) -> Option<u64> {
        self.total_tokens
            .or_else(|| self.usage.map(|usage| usage.total()))
    }

    /// Why the model stopped: a text, or a reference to a list of them.
    pub fn finish_reasons(mut self, reasons: impl Into<Value>) -> Self {
        self.finish_reasons = reasons.into();
        self
    }

    /// Why the model stopped, one reason for each choice; none if it was not said.
    #[must_use]
    pub fn get_finish_reasons(&self) -> Vec<String> {
        let Some(reasons) = self.finish_reasons.as_str() else {
            return Vec::new();
        };
        match serde_json::from_str::<Vec<Option<String>>>(reasons) {
            Ok(several) => several.into_iter().flatten().collect(),
            Err(_) => vec![reasons.to_owned()],
        }
    }

    /// What went wrong, in one word. An `llm.generate` becomes an `llm.error` by it.
    ///
    /// ```
    /// use o11y_core::LlmEvent;
    ///
    /// let call = LlmEvent::new("openai", "gpt-4o-mini").finish_reasons("length").error_type("timeout");
    /// assert_eq!(call.name(), "llm.error");
    /// call.emit();
    /// ```
    pub fn error_type(mut self, error_type: impl Into<Value>) -> Self {
        self.error_type = field::into_text(error_type.into());
        if self.name == GENERATE && !self.error_type.is_null() {
            self.name = CompactString::const_new(ERROR);
        }
        self
    }

    /// What [`error_type`](Self::error_type) was set to.
    #[must_use]
    pub fn get_error_type(&self) -> Option<&str> {
        self.error_type.as_str()
    }

    /// Whether the call was made and has ended: it is an `llm.generate` or an `llm.error`, which
    /// are what budgets count.
    #[must_use]
    pub fn is_end(&self) -> bool {
        self.name == GENERATE || self.name == ERROR
    }

    /// Reads what `event` tells of a call.
    ///
    /// None if it is about something else: its name is neither `llm.*` nor `lm.tokens`, and it
    /// names no provider by a GenAI key. None as well for what only repeats tokens (the `lm.tokens`
    /// of our own calls, marked `o11y.mirror`), so that whoever adds up what is read counts once.
    /// All that is said is copied.
    ///
    /// ```
    /// use o11y_core::{Event, LlmEvent, Usage, attributes};
    ///
    /// let failed = Event::new("llm.generate", attributes! {
    ///     "gen_ai.provider.name" => "openai",
    ///     "gen_ai.request.model" => "gpt-4o-mini",
    ///     "gen_ai.usage.prompt_tokens" => 23, // the older name
    ///     "gen_ai.usage.completion_tokens" => 5,
    ///     "error.type" => "timeout",
    ///     "gen_ai.response.finish_reasons" => &["length"],
    /// });
    /// let call = LlmEvent::from_event(&failed).expect("it is of a call");
    /// assert_eq!(call.get_usage(), Some(Usage::new().input(23).output(5)));
    /// assert_eq!(call.get_finish_reasons(), ["length"]);
    /// assert_eq!(call.get_error_type(), Some("timeout"));
    /// assert!(call.is_end());
    /// ```
    #[must_use]
    pub fn from_event(event: &Event) -> Option<Self> {
        if event.attribute(key::MIRROR).and_then(Value::as_bool) == Some(true) {
            return None;
        }
        let told = event.name().starts_with("llm.") || event.name() == "lm.tokens";
        let named = [key::PROVIDER_NAME, "gen_ai.system"].map(|key| event.attribute(key).is_some());
        if !told && !named.contains(&true) {
            return None;
        }
        let mut call = Self::read(event);
        call.provider = lower(call.provider);
        call.error_type = field::into_text(call.error_type);
        if call.request_id.is_null() {
            call.request_id = event.request_id().into();
        }
        call.usage = usage_of(event);
        call.total_tokens = first_count(event, &[key::TOTAL_TOKENS, "total_tokens"]);
        call.settle_total();
        Some(call)
    }

    /// Writes the tokens as the end of a real call does.
    fn write_tokens(&self, attributes: &mut Attributes) {
        if let Some(usage) = &self.usage {
            note_tokens(attributes, usage);
        }
        attributes.put(key::TOTAL_TOKENS, self.get_total_tokens().into());
    }

    /// A total that says nothing new is not kept, whichever was set first.
    fn settle_total(&mut self) {
        if self.usage.map(|usage| usage.total()) == self.total_tokens {
            self.total_tokens = None;
        }
    }
}

fn usage_of(event: &Event) -> Option<Usage> {
    if let Some(ValueRef::Usage(usage)) = event.attribute(key::USAGE).map(Value::as_ref) {
        return Some(*usage);
    }
    let count = |keys: &[&str]| first_count(event, keys);
    let input = count(&[
        key::INPUT_TOKENS,
        key::PROMPT_TOKENS,
        "input_tokens",
        "prompt_tokens",
    ]);
    let output = count(&[
        key::OUTPUT_TOKENS,
        key::COMPLETION_TOKENS,
        "output_tokens",
        "completion_tokens",
    ]);
    if input.is_none() && output.is_none() {
        return None;
    }
    // By the GenAI conventions the special classes are part of the sums.
    let class = |keys: &[&str]| count(keys).unwrap_or(0);
    Some(Usage::from_inclusive(InclusiveUsage {
        input: input.unwrap_or(0),
        cached: class(&["gen_ai.usage.cache_read.input_tokens", "cached_tokens"]),
        cache_creation: class(&["gen_ai.usage.cache_creation.input_tokens"]),
        output: output.unwrap_or(0),
        reasoning: class(&["gen_ai.usage.reasoning.output_tokens"]),
        ..InclusiveUsage::default()
    }))
}

fn first_count(event: &Event, keys: &[&str]) -> Option<u64> {
    let values = keys.iter().filter_map(|key| event.attribute(key));
    values.map(Value::as_u64).find_map(|count| count)
}

fn lower(name: Value) -> Value {
    let is_lower = |byte: u8| byte.is_ascii() && !byte.is_ascii_uppercase();
    match name.as_str() {
        Some(text) if !text.bytes().all(is_lower) => text.to_lowercase().into(),
        _ => name,
    }
}
