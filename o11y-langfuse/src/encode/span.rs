//! A record as the OTLP span that Langfuse's server makes the right observation of.
//!
//! What Langfuse or the GenAI conventions name goes out under that name, in the form that both of
//! the server's write paths take. Everything else becomes observation metadata under its own
//! first-level key: a key of the user's that happens to be called `input` or `prompt` cannot be
//! taken for content. Which key goes where, and why, is in `docs/langfuse.md`.

use o11y_core::{Anchor, Level, ObservationType, Record, Status, Value, ValueRef, key};

use super::{
    attribute::AttributeWriter,
    first_token,
    instant::is_instant,
    key::{Kind, Side},
    metadata::{METADATA, is_within_limit, name_of, within_limit},
    name::{plain, short},
    redact::{Redactor, text_of},
    tokens::Told,
    trace::{write_place, write_trace},
    wire::Writer,
};

mod figures;

/// Fields of `Span`, from the OTLP definition 1.5.
const TRACE_ID: u32 = 1;
const SPAN_ID: u32 = 2;
const PARENT_SPAN_ID: u32 = 4;
const NAME: u32 = 5;
const KIND: u32 = 6;
const START: u32 = 7;
const END: u32 = 8;
pub(super) const ATTRIBUTES: u32 = 9;
pub(super) const STATUS: u32 = 15;
pub(super) const STATUS_MESSAGE: u32 = 2;
const STATUS_CODE: u32 = 3;
const KIND_INTERNAL: u64 = 1;
const STATUS_OK: u64 = 1;
const STATUS_ERROR: u64 = 2;

/// How many attributes were beyond the limit of a span.
const LEFT_OUT: &str = "o11y.attributes_left_out";

/// Where the GenAI conventions have input and output, in the server's order.
const MESSAGES: [(Side, [&str; 2]); 2] = [
    (
        Side::Input,
        ["gen_ai.input.messages", "gen_ai.tool.call.arguments"],
    ),
    (
        Side::Output,
        ["gen_ai.output.messages", "gen_ai.tool.call.result"],
    ),
];

pub(super) fn write(
    writer: &mut Writer<'_>,
    record: &Record,
    anchor: &Anchor,
    redactor: &mut Redactor,
) {
    writer.bytes(TRACE_ID, &record.trace_id().to_bytes());
    writer.bytes(SPAN_ID, &record.span_id().to_bytes());
    if let Some(parent) = record.parent_id() {
        writer.bytes(PARENT_SPAN_ID, &parent.to_bytes());
    }
    writer.text(NAME, &short(record.name()));
    writer.number(KIND, KIND_INTERNAL);
    writer.fixed64(START, record.start_unix_nanos(anchor));
    writer.fixed64(END, record.end_unix_nanos(anchor));

    let attributes = AttributeWriter {
        writer,
        field: ATTRIBUTES,
    };
    let mut pen = Pen {
        attributes,
        redactor,
        record,
        message: None,
        told: None,
        seen: Seen::default(),
    };
    pen.write(anchor);
    let message = pen.message.take();
    write_status(writer, record, message.as_deref());
}

/// Writes the attributes of one record.
struct Pen<'a, 'w, 'b> {
    attributes: AttributeWriter<'w, 'b>,
    redactor: &'a mut Redactor,
    record: &'a Record,
    /// The status message, if it is not the record's own.
    message: Option<String>,
    /// What the conventions' counts say.
    told: Option<Box<Told>>,
    seen: Seen,
}

/// What was met on the way and is looked at as a whole when all keys are known.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "notes, each of its own")]
struct Seen {
    usage: bool,
    cost: bool,
    first_token: bool,
    first_chunk: bool,
    prompt: bool,
    messages: bool,
}

impl Pen<'_, '_, '_> {
    fn write(&mut self, anchor: &Anchor) {
        let record = self.record;
        // Always said: the server would guess it from a model's name.
        self.attributes
            .text("langfuse.observation.type", record.observation().as_str());
        if record.level() != Level::Default {
            self.attributes
                .text("langfuse.observation.level", record.level().as_str());
        }
        for (key, value) in record.attributes().iter() {
            self.one(key, value.as_ref());
        }
        if let Some(told) = self.told.take() {
            self.told(&told);
        }
        if self.seen.first_chunk && !self.seen.first_token {
            first_token::write(&mut self.attributes, record, anchor);
        }
        if self.seen.prompt {
            self.prompt();
        }
        if self.seen.messages {
            self.messages();
        }
        if record.is_app_root() {
            self.attributes.truth("langfuse.internal.is_app_root", true);
        }
        if let Some(trace) = record.trace_attributes() {
            write_trace(&mut self.attributes, trace, self.redactor);
        }
        write_place(&mut self.attributes, record);
        let left_out = record.attributes().left_out();
        if left_out > 0 {
            self.attributes
                .put_prefixed(METADATA, LEFT_OUT, ValueRef::Int(left_out.into()));
        }
    }

    fn one(&mut self, key: &str, value: ValueRef<'_>) {
        if self.redactor.hides(key) {
            return;
        }
        match Kind::of(key, self.record.observation()) {
            Kind::Content if self.redactor.captures_content() => self.content(key, value),
            Kind::Content => {}
            Kind::StatusMessage => self.status_message(key, value),
            Kind::Conversation => self.name(key, value),
            Kind::Convention => self.content(key, value),
            Kind::Operation if self.is_discarding(value) => self.metadata(key, value),
            Kind::Name | Kind::Operation => self.attributes.put(key, value),
            Kind::ToolName if self.record.observation() == ObservationType::Tool => {
                self.name(key, value);
            }
            Kind::Model if self.is_billed() => self.name(key, value),
            Kind::Parameter if self.is_billed() => self.content(key, value),
            Kind::Parameters if self.is_billed() => self.object(key, value),
            Kind::Usage if self.is_billed() => self.usage(key, value),
            Kind::Cost if self.is_billed() => self.cost(key, value),
            Kind::FirstToken => self.first_token(key, value),
            Kind::FirstChunk => {
                self.seen.first_chunk = true;
                self.attributes.put(key, value);
            }
            Kind::RawUsage if self.is_billed() => self.raw_usage(key, value),
            Kind::Prompt => self.seen.prompt = true,
            Kind::Messages => self.seen.messages = true,
            Kind::Experiment => self.experiment(key, value),
            Kind::Metadata => self.metadata(key.strip_prefix(METADATA).unwrap_or(key), value),
            Kind::MetadataObject => self.metadata_object(key, value),
            _ => self.metadata(key, value),
        }
    }

    /// Under its own key, through the mask.
    fn content(&mut self, key: &str, value: ValueRef<'_>) {
        match self.redactor.change(key, value) {
            None => self.attributes.put(key, value),
            Some(masked) => self.attributes.text(key, &masked),
        }
    }

    /// Under a first-level key of the metadata, through the mask.
    fn metadata(&mut self, key: &str, value: ValueRef<'_>) {
        let name = name_of(key);
        match (self.redactor.change(key, value), value) {
            (Some(masked), _) => self.put_metadata(name, ValueRef::Text(&masked)),
            (None, ValueRef::Text(text)) => {
                self.attributes
                    .text_prefixed(METADATA, name, &within_limit(text));
            }
            (None, value) => self.attributes.put_prefixed(METADATA, name, value),
        }
    }

    /// The same of what has been through the mask. Apart, so that the common case is compiled into
    /// its only caller.
    #[cold]
    fn put_metadata(&mut self, name: &str, value: ValueRef<'_>) {
        match value {
            ValueRef::Text(text) => {
                self.attributes
                    .text_prefixed(METADATA, name, &within_limit(text));
            }
            value => self.attributes.put_prefixed(METADATA, name, value),
        }
    }

    /// What the server looks up, and so has to be text that its database takes.
    fn name(&mut self, key: &str, value: ValueRef<'_>) {
        match value {
            ValueRef::Text(text) => self.attributes.text(key, &plain(text)),
            other => self.attributes.text(key, &text_of(other)),
        }
    }

    fn status_message(&mut self, key: &str, value: ValueRef<'_>) {
        // It stands in two places and is masked once.
        self.message = self.redactor.change(key, value).or(match value {
            ValueRef::Text(_) => None,
            other => Some(text_of(other)),
        });
        match &self.message {
            Some(message) => self.attributes.text(key, message),
            None => self.attributes.put(key, value),
        }
    }

    /// The request's parameters, which have to be a JSON object.
    fn object(&mut self, key: &str, value: ValueRef<'_>) {
        let masked = self.redactor.change(key, value);
        match masked.as_deref().map_or(value, ValueRef::Text) {
            ValueRef::Text(text) if is_object(text) => self.attributes.text(key, text),
            value => self.put_metadata(key, value),
        }
    }

    /// Metadata as one JSON object. The server would drop what is none, or too large.
    fn metadata_object(&mut self, key: &str, value: ValueRef<'_>) {
        let masked = self.redactor.change(key, value);
        match masked.as_deref().map_or(value, ValueRef::Text) {
            ValueRef::Text(text) if is_within_limit(text) && is_object(text) => {
                self.attributes.text(key, text);
            }
            value => self.put_metadata("metadata", value),
        }
    }

    fn first_token(&mut self, key: &str, value: ValueRef<'_>) {
        match value {
            ValueRef::Text(text) if is_instant(text.trim_matches('"')) => {
                self.seen.first_token = true;
                self.attributes.text(key, text.trim_matches('"'));
            }
            other => self.metadata(key, other),
        }
    }

    fn experiment(&mut self, key: &str, value: ValueRef<'_>) {
        let is_lost = key.ends_with(".item.version")
            && !matches!(value, ValueRef::Text(text) if is_instant(text));
        if is_lost {
            return self.metadata(key, value);
        }
        match self.redactor.change(key, value) {
            Some(masked) => self.attributes.text(key, &masked),
            None => self.attributes.text(key, &text_of(value)),
        }
    }

    /// The link to a prompt: a name and a version or nothing, on a generation only. Half of it would
    /// cost the whole generation on the older write path.
    #[cold]
    fn prompt(&mut self) {
        let [name, version] =
            [key::PROMPT_NAME, key::PROMPT_VERSION].map(|key| self.record.attribute(key));
        let is_generation = self.record.observation() == ObservationType::Generation;
        match (name.and_then(Value::as_str), version.and_then(version_of)) {
            (Some(name), Some(version)) if is_generation && !name.is_empty() => {
                self.attributes.text(key::PROMPT_NAME, &plain(name));
                self.attributes
                    .put(key::PROMPT_VERSION, ValueRef::Int(version.into()));
            }
            _ => {
                for (key, value) in [(key::PROMPT_NAME, name), (key::PROMPT_VERSION, version)] {
                    if let Some(value) = value {
                        self.metadata(key, value.as_ref());
                    }
                }
            }
        }
    }

    /// Input and output in the words of the conventions. The server reads them only if neither side
    /// stands under Langfuse's own key, so one side of ours pulls the other one along.
    #[cold]
    fn messages(&mut self) {
        let is_ours = |side: Side| self.record.attribute(side.key()).is_some();
        let is_mixed = is_ours(Side::Input) || is_ours(Side::Output);
        for (side, keys) in MESSAGES {
            let mut is_free = !is_ours(side);
            for key in keys {
                let Some(value) = self.record.attribute(key) else {
                    continue;
                };
                match (is_mixed, is_free) {
                    (false, _) => self.content(key, value.as_ref()),
                    (true, true) => self.content_as(side.key(), key, value.as_ref()),
                    (true, false) => self.metadata(key, value.as_ref()),
                }
                is_free = false;
            }
        }
    }

    /// Under Langfuse's key, while the mask is told the one that was set.
    fn content_as(&mut self, sent: &str, key: &str, value: ValueRef<'_>) {
        match self.redactor.change(key, value) {
            None => self.attributes.put(sent, value),
            Some(masked) => self.attributes.text(sent, &masked),
        }
    }
}

/// The version of a prompt: what the server can store of one.
fn version_of(version: &Value) -> Option<u16> {
    let number = match version.as_ref() {
        ValueRef::Int(number) => u16::try_from(number).ok(),
        ValueRef::Text(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|version| *version > 0)
}

fn is_object(text: &str) -> bool {
    matches!(serde_json::from_str(text), Ok(serde_json::Value::Object(_)))
}

fn write_status(writer: &mut Writer<'_>, record: &Record, message: Option<&str>) {
    let code = match record.status() {
        Status::Error => STATUS_ERROR,
        _ if record.level() == Level::Error => STATUS_ERROR,
        Status::Ok => STATUS_OK,
        Status::Unset => return,
    };
    let status = writer.begin(STATUS);
    if code == STATUS_ERROR {
        writer.text(
            STATUS_MESSAGE,
            message
                .or_else(|| record.status_message())
                .unwrap_or_default(),
        );
    }
    writer.number(STATUS_CODE, code);
    writer.end(status);
}
