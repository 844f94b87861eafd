//! Reads a provider's answer: model, message, usage. For now in the shape of OpenAI's chat
//! completions, which most servers speak.

use serde::Serialize;
use serde_json::Value as Json;

use super::Call;
use crate::{
    key,
    usage::{InclusiveUsage, Usage},
};

/// Notes in `call` what `response` says; a shape that is not known changes nothing.
pub(super) fn note(call: &mut Call<'_>, response: &impl Serialize) {
    // An answer that cannot be serialised says nothing, and must not fail the call that was paid.
    let Ok(response) = serde_json::to_value(response) else {
        return;
    };
    if let Some(model) = response["model"].as_str() {
        call.set_response_model(model);
    }
    if let Some(id) = response["id"].as_str() {
        call.span().set_attribute(key::RESPONSE_ID, id);
    }
    if let Some(choices) = response["choices"].as_array() {
        let reasons: Vec<_> = choices
            .iter()
            .filter_map(|choice| choice["finish_reason"].as_str())
            .collect();
        if !reasons.is_empty() {
            call.span().set_attribute(key::FINISH_REASONS, &reasons);
        }
        match choices.as_slice() {
            [] => {}
            [only] => note_message(call, &only["message"]),
            several => {
                let messages: Vec<_> = several.iter().map(|choice| &choice["message"]).collect();
                call.set_output(&messages);
            }
        }
    }
    if let Some(usage) = usage_of(&response["usage"]) {
        call.set_usage(usage);
    }
}

/// A plain answer is noted as its text; tool calls need the whole message.
fn note_message(call: &mut Call<'_>, message: &Json) {
    match message["content"].as_str() {
        Some(content) if message["tool_calls"].is_null() => call.set_output(content),
        _ if message.is_null() => {}
        _ => call.set_output(message),
    }
}

fn usage_of(usage: &Json) -> Option<Usage> {
    let count = |value: &Json| value.as_u64().unwrap_or(0);
    usage["prompt_tokens"].as_u64()?;
    let (input, output) = (
        &usage["prompt_tokens_details"],
        &usage["completion_tokens_details"],
    );
    Some(Usage::from_inclusive(InclusiveUsage {
        input: count(&usage["prompt_tokens"]),
        cached: count(&input["cached_tokens"]),
        cache_creation: 0, // OpenAI bills writes to its cache as ordinary input
        input_audio: count(&input["audio_tokens"]),
        output: count(&usage["completion_tokens"]),
        reasoning: count(&output["reasoning_tokens"]),
        output_audio: count(&output["audio_tokens"]),
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn cached_and_reasoning_tokens_are_taken_out_of_the_sums() {
        let usage = usage_of(&json!({
            "prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150,
            "prompt_tokens_details": {"cached_tokens": 64, "audio_tokens": 6},
            "completion_tokens_details": {"reasoning_tokens": 20}
        }));

        assert_eq!(
            usage,
            Some(
                Usage::new()
                    .input(30)
                    .cached(64)
                    .input_audio(6)
                    .output(30)
                    .reasoning(20)
            )
        );
    }

    #[test]
    fn an_answer_without_usage_has_none() {
        assert_eq!(usage_of(&Json::Null), None);
        assert_eq!(usage_of(&json!({"prompt_tokens": "many"})), None);
    }

    #[test]
    fn an_embedding_has_input_only() {
        assert_eq!(
            usage_of(&json!({"prompt_tokens": 8, "total_tokens": 8})),
            Some(Usage::new().input(8))
        );
    }
}
