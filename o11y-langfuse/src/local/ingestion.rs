//! The two endpoints that take scores: by the batch, where a current server refuses everything
//! else, and one by one.

use serde_json::{Value as Json, json};

use super::{
    fault::Fault,
    http::{Answer, Head, reason},
    keys::Access,
    mischief::act,
    request::Request,
    route::{INGESTION_PATH, Reply, SCORES_PATH, Site, check_access, check_method, refuse},
    score::{check_body, check_event},
    state::Stored,
};

/// What the server reads of a batch, and of a single score.
const MAX_BATCH_BYTES: usize = 4_500_000;
const MAX_SCORE_BYTES: usize = 1_000_000;

/// Answers 207 with one result for each event, and stores the scores that were taken.
pub(crate) fn receive(site: &Site, head: &Head, body: &[u8], connection: usize) -> Reply {
    let mut request = Request::new(head, body, connection);
    request.body_bytes = body.len();
    // Compressed bodies are not undone here, and are then no JSON.
    let batch = serde_json::from_slice::<Json>(body).unwrap_or_default();
    let events = batch["batch"].as_array();
    let ids = events.into_iter().flatten();
    let ids = ids.filter_map(|event| event["id"].as_str().map(str::to_owned));
    request.score_event_ids = ids.collect();

    let ticket = site.state.admit(request);
    act(site, &ticket, INGESTION_PATH, body.len(), || {
        let served = admit(site, head, body, MAX_BATCH_BYTES).and_then(|()| {
            events.ok_or_else(|| refuse(400, "the body is not JSON with an array `batch`"))
        });
        match served {
            Ok(events) => judge(events, &ticket.fault),
            Err(refusal) => (refusal, Stored::default()),
        }
    })
}

/// Takes one score, or refuses it.
pub(crate) fn receive_one(site: &Site, head: &Head, body: &[u8], connection: usize) -> Reply {
    let mut request = Request::new(head, body, connection);
    request.body_bytes = body.len();

    let ticket = site.state.admit(request);
    act(site, &ticket, SCORES_PATH, body.len(), || {
        let served = admit(site, head, body, MAX_SCORE_BYTES).and_then(|()| {
            let score = serde_json::from_slice::<Json>(body)
                .map_err(|error| refuse(400, &format!("Invalid JSON: {error}")))?;
            if let Some(status) = refusal_of(&score, &ticket.fault) {
                return Err(refuse(status, "told to refuse this score"));
            }
            check_body(&score).map_err(|message| refuse(400, message))?;
            Ok(score)
        });
        match served {
            Ok(score) => (
                Answer::json(200, &json!({ "id": score["id"] })),
                Stored {
                    scores: vec![json!({ "body": score })],
                    ..Stored::default()
                },
            ),
            Err(refusal) => (refusal, Stored::default()),
        }
    })
}

fn admit(site: &Site, head: &Head, body: &[u8], limit: usize) -> Result<(), Answer> {
    check_method(head, "POST")?;
    check_access(site, head, &[Access::Project, Access::Scores])?;
    if body.len() > limit {
        return Err(refuse(413, "the body exceeds the limit"));
    }
    // Without this type the body is not parsed as JSON.
    let content_type = head.header("content-type").unwrap_or_default();
    if !content_type.starts_with("application/json") {
        return Err(refuse(400, "the content type is not application/json"));
    }
    Ok(())
}

fn judge(events: &[Json], fault: &Fault) -> (Answer, Stored) {
    let mut successes = Vec::new();
    let mut errors = Vec::new();
    let mut scores = Vec::new();
    for event in events {
        let outcome = match refusal_of(&event["body"], fault) {
            Some(status) => Err((status, "told to refuse this score")),
            None => check_event(event).map_err(|message| (400, message)),
        };
        match outcome {
            Ok(()) => {
                successes.push(json!({ "id": event["id"], "status": 201 }));
                // The server says 201 to a score without an id as well, and then forgets it.
                if event["body"]["id"]
                    .as_str()
                    .is_some_and(|id| !id.is_empty())
                {
                    scores.push(event.clone());
                }
            }
            Err((status, message)) => errors.push(json!({
                "id": event["id"], "status": status, "message": message, "error": reason(status),
            })),
        }
    }
    let stored = Stored {
        scores,
        ..Stored::default()
    };
    let body = json!({ "successes": successes, "errors": errors });
    (Answer::json(207, &body), stored)
}

fn refusal_of(score: &Json, fault: &Fault) -> Option<u16> {
    match fault {
        Fault::RejectScore { name, status } if score["name"] == name.as_str() => Some(*status),
        _ => None,
    }
}
