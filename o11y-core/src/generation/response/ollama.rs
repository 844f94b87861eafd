//! Ollama's own chat and generate, which give no id.

use serde_json::Value as Json;

use super::{
    answer::Answer,
    number::count,
    output::{Output, ToolCall},
};
use crate::usage::Usage;

pub(super) fn read(json: &Json) -> Answer<'_> {
    let message = &json["message"];
    let text = [&message["content"], &json["response"]];
    let text = Output::text(text.into_iter().filter_map(Json::as_str));
    Answer {
        finish_reasons: json["done_reason"].as_str().into_iter().collect(),
        output: Output::said(text, &ToolCall::all_of(message)),
        ..Answer::of(json)
    }
}

/// The tokens lie at the top of the answer, in a stream of its last line.
pub(super) fn usage(json: &Json) -> Option<Usage> {
    let (input, output) = (
        count(&json["prompt_eval_count"]),
        count(&json["eval_count"]),
    );
    if input.is_none() && output.is_none() {
        return None;
    }
    let usage = Usage::new().input(input.unwrap_or(0));
    Some(usage.output(output.unwrap_or(0)))
}
