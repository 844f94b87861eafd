//! Events and links of a span, which the server does not store: what they say is kept.

use std::time::UNIX_EPOCH;

use o11y_core::{Attributes, Value, key};
use opentelemetry::{KeyValue, trace::Event};
use opentelemetry_sdk::trace::SpanLinks;
use serde_json::{Map, Value as Json, json};

use super::{
    content::{Content, Side, json_text},
    value,
};

const DETAILS: &str = "gen_ai.client.inference.operation.details";

/// What events said beside content.
#[derive(Default)]
pub(super) struct Moments {
    /// Of the last exception.
    exception: Option<Exception>,
    others: Vec<Json>,
}

#[derive(Default)]
struct Exception {
    kind: Text,
    message: Text,
    trace: Text,
}

/// Text, or nothing.
type Text = Option<String>;

/// Messages as events told them, in their order.
#[derive(Default)]
struct Messages {
    input: Vec<Json>,
    output: Vec<Json>,
}

impl Moments {
    pub(super) fn of(events: Vec<Event>, content: &mut Content) -> Self {
        let mut moments = Self::default();
        let mut messages = Messages::default();
        let (mut details, mut contents) = ([None, None], [None, None]);
        for event in events {
            let find = |name: &str| {
                let mut found = event
                    .attributes
                    .iter()
                    .filter(|known| known.key.as_str() == name);
                found.next().map(|known| value::of(known.value.clone()))
            };
            match event.name.as_ref() {
                "exception" => moments.exception = Some(Exception::of(&event.attributes)),
                DETAILS => {
                    let [input, output] = &mut details;
                    *input = find("gen_ai.input.messages").or(input.take());
                    *output = find("gen_ai.output.messages").or(output.take());
                }
                "gen_ai.content.prompt" => contents[0] = find("gen_ai.prompt"),
                "gen_ai.content.completion" => contents[1] = find("gen_ai.completion"),
                "gen_ai.choice" => messages
                    .output
                    .push(message("assistant", &event.attributes)),
                name => match role(name) {
                    Some(role) => messages.input.push(message(role, &event.attributes)),
                    None => moments.others.push(other(&event)),
                },
            }
        }
        let Messages { input, mut output } = messages;
        let told = [
            (!input.is_empty()).then(|| json_text(&Json::Array(input))),
            match output.len() {
                0 => None,
                1 => output.pop().as_ref().map(json_text),
                _ => Some(json_text(&Json::Array(output))),
            },
        ];
        let sides = [Side::Input, Side::Output];
        for (((side, details), told), contents) in
            sides.into_iter().zip(details).zip(told).zip(contents)
        {
            if let Some(value) = details.or(told).or(contents) {
                content.put_of_events(side, value);
            }
        }
        moments
    }

    /// Why the span failed, as far as an exception says it.
    pub(super) fn failure(&self) -> Value {
        let Some(exception) = &self.exception else {
            return None::<&str>.into();
        };
        match (&exception.kind, &exception.message) {
            (Some(kind), Some(message)) => format!("{kind}: {message}").into(),
            (kind, message) => kind.clone().or(message.clone()).into(),
        }
    }

    /// Keeps all of it as metadata.
    pub(super) fn put_into(self, attributes: &mut Attributes) {
        if let Some(exception) = self.exception {
            if attributes.get(key::ERROR_TYPE).is_none() {
                attributes.set(key::ERROR_TYPE, exception.kind.clone());
            }
            attributes.set("exception.type", exception.kind);
            attributes.set("exception.message", exception.message);
            attributes.set("exception.stacktrace", exception.trace);
        }
        if !self.others.is_empty() {
            // Under a key that counts as content, which an event's attributes may be.
            attributes.set("events", json_text(&Json::Array(self.others)));
        }
    }
}

impl Exception {
    fn of(attributes: &[KeyValue]) -> Self {
        let mut exception = Self::default();
        for attribute in attributes {
            let slot = match attribute.key.as_str() {
                "exception.type" => &mut exception.kind,
                "exception.message" => &mut exception.message,
                "exception.stacktrace" => &mut exception.trace,
                _ => continue,
            };
            *slot = Some(attribute.value.as_str().into_owned());
        }
        exception
    }
}

/// The role of a message that an event of this name tells.
fn role(event: &str) -> Option<&'static str> {
    match event {
        "gen_ai.system.message" => Some("system"),
        "gen_ai.user.message" => Some("user"),
        "gen_ai.assistant.message" => Some("assistant"),
        "gen_ai.tool.message" => Some("tool"),
        _ => None,
    }
}

/// A message in the form of a chat: its role, and what the event says.
fn message(role: &str, attributes: &[KeyValue]) -> Json {
    let mut message = Map::new();
    message.insert("role".to_owned(), role.into());
    for attribute in attributes {
        let value = match attribute.key.as_str() {
            "gen_ai.system" => continue, // the provider, not the message
            "content" => value::json(&attribute.value),
            _ => value::parsed(&attribute.value),
        };
        message.insert(attribute.key.as_str().to_owned(), value);
    }
    message.into()
}

fn other(event: &Event) -> Json {
    let attributes: Map<_, _> = event
        .attributes
        .iter()
        .map(|known| (known.key.as_str().to_owned(), value::json(&known.value)))
        .collect();
    let time = event
        .timestamp
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    json!({ "name": event.name, "time_unix_nano": nanos, "attributes": attributes })
}

/// The spans that one links to, as JSON text.
pub(super) fn links(links: &SpanLinks) -> Value {
    let links = links.iter().map(|link| {
        let point = &link.span_context;
        json!({ "trace_id": point.trace_id().to_string(), "span_id": point.span_id().to_string() })
    });
    json_text(&links.collect())
}
