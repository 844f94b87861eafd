//! Anthropic's messages, also as Bedrock and Vertex pass them on.

use std::borrow::Cow;

use serde_json::{Value as Json, json};

use super::{
    answer::Answer,
    cache::CacheWrites,
    number::count,
    output::{Output, elements},
};
use crate::usage::Usage;

pub(super) fn is_answer(json: &Json) -> bool {
    json["content"].is_array() && (json["type"] == "message" || json["role"].is_string())
}

pub(super) fn read(json: &Json) -> Answer<'_> {
    Answer {
        finish_reasons: json["stop_reason"].as_str().into_iter().collect(),
        output: said(&json["content"]),
        ..Answer::of(json)
    }
}

/// The text, if there is nothing else beside the thinking. Langfuse finds calls of tools in the
/// content as it is.
fn said(content: &Json) -> Option<Output<'_>> {
    let is_text_alone = elements(content).iter().all(|block| {
        matches!(
            block["type"].as_str(),
            Some("text" | "thinking" | "redacted_thinking")
        )
    });
    if is_text_alone {
        let pieces = elements(content)
            .iter()
            .filter_map(|block| block["text"].as_str());
        return Output::text(pieces).map(Output::Text);
    }
    let message = json!({"role": "assistant", "content": content});
    Some(Output::Json(Cow::Owned(message)))
}

const CACHE: [&str; 3] = [
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "cache_creation",
];

/// The tokens as Anthropic counts them: input that was read from or written to a cache is counted
/// beside the input, thinking inside the output. It stays there: Anthropic bills it as output, and
/// Langfuse's price list has no price for the reasoning of a Claude.
///
/// Without a cache there is no difference to OpenAI's Responses API, which has the same names. A
/// total, which Anthropic does not send, says that a gateway counted in OpenAI's way.
pub(super) fn usage(usage: &Json) -> Option<Usage> {
    let says = |name: &&str| !usage[*name].is_null();
    let has_cache = CACHE.iter().any(says);
    let is_inclusive = ["prompt_tokens", "total_tokens"].iter().any(says);
    if !has_cache || is_inclusive {
        return None;
    }
    let cached = count(&usage["cache_read_input_tokens"]);
    let written = count(&usage["cache_creation_input_tokens"]);
    let writes = CacheWrites::new(written.unwrap_or(0), &[&usage["cache_creation"]]);
    let (input, output) = (
        count(&usage["input_tokens"]),
        count(&usage["output_tokens"]),
    );
    if [input, output, cached, written].iter().all(Option::is_none) && writes.total() == 0 {
        return None;
    }
    let usage = Usage::new()
        .input(input.unwrap_or(0))
        .cached(cached.unwrap_or(0))
        .output(output.unwrap_or(0));
    Some(writes.beside(usage))
}
