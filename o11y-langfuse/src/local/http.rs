//! As much of HTTP/1.1 as the receiver needs: read a request, write an answer.
//!
//! The server is our own and not a crate's, because half of what it is for happens below HTTP:
//! it resets connections, promises more bytes than it sends, and answers with noise. A proper
//! server does not let its users do that. Everything here is pure over `BufRead` and bytes, so
//! that it is tested without a socket.

mod answer;
mod body;
mod head;

use std::io;

pub(crate) use self::{
    answer::{Answer, reason},
    body::read_body,
    head::{Head, find},
};

/// A head beyond this is refused: no exporter comes near it.
pub(crate) const MAX_HEAD_BYTES: usize = 16 * 1024;

/// A body beyond this is refused, before and after decompression. Langfuse itself only warns
/// above 16 MiB; the bound keeps a runaway test from taking the machine's memory.
pub(crate) const MAX_BODY_BYTES: usize = 64 * 1024 * 1024;

/// Why a request could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    /// The socket failed, or nothing came for as long as the read timeout.
    #[error("the connection failed")]
    Io(#[from] io::Error),
    /// The client left before its request was complete.
    #[error("the connection ended in the middle of a request")]
    UnexpectedEnd,
    /// What came is not HTTP.
    #[error("the head of the request is not understood")]
    Malformed(#[source] httparse::Error),
    /// The head is larger than `MAX_HEAD_BYTES` or has too many lines.
    #[error("the head of the request is too large")]
    HeadTooLarge,
    /// The body is larger than `MAX_BODY_BYTES`.
    #[error("the body is larger than {MAX_BODY_BYTES} bytes")]
    BodyTooLarge,
    /// Nobody can tell where the body ends.
    #[error("the length of the body is not stated clearly")]
    UnclearLength,
    /// A chunk of a chunked body has no proper frame.
    #[error("a chunk of the body is malformed")]
    MalformedChunk,
}

impl HttpError {
    /// The answer to give before the connection is closed, when there is somebody to read it.
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Io(_) | Self::UnexpectedEnd => None,
            Self::HeadTooLarge => Some(431),
            Self::BodyTooLarge => Some(413),
            Self::Malformed(_) | Self::UnclearLength | Self::MalformedChunk => Some(400),
        }
    }
}
