//! Reads a provider's answer: model, id, why it ended, what it said, tokens and cost.
//!
//! The provider need not be named: an answer is recognised by what it is made of. These shapes
//! are, asked for in this order:
//!
//! | shape | recognised by | tokens | read in |
//! |---|---|---|---|
//! | OpenAI chat and text completions, and whoever speaks them: Mistral, `DeepSeek`, Groq, xAI, vLLM, `OpenRouter` | `choices` | sums that include their parts | `openai` |
//! | OpenAI Responses, also inside the event `response.completed` | `output` is a list | the same | `responses` |
//! | Amazon Bedrock Converse | `output.message` | cache apart from input | `bedrock` |
//! | Gemini `generateContent`, in camel or snake case | `candidates`, `promptFeedback`, `usageMetadata` | cache inside input, thoughts and tool results apart | `gemini` |
//! | embeddings of OpenAI, Mistral, Ollama, Cohere, Gemini | `data[].embedding`, `embeddings`, `embedding` | input only | `embedding` |
//! | Ollama chat and generate | `done` | `prompt_eval_count`, `eval_count` | `ollama` |
//! | Cohere chat, version 2 | `message` | `tokens`, or else `billed_units` | `cohere` |
//! | Anthropic messages | a list `content` with `role` or type `message` | cache apart from input | `anthropic` |
//! | Cohere chat, version 1 | `text` with `generation_id` or `meta` | as version 2 | `cohere` |
//!
//! Anything else is noted whole, with the tokens of a usage object if there is one.
//!
//! An answer of text alone is noted as its text. With tool calls or other content it is the whole
//! message, in a shape in which Langfuse finds the calls. What the model thought is no part of the
//! text, and an answer of nothing but numbers (an embedding) is noted by its size.

use serde::Serialize;
use serde_json::Value as Json;

use self::answer::Answer;
use super::Call;
use crate::usage::{Cost, Usage};

mod answer;
mod anthropic;
mod bedrock;
mod cache;
mod cohere;
mod embedding;
mod gemini;
mod number;
mod ollama;
mod openai;
mod output;
mod responses;
mod unknown;
mod usage;

/// Notes in `call` what `response` says; what it does not say is left as it is.
pub(super) fn note(call: &mut Call<'_>, response: &impl Serialize) {
    // An answer that cannot be serialised says nothing, and must not fail the call that was paid.
    if let Ok(response) = serde_json::to_value(response) {
        read(&response).note(call);
    }
}

/// The tokens of a whole answer or of one chunk of a stream, in any of the shapes above.
///
/// A provider that counts in more than one chunk (Anthropic) says each class where it is known;
/// what a later chunk leaves at zero was said before.
pub(crate) fn usage_in(json: &Json) -> Option<Usage> {
    let usage = usage::find(json)?;
    if json["type"] == "message_delta" {
        // Anthropic's last count leaves out how long the cache lives, which its first has told:
        // both together would count what was written twice.
        return Some(usage.cache_creation(0));
    }
    Some(usage)
}

/// The cost where a provider states it, in a whole answer or in the chunk that states usage.
pub(crate) fn cost_in(json: &Json) -> Option<Cost> {
    openai::cost(json)
}

/// How the call was served, where a provider says it, in the same places: OpenAI beside the usage,
/// Anthropic in it.
pub(crate) fn service_tier_in(json: &Json) -> Option<&str> {
    let json = responses::inside_event(json);
    let places = [json, &json["usage"], &json["message"]["usage"]];
    places
        .into_iter()
        .find_map(|place| place["service_tier"].as_str())
}

fn read(json: &Json) -> Answer<'_> {
    let json = responses::inside_event(json);
    Answer {
        service_tier: service_tier_in(json),
        usage: usage_in(json),
        cost: cost_in(json),
        ..read_message(json)
    }
}

/// Everything but tokens and cost, which lie in the same places in all shapes.
fn read_message(json: &Json) -> Answer<'_> {
    if json["choices"].is_array() {
        openai::read(json)
    } else if json["output"].is_array() {
        responses::read(json)
    } else if json["output"]["message"].is_object() {
        bedrock::read(json)
    } else if gemini::is_answer(json) {
        gemini::read(json)
    } else if let Some(answer) = embedding::read(json) {
        answer
    } else if json["done"].is_boolean() {
        ollama::read(json)
    } else if json["message"].is_object() {
        cohere::read(json)
    } else if anthropic::is_answer(json) {
        anthropic::read(json)
    } else if cohere::is_first_version(json) {
        cohere::read_first_version(json)
    } else {
        unknown::read(json)
    }
}

#[cfg(test)]
mod tests;
