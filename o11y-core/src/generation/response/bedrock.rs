//! Amazon Bedrock's Converse, which names neither model nor id in its answer.

use serde_json::Value as Json;

use super::{
    answer::Answer,
    cache::CacheWrites,
    number::{count, count_or_zero},
    output::{Output, ToolCall, elements},
};
use crate::usage::Usage;

pub(super) fn read(json: &Json) -> Answer<'_> {
    Answer {
        finish_reasons: json["stopReason"].as_str().into_iter().collect(),
        output: said(&json["output"]["message"]),
        ..Answer::default()
    }
}

fn said(message: &Json) -> Option<Output<'_>> {
    let blocks = || {
        elements(&message["content"])
            .iter()
            .filter(|block| block["reasoningContent"].is_null())
    };
    let text = Output::text(blocks().flat_map(pieces));
    let calls: Vec<_> = blocks()
        .map(|block| &block["toolUse"])
        .filter(|call| call.is_object())
        .map(|call| ToolCall {
            id: call["toolUseId"].as_str().unwrap_or_default(),
            name: call["name"].as_str().unwrap_or_default(),
            arguments: &call["input"],
        })
        .collect();
    let is_text = |block: &Json| block["text"].is_string() || block["citationsContent"].is_object();
    if calls.is_empty() && !blocks().all(is_text) {
        return Output::whole(message);
    }
    Output::said(text, &calls)
}

/// The text of a block, which with citations lies deeper.
fn pieces(block: &Json) -> impl Iterator<Item = &str> {
    let cited = elements(&block["citationsContent"]["content"]);
    [block]
        .into_iter()
        .chain(cited)
        .filter_map(|block| block["text"].as_str())
}

/// The tokens as Bedrock counts them: what was read from or written to a cache is beside the
/// input.
pub(super) fn usage(usage: &Json) -> Option<Usage> {
    let (input, output) = (count(&usage["inputTokens"]), count(&usage["outputTokens"]));
    if input.is_none() && output.is_none() {
        return None;
    }
    let written_for = |life: &str| {
        elements(&usage["cacheDetails"])
            .iter()
            .filter(|detail| detail["ttl"] == *life)
            .map(|detail| count_or_zero(&detail["inputTokens"]))
            .fold(0, u64::saturating_add)
    };
    let written = count_or_zero(&usage["cacheWriteInputTokens"]);
    let cached = count_or_zero(&usage["cacheReadInputTokens"]);
    let usage = Usage::new()
        .input(input.unwrap_or(0))
        .cached(cached)
        .output(output.unwrap_or(0));
    Some(CacheWrites::of(written, written_for("5m"), written_for("1h")).beside(usage))
}
