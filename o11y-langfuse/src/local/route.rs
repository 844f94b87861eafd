//! Which request goes where, and what the server says when it goes nowhere.

use serde_json::json;

use super::{
    export,
    http::{Answer, Head, reason},
    ingestion,
    keys::{Access, Keys},
    state::State,
};

pub(crate) const TRACES_PATH: &str = "/api/public/otel/v1/traces";
/// Where an OpenTelemetry Collector listens; it asks for no keys.
pub(crate) const COLLECTOR_PATH: &str = "/v1/traces";
pub(crate) const INGESTION_PATH: &str = "/api/public/ingestion";
pub(crate) const SCORES_PATH: &str = "/api/public/scores";
const PROJECTS_PATH: &str = "/api/public/projects";

/// What all requests of a receiver have in common.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) base_url: String,
    pub(crate) keys: Keys,
    pub(crate) state: State,
}

/// How a request ends; all but a whole answer also end the connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Answer(Answer),
    Truncated(Answer),
    Garbage,
    Close,
    Reset,
}

/// Treats a complete request.
pub(crate) fn treat(site: &Site, head: &Head, body: &[u8], connection: usize) -> Reply {
    let answer = match head.path() {
        TRACES_PATH | COLLECTOR_PATH => return export::receive(site, head, body, connection),
        INGESTION_PATH => return ingestion::receive(site, head, body, connection),
        SCORES_PATH => return ingestion::receive_one(site, head, body, connection),
        PROJECTS_PATH => projects(site, head),
        path => Answer::json(404, &json!({ "message": format!("no such path: {path}") })),
    };
    Reply::Answer(answer)
}

fn projects(site: &Site, head: &Head) -> Answer {
    check_method(head, "GET")
        .and_then(|()| check_access(site, head, &[Access::Project]))
        .err()
        .unwrap_or_else(|| {
            Answer::json(
                200,
                &json!({ "data": [{ "id": "local", "name": "local" }] }),
            )
        })
}

/// An answer that says no.
pub(crate) fn refuse(status: u16, message: &str) -> Answer {
    Answer::json(
        status,
        &json!({ "message": message, "error": reason(status) }),
    )
}

pub(crate) fn check_method(head: &Head, method: &str) -> Result<(), Answer> {
    if head.method == method {
        Ok(())
    } else {
        Err(refuse(405, "method not allowed"))
    }
}

pub(crate) fn check_access(site: &Site, head: &Head, allowed: &[Access]) -> Result<(), Answer> {
    match site.keys.access(head.header("authorization")) {
        access if allowed.contains(&access) => Ok(()),
        Access::None => Err(refuse(401, "the credentials are missing or wrong")),
        Access::Project | Access::Scores => Err(refuse(403, "this key may not do this")),
    }
}
