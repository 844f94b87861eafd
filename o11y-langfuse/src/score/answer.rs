//! What the server says of each score of a batch.
//!
//! The status of the answer only says that the batch was read; each event has a status of its own
//! in the body.
//!
//! | of an event | means |
//! |---|---|
//! | in `successes`, or nowhere | delivered: the request got a 2xx, and is never sent again for it |
//! | 408, 429, 502, 503, 504 in `errors` | sent again, without the others |
//! | 500 and other 5xx | sent again, at most 8 times |
//! | 401, 403 | lost as `unauthorized` |
//! | 413 | lost as `too_large` |
//! | anything else in `errors` | lost as `rejected` |
//!
//! A body that cannot be read says nothing of any event, so all of them are delivered: as with
//! spans, a 2xx is taken at its word.

use std::collections::HashMap;

use serde_json::Value as Json;

use crate::{
    stats::LossReason,
    verdict::{is_server_failure, is_temporary},
};

/// What is to become of a score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Delivered,
    /// Send it again. `is_failure` if the server failed at it, rather than being busy.
    Again {
        is_failure: bool,
    },
    Lost(LossReason),
}

/// The events that failed, by their ids.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Fates {
    failed: HashMap<String, u16>,
}

impl Fates {
    /// Reads the body of an answer; what cannot be read says nothing.
    pub(crate) fn read(body: &[u8]) -> Self {
        let body: Json = serde_json::from_slice(body).unwrap_or_default();
        let mut failed: HashMap<_, _> = entries(&body, "errors")
            .map(|(id, entry)| {
                let status = entry["status"]
                    .as_u64()
                    .and_then(|code| code.try_into().ok());
                (id.to_owned(), status.unwrap_or_default())
            })
            .collect();
        for (id, _) in entries(&body, "successes") {
            failed.remove(id);
        }
        Self { failed }
    }

    /// What the server says of the event of this id.
    pub(crate) fn of(&self, id: &str) -> Fate {
        match self.failed.get(id) {
            None => Fate::Delivered,
            Some(&status) if is_temporary(status) => Fate::Again { is_failure: false },
            Some(&status) if is_server_failure(status) => Fate::Again { is_failure: true },
            Some(401 | 403) => Fate::Lost(LossReason::Unauthorized),
            Some(413) => Fate::Lost(LossReason::TooLarge),
            Some(_) => Fate::Lost(LossReason::Rejected),
        }
    }
}

fn entries<'a>(body: &'a Json, list: &str) -> impl Iterator<Item = (&'a str, &'a Json)> {
    let entries = body[list].as_array().into_iter().flatten();
    entries.filter_map(|entry| Some((entry["id"].as_str()?, entry)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::corpus;

    fn fate_of(status: &Json) -> Fate {
        let body = json!({ "errors": [{ "id": "e", "status": status }] });
        Fates::read(body.to_string().as_bytes()).of("e")
    }

    #[test]
    fn every_status_of_an_event_has_its_fate() {
        let again = |is_failure| Fate::Again { is_failure };
        for (status, fate) in [
            (json!(400), Fate::Lost(LossReason::Rejected)),
            (json!(401), Fate::Lost(LossReason::Unauthorized)),
            (json!(403), Fate::Lost(LossReason::Unauthorized)),
            (json!(404), Fate::Lost(LossReason::Rejected)),
            (json!(408), again(false)),
            (json!(413), Fate::Lost(LossReason::TooLarge)),
            (json!(429), again(false)),
            (json!(500), again(true)),
            (json!(503), again(false)),
            (json!(599), again(true)),
            (json!(207), Fate::Lost(LossReason::Rejected)),
            (json!("500"), Fate::Lost(LossReason::Rejected)),
            (json!(null), Fate::Lost(LossReason::Rejected)),
            (json!(-1), Fate::Lost(LossReason::Rejected)),
            (json!(1e30), Fate::Lost(LossReason::Rejected)),
        ] {
            assert_eq!(fate_of(&status), fate, "{status}");
        }
    }

    #[test]
    fn what_was_taken_is_never_sent_again_even_if_it_is_called_an_error_too() {
        let body = json!({
            "successes": [{ "id": "a", "status": 201 }],
            "errors": [{ "id": "a", "status": 500 }, { "id": "b", "status": 500 }],
        });

        let fates = Fates::read(body.to_string().as_bytes());

        assert_eq!(fates.of("a"), Fate::Delivered);
        assert_eq!(fates.of("b"), Fate::Again { is_failure: true });
        assert_eq!(fates.of("c"), Fate::Delivered);
    }

    #[test]
    fn the_corpus_of_answers_is_read_as_it_says() {
        let cases = corpus::cases(include_str!("corpus/answers.txt"));
        for (expected, body) in &cases {
            let fate = match *expected {
                "delivered" => Fate::Delivered,
                "again" => Fate::Again { is_failure: false },
                "failed" => Fate::Again { is_failure: true },
                "rejected" => Fate::Lost(LossReason::Rejected),
                "unauthorized" => Fate::Lost(LossReason::Unauthorized),
                "too_large" => Fate::Lost(LossReason::TooLarge),
                other => panic!("{other}"),
            };
            assert_eq!(Fates::read(body).of("e"), fate, "{}", body.escape_ascii());
        }
        assert!(cases.len() > 40, "{}", cases.len());
    }

    #[test]
    fn an_answer_that_is_deeper_than_any_stack_says_nothing() {
        for (open, close) in [("[", "]"), ("{\"errors\":", "}")] {
            let deep = [open.repeat(100_000), close.repeat(100_000)].concat();
            assert_eq!(Fates::read(deep.as_bytes()), Fates::default());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_answer(body: Vec<u8>, id: String) {
            _ = Fates::read(&body).of(&id);
        }

        #[test]
        fn any_json_is_an_answer(
            ids in proptest::collection::vec("[a-c]{0,2}", 0..6),
            statuses in proptest::collection::vec(any::<u16>(), 0..6),
        ) {
            let errors: Vec<_> = ids.iter().zip(&statuses)
                .map(|(id, status)| json!({ "id": id, "status": status }))
                .collect();
            let body = json!({ "errors": errors }).to_string();

            let fates = Fates::read(body.as_bytes());

            for (id, _) in ids.iter().zip(&statuses) {
                prop_assert_ne!(fates.of(id), Fate::Delivered);
            }
        }
    }
}
