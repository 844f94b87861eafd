//! The parts of the server's schema that a sender of scores is likely to get wrong.

use serde_json::Value as Json;

/// The longest id and the longest text of a score, in UTF-16 units.
const MAX_ID: usize = 800;
const MAX_TEXT: usize = 500;

/// Checks an event of a batch.
pub(crate) fn check_event(event: &Json) -> Result<(), &'static str> {
    if event["type"] != "score-create" {
        Err("only score-create is supported")
    } else if !is_id(&event["id"]) {
        Err("the event has no id of 1 to 800 characters")
    } else if !event["timestamp"].as_str().is_some_and(has_zone) {
        Err("the event has no timestamp in ISO 8601 with a zone")
    } else {
        check_body(&event["body"])
    }
}

/// Checks a score.
pub(crate) fn check_body(body: &Json) -> Result<(), &'static str> {
    let targets = ["traceId", "sessionId", "datasetRunId"]
        .into_iter()
        .filter(|target| has_text(&body[*target]));
    let is_given = |field: &str| body.get(field).is_some_and(|value| !value.is_null());
    let is_text_or_none = |field: &str| !is_given(field) || body[field].is_string();
    let is_correction = body["dataType"] == "CORRECTION";

    if !body.is_object() {
        Err("a score is one object")
    } else if is_given("id") && !is_id(&body["id"]) {
        Err("the score's id is not 1 to 800 characters")
    } else if !has_text(&body["name"]) && !is_correction {
        Err("the score has no name")
    } else if targets.count() != 1 {
        Err("the score needs exactly one of traceId, sessionId and datasetRunId")
    } else if has_text(&body["observationId"]) && !has_text(&body["traceId"]) {
        Err("observationId needs traceId")
    } else if !["comment", "environment", "configId", "queueId"]
        .into_iter()
        .all(is_text_or_none)
    {
        Err("comment, environment, configId and queueId are texts")
    } else if is_correction && (is_given("configId") || !has_text(&body["traceId"])) {
        Err("a correction is of a trace or an observation, and has no config")
    } else if body["source"] == "ANNOTATION" && !is_given("configId") && !is_correction {
        Err("an annotation needs a config")
    } else {
        check_value(body)
    }
}

fn check_value(body: &Json) -> Result<(), &'static str> {
    let value = &body["value"];
    let fits = match body.get("dataType").map(Json::as_str) {
        None => value.is_number() || value.is_string(),
        Some(Some("NUMERIC")) => value.is_number(),
        Some(Some("BOOLEAN")) => matches!(value.as_f64(), Some(0.0 | 1.0)),
        Some(Some("CATEGORICAL" | "CORRECTION")) => value.is_string(),
        Some(Some("TEXT")) => value
            .as_str()
            .is_some_and(|text| (1..=MAX_TEXT).contains(&units(text))),
        Some(_) => false,
    };
    if fits {
        Ok(())
    } else {
        Err("value and dataType do not fit together")
    }
}

fn has_text(value: &Json) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty())
}

fn is_id(value: &Json) -> bool {
    value
        .as_str()
        .is_some_and(|id| (1..=MAX_ID).contains(&units(id)) && !id.contains('\r'))
}

/// As JavaScript counts.
fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// A date, a time and a zone, as far as a look at their places tells.
fn has_zone(text: &str) -> bool {
    let Some((date, time)) = text.split_once('T') else {
        return false;
    };
    let zone = time.get(8..).unwrap_or_default();
    let zone = zone.trim_start_matches(|letter: char| letter == '.' || letter.is_ascii_digit());
    date.len() == 10 && (zone == "Z" || zone.len() == 6 && zone.starts_with(['+', '-']))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(timestamp: &str, body: &Json) -> Result<(), &'static str> {
        check_event(
            &json!({ "id": "e", "type": "score-create", "timestamp": timestamp, "body": body }),
        )
    }

    fn score(body: &Json) -> Result<(), &'static str> {
        event("2026-01-31T23:59:59.123Z", body)
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
        assert!(typed(json!("TEXT"), json!("🦀".repeat(251))).is_err());
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

    #[test]
    fn a_correction_is_of_a_trace_and_has_no_config() {
        let correction = |target: &str| json!({ "name": "output", "dataType": "CORRECTION", "value": "better", target: "x" });
        let mut with_config = correction("traceId");
        with_config["configId"] = json!("c");

        assert!(score(&correction("traceId")).is_ok());
        assert!(score(&correction("sessionId")).is_err());
        assert!(score(&with_config).is_err());
    }

    #[test]
    fn a_moment_has_a_zone() {
        let body = json!({ "name": "n", "value": 1, "sessionId": "s" });

        assert!(event("2026-01-31T23:59:59Z", &body).is_ok());
        assert!(event("2026-01-31T23:59:59.123456+01:00", &body).is_ok());
        assert!(event("2026-01-31T23:59:59", &body).is_err());
        assert!(event("2026-01-31", &body).is_err());
    }
}
