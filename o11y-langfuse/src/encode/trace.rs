//! What a span inherits: the attributes of its trace, the modules and the request around it.

use o11y_core::{Record, TraceAttributes, Value, ValueRef, key};

use super::{
    attribute::AttributeWriter,
    metadata::{METADATA, TRACE_METADATA, name_of, within_limit},
    name::{environment, plain, short},
    redact::Redactor,
};

/// Trace attributes stand on every span: the server has no trace to set them on.
pub(super) fn write_trace(
    attributes: &mut AttributeWriter<'_, '_>,
    trace: &TraceAttributes,
    redactor: &mut Redactor,
) {
    if let Some(name) = trace.get_name() {
        attributes.text("langfuse.trace.name", &short(name));
    }
    for (key, text) in [
        ("user.id", trace.get_user()),
        ("session.id", trace.get_session()),
        ("langfuse.version", trace.get_version()),
        ("langfuse.release", trace.get_release()),
    ] {
        if let Some(text) = text {
            attributes.text(key, &plain(text));
        }
    }
    if let Some(environment) = trace.get_environment().and_then(environment) {
        attributes.text("langfuse.environment", &environment);
    }
    attributes.texts(
        "langfuse.trace.tags",
        trace.tags().filter(|tag| !tag.is_empty()),
    );
    for (key, text) in trace.metadata_entries() {
        let masked = redactor.change_below(TRACE_METADATA, key, ValueRef::Text(text));
        let text = within_limit(masked.as_deref().unwrap_or(text));
        attributes.text_prefixed(TRACE_METADATA, name_of(key), &text);
    }
    if let Some(public) = trace.get_public() {
        attributes.truth("langfuse.trace.public", public);
    }
}

/// The modules and the request around a record, as metadata. What the record itself says under the
/// same key stands: a key that stood twice would win or lose by chance.
pub(super) fn write_place(attributes: &mut AttributeWriter<'_, '_>, record: &Record) {
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
        if let Some(signature) = modules.signature() {
            put(key::MODULE_SIGNATURE, ValueRef::Text(signature));
        }
        put("module.depth", Value::from(modules.depth()).as_ref());
    }
    if let Some(id) = record.request_id() {
        put("request.id", ValueRef::Text(id));
    }
}
