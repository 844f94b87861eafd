//! Tests of usage in the chunks of a stream, of gateways, and of any JSON whatever.

use proptest::{collection, prelude::*};
use serde_json::json;

use super::*;
use crate::{context::Context, generation::Generation};

fn tokens(input: u64, output: u64) -> Usage {
    Usage::new().input(input).output(output)
}

#[test]
fn usage_is_found_in_the_chunks_of_every_stream() {
    let counted = json!({"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13});
    let chunks = [
        // OpenAI, whose last chunk has no choices.
        json!({"object": "chat.completion.chunk", "choices": [], "usage": counted}),
        // Groq.
        json!({"choices": [{"delta": {}}], "usage": null, "x_groq": {"usage": counted}}),
        // OpenAI Responses.
        json!({
            "type": "response.completed",
            "response": {"usage": {"input_tokens": 9, "output_tokens": 4, "total_tokens": 13}}
        }),
        // Anthropic.
        json!({
            "type": "message_start",
            "message": {"role": "assistant", "usage": {"input_tokens": 9, "output_tokens": 4}}
        }),
        json!({
            "type": "message_delta", "delta": {"stop_reason": "end_turn"},
            "usage": {"input_tokens": 9, "output_tokens": 4}
        }),
        // Gemini, also in snake case and inside an envelope.
        json!({"usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 4}}),
        json!({"usage_metadata": {"prompt_token_count": 9, "candidates_token_count": 4}}),
        json!({"response": {"usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 4}}}),
        // Bedrock, with and without the name of the event.
        json!({"metadata": {"usage": {"inputTokens": 9, "outputTokens": 4}, "metrics": {}}}),
        json!({"usage": {"inputTokens": 9, "outputTokens": 4}, "metrics": {}}),
        // Ollama.
        json!({"done": true, "prompt_eval_count": 9, "eval_count": 4}),
        // Cohere, version 2 and 1.
        json!({
            "type": "message-end",
            "delta": {"usage": {"tokens": {"input_tokens": 9.0, "output_tokens": 4.0}}}
        }),
        json!({
            "event_type": "stream-end",
            "response": {"meta": {"billed_units": {"input_tokens": 9, "output_tokens": 4}}}
        }),
    ];
    for chunk in chunks {
        assert_eq!(usage_in(&chunk), Some(tokens(9, 4)), "{chunk}");

        // And on the way that a chunk takes, of which most fields are not even looked at.
        let mut call = Context::start_generation(Generation::new("any", "asked")).unwrap();
        call.record_chunk(&chunk);
        assert_eq!(call.usage(), Some(tokens(9, 4)), "{chunk}");
    }
}

#[test]
fn a_chunk_without_usage_has_none() {
    let chunks = [
        json!({"object": "chat.completion.chunk", "choices": [{"delta": {}}], "usage": null}),
        json!({"type": "content_block_delta", "delta": {"type": "text_delta", "text": "A"}}),
        json!({"type": "response.output_text.delta", "delta": "A"}),
        json!({"model": "llama3.2", "message": {"content": "A"}, "done": false}),
        json!({"candidates": [{"content": {"parts": [{"text": "A"}]}}]}),
        json!({"usage": {}}),
        json!({"usage": {"prompt_tokens": "many"}}),
        json!("usage"),
        Json::Null,
    ];
    for chunk in chunks {
        assert_eq!(usage_in(&chunk), None, "{chunk}");
    }
}

#[test]
fn what_anthropic_wrote_to_its_cache_is_told_by_the_first_chunk_alone() {
    let first = json!({"type": "message_start", "message": {"usage": {
        "input_tokens": 5, "cache_creation_input_tokens": 30, "cache_read_input_tokens": 70,
        "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
        "output_tokens": 1
    }}});
    let last = json!({"type": "message_delta", "usage": {
        "input_tokens": 5, "cache_creation_input_tokens": 30, "cache_read_input_tokens": 70,
        "output_tokens": 40
    }});

    let written = tokens(5, 1).cached(70).cache_creation_5m(10);
    assert_eq!(usage_in(&first), Some(written.cache_creation_1h(20)));
    assert_eq!(usage_in(&last), Some(tokens(5, 40).cached(70)));
}

#[test]
fn a_gateway_that_states_a_total_has_the_cache_inside_the_sum() {
    let usage = json!({
        "prompt_tokens": 100, "completion_tokens": 5, "total_tokens": 105,
        "cache_read_input_tokens": 60, "cache_creation_input_tokens": 30,
        "prompt_tokens_details": {
            "cached_tokens": 60, "cache_creation_tokens": 30,
            "cache_creation_token_details": {
                "ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20
            }
        }
    });
    let of_anthropic = json!({
        "input_tokens": 100, "output_tokens": 5, "total_tokens": 105,
        "cache_read_input_tokens": 60, "cache_creation_input_tokens": 30
    });

    let expected = tokens(10, 5).cached(60);
    assert_eq!(
        usage_in(&json!({ "usage": usage })),
        Some(expected.cache_creation_5m(10).cache_creation_1h(20))
    );
    assert_eq!(
        usage_in(&json!({ "usage": of_anthropic })),
        Some(expected.cache_creation(30))
    );
}

#[test]
fn counts_may_be_floats_or_text_and_what_is_none_is_left_out() {
    let usage = json!({"usage": {
        "prompt_tokens": 12.0, "completion_tokens": "7", "total_tokens": null,
        "prompt_tokens_details": {"cached_tokens": -3, "audio_tokens": 1e300}
    }});

    assert_eq!(usage_in(&usage), Some(tokens(12, 7)));
}

#[test]
fn audio_that_was_cached_is_counted_once() {
    let usage = json!({"usage": {
        "input_tokens": 100, "output_tokens": 10, "total_tokens": 110,
        "input_token_details": {
            "text_tokens": 20, "audio_tokens": 80, "cached_tokens": 64,
            "cached_tokens_details": {"text_tokens": 4, "audio_tokens": 60}
        },
        "output_token_details": {"text_tokens": 3, "audio_tokens": 7}
    }});

    let expected = tokens(16, 3).cached(64).input_audio(20).output_audio(7);
    assert_eq!(usage_in(&usage), Some(expected));
}

#[test]
fn the_cost_is_what_the_caller_pays() {
    let cost = |usage: Json| read(&json!({ "usage": usage })).cost;

    assert_eq!(cost(json!({"cost": 0.002})), Some(Cost::usd(0.002)));
    assert_eq!(cost(json!({"cost": "0.002"})), Some(Cost::usd(0.002)));
    assert_eq!(cost(json!({"cost": -0.002})), None);
    assert_eq!(cost(json!({"cost": null})), None);
    let upstream = json!({"upstream_inference_cost": 0.04});
    assert_eq!(
        cost(json!({"cost": 0.002, "is_byok": true, "cost_details": upstream})),
        Some(Cost::usd(0.042))
    );
    assert_eq!(
        cost(json!({"cost": 0.042, "is_byok": false, "cost_details": upstream})),
        Some(Cost::usd(0.042))
    );
}

#[test]
fn nesting_far_deeper_than_a_parser_allows_is_read() {
    let deep = (0..1_000).fold(json!(1), |inner, _| json!([inner]));
    let answers = [
        json!({"choices": [{"message": {"content": deep, "tool_calls": deep}}]}),
        json!({"role": "assistant", "content": [deep]}),
        json!({"output": deep, "usage": deep}),
        json!({"candidates": [{"content": {"parts": deep}}]}),
        json!({ "reply": deep }),
    ];
    for answer in answers {
        assert!(read(&answer).output.is_some());
    }
}

/// Names and texts that the readers look for, so that random JSON leads them on.
fn any_word() -> impl Strategy<Value = String> {
    let words = [
        "choices",
        "message",
        "content",
        "text",
        "type",
        "tool_calls",
        "function",
        "arguments",
        "output",
        "response",
        "response.completed",
        "candidates",
        "parts",
        "functionCall",
        "args",
        "usageMetadata",
        "promptTokenCount",
        "promptTokensDetails",
        "modality",
        "AUDIO",
        "usage",
        "prompt_tokens",
        "input_tokens",
        "output_tokens",
        "total_tokens",
        "cost",
        "is_byok",
        "prompt_tokens_details",
        "cached_tokens",
        "cache_creation",
        "cacheDetails",
        "ttl",
        "5m",
        "inputTokens",
        "toolUse",
        "data",
        "embedding",
        "embeddings",
        "values",
        "done",
        "meta",
        "prompt_eval_count",
        "tokens",
        "billed_units",
        "generation_id",
        "message_delta",
        "role",
    ];
    prop_oneof![9 => prop::sample::select(words.to_vec()).prop_map(str::to_owned), 1 => ".{0,9}"]
}

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        any_word().prop_map(Json::from),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        prop_oneof![
            collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            collection::btree_map(any_word(), inner, 0..6)
                .prop_map(|fields| fields.into_iter().collect()),
        ]
    })
}

/// A sum and two parts of it that do not overlap.
fn sum_and_parts() -> impl Strategy<Value = (u64, u64, u64)> {
    (0..1_u64 << 40)
        .prop_flat_map(|sum| (Just(sum), 0..=sum))
        .prop_flat_map(|(sum, first)| (Just(sum), Just(first), 0..=sum - first))
}

/// That each class has the tokens it is due and the sums are those of the provider.
fn holds(answer: &Json, input: u64, output: u64, cached: u64) -> Result<(), TestCaseError> {
    let usage = usage_in(answer);
    prop_assert!(usage.is_some(), "no usage in {answer}");
    let usage = usage.unwrap_or_default();
    prop_assert_eq!(usage.input_total(), input, "{}", answer);
    prop_assert_eq!(usage.output_total(), output, "{}", answer);
    prop_assert_eq!(usage.get_cached(), cached, "{}", answer);
    prop_assert_eq!(usage.total(), input + output);
    let classes: u64 = usage.classes().map(|(_, tokens)| tokens).sum();
    prop_assert_eq!(classes, usage.total());
    Ok(())
}

proptest! {
    #[test]
    fn no_json_makes_it_panic(json in any_json()) {
        let answer = read(&json);

        let usage = answer.usage.unwrap_or_default();
        prop_assert_eq!(
            usage.total(),
            usage.input_total().saturating_add(usage.output_total())
        );
    }

    #[test]
    fn sums_that_include_their_parts_are_kept(
        (input, cached, written) in sum_and_parts(),
        (output, reasoning, audio) in sum_and_parts(),
        input_audio in 0..1_u64 << 40,
    ) {
        let chat = json!({"choices": [], "usage": {
            "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output,
            "prompt_tokens_details": {
                "cached_tokens": cached, "cache_write_tokens": written, "audio_tokens": input_audio
            },
            "completion_tokens_details": {"reasoning_tokens": reasoning, "audio_tokens": audio}
        }});
        let responses = json!({"output": [], "usage": {
            "input_tokens": input, "output_tokens": output, "total_tokens": input + output,
            "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": written},
            "output_tokens_details": {"reasoning_tokens": reasoning}
        }});
        let hits = json!({"choices": [], "usage": {
            "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output,
            "prompt_cache_hit_tokens": cached, "prompt_cache_miss_tokens": input - cached
        }});
        let cohere = json!({"message": {}, "usage": {
            "tokens": {"input_tokens": input, "output_tokens": output}, "cached_tokens": cached
        }});
        let gemini = json!({"candidates": [], "usageMetadata": {
            "promptTokenCount": input, "cachedContentTokenCount": cached,
            "candidatesTokenCount": output - reasoning, "thoughtsTokenCount": reasoning,
            "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": input_audio}],
            "candidatesTokensDetails": [{"modality": "AUDIO", "tokenCount": audio}],
            "totalTokenCount": input + output
        }});

        for answer in [chat, responses, hits, cohere, gemini] {
            holds(&answer, input, output, cached)?;
        }
    }

    #[test]
    fn what_is_counted_beside_the_sums_is_added_to_them(
        input in 0..1_u64 << 40, cached in 0..1_u64 << 40, (written, short, long) in sum_and_parts(),
        (output, thought, _) in sum_and_parts(),
    ) {
        let anthropic = json!({"type": "message", "content": [], "usage": {
            "input_tokens": input, "cache_read_input_tokens": cached,
            "cache_creation_input_tokens": written,
            "cache_creation": {
                "ephemeral_5m_input_tokens": short, "ephemeral_1h_input_tokens": long
            },
            "output_tokens": output, "output_tokens_details": {"thinking_tokens": thought}
        }});
        let bedrock = json!({"output": {"message": {}}, "usage": {
            "inputTokens": input, "outputTokens": output, "cacheReadInputTokens": cached,
            "cacheWriteInputTokens": written,
            "cacheDetails": [
                {"ttl": "1h", "inputTokens": long}, {"ttl": "5m", "inputTokens": short}
            ]
        }});
        for answer in [anthropic, bedrock] {
            holds(&answer, input + cached + written, output, cached)?;
            let usage = usage_in(&answer).unwrap_or_default();
            prop_assert_eq!(usage.get_input(), input);
            prop_assert_eq!(usage.get_cache_creation_5m(), short);
            prop_assert_eq!(usage.get_cache_creation_1h(), long);
        }

        let ollama = json!({"done": true, "prompt_eval_count": input, "eval_count": output});
        holds(&ollama, input, output, 0)?;
        let xai = json!({"choices": [], "usage": {
            "prompt_tokens": input, "completion_tokens": output,
            "total_tokens": input + output + thought,
            "completion_tokens_details": {"reasoning_tokens": thought}
        }});
        holds(&xai, input, output + thought, 0)?;
        let of_tools = json!({"usageMetadata": {
            "promptTokenCount": input, "toolUsePromptTokenCount": written,
            "candidatesTokenCount": output, "thoughtsTokenCount": thought
        }});
        holds(&of_tools, input + written, output + thought, 0)?;
    }
}
