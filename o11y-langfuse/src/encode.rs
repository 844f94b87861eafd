//! Records to OTLP bytes: one `ExportTraceServiceRequest` in one reused buffer.

use std::ops::Range;

use o11y_core::{Anchor, Record};

use self::{
    attribute::AttributeWriter,
    trim::trimmed,
    wire::{LENGTH_BYTES, Writer, padded_length},
};
use crate::{config::DEFAULT_REQUEST_BYTES, mask::Privacy};

mod attribute;
mod first_token;
mod instant;
mod key;
mod metadata;
mod name;
mod read;
mod redact;
mod span;
mod tokens;
mod trace;
mod trim;
mod wire;

#[cfg(feature = "otlp")]
pub(crate) use self::{
    metadata::METADATA,
    read::{Field, Fields},
};
pub(crate) use self::{name::environment, redact::Redactor, tokens::MAX_SAFE_INTEGER};

/// Fields of the request, from the OTLP definition 1.5.
const RESOURCE_SPANS: u32 = 1;
const RESOURCE: u32 = 1;
const RESOURCE_ATTRIBUTES: u32 = 1;
const SCOPE_SPANS: u32 = 2;
const SCOPE: u32 = 1;
const SCOPE_NAME: u32 = 1;
const SCOPE_VERSION: u32 = 2;
const SPANS: u32 = 2;

/// The most bytes of one encoded span, so that it fits into a request by itself; only a mask can make
/// one larger, because records are cut before they are queued.
const MAX_SPAN_BYTES: usize = DEFAULT_REQUEST_BYTES;

/// What the texts of such a span are cut to, all together: as much as a record may hold.
const BOUND_TO: usize = 3 << 20;

/// What the texts of a span are cut to, all together, each time that a server refuses it for its size.
/// A proxy takes a megabyte if nobody has told it otherwise (nginx); 100 KB is what is left to try.
const TRIM_TO: [usize; 2] = [900_000, 100_000];

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
    largest: usize,
    /// The spans of which texts were cut.
    trimmed: Vec<usize>,
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
            largest: 0,
            trimmed: Vec::new(),
            redactor: Redactor::new(privacy.clone()),
        }
    }

    /// Forgets the spans and keeps the room.
    pub(crate) fn clear(&mut self) {
        self.buffer.truncate(self.first_span);
        self.ends.clear();
        self.largest = 0;
        self.trimmed.clear();
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
        let index = self.len() - 1;
        if self.buffer.len() - self.start(index) > MAX_SPAN_BYTES {
            self.bound(index);
        }
        self.largest = self.largest.max(self.ends[index] - self.start(index));
    }

    /// Cuts the texts of the last span, which has become too large to be sent.
    #[cold]
    fn bound(&mut self, index: usize) {
        if let Some(span) = trimmed(self.span(index), BOUND_TO) {
            self.buffer.truncate(self.start(index));
            write_span(&mut self.buffer, &span);
            self.ends[index] = self.buffer.len();
            self.note_trimmed(index);
        }
    }

    /// How a span that was refused for its size is made smaller, after so many cuts; none if nothing
    /// is left to be cut.
    pub(crate) fn trim(&mut self, index: usize, cuts: usize) -> Option<Trimmed> {
        let mut rest = TRIM_TO.iter().enumerate().skip(cuts);
        let found = rest.find_map(|(step, content)| {
            let span = trimmed(self.span(index), *content)?;
            Some(Trimmed {
                span,
                cuts: step + 1,
            })
        })?;
        self.note_trimmed(index);
        Some(found)
    }

    fn note_trimmed(&mut self, index: usize) {
        if !self.trimmed.contains(&index) {
            self.trimmed.push(index);
        }
    }

    /// Of how many spans texts were cut here.
    pub(crate) fn trimmed(&self) -> u64 {
        self.trimmed.len() as u64
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

    /// The bytes of the largest span, with what stands before it in a request.
    pub(crate) fn largest(&self) -> usize {
        self.largest
    }

    /// The bytes of one span, without what stands before it in a request.
    pub(crate) fn span(&self, index: usize) -> &[u8] {
        &self.buffer[self.start(index) + 1 + LENGTH_BYTES..self.ends[index]]
    }

    /// Where to divide some spans so that both parts have about as many bytes and neither is empty.
    pub(crate) fn middle(&self, spans: Range<usize>) -> usize {
        let half = self.start(spans.start).midpoint(self.ends[spans.end - 1]);
        let fits = self.ends[spans.clone()].partition_point(|end| *end <= half);
        (spans.start + fits).clamp(spans.start + 1, spans.end - 1)
    }

    /// The request over some spans: over the first ones, or all, where they lie; over others copied
    /// into `scratch`.
    pub(crate) fn request<'a>(
        &'a mut self,
        spans: Range<usize>,
        scratch: &'a mut Vec<u8>,
    ) -> &'a [u8] {
        let request = if spans.start == 0 {
            let end = self.start(spans.end);
            &mut self.buffer[..end]
        } else {
            scratch.clear();
            scratch.extend_from_slice(&self.buffer[..self.first_span]);
            if !spans.is_empty() {
                let bytes = self.start(spans.start)..self.ends[spans.end - 1];
                scratch.extend_from_slice(&self.buffer[bytes]);
            }
            scratch.as_mut_slice()
        };
        close(request, [self.resource_spans, self.scope_spans]);
        request
    }

    /// The request over a span that was made smaller, written into `scratch`.
    pub(crate) fn request_of<'a>(&self, trimmed: &Trimmed, scratch: &'a mut Vec<u8>) -> &'a [u8] {
        scratch.clear();
        scratch.extend_from_slice(&self.buffer[..self.first_span]);
        write_span(scratch, &trimmed.span);
        close(scratch, [self.resource_spans, self.scope_spans]);
        scratch
    }

    fn start(&self, index: usize) -> usize {
        match index {
            0 => self.first_span,
            _ => self.ends[index - 1],
        }
    }
}

/// A span that was made smaller.
pub(crate) struct Trimmed {
    span: Vec<u8>,
    /// How often it was cut.
    pub(crate) cuts: usize,
}

/// Appends an encoded span.
fn write_span(buffer: &mut Vec<u8>, span: &[u8]) {
    let mut writer = Writer { buffer };
    let message = writer.begin(SPANS);
    writer.buffer.extend_from_slice(span);
    writer.end(message);
}

/// Writes the lengths of the messages that enclose the spans, whose content begins there.
fn close(request: &mut [u8], contents: [usize; 2]) {
    for content in contents {
        let length = padded_length(request.len() - content);
        request[content - LENGTH_BYTES..content].copy_from_slice(&length);
    }
}

#[cfg(test)]
mod tests;
