//! What a span has said of itself so far, in our words.

use super::{
    callsite::Source,
    content::Messages,
    dialect::{self, Meaning},
    fields::Fields,
    tokens::Tokens,
};
use crate::{
    attribute::Attributes,
    key,
    observation::ObservationType,
    usage::{Cost, Usage},
    value::Value,
};

mod put;

/// Kept apart from the record until the span ends, because a field can change what others mean.
pub(super) struct Said {
    source: Source,
    name: &'static str,
    kind: Option<ObservationType>,
    pub(super) operation: Value,
    pub(super) provider: Value,
    pub(super) request_model: Value,
    pub(super) response_model: Value,
    pub(super) error_type: Value,
    title: Value,
    tool: Value,
    agent: Value,
    input: Value,
    output: Value,
    system: Value,
    messages: Messages,
    tokens: Tokens,
    cost: Option<f64>,
    /// What needs no understanding.
    others: Attributes,
    failed: bool,
    succeeded: bool,
    message: Value,
    /// Seconds until the first token, which events tell in milliseconds.
    pub(super) first_token: Option<f64>,
}

impl Said {
    pub(super) fn new(source: Source, name: &'static str) -> Self {
        Self {
            source,
            name,
            kind: None,
            operation: Value::null(),
            provider: Value::null(),
            request_model: Value::null(),
            response_model: Value::null(),
            error_type: Value::null(),
            title: Value::null(),
            tool: Value::null(),
            agent: Value::null(),
            input: Value::null(),
            output: Value::null(),
            system: Value::null(),
            messages: Messages::default(),
            tokens: Tokens::default(),
            cost: None,
            others: Attributes::new(),
            failed: false,
            succeeded: false,
            message: Value::null(),
            first_token: None,
        }
    }

    /// Takes in what is said in fields.
    pub(super) fn hear(&mut self, fields: Fields) {
        for (field, value) in fields {
            self.hear_one(field, value);
        }
    }

    /// Takes in what an event says.
    pub(super) fn hear_event(&mut self, event: &str, mut fields: Fields) {
        let is_message = self.messages.hear(event, &mut fields);
        // The text of a log line is no field of the call.
        drop(fields.take("message"));
        if is_message {
            return;
        }
        self.hear(fields);
    }

    fn hear_one(&mut self, field: &'static str, value: Value) {
        match Meaning::of(self.source, field) {
            Meaning::Operation => self.operation = value,
            Meaning::Provider => self.provider = value,
            Meaning::RequestModel => self.request_model = value,
            Meaning::ResponseModel => self.response_model = value,
            Meaning::Input => self.input = value,
            Meaning::Output => self.output = value,
            Meaning::System => self.system = value,
            Meaning::Tokens(class) => self.tokens.state(class, &value),
            Meaning::Usage => self.tokens.state_whole(&value),
            Meaning::OtherUsage => {
                let name = field.strip_prefix("gen_ai.").unwrap_or(field);
                self.others.put(name, value);
            }
            Meaning::Cost => self.cost = value.as_f64(),
            Meaning::Kind => {
                let kind = value.as_str().map(str::to_ascii_lowercase);
                self.kind = kind.and_then(|kind| kind.parse().ok()).or(self.kind);
            }
            Meaning::Title => self.title = value,
            Meaning::ToolName => self.tool = value,
            Meaning::AgentName => self.agent = value,
            Meaning::StatusCode => {
                let code = value.as_str().unwrap_or_default();
                self.failed = code.eq_ignore_ascii_case("error");
                self.succeeded = code.eq_ignore_ascii_case("ok");
            }
            Meaning::StatusMessage => self.message = value,
            Meaning::Error => self.hear_error(value),
            Meaning::ErrorType => {
                self.failed = true;
                self.error_type = value;
            }
            Meaning::Keep(key) => {
                if key == key::TIME_TO_FIRST_CHUNK {
                    self.first_token = value.as_f64();
                }
                self.others.put(key, value);
            }
            Meaning::Nothing => {}
        }
    }

    /// An error is told by its text, or only that there was one.
    fn hear_error(&mut self, error: Value) {
        let failed = error.as_bool();
        self.failed |= failed.unwrap_or(true);
        if failed.is_none() {
            self.message = error;
        }
    }

    /// What it is to Langfuse, as far as it is known by now.
    pub(super) fn kind(&self) -> ObservationType {
        let operation = self.operation.as_str();
        self.kind
            .or_else(|| operation.and_then(dialect::kind_of_operation))
            .or_else(|| dialect::kind_of_span(self.source, self.name))
            .unwrap_or_else(|| self.guessed_kind())
    }

    fn guessed_kind(&self) -> ObservationType {
        if matches!(self.source, Source::Included | Source::Dsrs) {
            ObservationType::Span
        } else if !self.tool.is_null() || self.is_swiftide_tool() {
            ObservationType::Tool
        } else if !self.request_model.is_null() || !self.response_model.is_null() {
            ObservationType::Generation
        } else if self.name.contains("evaluation") {
            ObservationType::Evaluator
        } else if !self.agent.is_null() {
            ObservationType::Agent
        } else {
            ObservationType::Span
        }
    }

    /// swiftide names its agents' spans `step-1`, `tool.search`, `hook.before_all`.
    fn is_swiftide_tool(&self) -> bool {
        let title = self.title.as_str().unwrap_or_default();
        self.source == Source::Langfuse && title.starts_with("tool.")
    }

    pub(super) fn source(&self) -> Source {
        self.source
    }

    pub(super) fn is_failure(&self) -> bool {
        self.failed
    }

    pub(super) fn usage(&self) -> Option<Usage> {
        self.tokens.usage()
    }

    pub(super) fn cost(&self) -> Option<Cost> {
        let is_amount = |dollars: &f64| dollars.is_finite() && *dollars >= 0.0;
        self.cost.filter(is_amount).map(Cost::usd)
    }
}
