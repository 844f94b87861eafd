//! Messages of a call: those that come as events, and the system's that comes apart.

use serde_json::{Map, Value as Json};

use super::fields::Fields;
use crate::value::Value;

/// The most messages that are put together; whoever sends more, one by one, has an endless loop.
const MAX_MESSAGES: usize = 1_000;

/// What a message is made of.
const PARTS: [&str; 6] = [
    "role",
    "content",
    "tool_calls",
    "id",
    "name",
    "finish_reason",
];

/// What was said in events of the conventions: `gen_ai.user.message`, `gen_ai.choice` and so on.
#[derive(Default)]
pub(super) struct Messages {
    asked: Vec<Json>,
    answered: Vec<Json>,
}

impl Messages {
    /// Takes a message from the event of that name; false if it is none.
    pub(super) fn hear(&mut self, event: &str, fields: &mut Fields) -> bool {
        let Some(kind) = event.strip_prefix("gen_ai.") else {
            return false;
        };
        let (role, list) = match kind.strip_suffix(".message") {
            Some(role @ ("system" | "user" | "assistant" | "tool")) => (role, &mut self.asked),
            None if kind == "choice" => ("assistant", &mut self.answered),
            _ => return false,
        };
        if list.len() < MAX_MESSAGES {
            list.push(message(role, fields));
        }
        true
    }

    /// What was asked, unless nothing was.
    pub(super) fn take_asked(&mut self) -> Value {
        let asked = std::mem::take(&mut self.asked);
        if asked.is_empty() {
            return Value::null();
        }
        Value::from(&asked)
    }

    /// What was answered: a message, or several if there were.
    pub(super) fn take_answered(&mut self) -> Value {
        let answered = std::mem::take(&mut self.answered);
        match &*answered {
            [] => Value::null(),
            [message] => Value::from(message),
            several => Value::from(several),
        }
    }
}

fn message(role: &str, fields: &mut Fields) -> Json {
    // The message may come whole, as an object.
    let whole = fields.take("message").map(|whole| json_of(&whole));
    let mut message = match whole {
        Some(Json::Object(message)) => message,
        Some(text) => Map::from_iter([("content".to_owned(), text)]),
        None => Map::new(),
    };
    message.entry("role").or_insert_with(|| role.into());
    for part in PARTS {
        if let Some(value) = fields.take(part) {
            message.insert(part.to_owned(), json_of(&value));
        }
    }
    Json::Object(message)
}

/// JSON that travelled as text, or the value itself.
fn json_of(value: &Value) -> Json {
    match value.as_str() {
        Some(text) if text.starts_with(['{', '[']) => {
            serde_json::from_str(text).unwrap_or_else(|_| text.into())
        }
        Some(text) => text.into(),
        None => value
            .as_i64()
            .map(Json::from)
            .or_else(|| value.as_bool().map(Json::from))
            .or_else(|| value.as_f64().map(Json::from))
            .unwrap_or(Json::Null),
    }
}

/// The messages with what the system instructs as the first of them, as Langfuse itself would put
/// them together if they came under the names of the conventions.
pub(super) fn with_system(system: &Value, asked: Value) -> Value {
    let Some(instructions) = system.as_str() else {
        return asked;
    };
    let first = if is_list(instructions) {
        format!(r#"{{"role":"system","parts":{instructions}}}"#)
    } else {
        serde_json::json!({ "role": "system", "content": instructions }).to_string()
    };
    match asked.as_str().map(str::trim) {
        None if asked.is_null() => format!("[{first}]").into(),
        Some(messages) if is_list(messages) => {
            let begins_with_system = messages[1..].trim_start();
            if begins_with_system.starts_with(r#"{"role":"system""#) {
                return asked;
            }
            let comma = if begins_with_system == "]" { "" } else { "," };
            format!("[{first}{comma}{}", &messages[1..]).into()
        }
        // A prompt that is plain text stays one.
        _ => asked,
    }
}

/// Whether it is a list of messages or of their parts as JSON, by how it begins and ends: to read all
/// of it would cost the program's time. Plain text may begin like one: `[Important] Be short.`
fn is_list(text: &str) -> bool {
    let inside = text.strip_prefix('[').and_then(|rest| {
        let inside = rest.trim_end().strip_suffix(']')?;
        Some(inside.trim())
    });
    inside.is_some_and(|inside| {
        inside.is_empty()
            || inside.starts_with('{') && inside.ends_with('}')
            || inside.starts_with('"') && inside.ends_with('"')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn together(system: &str, asked: Option<&str>) -> String {
        with_system(&system.into(), asked.into()).to_string()
    }

    #[test]
    fn the_instructions_are_the_first_message() {
        let system = r#"[{"type":"text","content":"Be short."}]"#;
        let asked = r#"[{"role":"user","parts":[]}]"#;

        assert_eq!(
            together(system, Some(asked)),
            r#"[{"role":"system","parts":[{"type":"text","content":"Be short."}]},{"role":"user","parts":[]}]"#
        );
        assert_eq!(
            together("Be short.", Some("[]")),
            r#"[{"content":"Be short.","role":"system"}]"#
        );
        assert_eq!(
            together("Be short.", None),
            r#"[{"content":"Be short.","role":"system"}]"#
        );
    }

    #[test]
    fn messages_that_begin_with_the_system_and_plain_text_stay_as_they_are() {
        let asked = r#"[{"role":"system","content":"x"}]"#;

        assert_eq!(together("Be short.", Some(asked)), asked);
        assert_eq!(together("Be short.", Some("Hello")), "Hello");
    }

    #[test]
    fn text_that_begins_like_a_list_is_text() {
        assert_eq!(
            together("[INST] Be short.", Some("[]")),
            r#"[{"content":"[INST] Be short.","role":"system"}]"#
        );
        for asked in ["[urgent] Help", "[", "[]]", "[1] and [2]", "[{x}] Help"] {
            assert_eq!(together("Be short.", Some(asked)), asked);
        }
    }
}
