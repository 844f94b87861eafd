//! Metadata: a JSON object under the bare key, overlaid with the keys below it.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::local::value::{AttributeValue, Attributes};

/// Collects what stands under these keys; a later key wins over an earlier one.
pub(super) fn collect(attributes: &Attributes, keys: &[&str]) -> BTreeMap<String, String> {
    let mut collected = BTreeMap::new();

    for key in keys {
        // Anything but an object (or an array, whose indexes are keys) is dropped.
        let bare = attributes.get(*key).and_then(AttributeValue::as_str);
        match bare.and_then(|text| serde_json::from_str(text).ok()) {
            Some(Json::Object(object)) => {
                for (name, value) in &object {
                    flatten(name.clone(), value, &mut collected);
                }
            }
            Some(Json::Array(values)) => {
                for (index, value) in values.iter().enumerate() {
                    flatten(index.to_string(), value, &mut collected);
                }
            }
            _ => {}
        }
    }
    for key in keys {
        for (name, value) in attributes {
            let below = name
                .strip_prefix(*key)
                .and_then(|rest| rest.strip_prefix('.'));
            if let Some(below) = below {
                collected.insert(below.to_owned(), value.to_string());
            }
        }
    }
    // JavaScript takes an assignment to it for something else, and the value is gone.
    collected.remove("__proto__");
    collected
}

/// Objects become dotted names; everything else becomes text.
fn flatten(name: String, value: &Json, into: &mut BTreeMap<String, String>) {
    match value {
        Json::Object(object) if !object.is_empty() => {
            for (inner, value) in object {
                flatten(format!("{name}.{inner}"), value, into);
            }
        }
        Json::String(text) => drop(into.insert(name, text.clone())),
        other => drop(into.insert(name, other.to_string())),
    }
}
