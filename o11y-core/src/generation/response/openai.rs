//! OpenAI's chat and text completions, and the many servers that speak them.

use serde_json::Value as Json;

use super::{
    answer::Answer,
    cache::CacheWrites,
    number::{count, count_or_zero, dollars, first_count, largest_count},
    output::{Output, elements, is_empty},
};
use crate::usage::{Cost, InclusiveUsage, Usage};

pub(super) fn read(json: &Json) -> Answer<'_> {
    let choices = elements(&json["choices"]);
    Answer {
        finish_reasons: choices
            .iter()
            .filter_map(|choice| choice["finish_reason"].as_str())
            .collect(),
        output: Output::of_all(choices.iter().filter_map(said)),
        ..Answer::of(json)
    }
}

fn said(choice: &Json) -> Option<Output<'_>> {
    let message = &choice["message"];
    if message.is_null() {
        return Output::text(choice["text"].as_str()).map(Output::Text);
    }
    // Some servers send empty lists where others send nothing.
    let more = ["tool_calls", "function_call", "images"];
    if more.iter().all(|name| is_empty(&message[*name]))
        && let Some(text) = text_of(message)
    {
        return Some(text);
    }
    Output::whole(message)
}

/// The text of a message that is text alone. A refusal is what the model said in place of an
/// answer, and the transcript stands for the audio, which is too large to be told.
fn text_of(message: &Json) -> Option<Output<'_>> {
    let text = match &message["content"] {
        Json::String(text) => Output::text([text.as_str()]),
        Json::Array(parts) => {
            let is_text = |part: &Json| matches!(part["type"].as_str(), Some("text" | "thinking"));
            if !parts.iter().all(is_text) {
                return None;
            }
            Output::text(parts.iter().filter_map(|part| part["text"].as_str()))
        }
        _ => None,
    };
    let instead = || {
        let instead = [&message["refusal"], &message["audio"]["transcript"]];
        Output::text(instead.into_iter().find_map(Json::as_str))
    };
    text.or_else(instead).map(Output::Text)
}

/// What the parts of the sums are called: in chat, in Responses, and in the realtime and audio
/// interfaces.
const INPUT_DETAILS: [&str; 3] = [
    "prompt_tokens_details",
    "input_tokens_details",
    "input_token_details",
];
const OUTPUT_DETAILS: [&str; 3] = [
    "completion_tokens_details",
    "output_tokens_details",
    "output_token_details",
];

/// The tokens as OpenAI counts them: the sums include cached, audio and reasoning tokens.
///
/// Also under the names of the Responses API. A usage with Anthropic's names of the cache and
/// without a total is Anthropic's, whose sums leave the cache out.
pub(super) fn usage(usage: &Json) -> Option<Usage> {
    let total = count(&usage["total_tokens"]);
    let input = first_count(&[&usage["prompt_tokens"], &usage["input_tokens"]]);
    let output = first_count(&[&usage["completion_tokens"], &usage["output_tokens"]]);
    let (input, output) = match (input, output) {
        (None, None) => (total?, 0), // an embedding's
        (input, output) => (input.unwrap_or(0), output.unwrap_or(0)),
    };

    let details = first_object(usage, INPUT_DETAILS);
    let cached = largest_count(&[
        &details["cached_tokens"],
        &usage["prompt_cache_hit_tokens"], // DeepSeek
        &usage["cached_tokens"],           // Moonshot
        &usage["num_cached_tokens"],       // Mistral
        &usage["cache_read_input_tokens"], // gateways to Anthropic
    ]);
    let written = CacheWrites::new(
        largest_count(&[
            &details["cache_write_tokens"],
            &details["cache_creation_tokens"], // gateways to Anthropic, here and below
            &usage["cache_creation_input_tokens"],
        ]),
        &[
            &details["cache_creation_token_details"],
            &usage["cache_creation"],
        ],
    );
    // Audio that was cached is counted as cached.
    let audio = count_or_zero(&details["audio_tokens"]);
    let cached_audio = count_or_zero(&details["cached_tokens_details"]["audio_tokens"]);
    let fresh = input.saturating_sub(cached).saturating_sub(written.total());

    let details = first_object(usage, OUTPUT_DETAILS);
    let reasoning = largest_count(&[&details["reasoning_tokens"], &usage["reasoning_tokens"]]);
    // xAI counts reasoning beside the output: then only the three add up to the total.
    let is_beside =
        reasoning > 0 && total == Some(input.saturating_add(output).saturating_add(reasoning));
    let output = output.saturating_add(if is_beside { reasoning } else { 0 });
    let output_audio = count_or_zero(&details["audio_tokens"]);

    Some(Usage::from_inclusive(InclusiveUsage {
        input,
        cached,
        cache_creation: written.unknown,
        cache_creation_5m: written.five_minutes,
        cache_creation_1h: written.hour,
        input_audio: audio.saturating_sub(cached_audio).min(fresh),
        output,
        reasoning,
        output_audio: output_audio.min(output.saturating_sub(reasoning)),
    }))
}

fn first_object<'a>(json: &'a Json, names: [&str; 3]) -> &'a Json {
    let mut fields = names.iter().map(|name| &json[*name]);
    fields
        .find(|field| field.is_object())
        .unwrap_or(&Json::Null)
}

/// What `OpenRouter` and Perplexity say that the call cost, in dollars. With the caller's own key
/// at the provider, what `OpenRouter` charges is its fee alone.
pub(super) fn cost(json: &Json) -> Option<Cost> {
    let usage = &json["usage"];
    let cost = &usage["cost"];
    let cost = dollars(cost).or_else(|| dollars(&cost["total_cost"]))?;
    let at_provider = (usage["is_byok"] == true)
        .then(|| dollars(&usage["cost_details"]["upstream_inference_cost"]))
        .flatten();
    Some(cost + at_provider.unwrap_or_default())
}
