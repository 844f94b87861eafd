//! Scores on their way to Langfuse: how many wait, what one looks like, and what the server says.
//!
//! They have a lane beside that of the spans, which the same worker empties. A batch of them goes
//! to `/api/public/ingestion`, whose answer judges each by itself, see [`Fates`]. A server without
//! that endpoint gets them one by one at `/api/public/scores`.

pub(crate) use self::{answer::Fate, answer::Fates, envelope::Envelope};

mod answer;
mod envelope;

/// Scores that may wait. An evaluation scores in a burst: this is three scores for each of 5,000
/// examples. The empty queue takes 400 KB, a full one some 6 MB.
pub(crate) const QUEUE_SIZE: usize = 16_384;

/// Bytes of scores that may wait: with long comments it is these that bound the queue.
pub(crate) const QUEUE_BYTES: usize = 16 * 1024 * 1024;

/// Scores of one request, as in Langfuse's own SDK for JavaScript.
pub(crate) const BATCH_SIZE: usize = 100;

/// Bytes of one request, a single larger score excepted. The server takes 4.5 MB, proxies before it
/// often 1 MB.
pub(crate) const REQUEST_BYTES: usize = 1_000_000;
