//! The trace endpoint: first the fault that is scripted for a request, then what the server
//! itself would check, in the server's order.

use std::{
    borrow::Cow,
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::json;

use super::{
    decode::{DecodeError, Export, decompress, is_gzip},
    fault::Fault,
    http::{Answer, Head},
    keys::Access,
    mischief::act,
    request::Request,
    route::{COLLECTOR_PATH, Reply, Site, check_access, check_method, refuse},
    state::Stored,
};

/// A request that has been read and decoded as far as that was possible.
struct Arrival<'a> {
    head: &'a Head,
    body_bytes: usize,
    export: Result<Export, DecodeError>,
}

/// Records an export request and answers it, or does what the script says instead.
pub(crate) fn receive(site: &Site, head: &Head, wire: &[u8], connection: usize) -> Reply {
    let mut request = Request::new(head, wire, connection);
    // Decoded before anything is decided: tests want to know what a refused request carried.
    let encoding = head.header("content-encoding");
    let body = decompress(encoding, wire);
    let arrival = Arrival {
        head,
        body_bytes: body.as_deref().map_or(0, <[u8]>::len),
        export: body.and_then(|body: Cow<'_, [u8]>| Export::parse(&body)),
    };
    request.gzip = is_gzip(encoding);
    request.body_bytes = arrival.body_bytes;
    request.observation_ids = arrival
        .export
        .as_ref()
        .map(Export::span_ids)
        .unwrap_or_default();

    let ticket = site.state.admit(request);
    let body_bytes = arrival.body_bytes;
    act(site, &ticket, head.path(), body_bytes, || {
        serve(site, arrival, &ticket.fault)
    })
}

fn serve(site: &Site, arrival: Arrival<'_>, fault: &Fault) -> (Answer, Stored) {
    if let (Fault::RejectSpan { name }, Ok(export)) = (fault, &arrival.export)
        && export.has_span_named(name)
    {
        let refusal = invalid(&format!("span `{name}` is refused"));
        return (refusal, Stored::default());
    }
    let is_collector = arrival.head.path() == COLLECTOR_PATH;
    match check(site, arrival) {
        Ok(export) => {
            // Opaque on the real server; only that it is JSON and never protobuf matters.
            let answer = match export.is_empty() {
                _ if is_collector => Answer::taken(),
                true => Answer::json(200, &json!({})),
                false => Answer::json(200, &json!({ "message": "OK" })),
            };
            let observations = export.into_observations(now_unix_nanos());
            (
                answer,
                Stored {
                    observations,
                    ..Stored::default()
                },
            )
        }
        Err(refusal) => (refusal, Stored::default()),
    }
}

fn check(site: &Site, arrival: Arrival<'_>) -> Result<Export, Answer> {
    let head = arrival.head;
    check_method(head, "POST")?;
    if head.path() != COLLECTOR_PATH {
        check_access(site, head, &[Access::Project])?;
    }

    let version = head.header("x-langfuse-ingestion-version");
    let version = version.or_else(|| head.header("x_langfuse_ingestion_version"));
    if version.is_some_and(|version| parse_int(version).is_none_or(|version| version > 4)) {
        return Err(invalid("this ingestion version is not supported"));
    }
    let content_type = head.header("content-type").unwrap_or_default();
    if !content_type.contains("application/x-protobuf") {
        return Err(invalid(&format!(
            "content type `{content_type}` is not supported"
        )));
    }
    let export = arrival.export.map_err(|error| match error {
        DecodeError::TooLarge => refuse(413, &error.to_string()),
        _ => invalid(&with_causes(&error)),
    })?;
    match export.missing_ids() {
        Some(reasons) => Err(invalid(&format!(
            "the request has invalid spans: {reasons}"
        ))),
        None => Ok(export),
    }
}

/// The endpoint's own form of 400, which differs from that of the other refusals.
fn invalid(message: &str) -> Answer {
    Answer::json(400, &json!({ "error": message }))
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

/// Reads a number as JavaScript's `parseInt` does: what follows the digits does not matter.
fn parse_int(text: &str) -> Option<i64> {
    let text = text.trim_start();
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let digits = unsigned.find(|character: char| !character.is_ascii_digit());
    let end = text.len() - unsigned.len() + digits.unwrap_or(unsigned.len());
    text[..end].parse().ok()
}

fn now_unix_nanos() -> u64 {
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_javascript_reads_them() {
        assert_eq!(parse_int("4"), Some(4));
        assert_eq!(parse_int(" +4.9 beta"), Some(4));
        assert_eq!(parse_int("-1"), Some(-1));
        assert_eq!(parse_int("v4"), None);
        assert_eq!(parse_int(""), None);
    }
}
