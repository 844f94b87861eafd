//! The batch endpoint, for scores only: everything else is refused there by a current server.

use serde_json::{Value as Json, json};

use super::{
    http::{Answer, Head, reason},
    keys::Access,
    route::{Site, check_access, check_method, refuse},
};

/// Answers 207 with one result for each event, and stores the scores that were taken.
pub(crate) fn receive(site: &Site, head: &Head, body: &[u8]) -> Answer {
    let allowed = [Access::Project, Access::Scores];
    if let Err(refusal) =
        check_method(head, "POST").and_then(|()| check_access(site, head, &allowed))
    {
        return refusal;
    }
    // Compressed bodies are not undone here, and are then no JSON.
    let batch = serde_json::from_slice::<Json>(body).ok();
    let Some(events) = batch.as_ref().and_then(|batch| batch["batch"].as_array()) else {
        return refuse(400, "the body is not JSON with an array `batch`");
    };

    let mut successes = Vec::new();
    let mut errors = Vec::new();
    let mut scores = Vec::new();
    for event in events {
        match check(event) {
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
            Err(message) => errors.push(json!({
                "id": event["id"], "status": 400, "message": message, "error": reason(400),
            })),
        }
    }
    site.state.store_scores(scores);
    Answer::json(207, &json!({ "successes": successes, "errors": errors }))
}

/// The parts of the server's schema that a sender of scores is likely to get wrong.
fn check(event: &Json) -> Result<(), &'static str> {
    let body = &event["body"];
    let has_text = |value: &Json| value.as_str().is_some_and(|text| !text.is_empty());
    let targets = ["traceId", "sessionId", "datasetRunId"];
    let value = &body["value"];

    if event["type"] != "score-create" {
        Err("only score-create is supported")
    } else if !has_text(&event["id"]) {
        Err("the event has no id")
    } else if !has_text(&event["timestamp"]) {
        Err("the event has no timestamp")
    } else if !has_text(&body["name"]) {
        Err("the score has no name")
    } else if targets
        .iter()
        .filter(|target| has_text(&body[**target]))
        .count()
        != 1
    {
        Err("the score needs exactly one of traceId, sessionId and datasetRunId")
    } else if has_text(&body["observationId"]) && !has_text(&body["traceId"]) {
        Err("observationId needs traceId")
    } else {
        let fits = match body.get("dataType").map(Json::as_str) {
            None => value.is_number() || value.is_string(),
            Some(Some("NUMERIC")) => value.is_number(),
            Some(Some("BOOLEAN")) => matches!(value.as_f64(), Some(0.0 | 1.0)),
            Some(Some("CATEGORICAL" | "CORRECTION")) => value.is_string(),
            Some(Some("TEXT")) => value
                .as_str()
                .is_some_and(|text| (1..=500).contains(&text.chars().count())),
            Some(_) => false,
        };
        if fits {
            Ok(())
        } else {
            Err("value and dataType do not fit together")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(body: &Json) -> Result<(), &'static str> {
        check(&json!({ "id": "e", "type": "score-create", "timestamp": "t", "body": body }))
    }

    #[test]
    fn values_must_fit_their_type() {
        let typed = |data_type: Json, value: Json| {
            score(&json!({ "name": "n", "traceId": "t", "dataType": data_type, "value": value }))
        };

        assert!(typed(json!("NUMERIC"), json!(0.5)).is_ok());
        assert!(typed(json!("BOOLEAN"), json!(1)).is_ok());
        assert!(typed(json!("BOOLEAN"), json!(true)).is_err());
        assert!(typed(json!("CATEGORICAL"), json!("good")).is_ok());
        assert!(typed(json!("TEXT"), json!("")).is_err());
        assert!(typed(Json::Null, json!(1)).is_err());
    }

    #[test]
    fn a_score_has_one_target() {
        assert!(score(&json!({ "name": "n", "value": 1 })).is_err());
        assert!(score(&json!({ "name": "n", "value": 1, "sessionId": "s" })).is_ok());
        assert!(
            score(&json!({ "name": "n", "value": 1, "sessionId": "s", "traceId": "t" })).is_err()
        );
    }
}
