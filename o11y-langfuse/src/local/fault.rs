//! What the receiver can be told to do wrong.

use std::time::Duration;

/// How the receiver treats one export request, of spans or of scores.
///
/// Given one by one to [`Receiver::script`](super::Receiver::script) or for good to
/// [`Receiver::always`](super::Receiver::always). A fault comes before everything that the server
/// would check itself, as a fault of a proxy in front of it would; those that let the request
/// through ([`TooLarge`](Self::TooLarge), [`Delay`](Self::Delay) and so on) then treat it like any
/// other, wrong keys included.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Answers as usual; steps over one request in a script.
    Healthy,
    /// Stores nothing and answers with this status and a JSON error.
    Status(u16),
    /// Stores nothing and answers with this status and a `Retry-After` header.
    RetryAfter {
        /// Usually 429 or 503.
        status: u16,
        /// Seconds or an HTTP date; sent as it is.
        after: String,
    },
    /// Answers 413 when the body, decompressed, is larger than the limit; else as usual.
    TooLarge {
        /// Bytes that still pass.
        limit: usize,
    },
    /// Answers 400 to the whole request when a span of this name is in it; else as usual.
    RejectSpan {
        /// The span's name, exactly.
        name: String,
    },
    /// Reports the scores of this name as failed with this status, in an answer that is otherwise as
    /// usual: each event of a batch is judged by itself. Sent one by one, the request fails.
    RejectScore {
        /// The score's name, exactly.
        name: String,
        /// Usually 400, 429 or 500.
        status: u16,
    },
    /// Answers with this status, usually 404 or 410, at this path; else as usual. A server without
    /// the batch endpoint is one without `/api/public/ingestion`.
    Missing {
        /// The path, exactly.
        path: String,
        /// What is answered there.
        status: u16,
    },
    /// Answers as usual after a while, or at once when the receiver is released.
    Delay(Duration),
    /// Reads the request and answers only when the receiver is released, if ever.
    ///
    /// The spans are stored then, also when the client has given up waiting: so does a real
    /// server, and this is how spans get delivered twice.
    Stall,
    /// Stores nothing and resets the connection.
    ResetBeforeAnswer,
    /// Stores the spans and resets the connection instead of answering.
    ResetAfterStoring,
    /// Stores nothing and closes the connection in an orderly way without an answer.
    CloseBeforeAnswer,
    /// Stores nothing, answers with bytes that are not HTTP and closes the connection.
    Garbage,
    /// Stores what came and answers with the usual status, but a body that is no JSON.
    GarbageBody,
    /// Stores the spans, answers 200 with a body shorter than promised and closes the connection.
    TruncatedAnswer,
    /// Stores nothing and answers with this status, 307 or 308, and a `Location` that leads back
    /// to the same place.
    Redirect(u16),
}
