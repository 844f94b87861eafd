//! Chunks of every provider are put together to the answer that they are pieces of.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use o11y_core::{Call, Context, Cost, Generation, Usage, Value, ValueRef, Vetoed, key};
use serde_json::{Value as Json, json};

#[path = "support/stand.rs"]
mod stand;
use stand::Stand;

/// A file of chunks, and what they are pieces of.
struct Golden {
    chunks: &'static str,
    /// The first chunk with content, counted from 0.
    first: usize,
    output: Json,
    usage: Option<Usage>,
    model: Option<&'static str>,
    id: Option<&'static str>,
    finish_reasons: Option<&'static str>,
}

fn message(content: Option<&str>, tools: &[(&str, &str, &str)]) -> Json {
    let tools = tools.iter().map(|(id, name, arguments)| {
        json!({
            "id": id,
            "type": "function",
            "function": {"name": name, "arguments": arguments}
        })
    });
    let tools: Vec<_> = tools.collect();
    json!({"role": "assistant", "content": content, "tool_calls": tools})
}

impl Golden {
    fn check(&self) {
        let stand = Stand::new(true);
        let chunks: Vec<Json> = self
            .chunks
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();

        stand.telemetry.run(|| {
            let mut call = Context::start_generation(Generation::new("any", "asked")).unwrap();
            for chunk in &chunks {
                call.record_chunk(chunk);
            }
            call.finish();
        });

        let output = stand.shown(key::OUTPUT).unwrap();
        match &self.output {
            Json::String(text) => assert_eq!(&output, text),
            message => assert_eq!(&serde_json::from_str::<Json>(&output).unwrap(), message),
        }
        assert_eq!(stand.shown(key::RESPONSE_MODEL).as_deref(), self.model);
        assert_eq!(stand.shown(key::RESPONSE_ID).as_deref(), self.id);
        let reasons = stand.shown(key::FINISH_REASONS);
        assert_eq!(reasons.as_deref(), self.finish_reasons);
        let usage = stand.look("llm.generate", |record| {
            record
                .attribute(key::USAGE)
                .map(|usage| match usage.as_ref() {
                    ValueRef::Usage(usage) => *usage,
                    other => panic!("{other:?}"),
                })
        });
        assert_eq!(usage, self.usage);
        assert_eq!(first_token(&chunks), self.first);
    }
}

/// The chunk that counts as the first token, with nothing recorded.
fn first_token(chunks: &[Json]) -> usize {
    let stamped_after = |count: usize| {
        let stand = Stand::new(false);
        stand.telemetry.run(|| {
            let mut call = Context::start_generation(Generation::new("any", "asked")).unwrap();
            chunks[..count]
                .iter()
                .for_each(|chunk| call.record_chunk(chunk));
            call.finish();
        });
        stand.heard(|lines| lines[1].value(key::TIME_TO_FIRST_TOKEN_MS).is_some())
    };
    (0..chunks.len())
        .find(|&place| stamped_after(place + 1))
        .unwrap()
}

#[test]
fn openai_chat() {
    Golden {
        chunks: include_str!("streams/openai_chat.ndjson"),
        first: 1,
        output: json!("A flat white."),
        usage: Some(Usage::new().input(23).cached(8).output(5)),
        model: Some("gpt-4o-mini-2024-07-18"),
        id: Some("chatcmpl-7"),
        finish_reasons: Some(r#"["stop"]"#),
    }
    .check();
}

#[test]
fn openai_chat_with_tool_calls_side_by_side() {
    let tools = [
        ("call_milk", "steam", r#"{"milk":"oat"}"#),
        ("call_shot", "pull_shot", r#"{"shots":2}"#),
    ];
    Golden {
        chunks: include_str!("streams/openai_chat_tools.ndjson"),
        first: 1,
        output: message(None, &tools),
        usage: Some(Usage::new().input(60).output(24)),
        model: Some("gpt-4o"),
        id: Some("chatcmpl-8"),
        finish_reasons: Some(r#"["tool_calls"]"#),
    }
    .check();
}

#[test]
fn openai_chat_that_is_spoken_is_noted_as_its_transcript() {
    Golden {
        chunks: include_str!("streams/openai_chat_audio.ndjson"),
        first: 1,
        output: json!("One flat white."),
        usage: Some(Usage::new().input(20).output(6).output_audio(24)),
        model: Some("gpt-4o-audio-preview-2024-12-17"),
        id: Some("chatcmpl-a1"),
        finish_reasons: Some(r#"["stop"]"#),
    }
    .check();
}

#[test]
fn openai_chat_with_the_older_form_of_a_call() {
    let tools = [("", "steam", r#"{"milk":"oat"}"#)];
    Golden {
        chunks: include_str!("streams/openai_chat_function.ndjson"),
        first: 0,
        output: message(None, &tools),
        usage: None,
        model: Some("gpt-4-0613"),
        id: Some("chatcmpl-b1"),
        finish_reasons: Some(r#"["function_call"]"#),
    }
    .check();
}

#[test]
fn groq_whose_tokens_lie_in_a_place_of_their_own() {
    Golden {
        chunks: include_str!("streams/groq.ndjson"),
        first: 1,
        output: json!("A latte."),
        usage: Some(Usage::new().input(37).output(4)),
        model: Some("llama-3.3-70b-versatile"),
        id: Some("chatcmpl-f1"),
        finish_reasons: Some(r#"["stop"]"#),
    }
    .check();
}

#[test]
fn openai_chat_with_several_choices_and_reasoning() {
    Golden {
        chunks: include_str!("streams/openai_chat_choices.ndjson"),
        first: 0,
        output: json!([
            {"role": "assistant", "content": "Cappuccino"},
            {"role": "assistant", "content": "Latte"},
        ]),
        usage: Some(Usage::new().input(20).output(5).reasoning(7)),
        model: Some("deepseek-reasoner"),
        id: Some("chatcmpl-9"),
        finish_reasons: Some(r#"["stop","length"]"#),
    }
    .check();
}

#[test]
fn calls_that_a_gateway_gives_the_same_place_are_told_apart_by_their_ids() {
    let tools = [("a", "grind", r#"{"grams":18}"#), ("b", "tamp", "{}")];
    Golden {
        chunks: include_str!("streams/gateway_tools_by_id.ndjson"),
        first: 0,
        output: message(None, &tools),
        usage: None,
        model: Some("gemini-2.5-flash"),
        id: Some("gen-1"),
        finish_reasons: Some(r#"["tool_calls"]"#),
    }
    .check();
}

#[test]
fn mistral_whose_thoughts_come_as_parts_of_the_content() {
    Golden {
        chunks: include_str!("streams/mistral_thinking.ndjson"),
        first: 1,
        output: json!("A latte."),
        usage: Some(Usage::new().input(13).output(90)),
        model: Some("magistral-medium-2509"),
        id: Some("cmpl-5b4c"),
        finish_reasons: Some(r#"["stop"]"#),
    }
    .check();
}

#[test]
fn mistral_whose_tool_calls_come_whole() {
    let tools = [
        ("D681PevKs", "steam", r#"{"milk": "oat"}"#),
        ("b2Tq0XaZ1", "pull_shot", r#"{"shots": 2}"#),
    ];
    Golden {
        chunks: include_str!("streams/mistral_tools.ndjson"),
        first: 1,
        output: message(None, &tools),
        usage: Some(Usage::new().input(94).output(48)),
        model: Some("mistral-small-latest"),
        id: Some("cmpl-9d01"),
        finish_reasons: Some(r#"["tool_calls"]"#),
    }
    .check();
}

#[test]
fn deepseek_which_thinks_beside_the_content() {
    Golden {
        chunks: include_str!("streams/deepseek.ndjson"),
        first: 1,
        output: json!("A latte."),
        usage: Some(Usage::new().input(16).cached(64).output(6).reasoning(39)),
        model: Some("deepseek-reasoner"),
        id: Some("1f633d8b"),
        finish_reasons: Some(r#"["stop"]"#),
    }
    .check();
}

#[test]
fn openai_responses() {
    let tools = [("call_shot", "pull_shot", r#"{"shots":2}"#)];
    Golden {
        chunks: include_str!("streams/openai_responses.ndjson"),
        first: 3,
        output: message(Some("One moment, please."), &tools),
        usage: Some(Usage::new().input(24).cached(16).output(18).reasoning(12)),
        model: Some("gpt-5-mini"),
        id: Some("resp_1"),
        finish_reasons: Some(r#"["completed"]"#),
    }
    .check();
}

#[test]
fn openai_responses_with_a_tool_that_takes_plain_text() {
    let tools = [
        ("call_ticket", "print_ticket", "1 latte, oat"),
        ("call_bell", "ring_bell", "twice"),
    ];
    Golden {
        chunks: include_str!("streams/openai_responses_custom_tool.ndjson"),
        first: 1,
        output: message(None, &tools),
        usage: Some(Usage::new().input(61).output(17)),
        model: Some("gpt-5-mini"),
        id: Some("resp_2"),
        finish_reasons: Some(r#"["completed"]"#),
    }
    .check();
}

#[test]
fn anthropic_whose_tokens_come_in_two_parts() {
    let tools = [("toolu_1", "steam", r#"{"milk": "oat"}"#)];
    Golden {
        chunks: include_str!("streams/anthropic.ndjson"),
        first: 2,
        output: message(Some("Coming up."), &tools),
        usage: Some(Usage::new().input(25).cached(100).output(48)),
        model: Some("claude-sonnet-4-5"),
        id: Some("msg_01"),
        finish_reasons: Some(r#"["tool_use"]"#),
    }
    .check();
}

#[test]
fn gemini_whose_calls_have_no_ids() {
    let tools = [
        ("", "steam", r#"{"milk":"oat"}"#),
        ("", "steam", r#"{"milk":"soy"}"#),
    ];
    Golden {
        chunks: include_str!("streams/gemini.ndjson"),
        first: 0,
        output: message(Some("Coming up."), &tools),
        usage: Some(Usage::new().input(12).output(20).reasoning(8)),
        model: Some("gemini-2.5-flash"),
        id: Some("r-1"),
        finish_reasons: Some(r#"["STOP"]"#),
    }
    .check();
}

#[test]
fn ollama_chat() {
    let tools = [("", "steam", r#"{"milk":"oat"}"#)];
    Golden {
        chunks: include_str!("streams/ollama.ndjson"),
        first: 0,
        output: message(Some("Coming up."), &tools),
        usage: Some(Usage::new().input(26).output(18)),
        model: Some("qwen3"),
        id: None,
        finish_reasons: Some(r#"["stop"]"#),
    }
    .check();
}

#[test]
fn ollama_generate() {
    Golden {
        chunks: include_str!("streams/ollama_generate.ndjson"),
        first: 0,
        output: json!("A flat white."),
        usage: Some(Usage::new().input(9).output(4)),
        model: Some("qwen3"),
        id: None,
        finish_reasons: Some(r#"["length"]"#),
    }
    .check();
}

#[test]
fn bedrock() {
    let tools = [("tooluse_1", "steam", r#"{"milk":"oat"}"#)];
    Golden {
        chunks: include_str!("streams/bedrock.ndjson"),
        first: 1,
        output: message(Some("Coming up."), &tools),
        usage: Some(Usage::new().input(30).output(22)),
        model: None,
        id: None,
        finish_reasons: Some(r#"["tool_use"]"#),
    }
    .check();
}

#[test]
fn cohere() {
    let tools = [("steam_1", "steam", r#"{"milk":"oat"}"#)];
    Golden {
        chunks: include_str!("streams/cohere.ndjson"),
        first: 1,
        output: message(Some("Coming up."), &tools),
        usage: Some(Usage::new().input(90).output(20)),
        model: None,
        id: Some("c-1"),
        finish_reasons: Some(r#"["TOOL_CALL"]"#),
    }
    .check();
}

/// What `f` makes of a call, as the output of its span.
fn output(f: impl FnOnce(&mut Call<'_>)) -> (Stand, Option<String>) {
    let stand = Stand::new(true);
    stand.telemetry.run(|| {
        let done = Context::generation_blocking(Generation::new("any", "asked"), |call| {
            f(call);
            Ok::<_, Vetoed>(())
        });
        done.unwrap();
    });
    let output = stand.shown(key::OUTPUT);
    (stand, output)
}

#[test]
fn an_output_that_was_set_stands_and_unknown_chunks_say_nothing() {
    let (_, set) = output(|call| {
        call.push_text("A flat ");
        call.set_output("my own");
    });
    let (_, unknown) = output(|call| {
        call.record_chunk(&json!({"flavour": "sweet", "type": "novelty", "choices": 7}));
        call.record_chunk(&[1, 2, 3]);
        call.record_chunk(&json!(null));
    });

    assert_eq!(set.as_deref(), Some("my own"));
    assert_eq!(unknown, None);
}

#[test]
fn a_cost_that_the_last_chunk_states_is_the_calls() {
    let (stand, _) = output(|call| {
        call.record_chunk(&json!({"choices": [{"index": 0, "delta": {"content": "A latte."}}]}));
        call.record_chunk(&json!({
            "choices": [],
            "usage": {"prompt_tokens": 31, "completion_tokens": 5, "cost": 0.0025},
        }));
    });

    let cost = stand.look("llm.generate", |record| {
        record.attribute(key::COST).cloned()
    });
    assert_eq!(cost, Some(Value::from(Cost::usd(0.0025))));
}

#[test]
fn a_prompt_that_gemini_blocks_tells_why_there_is_no_answer() {
    let (stand, output) = output(|call| {
        call.record_chunk(&json!({
            "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"},
            "usageMetadata": {"promptTokenCount": 9, "totalTokenCount": 9}
        }));
        assert_eq!(call.usage(), Some(Usage::new().input(9)));
    });

    let reasons = stand.shown(key::FINISH_REASONS);
    assert_eq!(reasons.as_deref(), Some(r#"["PROHIBITED_CONTENT"]"#));
    assert_eq!(output, None);
}

#[test]
fn a_failed_call_keeps_what_came_of_its_answer_and_of_its_usage() {
    let stand = Stand::new(true);

    stand.telemetry.run(|| {
        let mut call = Context::start_generation(Generation::new("any", "asked")).unwrap();
        call.push_text("A fl");
        call.set_usage(Usage::new().input(31));
        call.fail("reset by peer");
    });

    assert_eq!(stand.shown(key::OUTPUT).as_deref(), Some("A fl"));
    assert_eq!(
        stand.lines(),
        ["llm.request", "llm.error failed 31", "lm.tokens failed"]
    );
}

#[test]
fn a_retry_forgets_the_chunks_of_the_attempt_before_and_is_counted() {
    let (stand, output) = output(|call| {
        call.push_text("A fl");
        call.retry();
        call.set_output("A flat white.");
    });

    assert_eq!(output.as_deref(), Some("A flat white."));
    assert_eq!(stand.shown(key::TIME_TO_FIRST_CHUNK), None);
    assert_eq!(stand.shown(key::RETRIES).as_deref(), Some("1"));
    stand.heard(|lines| assert_eq!(lines[1].number(key::RETRIES), Some(1)));
}

#[test]
fn the_first_token_is_stamped_once_in_seconds_and_milliseconds() {
    let (stand, _) = output(|call| {
        call.record_chunk(&json!({"choices": [{"delta": {"role": "assistant", "content": ""}}]}));
        call.first_token();
        call.push_text("A flat white.");
    });

    let seconds: f64 = stand
        .shown(key::TIME_TO_FIRST_CHUNK)
        .unwrap()
        .parse()
        .unwrap();
    stand.heard(|lines| {
        let value = |key| lines[1].value(key).and_then(Value::as_f64).unwrap();
        let milliseconds = value(key::TIME_TO_FIRST_TOKEN_MS);
        assert!((milliseconds - seconds * 1_000.0).abs() < 1e-6);
        assert!(milliseconds <= value(key::DURATION_MS));
    });
}

#[test]
fn an_answer_beyond_a_mebibyte_is_cut_at_a_character_and_its_usage_still_read() {
    let piece = "é".repeat(1_000);
    let (stand, output) = output(|call| {
        for _ in 0..600 {
            call.push_text(&piece);
        }
        call.record_chunk(&json!({
            "choices": [{"delta": {"content": "more"}}],
            "usage": {"prompt_tokens": 31, "completion_tokens": 5}
        }));
        assert_eq!(call.usage(), Some(Usage::new().input(31).output(5)));
    });

    let output = output.unwrap();
    let kept = output.strip_suffix("…[cut]").unwrap();
    assert_eq!(kept.len(), 1024 * 1024);
    let left_out = 600 * 2_000 + 4 - kept.len();
    let said = stand.shown(key::OUTPUT_CUT_BYTES);
    assert_eq!(said, Some(left_out.to_string()));
}
