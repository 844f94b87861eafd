//! Tokens, cost and model of a record: whether they are billed, and the form that the server counts.

use o11y_core::{ObservationType, ValueRef, key};

use super::Pen;
use crate::encode::tokens::{RAW, Said, Told, cost_json, cost_of, usage_json, usage_of_text};

/// Operations whose model, tokens and cost the server discards, whatever says them.
const AGENT_OPERATIONS: [&str; 2] = ["invoke_agent", "agent_step"];

impl Pen<'_, '_, '_> {
    /// Whether tokens, cost and a model on this record are meant to be billed.
    ///
    /// On an agent they are totals of the calls below it. On anything else but a call a model is
    /// mere information, and the server would count tokens by it, unless tokens or a cost were
    /// set, as by [`o11y_core::Span::set_usage`].
    pub(super) fn is_billed(&self) -> bool {
        match self.record.observation() {
            ObservationType::Generation | ObservationType::Embedding => true,
            ObservationType::Agent | ObservationType::Event => false,
            _ => [key::USAGE, key::COST]
                .iter()
                .any(|key| self.record.attribute(key).is_some()),
        }
    }

    pub(super) fn is_discarding(&self, operation: ValueRef<'_>) -> bool {
        matches!(operation, ValueRef::Text(name) if AGENT_OPERATIONS.contains(&name))
            && self.is_billed()
    }

    pub(super) fn usage(&mut self, key: &str, value: ValueRef<'_>) {
        let json = match value {
            ValueRef::Usage(usage) => Some(usage_json(usage, None)),
            ValueRef::Text(text) => usage_of_text(text),
            _ => None,
        };
        self.seen.usage |= json.is_some();
        self.json_or_metadata(key, json, value);
    }

    pub(super) fn cost(&mut self, key: &str, value: ValueRef<'_>) {
        let json = match value {
            ValueRef::Cost(cost) => Some(cost_json(cost)),
            other => cost_of(other),
        };
        self.seen.cost |= json.is_some();
        self.json_or_metadata(key, json, value);
    }

    fn json_or_metadata(&mut self, key: &str, json: Option<String>, value: ValueRef<'_>) {
        match json {
            Some(json) => self.attributes.text(key, &json),
            None => self.metadata(key, value),
        }
    }

    /// A count in the words of the conventions is noted; what is none is metadata.
    pub(super) fn raw_usage(&mut self, key: &str, value: ValueRef<'_>) {
        let told = self.told.get_or_insert_default();
        if told.note(key, value) == Said::Nothing {
            self.metadata(key, value);
        }
    }

    /// Counts in the words of the conventions become one disjoint object. Where tokens were set
    /// beside them those count, and these are metadata.
    pub(super) fn told(&mut self, told: &Told) {
        let (has_usage, has_cost) = (self.seen.usage, self.seen.cost);
        for (is_said, json, key) in [
            (has_usage, told.usage_json(), key::USAGE),
            (has_cost, told.cost_json(), key::COST),
        ] {
            if let (false, Some(json)) = (is_said, json) {
                self.attributes.text(key, &json);
            }
        }
        if !(has_usage || has_cost) {
            return;
        }
        for (key, value) in self.record.attributes().iter() {
            let is_left = key.starts_with(RAW)
                && match Told::default().note(key, value.as_ref()) {
                    Said::Usage => has_usage,
                    Said::Cost => has_cost,
                    Said::Nothing => false, // that is metadata already
                };
            if is_left {
                self.metadata(key, value.as_ref());
            }
        }
    }
}
