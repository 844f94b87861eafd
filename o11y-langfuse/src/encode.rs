//! Records to OTLP bytes: one `ExportTraceServiceRequest` in one reused buffer.

use std::ops::Range;

use o11y_core::{Anchor, Record};

use self::{
    attribute::AttributeWriter,
    wire::{LENGTH_BYTES, Writer, padded_length},
};
use crate::mask::Privacy;

mod attribute;
mod first_token;
mod instant;
mod key;
mod metadata;
mod name;
mod redact;
mod span;
mod tokens;
mod trace;
mod wire;

#[cfg(feature = "otlp")]
pub(crate) use self::metadata::METADATA;
pub(crate) use self::{name::environment, redact::Redactor};

/// Fields of the request, from the OTLP definition 1.5.
const RESOURCE_SPANS: u32 = 1;
const RESOURCE: u32 = 1;
const RESOURCE_ATTRIBUTES: u32 = 1;
const SCOPE_SPANS: u32 = 2;
const SCOPE: u32 = 1;
const SCOPE_NAME: u32 = 1;
const SCOPE_VERSION: u32 = 2;
const SPANS: u32 = 2;

/// Not `langfuse-sdk`: under that name the server would throw away what it does not know.
pub(crate) const SCOPE_NAME_TEXT: &str = "o11y-langfuse";

/// What is said of the process, with every span. The server copies it into the metadata of each
/// observation, so it is kept small.
#[derive(Debug, Clone, Default)]
pub(crate) struct Resource {
    pub(crate) service_name: Option<String>,
    pub(crate) service_version: Option<String>,
    pub(crate) environment: Option<String>,
    pub(crate) release: Option<String>,
}

/// Encoded spans, from which requests over any run of them are made.
///
/// The buffer starts with the resource and the scope, whose lengths enclose the spans and are
/// written when a request is made. That is what allows a batch to be halved without encoding again.
#[derive(Debug)]
pub(crate) struct Batch {
    buffer: Vec<u8>,
    /// Where the content of the two messages begins that enclose the spans.
    resource_spans: usize,
    scope_spans: usize,
    first_span: usize,
    /// Where each span ends.
    ends: Vec<usize>,
    redactor: Redactor,
}

impl Batch {
    pub(crate) fn new(resource: &Resource, privacy: &Privacy) -> Self {
        let mut buffer = Vec::new();
        let mut writer = Writer {
            buffer: &mut buffer,
        };
        let resource_spans = writer.begin(RESOURCE_SPANS);
        let message = writer.begin(RESOURCE);
        let mut attributes = AttributeWriter {
            writer: &mut writer,
            field: RESOURCE_ATTRIBUTES,
        };
        for (key, text) in [
            ("service.name", &resource.service_name),
            ("service.version", &resource.service_version),
            ("langfuse.environment", &resource.environment),
            ("langfuse.release", &resource.release),
        ] {
            if let Some(text) = text {
                attributes.text(key, text);
            }
        }
        attributes.text("telemetry.sdk.language", "rust");
        attributes.text("telemetry.sdk.name", "o11y");
        attributes.text("telemetry.sdk.version", env!("CARGO_PKG_VERSION"));
        writer.end(message);
        let scope_spans = writer.begin(SCOPE_SPANS);
        let scope = writer.begin(SCOPE);
        writer.text(SCOPE_NAME, SCOPE_NAME_TEXT);
        writer.text(SCOPE_VERSION, env!("CARGO_PKG_VERSION"));
        writer.end(scope);
        let (resource_spans, scope_spans) = (resource_spans.content(), scope_spans.content());
        Self {
            first_span: buffer.len(),
            buffer,
            resource_spans,
            scope_spans,
            ends: Vec::new(),
            redactor: Redactor::new(privacy.clone()),
        }
    }

    /// Forgets the spans and keeps the room.
    pub(crate) fn clear(&mut self) {
        self.buffer.truncate(self.first_span);
        self.ends.clear();
    }

    /// Gives back room beyond `bytes`, which a giant span may have taken.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        self.buffer.shrink_to(bytes);
    }

    /// Adds a span.
    pub(crate) fn push(&mut self, record: &Record, anchor: &Anchor) {
        let mut writer = Writer {
            buffer: &mut self.buffer,
        };
        let message = writer.begin(SPANS);
        span::write(&mut writer, record, anchor, &mut self.redactor);
        writer.end(message);
        self.ends.push(self.buffer.len());
    }

    /// How many pieces of content could not be masked since the last call.
    pub(crate) fn take_masking_failures(&mut self) -> u64 {
        self.redactor.take_failures()
    }

    /// How many spans there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The bytes of a request over all of them.
    pub(crate) fn bytes(&self) -> usize {
        self.buffer.len()
    }

    /// The bytes of one span, without what stands before it in a request.
    #[cfg(feature = "otlp")]
    pub(crate) fn span(&self, index: usize) -> &[u8] {
        &self.buffer[self.start(index) + 1 + LENGTH_BYTES..self.ends[index]]
    }

    /// Where to divide some spans so that both parts have about as many bytes and neither is empty.
    pub(crate) fn middle(&self, spans: Range<usize>) -> usize {
        let half = self.start(spans.start).midpoint(self.ends[spans.end - 1]);
        let fits = self.ends[spans.clone()].partition_point(|end| *end <= half);
        (spans.start + fits).clamp(spans.start + 1, spans.end - 1)
    }

    /// The request over all spans, where it lies, or over some of them, copied into `scratch`.
    pub(crate) fn request<'a>(
        &'a mut self,
        spans: Range<usize>,
        scratch: &'a mut Vec<u8>,
    ) -> &'a [u8] {
        let request = if spans == (0..self.len()) {
            &mut self.buffer
        } else {
            scratch.clear();
            scratch.extend_from_slice(&self.buffer[..self.first_span]);
            if !spans.is_empty() {
                let bytes = self.start(spans.start)..self.ends[spans.end - 1];
                scratch.extend_from_slice(&self.buffer[bytes]);
            }
            scratch
        };
        for content in [self.resource_spans, self.scope_spans] {
            let length = padded_length(request.len() - content);
            request[content - LENGTH_BYTES..content].copy_from_slice(&length);
        }
        request
    }

    fn start(&self, index: usize) -> usize {
        match index {
            0 => self.first_span,
            _ => self.ends[index - 1],
        }
    }
}

#[cfg(test)]
mod tests;
