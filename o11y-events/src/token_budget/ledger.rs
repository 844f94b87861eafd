//! The figures of a budget: tokens and calls, by model.

use std::cmp::Reverse;

use o11y_core::{Event, Value, key};

/// How many models have a line of their own. Names come from whoever emits, so their number has
/// to be bounded; no program uses as many on purpose.
const MAX_MODELS: usize = 64;

const OTHER_MODELS: &str = "(other)";
const UNKNOWN_MODEL: &str = "(unknown)";

/// What one model used.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModelUsage {
    /// The model that was asked for, or else the one that answered.
    pub model: String,
    /// Its calls, answered or failed.
    pub requests: u64,
    /// Their tokens.
    pub tokens: u64,
}

#[derive(Debug, Default)]
pub(super) struct Ledger {
    models: Vec<ModelUsage>,
    used: u64,
    requests: u64,
    pub(super) refused: u64,
}

impl Ledger {
    pub(super) fn used(&self) -> u64 {
        self.used
    }

    pub(super) fn requests(&self) -> u64 {
        self.requests
    }

    pub(super) fn by_model(&self) -> Vec<ModelUsage> {
        let mut models = self.models.clone();
        models.sort_by_key(|model| Reverse(model.tokens));
        models
    }

    /// Adds an ended call. Sums stay at the end of `u64`: wrapping would open the budget again.
    pub(super) fn add(&mut self, end: &Event) {
        let tokens = tokens_of(end);
        self.used = self.used.saturating_add(tokens);
        self.requests += 1;
        let model = self.model_mut(model_of(end));
        model.requests += 1;
        model.tokens = model.tokens.saturating_add(tokens);
    }

    fn model_mut(&mut self, name: &str) -> &mut ModelUsage {
        let known = |name: &str| self.models.iter().position(|model| model.model == name);
        let name = match known(name) {
            None if self.models.len() >= MAX_MODELS => OTHER_MODELS,
            _ => name,
        };
        let place = known(name).unwrap_or_else(|| {
            self.models.push(ModelUsage {
                model: name.to_owned(),
                requests: 0,
                tokens: 0,
            });
            self.models.len() - 1
        });
        &mut self.models[place]
    }
}

/// The tokens that an ended call says it used; none if it says nothing.
fn tokens_of(end: &Event) -> u64 {
    let count = |key| end.attribute(key).and_then(Value::as_u64);
    count(key::TOTAL_TOKENS).unwrap_or_else(|| {
        let input = count(key::INPUT_TOKENS).unwrap_or(0);
        input.saturating_add(count(key::OUTPUT_TOKENS).unwrap_or(0))
    })
}

/// The model that was asked for comes first: a failed call knows no other, and one that answers
/// under a dated name would stand in two lines.
fn model_of(end: &Event) -> &str {
    [key::REQUEST_MODEL, key::RESPONSE_MODEL]
        .into_iter()
        .find_map(|key| end.attribute(key).and_then(Value::as_str))
        .unwrap_or(UNKNOWN_MODEL)
}

#[cfg(test)]
mod tests {
    use o11y_core::attributes;

    use super::*;

    #[test]
    fn the_total_is_believed_before_the_parts() {
        let told = |attributes| tokens_of(&Event::new("llm.generate", attributes));

        let parts = attributes! { key::INPUT_TOKENS => 3, key::OUTPUT_TOKENS => 4 };
        assert_eq!(told(parts), 7);
        let all = attributes! { key::INPUT_TOKENS => 3, key::TOTAL_TOKENS => 9 };
        assert_eq!(told(all), 9);
        assert_eq!(told(attributes! { key::TOTAL_TOKENS => -9 }), 0);
        assert_eq!(told(attributes! {}), 0);
    }

    #[test]
    fn sums_do_not_wrap() {
        let mut ledger = Ledger::default();

        for _ in 0..4 {
            let end = Event::new(
                "llm.generate",
                attributes! { key::TOTAL_TOKENS => i64::MAX },
            );
            ledger.add(&end);
        }

        assert_eq!(ledger.used(), u64::MAX);
    }

    #[test]
    fn the_list_of_models_is_bounded() {
        let mut ledger = Ledger::default();

        for model in 0..1_000 {
            let model = format!("model-{model}");
            let told = attributes! { key::REQUEST_MODEL => model, key::TOTAL_TOKENS => 1 };
            ledger.add(&Event::new("llm.generate", told));
        }

        let models = ledger.by_model();
        assert_eq!(models.len(), MAX_MODELS + 1);
        assert_eq!(models[0].model, OTHER_MODELS);
        assert_eq!(models.iter().map(|model| model.tokens).sum::<u64>(), 1_000);
    }
}
