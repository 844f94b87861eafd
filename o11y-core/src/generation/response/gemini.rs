//! Gemini's `generateContent`, as REST writes it and as clients in snake case pass it on.

use serde_json::Value as Json;

use super::{
    answer::Answer,
    number::{count, count_or_zero},
    output::{Output, ToolCall, elements},
};
use crate::usage::{InclusiveUsage, Usage};

/// A field under its name in camel or in snake case.
fn field<'a>(json: &'a Json, camel: &str, snake: &str) -> &'a Json {
    let field = &json[camel];
    if field.is_null() { &json[snake] } else { field }
}

pub(super) fn is_answer(json: &Json) -> bool {
    json["candidates"].is_array()
        || field(json, "promptFeedback", "prompt_feedback").is_object()
        || field(json, "usageMetadata", "usage_metadata").is_object()
}

pub(super) fn read(json: &Json) -> Answer<'_> {
    let candidates = elements(&json["candidates"]);
    let feedback = field(json, "promptFeedback", "prompt_feedback");
    // A prompt that is blocked has no candidates.
    let reasons = candidates
        .iter()
        .map(|candidate| field(candidate, "finishReason", "finish_reason"))
        .chain([field(feedback, "blockReason", "block_reason")]);
    Answer {
        model: field(json, "modelVersion", "model_version").as_str(),
        id: field(json, "responseId", "response_id").as_str(),
        finish_reasons: reasons.filter_map(Json::as_str).collect(),
        output: Output::of_all(candidates.iter().filter_map(|it| said(&it["content"]))),
        ..Answer::default()
    }
}

fn said(content: &Json) -> Option<Output<'_>> {
    let said = || {
        elements(&content["parts"])
            .iter()
            .filter(|part| part["thought"] != true)
    };
    let text = Output::text(said().filter_map(|part| part["text"].as_str()));
    let calls: Vec<_> = said()
        .map(|part| field(part, "functionCall", "function_call"))
        .filter(|call| call.is_object())
        .map(|call| ToolCall {
            id: call["id"].as_str().unwrap_or_default(),
            name: call["name"].as_str().unwrap_or_default(),
            arguments: &call["args"],
        })
        .collect();
    if calls.is_empty() && !said().all(|part| part["text"].is_string()) {
        return Output::whole(content);
    }
    Output::said(text, &calls)
}

/// The tokens as Gemini counts them: the prompt includes what was cached; thoughts and the
/// results of the provider's own tools are counted beside answer and prompt.
pub(super) fn usage(usage: &Json) -> Option<Usage> {
    let tokens = |camel, snake| count(field(usage, camel, snake));
    let prompt = tokens("promptTokenCount", "prompt_token_count");
    let answer = tokens("candidatesTokenCount", "candidates_token_count")
        // the name of the live interface
        .or_else(|| tokens("responseTokenCount", "response_token_count"));
    let total = tokens("totalTokenCount", "total_token_count");
    let (prompt, answer) = match (prompt, answer) {
        (None, None) => (total?, 0),
        (prompt, answer) => (prompt.unwrap_or(0), answer.unwrap_or(0)),
    };
    let of_tools = tokens("toolUsePromptTokenCount", "tool_use_prompt_token_count").unwrap_or(0);
    let cached = tokens("cachedContentTokenCount", "cached_content_token_count").unwrap_or(0);
    let thoughts = tokens("thoughtsTokenCount", "thoughts_token_count").unwrap_or(0);

    let audio = |camel, snake| audio_in(field(usage, camel, snake));
    let input = prompt.saturating_add(of_tools);
    // Audio that was cached is counted as cached.
    let input_audio = audio("promptTokensDetails", "prompt_tokens_details")
        .saturating_add(audio(
            "toolUsePromptTokensDetails",
            "tool_use_prompt_tokens_details",
        ))
        .saturating_sub(audio("cacheTokensDetails", "cache_tokens_details"))
        .min(input.saturating_sub(cached));
    let output_audio = audio("candidatesTokensDetails", "candidates_tokens_details")
        .max(audio("responseTokensDetails", "response_tokens_details"))
        .min(answer);

    Some(Usage::from_inclusive(InclusiveUsage {
        input,
        cached,
        input_audio,
        output: answer.saturating_add(thoughts),
        reasoning: thoughts,
        output_audio,
        ..InclusiveUsage::default()
    }))
}

/// The tokens of audio in a list by modality.
fn audio_in(details: &Json) -> u64 {
    elements(details)
        .iter()
        .filter(|part| part["modality"] == "AUDIO")
        .map(|part| count_or_zero(field(part, "tokenCount", "token_count")))
        .fold(0, u64::saturating_add)
}
