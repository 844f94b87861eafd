//! A record as the OTLP span that Langfuse's server makes the right observation of.
//!
//! What Langfuse or the GenAI conventions name goes out under that name. Everything else becomes
//! observation metadata under its own first-level key: that is what Langfuse can filter by, and a
//! key of the user's that happens to be called `input` or `prompt` cannot be taken for content.

use o11y_core::{
    Anchor, Level, ObservationType, Record, Status, TraceAttributes, Value, ValueRef, key,
};

use super::{attribute::AttributeWriter, first_token, wire::Writer};

/// Fields of `Span`, from the OTLP definition 1.5.
const TRACE_ID: u32 = 1;
const SPAN_ID: u32 = 2;
const PARENT_SPAN_ID: u32 = 4;
const NAME: u32 = 5;
const KIND: u32 = 6;
const START: u32 = 7;
const END: u32 = 8;
const ATTRIBUTES: u32 = 9;
const STATUS: u32 = 15;
const STATUS_MESSAGE: u32 = 2;
const STATUS_CODE: u32 = 3;
const KIND_INTERNAL: u64 = 1;
const STATUS_OK: u64 = 1;
const STATUS_ERROR: u64 = 2;

const METADATA: &str = "langfuse.observation.metadata.";
const TRACE_METADATA: &str = "langfuse.trace.metadata.";

/// Keys of Langfuse's that are passed on as they are, after `langfuse.observation.`. Its others are
/// written from what the core knows, and a key that stood twice would win or lose by chance.
const LANGFUSE_KEYS: [&str; 10] = [
    "input",
    "output",
    "status_message",
    "usage_details",
    "cost_details",
    "model.name",
    "model.parameters",
    "completion_start_time",
    "prompt.name",
    "prompt.version",
];

/// Keys of the GenAI conventions that Langfuse's server would take for input and output.
const HIJACKING_PREFIXES: [&str; 2] = ["gen_ai.prompt", "gen_ai.completion"];

pub(super) fn write(writer: &mut Writer<'_>, record: &Record, anchor: &Anchor) {
    writer.bytes(TRACE_ID, &record.trace_id().to_bytes());
    writer.bytes(SPAN_ID, &record.span_id().to_bytes());
    if let Some(parent) = record.parent_id() {
        writer.bytes(PARENT_SPAN_ID, &parent.to_bytes());
    }
    writer.text(NAME, record.name());
    writer.number(KIND, KIND_INTERNAL);
    writer.fixed64(START, record.start_unix_nanos(anchor));
    writer.fixed64(END, record.end_unix_nanos(anchor));

    let mut attributes = AttributeWriter {
        writer,
        field: ATTRIBUTES,
    };
    attributes.text("langfuse.observation.type", record.observation().as_str());
    if record.level() != Level::Default {
        attributes.text("langfuse.observation.level", record.level().as_str());
    }
    for (key, value) in record.attributes().iter() {
        let prefix = if is_passed_on(key, record.observation()) {
            ""
        } else {
            METADATA
        };
        attributes.put_prefixed(prefix, key, value.as_ref());
    }
    first_token::write(&mut attributes, record, anchor);
    if let Some(trace) = record.trace_attributes() {
        write_trace(&mut attributes, trace);
    }
    write_place(&mut attributes, record);
    write_status(writer, record);
}

/// Trace attributes stand on every span: the server has no trace to set them on.
fn write_trace(attributes: &mut AttributeWriter<'_, '_>, trace: &TraceAttributes) {
    for (key, text) in [
        ("langfuse.trace.name", trace.get_name()),
        ("user.id", trace.get_user()),
        ("session.id", trace.get_session()),
        ("langfuse.version", trace.get_version()),
        ("langfuse.release", trace.get_release()),
        ("langfuse.environment", trace.get_environment()),
    ] {
        if let Some(text) = text {
            attributes.text(key, text);
        }
    }
    attributes.texts("langfuse.trace.tags", trace.tags());
    for (key, text) in trace.metadata_entries() {
        attributes.text_prefixed(TRACE_METADATA, key, text);
    }
    if let Some(public) = trace.get_public() {
        let public = Value::from(public);
        attributes.put("langfuse.trace.public", public.as_ref());
    }
}

/// The modules and the request around a record, as metadata. What the record itself says under the
/// same key stands: a key that stood twice would win or lose by chance.
fn write_place(attributes: &mut AttributeWriter<'_, '_>, record: &Record) {
    let mut put = |key: &str, value: ValueRef<'_>| {
        let mut names = record.attributes().iter().map(|(name, _)| name);
        if !names.any(|name| name.strip_prefix(METADATA).unwrap_or(name) == key) {
            attributes.put_prefixed(METADATA, key, value);
        }
    };
    if let Some(modules) = record.modules() {
        put("module.path", ValueRef::Text(modules.path()));
        put("module.root", ValueRef::Text(modules.root().name()));
        put("module.leaf", ValueRef::Text(modules.leaf().name()));
        put("module.ancestry", ValueRef::Text(modules.ancestry()));
        put("module.depth", Value::from(modules.depth()).as_ref());
    }
    if let Some(id) = record.request_id() {
        put("request.id", ValueRef::Text(id));
    }
}

fn write_status(writer: &mut Writer<'_>, record: &Record) {
    let code = match record.status() {
        Status::Error => STATUS_ERROR,
        _ if record.level() == Level::Error => STATUS_ERROR,
        Status::Ok => STATUS_OK,
        Status::Unset => return,
    };
    let status = writer.begin(STATUS);
    writer.text(STATUS_MESSAGE, record.status_message().unwrap_or_default());
    writer.number(STATUS_CODE, code);
    writer.end(status);
}

/// Whether the server is meant to read this key itself.
fn is_passed_on(name: &str, observation: ObservationType) -> bool {
    if observation == ObservationType::Event {
        // What an event says of usage, cost or model was billed where it happened.
        return matches!(name, key::INPUT | key::OUTPUT | key::STATUS_MESSAGE)
            || name.starts_with(METADATA);
    }
    if let Some(name) = name.strip_prefix("langfuse.observation.") {
        return LANGFUSE_KEYS.contains(&name) || name.starts_with("metadata.");
    }
    match name {
        // A tool's name would take the place of any other observation's name.
        "gen_ai.tool.name" => observation == ObservationType::Tool,
        _ => {
            name.starts_with("gen_ai.")
                && !HIJACKING_PREFIXES
                    .iter()
                    .any(|prefix| name.starts_with(prefix))
        }
    }
}
