//! Where tokens are counted in an answer or a chunk of one, and in whose way.

use serde_json::Value as Json;

use super::{anthropic, bedrock, cohere, gemini, ollama, openai};
use crate::usage::Usage;

/// Where a usage object lies, in the order in which they are looked at.
const PLACES: [&[&str]; 12] = [
    &["usage"],                     // OpenAI, Anthropic, Bedrock, Cohere
    &["usageMetadata"],             // Gemini
    &["usage_metadata"],            // .. in snake case
    &[],                            // Ollama, whose counts lie at the top
    &["message", "usage"],          // Anthropic's `message_start`
    &["response", "usage"],         // OpenAI's `response.completed`
    &["delta", "usage"],            // Cohere's `message-end`
    &["x_groq", "usage"],           // Groq's last chunk
    &["metadata", "usage"],         // Bedrock's `metadata`
    &["meta"],                      // Cohere, version 1
    &["response", "meta"],          // .. its `stream-end`
    &["response", "usageMetadata"], // Gemini behind Google's code assistants
];

pub(super) fn find(json: &Json) -> Option<Usage> {
    PLACES
        .iter()
        .map(|place| place.iter().fold(json, |json, name| &json[*name]))
        .find_map(read)
}

/// The way of counting shows in the names of the counts.
fn read(usage: &Json) -> Option<Usage> {
    if !usage.is_object() {
        return None;
    }
    anthropic::usage(usage)
        .or_else(|| openai::usage(usage))
        .or_else(|| gemini::usage(usage))
        .or_else(|| bedrock::usage(usage))
        .or_else(|| cohere::usage(usage))
        .or_else(|| ollama::usage(usage))
}
