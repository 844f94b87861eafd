//! What a model said: text, or a message in a shape that Langfuse reads.

use std::borrow::Cow;

use serde_json::{Value as Json, json};

/// What a model said.
pub(super) enum Output<'a> {
    Text(Cow<'a, str>),
    Json(Cow<'a, Json>),
}

/// A call of a tool that the model asks for.
pub(super) struct ToolCall<'a> {
    /// Empty, if the provider gives none.
    pub(super) id: &'a str,
    pub(super) name: &'a str,
    /// An object, or the JSON text of one.
    pub(super) arguments: &'a Json,
}

impl<'a> Output<'a> {
    /// The pieces of one text, which providers cut in the middle of sentences. No text, if they
    /// are all empty.
    pub(super) fn text(pieces: impl IntoIterator<Item = &'a str>) -> Option<Cow<'a, str>> {
        let mut pieces = pieces.into_iter().filter(|piece| !piece.is_empty());
        let mut text = Cow::Borrowed(pieces.next()?);
        for piece in pieces {
            text.to_mut().push_str(piece);
        }
        Some(text)
    }

    /// A message as the provider wrote it, unless there is nothing in it but a role and thoughts.
    pub(super) fn whole(message: &'a Json) -> Option<Self> {
        let is_beside = |name: &str| name == "role" || name.starts_with("reasoning");
        let says_something = match message {
            Json::Object(fields) => fields
                .iter()
                .any(|(name, value)| !is_beside(name) && !is_empty(value)),
            other => !is_empty(other),
        };
        says_something.then_some(Self::Json(Cow::Borrowed(message)))
    }

    /// The text; or with calls a message in OpenAI's shape, in which Langfuse finds them and as
    /// which every provider's can be written.
    pub(super) fn said(text: Option<Cow<'a, str>>, calls: &[ToolCall<'_>]) -> Option<Self> {
        if calls.is_empty() {
            return text.map(Self::Text);
        }
        let calls: Vec<_> = calls.iter().map(ToolCall::to_json).collect();
        let message = json!({"role": "assistant", "content": text, "tool_calls": calls});
        Some(Self::Json(Cow::Owned(message)))
    }

    /// One output is itself, several are a list of messages.
    pub(super) fn of_all(outputs: impl IntoIterator<Item = Self>) -> Option<Self> {
        let mut outputs = outputs.into_iter();
        let first = outputs.next()?;
        let Some(second) = outputs.next() else {
            return Some(first);
        };
        let messages = [first, second]
            .into_iter()
            .chain(outputs)
            .map(Self::into_message)
            .collect();
        Some(Self::Json(Cow::Owned(Json::Array(messages))))
    }

    fn into_message(self) -> Json {
        match self {
            Self::Text(text) => json!({"role": "assistant", "content": text}),
            Self::Json(message) => message.into_owned(),
        }
    }
}

impl<'a> ToolCall<'a> {
    /// The calls of a message that has them in OpenAI's shape or nearly so: Ollama's have no id,
    /// and arguments that are not text.
    pub(super) fn all_of(message: &'a Json) -> Vec<Self> {
        elements(&message["tool_calls"])
            .iter()
            .map(|call| ToolCall {
                id: call["id"].as_str().unwrap_or_default(),
                name: call["function"]["name"].as_str().unwrap_or_default(),
                arguments: &call["function"]["arguments"],
            })
            .collect()
    }

    fn to_json(&self) -> Json {
        let arguments = match self.arguments {
            Json::String(text) => text.clone(),
            Json::Null => "{}".to_owned(),
            arguments => arguments.to_string(),
        };
        json!({
            "id": self.id,
            "type": "function",
            "function": {"name": self.name, "arguments": arguments},
        })
    }
}

/// The elements of a list; none, if it is no list.
pub(super) fn elements(list: &Json) -> &[Json] {
    list.as_array().map_or(&[], Vec::as_slice)
}

/// Whether a value says nothing.
pub(super) fn is_empty(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::String(text) => text.is_empty(),
        Json::Array(list) => list.is_empty(),
        Json::Object(fields) => fields.is_empty(),
        Json::Bool(_) | Json::Number(_) => false,
    }
}
