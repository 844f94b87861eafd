//! Putting what was said on the span, when it ends.

use super::{
    super::{content, dialect},
    Said,
};
use crate::{key, observation::ObservationType, record::Status, span::Span, value::Value};

impl Said {
    /// Puts all of it on the span, which is about to end as what `kind` says.
    pub(in super::super) fn put_on(&mut self, span: &mut Span, kind: ObservationType) {
        if !span.is_recording() {
            return;
        }
        span.set_observation(kind);
        if let Some(record) = span.record_mut() {
            record.attributes.overlay(std::mem::take(&mut self.others));
        }
        self.put_operation(span, kind);
        if dialect::bills(kind) {
            span.set_attribute(key::REQUEST_MODEL, self.request_model.clone());
            span.set_attribute(key::RESPONSE_MODEL, self.response_model.clone());
            span.set_attribute(key::USAGE, self.usage().map_or(Value::null(), Value::from));
            span.set_attribute(key::COST, self.cost().map_or(Value::null(), Value::from));
        } else {
            span.set_attribute("run.model", self.request_model.clone());
            span.set_attribute("run.response_model", self.response_model.clone());
            for (name, count) in self.tokens.of_run() {
                span.set_attribute(name, count);
            }
            span.set_attribute("run.cost_usd", self.cost);
        }
        self.put_content(span);
        self.put_status(span);
    }

    fn put_operation(&self, span: &mut Span, kind: ObservationType) {
        let operation = self.operation.as_str().unwrap_or_default();
        match dialect::conventional(operation) {
            Some((operation, streams)) => {
                span.set_attribute(key::OPERATION_NAME, operation);
                if streams {
                    span.set_attribute("gen_ai.request.stream", true);
                }
            }
            None => span.set_attribute(key::OPERATION_NAME, self.operation.clone()),
        }
        span.set_attribute(key::PROVIDER_NAME, self.provider.clone());
        span.set_attribute("gen_ai.tool.name", self.tool.clone());
        span.set_attribute("gen_ai.agent.name", self.agent.clone());
        if let Some(name) = self.title(kind) {
            span.rename(name);
        }
    }

    /// A better name than that of the callsite, which is one for all calls.
    fn title(&self, kind: ObservationType) -> Option<String> {
        let text = |value: &Value| value.as_str().map(ToOwned::to_owned);
        let of_tool = || text(&self.tool).filter(|_| kind == ObservationType::Tool);
        let of_agent = || {
            let agent = self.agent.as_str()?;
            (self.name == "invoke_agent").then(|| format!("invoke_agent {agent}"))
        };
        of_tool().or_else(|| text(&self.title)).or_else(of_agent)
    }

    fn put_content(&mut self, span: &mut Span) {
        let take = |value: &mut Value| std::mem::replace(value, Value::null());
        let mut asked = take(&mut self.input);
        if asked.is_null() {
            asked = self.messages.take_asked();
        }
        let mut answered = take(&mut self.output);
        if answered.is_null() {
            answered = self.messages.take_answered();
        }
        span.set_input(content::with_system(&take(&mut self.system), asked));
        span.set_output(answered);
    }

    fn put_status(&self, span: &mut Span) {
        let or_type = || self.error_type.as_str().unwrap_or("failed").to_owned();
        if self.failed {
            let message = self
                .message
                .as_str()
                .map_or_else(or_type, ToOwned::to_owned);
            span.fail("failed", &message);
            span.set_attribute(key::ERROR_TYPE, self.error_type.clone());
        } else if self.succeeded {
            span.set_status(Status::Ok, self.message.clone());
        } else {
            span.set_attribute(key::STATUS_MESSAGE, self.message.clone());
        }
    }
}
