//! From the bytes of an export request to observations.

use std::{borrow::Cow, io::Read as _};

use flate2::read::MultiGzDecoder;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest, trace::v1::Span,
};
use prost::Message as _;

use super::{
    http::MAX_BODY_BYTES,
    interpret::{Source, interpret},
    observation::Observation,
    value::convert_attributes,
};

/// Why the body of an export request cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DecodeError {
    #[error("content encoding `{0}` is not supported")]
    Encoding(String),
    #[error("the body is not proper gzip")]
    Gzip(#[source] std::io::Error),
    #[error("the body is larger than {MAX_BODY_BYTES} bytes after decompression")]
    TooLarge,
    #[error("the body is not an export of traces in protobuf")]
    Protobuf(#[source] prost::DecodeError),
}

/// Whether this content encoding is gzip to Langfuse, which looks for the word only.
pub(crate) fn is_gzip(encoding: Option<&str>) -> bool {
    encoding.is_some_and(|encoding| encoding.contains("gzip"))
}

/// Undoes the content encoding.
pub(crate) fn decompress<'a>(
    encoding: Option<&str>,
    wire: &'a [u8],
) -> Result<Cow<'a, [u8]>, DecodeError> {
    match encoding {
        None | Some("" | "identity") => Ok(Cow::Borrowed(wire)),
        gzip if is_gzip(gzip) => gunzip(wire, MAX_BODY_BYTES).map(Cow::Owned),
        Some(other) => Err(DecodeError::Encoding(other.to_owned())),
    }
}

fn gunzip(wire: &[u8], limit: usize) -> Result<Vec<u8>, DecodeError> {
    let mut body = Vec::new();
    MultiGzDecoder::new(wire)
        .take(limit as u64 + 1)
        .read_to_end(&mut body)
        .map_err(DecodeError::Gzip)?;
    if body.len() > limit {
        Err(DecodeError::TooLarge)
    } else {
        Ok(body)
    }
}

/// A decoded request whose spans are not interpreted yet.
#[derive(Debug)]
pub(crate) struct Export(ExportTraceServiceRequest);

impl Export {
    pub(crate) fn parse(body: &[u8]) -> Result<Self, DecodeError> {
        ExportTraceServiceRequest::decode(body)
            .map(Self)
            .map_err(DecodeError::Protobuf)
    }

    fn spans(&self) -> impl Iterator<Item = (&str, &Span)> {
        let scopes = self
            .0
            .resource_spans
            .iter()
            .flat_map(|resource| &resource.scope_spans);
        scopes.flat_map(|scope| {
            let name = scope.scope.as_ref().map_or("", |scope| scope.name.as_str());
            scope.spans.iter().map(move |span| (name, span))
        })
    }

    pub(crate) fn span_ids(&self) -> Vec<String> {
        self.spans().map(|(_, span)| hex(&span.span_id)).collect()
    }

    pub(crate) fn has_span_named(&self, name: &str) -> bool {
        self.spans().any(|(_, span)| span.name == name)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.resource_spans.is_empty()
    }

    /// What is wrong with the ids, if anything: one span without refuses the whole request.
    /// Lengths are not looked at, and all zeros are an id.
    pub(crate) fn missing_ids(&self) -> Option<String> {
        let reasons: Vec<_> = self
            .spans()
            .filter_map(|(scope, span)| {
                let missing = match (span.trace_id.is_empty(), span.span_id.is_empty()) {
                    (false, false) => return None,
                    (true, false) => "traceId",
                    (false, true) => "spanId",
                    (true, true) => "traceId and spanId",
                };
                Some(format!("missing {missing} (scope `{scope}`)"))
            })
            .collect();
        (!reasons.is_empty()).then(|| reasons.join(", "))
    }

    /// Interprets all spans. None of them come out when one has an attribute that the server
    /// chokes on: see [`convert_attributes`].
    pub(crate) fn into_observations(self, now_unix_nanos: u64) -> Vec<Observation> {
        let mut observations = Vec::new();
        for group in self.0.resource_spans {
            let resource = group
                .resource
                .map(|resource| resource.attributes)
                .unwrap_or_default();
            let Some(resource) = convert_attributes(resource) else {
                return Vec::new();
            };

            for scoped in group.scope_spans {
                let scope = scoped.scope.unwrap_or_default();
                if convert_attributes(scope.attributes).is_none() {
                    return Vec::new();
                }
                for span in scoped.spans {
                    let Some(mut observation) = outline_of(span, now_unix_nanos, &resource) else {
                        return Vec::new();
                    };
                    observation.scope_name.clone_from(&scope.name);
                    observation.scope_version.clone_from(&scope.version);
                    observations.push(observation);
                }
            }
        }
        observations
    }
}

/// Converts what OTLP has fields for and has the attributes interpreted.
fn outline_of(
    span: Span,
    now_unix_nanos: u64,
    resource: &super::value::Attributes,
) -> Option<Observation> {
    // Protobuf leaves zeros out, so a zero time counts as missing. One edge stands in for the
    // other; without both it is the time of arrival.
    let (start, end) = match (span.start_time_unix_nano, span.end_time_unix_nano) {
        (0, 0) => (now_unix_nanos, now_unix_nanos),
        (0, edge) | (edge, 0) => (edge, edge),
        edges => edges,
    };
    let status = span.status.unwrap_or_default();
    let source = Source {
        span_name: span.name,
        status_is_error: status.code == 2,
        status_message: status.message,
        attributes: convert_attributes(span.attributes)?,
        resource: resource.clone(),
    };

    let mut observation = interpret(source);
    observation.trace_id = hex(&span.trace_id);
    observation.id = hex(&span.span_id);
    observation.parent_id = (!span.parent_span_id.is_empty()).then(|| hex(&span.parent_span_id));
    observation.start_unix_nanos = start;
    observation.end_unix_nanos = end;
    Some(observation)
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from(DIGITS[usize::from(nibble)]));
        }
    }
    text
}

#[cfg(test)]
mod tests;
