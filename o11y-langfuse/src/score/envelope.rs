//! One score as the JSON that goes out, made where it is given and never changed after that.

use o11y_core::{Score, ScoreValue, TraceId, Value, ValueRef};
use serde_json::{Map, Value as Json};

use crate::{encode::MAX_SAFE_INTEGER, queue::Item};

const BEFORE_ID: &str = r#"{"id":""#;
const BEFORE_TIMESTAMP: &str = r#"","type":"score-create","timestamp":""#;
const BEFORE_BODY: &str = r#"","body":"#;

/// Digits of an id; characters of a moment with milliseconds, from 1970 to 9999.
const ID_LENGTH: usize = 32;
const TIMESTAMP_LENGTH: usize = 24;

const ID_START: usize = BEFORE_ID.len();
const BODY_START: usize =
    ID_START + ID_LENGTH + BEFORE_TIMESTAMP.len() + TIMESTAMP_LENGTH + BEFORE_BODY.len();

/// A `score-create` event: an id of its own, the moment of the score, and the score as the body.
///
/// It is text from the start, so that every attempt sends the same bytes: the server tells a
/// repeated event by its id.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Envelope {
    json: Box<str>,
}

impl Envelope {
    /// `environment` is that of the process, for a score that names none.
    pub(crate) fn new(score: &Score, environment: Option<&str>) -> Self {
        let id = TraceId::random(); // 32 random digits
        let timestamp = score.timestamp_text();
        let body = body(score, environment);
        let json = format!("{BEFORE_ID}{id}{BEFORE_TIMESTAMP}{timestamp}{BEFORE_BODY}{body}}}");
        Self { json: json.into() }
    }

    /// The id of the event, not of the score.
    pub(crate) fn id(&self) -> &str {
        self.json
            .get(ID_START..ID_START + ID_LENGTH)
            .unwrap_or_default()
    }

    /// The whole event.
    pub(crate) fn event(&self) -> &str {
        &self.json
    }

    /// The score alone.
    pub(crate) fn body(&self) -> &str {
        self.json
            .get(BODY_START..self.json.len() - 1)
            .unwrap_or_default()
    }
}

impl Item for Envelope {
    fn content_bytes(&self) -> usize {
        self.json.len()
    }
}

/// Shows the id alone.
impl std::fmt::Debug for Envelope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Envelope").field(&self.id()).finish()
    }
}

/// The body by the server's schema. `id` and `dataType` are always there: without the one the
/// server says 201 and forgets the score, without the other some versions refuse it.
fn body(score: &Score, environment: Option<&str>) -> Json {
    let mut body = Map::new();
    let mut text = |key: &str, value: Option<&str>| {
        if let Some(value) = value {
            body.insert(key.to_owned(), value.into());
        }
    };
    let trace = score.trace_id().map(|id| id.to_string());
    let observation = score.observation_id().map(|id| id.to_string());
    text("id", score.get_id());
    text("name", Some(score.name()));
    text("dataType", Some(score.data_type().as_str()));
    text("traceId", trace.as_deref());
    text("observationId", observation.as_deref());
    text("sessionId", score.session_id());
    text("datasetRunId", score.dataset_run_id());
    text("comment", score.get_comment());
    text("environment", score.get_environment().or(environment));
    text("configId", score.get_config_id());
    text("queueId", score.get_queue_id());
    let value = match score.value() {
        ScoreValue::Number(number) => Json::from(number),
        // The server refuses a JSON `true`.
        ScoreValue::Boolean(yes) => Json::from(u8::from(yes)),
        ScoreValue::Text(text) => Json::from(text),
        _ => Json::Null, // there is no other
    };
    body.insert("value".to_owned(), value);
    let metadata: Map<_, _> = score
        .metadata_entries()
        .map(|(key, value)| (key.to_owned(), json(value)))
        .collect();
    if !metadata.is_empty() {
        body.insert("metadata".to_owned(), metadata.into());
    }
    body.into()
}

/// An entry of the metadata; the server makes text of all of them.
fn json(value: &Value) -> Json {
    match value.as_ref() {
        ValueRef::Bool(yes) => yes.into(),
        // JavaScript, in which the server is written, would round it.
        ValueRef::Int(number) if number.unsigned_abs() > MAX_SAFE_INTEGER => {
            number.to_string().into()
        }
        ValueRef::Int(number) => number.into(),
        ValueRef::Float(number) => number.into(),
        ValueRef::Text(text) => text.into(),
        ValueRef::Usage(usage) => {
            let classes = usage.classes().filter(|(_, tokens)| *tokens > 0);
            let classes = classes.map(|(class, tokens)| (class.to_owned(), tokens.into()));
            Json::Object(classes.collect())
        }
        ValueRef::Cost(cost) => cost.to_usd().into(),
        _ => Json::Null,
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use o11y_core::SpanId;
    use serde_json::json;

    use super::*;

    fn sent(score: &Score) -> Json {
        serde_json::from_str(Envelope::new(score, Some("default-env")).event()).unwrap()
    }

    #[test]
    fn a_score_goes_out_with_everything_it_says_and_nothing_else() {
        let trace: TraceId = "0af7651916cd43dd8448eb211c80319c".parse().unwrap();
        let span: SpanId = "00f067aa0ba902b7".parse().unwrap();
        let score = Score::boolean("polite", true)
            .id("s")
            .trace(trace)
            .observation(span)
            .comment("he said \"please\"")
            .metadata("judge", "m")
            .metadata("votes", 3)
            .config_id("c")
            .queue_id("q")
            .environment("staging")
            .timestamp(UNIX_EPOCH + Duration::from_millis(1_700_000_000_123));

        let envelope = Envelope::new(&score, Some("default-env"));
        let event: Json = serde_json::from_str(envelope.event()).unwrap();

        let body = json!({
            "id": "s", "name": "polite", "dataType": "BOOLEAN", "value": 1,
            "traceId": "0af7651916cd43dd8448eb211c80319c", "observationId": "00f067aa0ba902b7",
            "comment": "he said \"please\"", "metadata": { "judge": "m", "votes": 3 },
            "configId": "c", "queueId": "q", "environment": "staging",
        });
        assert_eq!(
            event,
            json!({
                "id": envelope.id(), "type": "score-create",
                "timestamp": "2023-11-14T22:13:20.123Z", "body": body,
            })
        );
        assert_eq!(serde_json::from_str::<Json>(envelope.body()).unwrap(), body);
        assert_eq!(envelope.id().len(), ID_LENGTH);
    }

    #[test]
    fn what_is_not_said_is_left_out() {
        let event = sent(&Score::numeric("accuracy", 1.0).session("s").id("i"));

        assert_eq!(
            event["body"],
            json!({
                "id": "i", "name": "accuracy", "dataType": "NUMERIC", "value": 1.0,
                "sessionId": "s", "environment": "default-env",
            })
        );
    }

    #[test]
    fn a_number_in_the_metadata_that_the_server_would_round_is_text() {
        let score = Score::numeric("n", 1.0).session("s").id("i");
        let score = score
            .metadata("order", 9_007_199_254_740_993_i64)
            .metadata("least", i64::MIN)
            .metadata("exact", 9_007_199_254_740_991_i64)
            .metadata("ratio", f64::NAN);

        assert_eq!(
            sent(&score)["body"]["metadata"],
            json!({
                "order": "9007199254740993", "least": "-9223372036854775808",
                "exact": 9_007_199_254_740_991_i64, "ratio": "NaN",
            })
        );
    }

    #[test]
    fn two_events_never_share_an_id_even_of_one_score() {
        let score = Score::numeric("n", 1.0).session("s").id("i");

        assert_ne!(
            Envelope::new(&score, None).id(),
            Envelope::new(&score, None).id()
        );
    }

    #[test]
    fn debug_output_shows_no_content() {
        let envelope = Envelope::new(&Score::text("n", "secret").session("s"), None);

        assert!(!format!("{envelope:?}").contains("secret"));
    }
}
