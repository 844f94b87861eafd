//! What a model was asked with, and the prompt that a generation is linked to.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::local::value::{AttributeValue, Attributes};

/// The explicit object, or else what the conventions say of the request.
pub(super) fn parameters(attributes: &Attributes) -> BTreeMap<String, String> {
    let explicit = attributes
        .get("langfuse.observation.model.parameters")
        .and_then(AttributeValue::as_str);
    if let Some(Json::Object(object)) = explicit.and_then(|text| serde_json::from_str(text).ok()) {
        let entries = object.into_iter().map(|(name, value)| match value {
            Json::String(text) => (name, text),
            other => (name, other.to_string()),
        });
        return entries.collect();
    }
    attributes
        .iter()
        .filter_map(|(key, value)| Some((key.strip_prefix("gen_ai.request.")?, value)))
        .filter(|(name, _)| *name != "model")
        .map(|(name, value)| (name.to_owned(), value.to_string()))
        .collect()
}

/// A name and a whole number as the version; on anything but a generation there is no link.
pub(super) fn prompt(attributes: &Attributes, kind: &str) -> Option<(String, u16)> {
    let name = ["langfuse.observation.prompt.name", "langfuse.prompt.name"];
    let version = [
        "langfuse.observation.prompt.version",
        "langfuse.prompt.version",
    ];
    let name = super::first_text(attributes, &name).filter(|_| kind == "generation")?;
    let version = version.iter().find_map(|key| attributes.get(*key))?;
    match version {
        AttributeValue::Int(number) => {
            let version = u16::try_from(*number).ok().filter(|number| *number > 0)?;
            Some((name, version))
        }
        _ => None,
    }
}
