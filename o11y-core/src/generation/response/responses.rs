//! OpenAI's Responses API.

use serde_json::Value as Json;

use super::{
    answer::Answer,
    output::{Output, elements},
};

/// The answer inside the event that ends a stream, such as `response.completed`.
pub(super) fn inside_event(json: &Json) -> &Json {
    let is_event = json["type"]
        .as_str()
        .is_some_and(|kind| kind.starts_with("response."));
    if is_event && json["response"].is_object() {
        &json["response"]
    } else {
        json
    }
}

pub(super) fn read(json: &Json) -> Answer<'_> {
    let reasons = [&json["incomplete_details"]["reason"], &json["status"]];
    Answer {
        finish_reasons: reasons
            .into_iter()
            .find_map(Json::as_str)
            .into_iter()
            .collect(),
        output: said(&json["output"]),
        ..Answer::of(json)
    }
}

/// The text, if there are only messages of text beside the reasoning. Langfuse finds the calls of
/// tools in the list of items.
fn said(items: &Json) -> Option<Output<'_>> {
    let is_text_alone = elements(items).iter().all(|item| {
        let is_text = |part: &Json| part["text"].is_string() || part["refusal"].is_string();
        match item["type"].as_str() {
            Some("message") => elements(&item["content"]).iter().all(is_text),
            kind => kind == Some("reasoning"),
        }
    });
    if !is_text_alone {
        return Output::whole(items);
    }
    let pieces = elements(items)
        .iter()
        .filter(|item| item["type"] == "message")
        .flat_map(|item| elements(&item["content"]))
        .filter_map(|part| part["text"].as_str().or_else(|| part["refusal"].as_str()));
    Output::text(pieces).map(Output::Text)
}
