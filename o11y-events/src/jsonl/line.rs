//! One line: an event or a span as a JSON object, its keys in a fixed order.

use std::{fmt, io::Write as _, time::SystemTime};

use o11y_core::{
    Anchor, Attributes, Event, Modules, Record, Status, TraceAttributes, Value, ValueRef,
};
use serde_json::to_writer;

use super::time;
use crate::content::hidden;

/// The line of an event that happened at `moment`, line break included.
pub(super) fn of_event(event: &Event, moment: SystemTime, with_content: bool) -> Vec<u8> {
    let mut line = Line::new("event");
    line.text("time", &time::format(moment));
    line.text("name", event.name());
    line.id("trace_id", event.trace_id());
    line.id("span_id", event.span_id());
    line.surroundings(
        event.request_id(),
        event.trace_attributes(),
        event.modules(),
    );
    line.attributes(event.attributes(), with_content);
    line.end()
}

/// The line of an ended span.
pub(super) fn of_record(record: &Record, anchor: &Anchor, with_content: bool) -> Vec<u8> {
    let mut line = Line::new("span");
    line.text("time", &time::of_nanos(record.start_unix_nanos(anchor)));
    line.text("name", record.name());
    line.text("observation", record.observation().as_str());
    line.id("trace_id", Some(record.trace_id()));
    line.id("span_id", Some(record.span_id()));
    line.id("parent_id", record.parent_id());
    line.key("duration_ms");
    line.plain(record.duration().as_secs_f64() * 1_000.0);
    line.text("level", record.level().as_str());
    match record.status() {
        Status::Unset => {}
        Status::Ok => line.text("status", "ok"),
        Status::Error => line.text("status", "error"),
    }
    line.surroundings(
        record.request_id(),
        record.trace_attributes(),
        record.modules(),
    );
    line.attributes(record.attributes(), with_content);
    line.end()
}

/// JSON under construction. Writing into memory cannot fail, nor can text and numbers.
struct Line {
    json: Vec<u8>,
}

impl Line {
    fn new(kind: &str) -> Self {
        let mut line = Self {
            json: Vec::with_capacity(512),
        };
        line.json.push(b'{');
        line.text("type", kind);
        line
    }

    fn key(&mut self, key: &str) {
        if !self.json.ends_with(b"{") {
            self.json.push(b',');
        }
        self.quoted(key);
        self.json.push(b':');
    }

    fn text(&mut self, key: &str, text: &str) {
        self.key(key);
        self.quoted(text);
    }

    fn quoted(&mut self, text: &str) {
        drop(to_writer(&mut self.json, text)); // see `Line`
    }

    fn known(&mut self, key: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(key, text);
        }
    }

    fn id(&mut self, key: &str, id: Option<impl ToString>) {
        self.known(key, id.map(|id| id.to_string()).as_deref());
    }

    /// What prints as JSON by itself.
    fn plain(&mut self, value: impl fmt::Debug) {
        drop(write!(self.json, "{value:?}")); // see `Line`
    }

    fn surroundings(
        &mut self,
        request_id: Option<&str>,
        trace: Option<&TraceAttributes>,
        modules: Option<&Modules>,
    ) {
        self.known("request_id", request_id);
        self.known("user", trace.and_then(TraceAttributes::get_user));
        self.known("session", trace.and_then(TraceAttributes::get_session));
        self.known("modules", modules.map(Modules::path));
    }

    fn attributes(&mut self, attributes: &Attributes, with_content: bool) {
        self.key("attributes");
        self.json.push(b'{');
        for (key, value) in attributes.iter() {
            match hidden(key, value).filter(|_| !with_content) {
                Some(hidden) => self.text(key, &hidden.to_string()),
                None => self.value(key, value),
            }
        }
        self.json.push(b'}');
    }

    fn value(&mut self, key: &str, value: &Value) {
        match value.as_ref() {
            ValueRef::Text(text) => return self.text(key, text),
            ValueRef::Null => return,
            _ => self.key(key),
        }
        match value.as_ref() {
            ValueRef::Bool(yes) => self.plain(yes),
            ValueRef::Int(number) => self.plain(number),
            ValueRef::Float(number) => self.plain(number),
            ValueRef::Cost(cost) => self.plain(cost.to_usd()),
            ValueRef::Usage(usage) => {
                self.json.push(b'{');
                for (class, tokens) in usage.classes().filter(|(_, tokens)| *tokens > 0) {
                    self.key(class);
                    self.plain(tokens);
                }
                self.json.push(b'}');
            }
            _ => self.json.extend_from_slice(b"null"),
        }
    }

    fn end(mut self) -> Vec<u8> {
        self.json.extend_from_slice(b"}\n");
        self.json
    }
}
