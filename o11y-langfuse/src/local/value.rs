//! Attribute values, in the shape that Langfuse makes of what OTLP brings.

use std::{collections::BTreeMap, fmt};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value as Wire};
use serde_json::{Value as Json, json};

/// The attributes of a span or a resource, as received.
pub(crate) type Attributes = BTreeMap<String, AttributeValue>;

/// One attribute's value after Langfuse's conversion from OTLP.
///
/// Whatever has no counterpart there (maps, bytes, an empty array, no value at all) has become
/// text that shows its wire form, as on the real server: a test that meets `{"arrayValue":{}}`
/// has found a value that should not have been sent.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum AttributeValue {
    /// A string.
    Text(String),
    /// A boolean.
    Bool(bool),
    /// An integer. Langfuse itself rounds beyond 2⁵³.
    Int(i64),
    /// A floating-point number, always finite.
    Double(f64),
    /// An array with at least one element.
    List(Vec<AttributeValue>),
    /// What became of a number that is not finite.
    Null,
}

impl AttributeValue {
    /// Returns the text if it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Whether the server takes the attribute as given: empty text, zero, false and null are not.
    pub(crate) fn is_truthy(&self) -> bool {
        match self {
            Self::Text(text) => !text.is_empty(),
            Self::Bool(value) => *value,
            Self::Int(number) => *number != 0,
            Self::Double(number) => *number != 0.0,
            Self::List(_) => true,
            Self::Null => false,
        }
    }

    pub(crate) fn to_json(&self) -> Json {
        match self {
            Self::Text(text) => json!(text),
            Self::Bool(value) => json!(value),
            Self::Int(number) => json!(number),
            Self::Double(number) => json!(number),
            Self::List(values) => values.iter().map(Self::to_json).collect(),
            Self::Null => Json::Null,
        }
    }

    fn from_wire(value: AnyValue) -> Self {
        match value.value {
            Some(Wire::StringValue(text)) => Self::Text(text),
            Some(Wire::BoolValue(value)) => Self::Bool(value),
            Some(Wire::IntValue(number)) => Self::Int(number),
            Some(Wire::DoubleValue(number)) if number.is_finite() => Self::Double(number),
            Some(Wire::DoubleValue(_)) => Self::Null,
            Some(Wire::ArrayValue(array)) if !array.values.is_empty() => {
                Self::List(array.values.into_iter().map(Self::from_wire).collect())
            }
            other => Self::Text(wire_json(other).to_string()),
        }
    }
}

/// Text as it is, everything else as JSON.
impl fmt::Display for AttributeValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            other => write!(f, "{}", other.to_json()),
        }
    }
}

/// Converts a list of attributes; the last of equal keys wins.
///
/// `None` when an attribute has no value field: the server's worker throws over it and loses the
/// whole request, long after it was answered with 200.
pub(crate) fn convert_attributes(attributes: Vec<KeyValue>) -> Option<Attributes> {
    attributes
        .into_iter()
        .map(|attribute| Some((attribute.key, AttributeValue::from_wire(attribute.value?))))
        .collect()
}

/// The OTLP/JSON form of a value, in which the server shows what it does not understand.
fn wire_json(value: Option<Wire>) -> Json {
    let inner = |value: Option<AnyValue>| wire_json(value.and_then(|value| value.value));

    match value {
        None | Some(Wire::StringValueStrindex(_)) => json!({}),
        Some(Wire::StringValue(text)) => json!({ "stringValue": text }),
        Some(Wire::BoolValue(value)) => json!({ "boolValue": value }),
        // Integers are decimal strings there, because JavaScript's numbers are too narrow.
        Some(Wire::IntValue(number)) => json!({ "intValue": number.to_string() }),
        Some(Wire::DoubleValue(number)) => json!({ "doubleValue": number }),
        Some(Wire::BytesValue(bytes)) => json!({ "bytesValue": BASE64_STANDARD.encode(bytes) }),
        Some(Wire::ArrayValue(array)) if array.values.is_empty() => json!({ "arrayValue": {} }),
        Some(Wire::ArrayValue(array)) => {
            let values: Json = array
                .values
                .into_iter()
                .map(|value| inner(Some(value)))
                .collect();
            json!({ "arrayValue": { "values": values } })
        }
        Some(Wire::KvlistValue(list)) if list.values.is_empty() => json!({ "kvlistValue": {} }),
        Some(Wire::KvlistValue(list)) => {
            let entry = |pair: KeyValue| json!({ "key": pair.key, "value": inner(pair.value) });
            let values: Json = list.values.into_iter().map(entry).collect();
            json!({ "kvlistValue": { "values": values } })
        }
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1::{ArrayValue, KeyValueList};

    use super::*;

    fn convert(value: Option<Wire>) -> AttributeValue {
        AttributeValue::from_wire(AnyValue { value })
    }

    #[test]
    fn plain_values_stay_what_they_are() {
        let list = ArrayValue {
            values: vec![AnyValue {
                value: Some(Wire::IntValue(1)),
            }],
        };

        assert_eq!(
            convert(Some(Wire::StringValue(String::new()))).as_str(),
            Some("")
        );
        assert_eq!(convert(Some(Wire::IntValue(7))), AttributeValue::Int(7));
        assert_eq!(
            convert(Some(Wire::DoubleValue(f64::NAN))),
            AttributeValue::Null
        );
        assert_eq!(convert(Some(Wire::ArrayValue(list))).to_string(), "[1]");
    }

    #[test]
    fn what_langfuse_cannot_take_becomes_its_wire_form() {
        let pair = KeyValue {
            key: "a".to_owned(),
            value: Some(AnyValue {
                value: Some(Wire::IntValue(1)),
            }),
            ..KeyValue::default()
        };
        let map = KeyValueList { values: vec![pair] };

        assert_eq!(convert(None).to_string(), "{}");
        assert_eq!(
            convert(Some(Wire::ArrayValue(ArrayValue::default()))).to_string(),
            r#"{"arrayValue":{}}"#
        );
        assert_eq!(
            convert(Some(Wire::KvlistValue(map))).to_string(),
            r#"{"kvlistValue":{"values":[{"key":"a","value":{"intValue":"1"}}]}}"#
        );
    }

    #[test]
    fn an_attribute_without_a_value_spoils_the_whole_list() {
        let good = KeyValue {
            value: Some(AnyValue { value: None }),
            ..KeyValue::default()
        };

        assert!(convert_attributes(vec![good.clone()]).is_some());
        assert!(convert_attributes(vec![good, KeyValue::default()]).is_none());
    }
}
