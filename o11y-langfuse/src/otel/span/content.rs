//! Input and output, wherever instrumentation of others puts them.
//!
//! The server looks in many places, in an order of its own; what our encoder does not pass on under
//! the key that it came with has to be found here. Langfuse's own keys and the messages of the GenAI
//! conventions on the span are the encoder's.

use o11y_core::{Attributes, Value, key};
use opentelemetry::Value as OtelValue;
use serde_json::{Map, Value as Json};

use super::value;

/// The two ends of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Input,
    Output,
}

impl Side {
    const fn key(self) -> &'static str {
        match self {
            Self::Input => key::INPUT,
            Self::Output => key::OUTPUT,
        }
    }
}

/// Places on the span, in the server's order: the first that says something counts.
const PLACES: [(&str, Side); 12] = [
    ("mlflow.spanInputs", Side::Input),
    ("mlflow.spanOutputs", Side::Output),
    ("traceloop.entity.input", Side::Input),
    ("traceloop.entity.output", Side::Output),
    ("input.value", Side::Input),
    ("output.value", Side::Output),
    ("input", Side::Input),
    ("output", Side::Output),
    ("tool_arguments", Side::Input),
    ("tool_response", Side::Output),
    ("gen_ai.prompt", Side::Input),
    ("gen_ai.completion", Side::Output),
];

/// Lists that are spread over many attributes, such as `gen_ai.prompt.0.role`.
const LISTS: [(&str, Side); 4] = [
    ("gen_ai.prompt.", Side::Input),
    ("gen_ai.completion.", Side::Output),
    ("llm.input_messages.", Side::Input),
    ("llm.output_messages.", Side::Output),
];

/// Above every place on the span: what events say.
const OF_EVENTS: usize = 0;

/// No element of a list lies further in, and no list is longer.
const MAX_DEPTH: usize = 16;
const MAX_INDEX: usize = 1_000;

/// What was found so far.
#[derive(Default)]
pub(super) struct Content {
    found: [Option<Found>; 2],
    /// What was in places that a better one has taken precedence over.
    others: Vec<Found>,
    lists: Vec<(usize, String, Json)>,
}

struct Found {
    rank: usize,
    /// Empty for what comes from events.
    key: &'static str,
    value: Value,
}

impl Content {
    /// Takes the attribute if it is content; gives it back if it is none.
    pub(super) fn note(&mut self, name: &str, value: OtelValue) -> Option<OtelValue> {
        // Nearly every key is told by its first letters.
        if !name.starts_with(['i', 'o', 't', 'm', 'g', 'l']) {
            return Some(value);
        }
        if let Some(place) = PLACES.iter().position(|(key, _)| *key == name) {
            let (key, side) = PLACES[place];
            self.put(side, place + 1, key, value::of(value));
            return None;
        }
        let list = LISTS.iter().position(|(prefix, _)| {
            let rest = name.strip_prefix(prefix);
            rest.is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
        });
        let Some(list) = list else {
            return Some(value);
        };
        let path = name[LISTS[list].0.len()..].to_owned();
        self.lists.push((list, path, value::parsed(&value)));
        None
    }

    /// Takes what events say.
    pub(super) fn put_of_events(&mut self, side: Side, value: Value) {
        self.put(side, OF_EVENTS, "", value);
    }

    /// The better place counts; the other one is kept under its own key.
    fn put(&mut self, side: Side, rank: usize, key: &'static str, value: Value) {
        let slot = &mut self.found[side as usize];
        let new = Found { rank, key, value };
        let other = match slot {
            Some(found) if found.rank <= new.rank => Some(new),
            slot => slot.replace(new),
        };
        self.others.extend(other);
    }

    /// Puts input and output where they belong, unless something stands there.
    pub(super) fn put_into(mut self, attributes: &mut Attributes) {
        if !self.lists.is_empty() {
            self.put_lists();
        }
        let is_said = [key::INPUT, key::OUTPUT].map(|key| attributes.get(key).is_some());
        for (side, found) in [Side::Input, Side::Output].into_iter().zip(self.found) {
            let Some(found) = found else {
                continue;
            };
            if is_said == [false, false] {
                attributes.set(side.key(), found.value);
            } else {
                self.others.push(found);
            }
        }
        for other in self
            .others
            .into_iter()
            .filter(|other| !other.key.is_empty())
        {
            attributes.set(other.key, other.value);
        }
    }

    #[cold]
    fn put_lists(&mut self) {
        let lists = std::mem::take(&mut self.lists);
        for (place, (_, side)) in LISTS.into_iter().enumerate() {
            let mut whole = Json::Null;
            for (_, path, value) in lists.iter().filter(|(list, ..)| *list == place) {
                insert(&mut whole, path, value.clone());
            }
            if !whole.is_null() {
                let rank = PLACES.len() + 1 + place;
                self.put(
                    side,
                    rank,
                    LISTS[place].0.trim_end_matches('.'),
                    json_text(&whole),
                );
            }
        }
    }
}

/// JSON as text.
pub(super) fn json_text(json: &Json) -> Value {
    match json {
        Json::String(text) => text.clone().into(),
        other => other.to_string().into(),
    }
}

/// Puts `value` at a dotted path; a number is the place in a list. What does not fit is left out.
fn insert(whole: &mut Json, path: &str, value: Json) {
    let mut here = whole;
    for (depth, step) in path.split('.').enumerate() {
        if depth == MAX_DEPTH {
            return;
        }
        here = match step.parse::<usize>() {
            Ok(index) if index <= MAX_INDEX => {
                if here.is_null() {
                    *here = Json::Array(Vec::new());
                }
                let Json::Array(list) = here else {
                    return;
                };
                if list.len() <= index {
                    list.resize(index + 1, Json::Null);
                }
                &mut list[index]
            }
            _ => {
                if here.is_null() {
                    *here = Json::Object(Map::new());
                }
                let Json::Object(map) = here else {
                    return;
                };
                map.entry(step).or_insert(Json::Null)
            }
        };
    }
    *here = value;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &'static str) -> OtelValue {
        value.into()
    }

    fn found(attributes: &[(&str, &'static str)]) -> [Option<String>; 2] {
        let kept = kept(attributes);
        [key::INPUT, key::OUTPUT].map(|key| kept.get(key)?.as_str().map(ToOwned::to_owned))
    }

    fn kept(attributes: &[(&str, &'static str)]) -> Attributes {
        let mut content = Content::default();
        let mut kept = Attributes::new();
        for (key, value) in attributes {
            if let Some(value) = content.note(key, text(value)) {
                kept.set((*key).to_owned(), value::of(value));
            }
        }
        content.put_into(&mut kept);
        kept
    }

    #[test]
    fn a_list_that_is_spread_over_attributes_is_put_together() {
        let [input, output] = found(&[
            ("gen_ai.prompt.1.content", "hi"),
            ("gen_ai.prompt.0.role", "system"),
            ("gen_ai.prompt.1.role", "user"),
            ("llm.output_messages.0.message.content", "hello"),
        ]);

        assert_eq!(
            input.unwrap(),
            r#"[{"role":"system"},{"content":"hi","role":"user"}]"#
        );
        assert_eq!(output.unwrap(), r#"[{"message":{"content":"hello"}}]"#);
    }

    #[test]
    fn the_servers_first_place_counts() {
        let [input, _] = found(&[
            ("input", "later"),
            ("input.value", "first"),
            ("tool_arguments", "x"),
        ]);
        assert_eq!(input.unwrap(), "first");

        // One side under Langfuse's own key, and nothing else is looked at.
        let [input, output] = found(&[(key::INPUT, "own"), ("output.value", "other")]);
        assert_eq!((input.as_deref(), output), (Some("own"), None));
    }

    #[test]
    fn what_stood_in_a_later_place_is_kept_under_its_own_key() {
        for places in [["input", "input.value"], ["input.value", "input"]] {
            let kept = kept(&[
                (places[0], places[0]),
                (places[1], places[1]),
                ("llm.input_messages.0.message.role", "user"),
            ]);
            let said = |key| kept.get(key).and_then(Value::as_str);

            assert_eq!(said(key::INPUT), Some("input.value"));
            assert_eq!(said("input"), Some("input"));
            assert_eq!(said("input.value"), None);
            let list = r#"[{"message":{"role":"user"}}]"#;
            assert_eq!(said("llm.input_messages"), Some(list));
        }
    }

    #[test]
    fn a_path_that_does_not_fit_or_is_too_far_out_is_left_out() {
        let mut whole = Json::Null;
        insert(&mut whole, "0", "text".into());
        insert(&mut whole, "0.role", "user".into());
        insert(&mut whole, "1.99999.x", 1.into());
        insert(&mut whole, &["1"; 40].join("."), 1.into());

        assert!(whole.to_string().len() < 200, "{whole}");
        assert_eq!(whole[0], "text");
    }

    #[test]
    fn the_name_of_a_prompt_is_no_input() {
        assert_eq!(found(&[("gen_ai.prompt.name", "greeting")]), [None, None]);
    }
}
