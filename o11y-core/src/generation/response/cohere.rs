//! Cohere's chat in its second and first version, which do not name the model.

use std::borrow::Cow;

use serde_json::Value as Json;

use super::{
    answer::Answer,
    number::{count, largest_count},
    output::{Output, ToolCall, elements, is_empty},
};
use crate::usage::{InclusiveUsage, Usage};

pub(super) fn read(json: &Json) -> Answer<'_> {
    Answer {
        finish_reasons: json["finish_reason"].as_str().into_iter().collect(),
        output: said(&json["message"]),
        ..Answer::of(json)
    }
}

fn said(message: &Json) -> Option<Output<'_>> {
    let content = &message["content"];
    let blocks = elements(content);
    let pieces = blocks.iter().filter_map(|block| block["text"].as_str());
    let text = Output::text(content.as_str().into_iter().chain(pieces));
    let calls = ToolCall::all_of(message);
    if !calls.is_empty() {
        // Beside calls the model tells what it is about to do.
        let plan = message["tool_plan"].as_str().map(Cow::Borrowed);
        return Output::said(text.or(plan), &calls);
    }
    let is_text = |block: &Json| matches!(block["type"].as_str(), Some("text" | "thinking"));
    if !is_empty(content) && blocks.iter().all(is_text) {
        return text.map(Output::Text);
    }
    Output::whole(message)
}

pub(super) fn is_first_version(json: &Json) -> bool {
    json["text"].is_string() && (json["generation_id"].is_string() || json["meta"].is_object())
}

pub(super) fn read_first_version(json: &Json) -> Answer<'_> {
    let text = Output::text(json["text"].as_str());
    let calls: Vec<_> = elements(&json["tool_calls"])
        .iter()
        .map(|call| ToolCall {
            id: "",
            name: call["name"].as_str().unwrap_or_default(),
            arguments: &call["parameters"],
        })
        .collect();
    let ids = [&json["response_id"], &json["generation_id"]];
    Answer {
        id: ids.into_iter().find_map(Json::as_str),
        finish_reasons: json["finish_reason"].as_str().into_iter().collect(),
        output: Output::said(text, &calls),
        ..Answer::default()
    }
}

/// The tokens that were processed, or else those that were billed, which are fewer. What was
/// cached is taken for a part of the input.
pub(super) fn usage(usage: &Json) -> Option<Usage> {
    let kinds = [&usage["tokens"], &usage["billed_units"]];
    let (input, output) = kinds.into_iter().find_map(|tokens| {
        let images = count(&tokens["image_tokens"]); // of an embedding
        let input = count(&tokens["input_tokens"]).or(images);
        let output = count(&tokens["output_tokens"]);
        (input.is_some() || output.is_some()).then_some((input, output))
    })?;
    Some(Usage::from_inclusive(InclusiveUsage {
        input: input.unwrap_or(0),
        cached: largest_count(&[&usage["cached_tokens"], &usage["tokens"]["cached_tokens"]]),
        output: output.unwrap_or(0),
        ..InclusiveUsage::default()
    }))
}
