//! Anthropic's messages, also as Bedrock and Vertex pass them on.

use std::borrow::Cow;

use serde_json::{Value as Json, json};

use super::{
    answer::Answer,
    number::{count, count_or_zero, largest_count},
    output::{Output, elements},
};
use crate::usage::{InclusiveUsage, Usage};

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

/// The tokens as Anthropic counts them: input that was read from or written to a cache is counted
/// beside the input, thinking inside the output.
///
/// Without a cache there is no difference to OpenAI's Responses API, which has the same names. A
/// total, which Anthropic does not send, says that a gateway counted in OpenAI's way.
pub(super) fn usage(usage: &Json) -> Option<Usage> {
    let mut cache = [
        "cache_read_input_tokens",
        "cache_creation_input_tokens",
        "cache_creation",
    ]
    .iter()
    .map(|name| &usage[*name]);
    if cache.all(Json::is_null)
        || !usage["total_tokens"].is_null()
        || !usage["prompt_tokens"].is_null()
    {
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
    Some(with_cache_apart(
        input.unwrap_or(0),
        cached.unwrap_or(0),
        writes,
        InclusiveUsage {
            output: output.unwrap_or(0),
            reasoning: largest_count(&[&usage["output_tokens_details"]["thinking_tokens"]]),
            ..InclusiveUsage::default()
        },
    ))
}

/// The usage of a provider whose input leaves the cache out.
pub(super) fn with_cache_apart(
    input: u64,
    cached: u64,
    written: CacheWrites,
    output: InclusiveUsage,
) -> Usage {
    Usage::from_inclusive(InclusiveUsage {
        input: input.saturating_add(cached).saturating_add(written.total()),
        cached,
        cache_creation: written.unknown,
        cache_creation_5m: written.five_minutes,
        cache_creation_1h: written.hour,
        ..output
    })
}

/// Tokens written to a cache, by how long they stay there.
#[derive(Clone, Copy)]
pub(super) struct CacheWrites {
    pub(super) unknown: u64,
    pub(super) five_minutes: u64,
    pub(super) hour: u64,
}

impl CacheWrites {
    /// All that was written, and the first of these objects that says for how long.
    pub(super) fn new(total: u64, lives: &[&Json]) -> Self {
        let lives = lives.iter().find(|lives| lives.is_object());
        let tokens = |life| lives.map_or(0, |lives| count_or_zero(&lives[life]));
        Self::of(
            total,
            tokens("ephemeral_5m_input_tokens"),
            tokens("ephemeral_1h_input_tokens"),
        )
    }

    /// All that was written, and the parts of it whose life is known.
    pub(super) fn of(total: u64, five_minutes: u64, hour: u64) -> Self {
        Self {
            unknown: total.saturating_sub(five_minutes).saturating_sub(hour),
            five_minutes,
            hour,
        }
    }

    pub(super) fn total(self) -> u64 {
        self.unknown
            .saturating_add(self.five_minutes)
            .saturating_add(self.hour)
    }
}
