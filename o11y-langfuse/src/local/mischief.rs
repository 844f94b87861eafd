//! What a fault does to a request, whatever the request is.

use serde_json::json;

use super::{
    fault::Fault,
    http::{Answer, reason},
    route::{Reply, Site, refuse},
    state::{Stored, Ticket},
};

/// The bytes of [`Fault::Garbage`]; they even begin like an answer.
pub(crate) const GARBAGE: &[u8] = b"HTTP/\x00\xff\xfe this is not an answer\r\n\r\n";

/// How many bytes [`Fault::TruncatedAnswer`] owes.
const MISSING_BYTES: usize = 64;

/// Treats a request to `path` of so many bytes as its fault says; `serve` is what happens without.
pub(crate) fn act(
    site: &Site,
    ticket: &Ticket,
    path: &str,
    body_bytes: usize,
    serve: impl FnOnce() -> (Answer, Stored),
) -> Reply {
    let (reply, stored) = choose(site, ticket, path, body_bytes, serve);
    let status = match &reply {
        Reply::Answer(answer) | Reply::Truncated(answer) => Some(answer.status),
        Reply::Garbage | Reply::Close | Reply::Reset => None,
    };
    // Before the answer is sent, so that a client that has it finds the request settled.
    site.state.settle(ticket, status, stored);
    reply
}

fn choose(
    site: &Site,
    ticket: &Ticket,
    path: &str,
    body_bytes: usize,
    serve: impl FnOnce() -> (Answer, Stored),
) -> (Reply, Stored) {
    let nothing_stored = |reply| (reply, Stored::default());
    let answered = |answer| nothing_stored(Reply::Answer(answer));
    let healthy = |(answer, stored)| (Reply::Answer(answer), stored);

    match &ticket.fault {
        Fault::Status(status) => answered(refuse(*status, "told to refuse")),
        Fault::RetryAfter { status, after } => answered(
            refuse(*status, "told to refuse for a while").with_header("Retry-After", after.clone()),
        ),
        Fault::TooLarge { limit } if body_bytes > *limit => answered(refuse(
            413,
            &format!("the body is larger than {limit} bytes"),
        )),
        Fault::Missing { path: gone, status } if path == gone => {
            answered(refuse(*status, "told that it is not there"))
        }
        Fault::Healthy
        | Fault::TooLarge { .. }
        | Fault::RejectSpan { .. }
        | Fault::RejectScore { .. }
        | Fault::Missing { .. } => healthy(serve()),
        Fault::Delay(time) if site.state.hold(ticket, Some(*time)) => healthy(serve()),
        Fault::Stall if site.state.hold(ticket, None) => healthy(serve()),
        Fault::ResetBeforeAnswer => nothing_stored(Reply::Reset),
        Fault::ResetAfterStoring => (Reply::Reset, serve().1),
        // A request that is still held has to go because the receiver stops.
        Fault::CloseBeforeAnswer | Fault::Delay(_) | Fault::Stall => nothing_stored(Reply::Close),
        Fault::Garbage => nothing_stored(Reply::Garbage),
        Fault::GarbageBody => {
            let (answer, stored) = serve();
            (
                Reply::Answer(answer.with_body("<html>not JSON</html>")),
                stored,
            )
        }
        Fault::TruncatedAnswer => {
            let (answer, stored) = serve();
            let answer = answer.with_missing_bytes(MISSING_BYTES);
            (Reply::Truncated(answer), stored)
        }
        Fault::Redirect(status) => {
            let location = format!("{}{path}", site.base_url);
            answered(
                Answer::json(*status, &json!({ "message": reason(*status) }))
                    .with_header("Location", location),
            )
        }
    }
}
