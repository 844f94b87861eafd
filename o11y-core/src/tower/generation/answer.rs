//! A model's answer as it passes: what is read of it, and what ends the call.

use std::{fmt::Display, thread};

use http::{HeaderMap, StatusCode, header};
use serde_json::Value as Json;

use super::{
    events::{Events, Kind},
    held::Held,
    status::status_name,
};
use crate::{context::future::Inside, generation::OwnedCall, key};

/// The kind of an error that a model tells in place of an answer, or in the middle of one.
const MODEL_ERROR: &str = "model_error";

/// An answer as it passes. When it is dropped before its end, the call is cancelled.
pub(in crate::tower) struct Answer {
    /// None once it has ended.
    call: Option<OwnedCall>,
    reading: Reading,
}

enum Reading {
    Whole(Held),
    Events(Events),
    Failed(StatusCode, Held),
    /// It is compressed.
    Nothing,
}

impl Answer {
    pub(in crate::tower) fn new(
        call: OwnedCall,
        status: StatusCode,
        headers: &HeaderMap,
        max_bytes: usize,
    ) -> Self {
        let said = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let encoding = said(header::CONTENT_ENCODING).unwrap_or("identity");
        let kind = said(header::CONTENT_TYPE).unwrap_or_default();
        let is = |known: &str| {
            let kind = kind.split(';').next().unwrap_or_default();
            kind.trim().eq_ignore_ascii_case(known)
        };
        let is_read = encoding.eq_ignore_ascii_case("identity");
        let reading = if status.is_client_error() || status.is_server_error() {
            Reading::Failed(status, Held::new(if is_read { max_bytes } else { 0 }))
        } else if !is_read {
            Reading::Nothing
        } else if is("text/event-stream") {
            Reading::Events(Events::new(Kind::ServerSent, max_bytes))
        } else if is("application/x-ndjson") {
            Reading::Events(Events::new(Kind::Lines, max_bytes))
        } else {
            Reading::Whole(Held::new(max_bytes))
        };
        Self {
            call: Some(call),
            reading,
        }
    }

    /// Until the guard is dropped, the thread stands inside the call.
    pub(super) fn enter(&mut self) -> Option<Inside<'_>> {
        self.call.as_mut().map(OwnedCall::enter)
    }

    pub(super) fn is_open(&self) -> bool {
        self.call.is_some()
    }

    /// The next bytes.
    pub(in crate::tower) fn read(&mut self, bytes: &[u8]) {
        match &mut self.reading {
            Reading::Whole(held) | Reading::Failed(_, held) => held.push(bytes),
            Reading::Events(events) => {
                events.read(bytes, |data| note_event(&mut self.call, data));
            }
            Reading::Nothing => {}
        }
    }

    /// There are no more bytes.
    pub(in crate::tower) fn end(&mut self) {
        if let Reading::Events(events) = &mut self.reading {
            events.end(|data| note_event(&mut self.call, data));
            note_unread(&mut self.call, events.left_out());
        }
        let Some(mut call) = self.call.take() else {
            return;
        };
        match &self.reading {
            Reading::Whole(held) => {
                let Some(json) = held.json() else {
                    return finish_unread(call, held.left_out());
                };
                if let Some(message) = error_in(&json) {
                    return call.fail_as(MODEL_ERROR, &message);
                }
                call.record_response(&json);
                finish_unread(call, held.left_out());
            }
            Reading::Failed(status, held) => {
                let told = held.json().as_ref().and_then(error_in);
                let told = told.or_else(|| held.short_text().map(str::to_owned));
                let kind = status_name(*status);
                match told {
                    Some(told) => call.fail_as(kind, &format_args!("{status}: {told}")),
                    None => call.fail_as(kind, status),
                }
            }
            Reading::Events(_) | Reading::Nothing => call.finish(),
        }
    }

    /// The bytes broke off with this error.
    pub(super) fn fail(&mut self, kind: &'static str, error: &impl Display) {
        match self.reading {
            Reading::Failed(..) => self.end(),
            _ => {
                if let Some(call) = self.call.take() {
                    call.fail_as(kind, error);
                }
            }
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        let is_whole = match &self.reading {
            Reading::Failed(..) => true,
            // The client has all of it, and no need to ask for more.
            Reading::Whole(held) => self.call.is_some() && held.json().is_some(),
            Reading::Events(_) | Reading::Nothing => false,
        };
        if is_whole && !thread::panicking() {
            self.end();
        }
    }
}

/// Notes one event of a stream; the last one ends the call.
fn note_event(call: &mut Option<OwnedCall>, data: &[u8]) {
    let Some(open) = call else { return };
    if data == b"[DONE]" {
        if let Some(call) = call.take() {
            call.finish();
        }
        return;
    }
    let Ok(event) = serde_json::from_slice::<Json>(data) else {
        return; // says nothing
    };
    open.record_chunk(&event);
    let error = error_in(&event);
    let is_last = matches!(
        event["type"].as_str(),
        Some("message_stop" | "response.completed" | "response.incomplete")
    );
    if error.is_none() && !is_last {
        return;
    }
    if let Some(call) = call.take() {
        match error {
            Some(message) => call.fail_as(MODEL_ERROR, &message),
            None => call.finish(),
        }
    }
}

fn note_unread(call: &mut Option<OwnedCall>, bytes: u64) {
    if let Some(call) = call
        && bytes > 0
    {
        call.span().set_attribute(key::UNREAD_BYTES, bytes);
    }
}

fn finish_unread(call: OwnedCall, bytes: u64) {
    let mut call = Some(call);
    note_unread(&mut call, bytes);
    if let Some(call) = call {
        call.finish();
    }
}

/// What a model says went wrong, as `code: message`.
fn error_in(json: &Json) -> Option<String> {
    let error = [&json["error"], &json["response"]["error"]]
        .into_iter()
        .find(|error| error.is_object() || error.is_string());
    let error = match error {
        Some(error) => error,
        None if json["type"] == "error" => json, // OpenAI's Responses, in a stream
        None => return None,
    };
    let text = |json: &Json| json.as_str().map(str::to_owned);
    if error.is_string() {
        return text(error);
    }
    let code = text(&error["code"]).or_else(|| text(&error["type"]));
    let parts = [code, text(&error["message"])];
    let told = parts.into_iter().flatten().collect::<Vec<_>>().join(": ");
    Some(told)
}
