//! An observation: one span as Langfuse would store it.

use std::{collections::BTreeMap, time::Duration};

use super::value::Attributes;

/// A span as Langfuse would store it, with the attributes interpreted by Langfuse's rules.
///
/// [`attributes`](Self::attributes) and [`resource`](Self::resource) keep all that was sent, for
/// what the other fields do not show.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Observation {
    /// The trace's id in lower-case hexadecimal digits.
    pub trace_id: String,
    /// The span's id in lower-case hexadecimal digits.
    pub id: String,
    /// The parent's id, unless it is the root.
    pub parent_id: Option<String>,
    /// The name shown: the span's, or `gen_ai.tool.name` where that is set.
    pub name: String,
    /// The type in lower case: `span`, `generation`, `agent`, `tool` and so on.
    pub kind: String,
    /// When it began. Langfuse cuts to milliseconds, this does not.
    pub start_unix_nanos: u64,
    /// When it ended.
    pub end_unix_nanos: u64,
    /// `DEBUG`, `DEFAULT`, `WARNING` or `ERROR`.
    pub level: String,
    /// What went wrong, in words.
    pub status_message: Option<String>,
    /// The input: plain or JSON text.
    pub input: Option<String>,
    /// The output: plain or JSON text.
    pub output: Option<String>,
    /// The model that answered, or else the one that was asked.
    pub model: Option<String>,
    /// The parameters of the model call, as text.
    pub model_parameters: BTreeMap<String, String>,
    /// The name and version of the prompt that a generation is linked to.
    pub prompt: Option<(String, u16)>,
    /// Tokens by class, as sent: a missing `total` is not filled in here, but by
    /// [`total_tokens`](Self::total_tokens).
    pub usage: BTreeMap<String, u64>,
    /// Cost in US dollars by class, as sent.
    pub cost: BTreeMap<String, f64>,
    /// When the first token came, as text.
    pub completion_start_time: Option<String>,
    /// The trace's name as this observation gives it.
    pub trace_name: Option<String>,
    /// The user.
    pub user_id: Option<String>,
    /// The session.
    pub session_id: Option<String>,
    /// The trace's tags as this observation gives them.
    pub tags: Vec<String>,
    /// Whether the trace is public, if the observation says so or not.
    pub public: Option<bool>,
    /// The environment after normalisation; `default` when there was none or it was not allowed.
    pub environment: String,
    /// The release.
    pub release: Option<String>,
    /// The version.
    pub version: Option<String>,
    /// `langfuse.observation.metadata.*`, nested objects flattened to dotted keys.
    pub metadata: BTreeMap<String, String>,
    /// `langfuse.trace.metadata.*`, likewise.
    pub trace_metadata: BTreeMap<String, String>,
    /// All attributes of the span.
    pub attributes: Attributes,
    /// All attributes of the resource.
    pub resource: Attributes,
    /// The name of the instrumentation scope; empty when there was none.
    pub scope_name: String,
    /// The version of the instrumentation scope; empty when there was none.
    pub scope_version: String,
    /// Whether the OpenTelemetry status was ERROR, whatever the level says.
    pub status_is_error: bool,
    /// Whether it is marked as the first span of this application below a foreign parent.
    pub app_root: bool,
    /// What the server's older write path, which checks types strictly, would not have kept because
    /// of an attribute: this observation, or what it says of its trace. Empty is good.
    pub legacy_losses: Vec<&'static str>,
}

impl Observation {
    /// How long it took; zero when it ended before it began.
    #[must_use]
    pub fn duration(&self) -> Duration {
        Duration::from_nanos(self.end_unix_nanos.saturating_sub(self.start_unix_nanos))
    }

    /// Whether Langfuse takes it for a root: it has no parent or is an application's root.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.parent_id.is_none() || self.app_root
    }

    /// All tokens: the class `total`, or else the sum of all classes.
    #[must_use]
    pub fn total_tokens(&self) -> u64 {
        let given = self.usage.get("total").copied();
        given.unwrap_or_else(|| {
            self.usage
                .values()
                .fold(0, |sum, count| sum.saturating_add(*count))
        })
    }

    /// The whole cost in US dollars: the class `total`, or else the sum, if `input` and `output`
    /// are all there is. Any other cost without a total counts for nothing in Langfuse.
    #[must_use]
    pub fn total_cost(&self) -> Option<f64> {
        let given = self.cost.get("total").copied();
        let is_simple = || {
            !self.cost.is_empty()
                && self
                    .cost
                    .keys()
                    .all(|key| key == "input" || key == "output")
        };
        given.or_else(|| is_simple().then(|| self.cost.values().sum()))
    }

    /// The tokens of all classes whose name has this word in it, as Langfuse adds them up.
    pub(crate) fn tokens_of(&self, word: &str) -> Option<u64> {
        let mut counts = self
            .usage
            .iter()
            .filter(|(class, _)| class.contains(word))
            .peekable();
        counts.peek()?;
        Some(counts.fold(0, |sum, (_, count)| sum.saturating_add(*count)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(classes: &[(&str, u64)]) -> Observation {
        let usage = classes
            .iter()
            .map(|(class, count)| ((*class).to_owned(), *count))
            .collect();
        Observation {
            usage,
            ..Observation::default()
        }
    }

    #[test]
    fn a_missing_total_is_the_sum_of_all_classes() {
        let classes = [("input", 10), ("input_cached_tokens", 5), ("output", 2)];

        assert_eq!(usage(&classes).total_tokens(), 17);
        assert_eq!(usage(&classes).tokens_of("input"), Some(15));
        assert_eq!(usage(&classes).tokens_of("audio"), None);
        assert_eq!(usage(&[("input", 10), ("total", 12)]).total_tokens(), 12);
    }

    #[test]
    fn a_cost_without_total_counts_only_for_input_and_output() {
        let cost = |classes: &[(&str, f64)]| {
            let cost = classes
                .iter()
                .map(|(class, value)| ((*class).to_owned(), *value))
                .collect();
            Observation {
                cost,
                ..Observation::default()
            }
            .total_cost()
        };

        assert_eq!(cost(&[("input", 1.0), ("output", 2.0)]), Some(3.0));
        assert_eq!(cost(&[("input", 1.0), ("cached", 2.0)]), None);
        assert_eq!(cost(&[("cached", 2.0), ("total", 2.0)]), Some(2.0));
        assert_eq!(cost(&[]), None);
    }
}
