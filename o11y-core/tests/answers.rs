//! Whatever provider answers, the call has its model, id, message, tokens and cost.
//!
//! The files in `answers/` have the shapes that the providers document; their contents are ours.
//! Where the shapes and the ways of counting are described:
//!
//! * OpenAI: API reference, "Chat Completions", "Completions", "Embeddings", "Responses"; guides
//!   "Prompt caching", "Reasoning models", "Audio and speech"
//! * Anthropic: API reference, "Messages"; "Prompt caching"; the types `Usage`, `CacheCreation` and
//!   `OutputTokensDetails` of its SDK
//! * Google: Gemini API reference, `GenerateContentResponse`, `UsageMetadata`; Vertex AI reference,
//!   `GenerateContentResponse.UsageMetadata`, which states the sum that the total is
//! * Amazon: Bedrock API reference, "Converse", `TokenUsage`, `CacheDetail`
//! * Ollama: API documentation, "Generate a chat completion", "Generate a completion", "Embed"
//! * Mistral: API reference, "Chat completion"; "Reasoning"
//! * Cohere: API reference, "Chat" in versions 2 and 1, "Embed"; "How does Cohere's pricing work"
//! * `DeepSeek`: API reference, "Create chat completion"; "Context caching"
//! * Groq, xAI, Perplexity: API reference, "Chat completions"; xAI "Consumption and rate limits"
//! * `OpenRouter`: "Usage accounting"; vLLM: "OpenAI-compatible server"
//!
//! The types of the providers' own Python SDKs take these files, and those in `streams/`, as they
//! are: openai 3.54 (also for whoever speaks like it), anthropic 2.12, google-genai 3.4, mistralai
//! 3.7, cohere 7.3, ollama 0.6; for Bedrock the description of the service in botocore 1.44. What is
//! made up on purpose is not among them (another spelling, an unknown shape), nor is Anthropic's
//! `ping`, which its SDK passes over.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

use std::{collections::BTreeSet, fs, path::PathBuf};

use o11y_core::{Context, Cost, Generation, Record, TraceId, Usage, Value, ValueRef, key};
use serde_json::{Value as Json, json};

#[path = "support/memory.rs"]
mod memory;
use memory::memory;

/// What is to be noted of the answer in one file.
#[derive(Debug, PartialEq, Default)]
struct Noted {
    file: &'static str,
    model: Option<String>,
    id: Option<String>,
    /// As JSON text.
    finish_reasons: Option<String>,
    /// A text, or JSON that was noted as text.
    output: Option<Json>,
    usage: Option<Usage>,
    cost: Option<Cost>,
}

impl Noted {
    fn of(file: &'static str) -> Self {
        Self {
            file,
            ..Self::default()
        }
    }

    fn model(mut self, model: &str) -> Self {
        self.model = Some(model.to_owned());
        self
    }

    fn id(mut self, id: &str) -> Self {
        self.id = Some(id.to_owned());
        self
    }

    fn stopped(mut self, reasons: &[&str]) -> Self {
        self.finish_reasons = Some(json!(reasons).to_string());
        self
    }

    fn said(mut self, output: impl Into<Json>) -> Self {
        self.output = Some(output.into());
        self
    }

    fn used(mut self, usage: Usage) -> Self {
        self.usage = Some(usage);
        self
    }

    fn cost(mut self, dollars: f64) -> Self {
        self.cost = Some(Cost::usd(dollars));
        self
    }

    fn read(file: &'static str, record: &Record) -> Self {
        let attribute = |key| record.attribute(key).map(Value::as_ref);
        let text = |key| match attribute(key) {
            Some(ValueRef::Text(text)) => Some(text.to_owned()),
            None => None,
            Some(other) => panic!("{file}: {key} is {other:?}"),
        };
        let output = text(key::OUTPUT).map(|output| {
            let json = serde_json::from_str(&output).ok();
            json.filter(|json: &Json| json.is_object() || json.is_array())
                .unwrap_or(Json::String(output))
        });
        Self {
            file,
            model: text(key::RESPONSE_MODEL),
            id: text(key::RESPONSE_ID),
            finish_reasons: text(key::FINISH_REASONS),
            output,
            usage: attribute(key::USAGE).map(|usage| match usage {
                ValueRef::Usage(usage) => *usage,
                other => panic!("{file}: usage is {other:?}"),
            }),
            cost: attribute(key::COST).map(|cost| match cost {
                ValueRef::Cost(cost) => cost,
                other => panic!("{file}: cost is {other:?}"),
            }),
        }
    }
}

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/answers"))
}

fn answer(file: &str) -> Json {
    let text = fs::read_to_string(folder().join(file).with_extension("json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Records an answer in a call of its own, and looks at the call's span.
fn record<R>(answer: &Json, look: impl FnOnce(&Record) -> R) -> R {
    memory();
    let trace: TraceId = Context::with_span("root", |span| {
        let request = Generation::new("any", "asked-for");
        let noted: anyhow::Result<()> = Context::generation_blocking(request, |call| {
            call.record_response(answer);
            Ok(())
        });
        noted.unwrap();
        span.context().trace_id().expect("telemetry is on")
    });
    memory().look(trace, "llm.generate", look)
}

/// A message with one call of a tool in OpenAI's shape.
fn message_with_call(content: impl Into<Json>, id: &str) -> Json {
    json!({
        "role": "assistant",
        "content": content.into(),
        "tool_calls": [{
            "id": id, "type": "function",
            "function": {"name": "grind_beans", "arguments": "{\"grams\":18}"}
        }]
    })
}

fn tokens(input: u64, output: u64) -> Usage {
    Usage::new().input(input).output(output)
}

fn openai() -> Vec<Noted> {
    let of = |file| Noted::of(file).id("chatcmpl-Bq7Kd");
    let mini = "gpt-4o-mini-2024-07-18";
    let mut message = message_with_call(Json::Null, "call_7Hx2");
    message["refusal"] = Json::Null;
    message["annotations"] = json!([]);
    vec![
        of("openai_chat_plain")
            .model(mini)
            .stopped(&["stop"])
            .said("Have a flat white.")
            .used(tokens(31, 6)),
        of("openai_chat_cached")
            .model(mini)
            .stopped(&["stop"])
            .said("The usual, then.")
            .used(tokens(512, 8).cached(1024)),
        of("openai_chat_tool_call")
            .model(mini)
            .stopped(&["tool_calls"])
            .said(message.clone())
            .used(tokens(82, 17)),
        of("openai_chat_reasoning")
            .model("o4-mini-2025-04-16")
            .stopped(&["stop"])
            .said("Eleven cups.")
            .used(tokens(45, 20).reasoning(320)),
        of("openai_chat_audio")
            .model("gpt-4o-audio-preview-2024-12-17")
            .stopped(&["stop"])
            .said("One espresso, coming up.")
            .used(tokens(21, 16).input_audio(50).output_audio(80)),
        of("openai_chat_refusal")
            .model(mini)
            .stopped(&["stop"])
            .said("I cannot help with burning down the coffee shop.")
            .used(tokens(24, 11)),
        of("openai_chat_two_choices")
            .model(mini)
            .stopped(&["stop", "tool_calls"])
            .said(json!([{"role": "assistant", "content": "A cortado."}, message]))
            .used(tokens(20, 9)),
        Noted::of("openai_completion")
            .model("gpt-3.5-turbo-instruct")
            .id("cmpl-9aT")
            .stopped(&["length"])
            .said(" and a croissant.")
            .used(tokens(5, 4)),
        Noted::of("openai_embedding")
            .model("text-embedding-3-small")
            .said(json!({"embeddings": 2, "dimensions": 3}))
            .used(tokens(14, 0)),
    ]
}

fn openai_responses() -> Vec<Noted> {
    let of = |file, status| {
        let noted = Noted::of(file).model("gpt-5-mini-2025-08-07");
        noted.id("resp_68e2c").stopped(&[status])
    };
    vec![
        of("openai_responses_plain", "completed")
            .said("Have a flat white.")
            .used(tokens(36, 9)),
        of("openai_responses_reasoning", "completed")
            .said("A long black, then.")
            .used(tokens(152, 26).cached(2048).reasoning(384)),
        of("openai_responses_tool_call", "completed")
            .said(json!([
                {"type": "reasoning", "id": "rs_68e2c", "summary": []},
                {
                    "type": "function_call", "id": "fc_68e2e", "call_id": "call_7Hx2",
                    "name": "grind_beans", "arguments": "{\"grams\":18}", "status": "completed"
                }
            ]))
            .used(tokens(90, 20).reasoning(40)),
        of("openai_responses_incomplete", "max_output_tokens").used(tokens(40, 0).reasoning(128)),
        of("openai_responses_refusal", "completed")
            .said("I cannot share the secret recipe.")
            .used(tokens(12, 8)),
        of("openai_responses_cache_write", "completed")
            .said("Noted.")
            .used(tokens(500, 4).cached(1000).cache_creation(1500)),
        of("openai_responses_event", "completed")
            .said("Served.")
            .used(tokens(10, 3)),
    ]
}

fn anthropic() -> Vec<Noted> {
    let of = |file, reason| {
        let noted = Noted::of(file).model("claude-sonnet-4-5-20250929");
        noted.id("msg_01AqZ").stopped(&[reason])
    };
    vec![
        of("anthropic_plain", "end_turn")
            .said("Have a flat white.")
            .used(tokens(21, 9)),
        of("anthropic_tool_use", "tool_use")
            .said(json!({
                "role": "assistant",
                "content": [
                    {"type": "text", "text": "I will grind some."},
                    {
                        "type": "tool_use", "id": "toolu_01D7", "name": "grind_beans",
                        "input": {"grams": 18}
                    }
                ]
            }))
            .used(tokens(380, 62)),
        of("anthropic_cached", "end_turn")
            .said("As last week.")
            .used(
                tokens(12, 7)
                    .cached(4000)
                    .cache_creation_5m(600)
                    .cache_creation_1h(300),
            ),
        of("anthropic_cached_unknown_life", "end_turn")
            .said("As last week.")
            .used(tokens(12, 7).cached(4000).cache_creation(900)),
        of("anthropic_thinking", "end_turn")
            .said("A latte.")
            .used(tokens(40, 300)),
        of("anthropic_refusal", "refusal").used(tokens(18, 1)),
    ]
}

fn gemini() -> Vec<Noted> {
    let of = |file, reason| {
        let noted = Noted::of(file).model("gemini-2.5-flash");
        noted.id("k3XsaN").stopped(&[reason])
    };
    vec![
        of("gemini_plain", "STOP")
            .said("Have a flat white.")
            .used(tokens(8, 6)),
        of("gemini_function_call", "STOP")
            .said(message_with_call(Json::Null, ""))
            .used(tokens(60, 14).reasoning(36)),
        of("gemini_cached_thinking", "STOP")
            .said("A cappuccino.")
            .used(tokens(974, 12).cached(4096).reasoning(200)),
        of("gemini_audio", "STOP")
            .said(json!({
                "role": "model",
                "parts": [{"inlineData": {"mimeType": "audio/L16;rate=24000", "data": "AAAA"}}]
            }))
            .used(tokens(20, 0).cached(100).input_audio(180).output_audio(75)),
        of("gemini_snake_case", "STOP")
            .model("gemini-2.5-pro")
            .said(message_with_call(Json::Null, "fn-1"))
            .used(tokens(30, 14).cached(10).input_audio(20).reasoning(6)),
        of("gemini_blocked", "SAFETY").used(tokens(9, 0)),
    ]
}

fn bedrock() -> Vec<Noted> {
    let of = |file, reason| Noted::of(file).stopped(&[reason]);
    vec![
        of("bedrock_plain", "end_turn")
            .said("Have a flat white.")
            .used(tokens(22, 8)),
        of("bedrock_tool_use", "tool_use")
            .said(message_with_call("I will grind some.", "tooluse_kZJ"))
            .used(tokens(410, 55)),
        of("bedrock_cached", "end_turn").said("As last week.").used(
            tokens(12, 7)
                .cached(4000)
                .cache_creation(100)
                .cache_creation_5m(600)
                .cache_creation_1h(300),
        ),
        of("bedrock_reasoning", "end_turn")
            .said("A latte.")
            .used(tokens(40, 300)),
    ]
}

fn ollama() -> Vec<Noted> {
    let of = |file| {
        let noted = Noted::of(file).model("llama3.2").stopped(&["stop"]);
        noted.used(tokens(26, 12))
    };
    vec![
        of("ollama_chat").said("Have a flat white."),
        of("ollama_thinking").said("A latte."),
        of("ollama_tool_call").said(message_with_call(Json::Null, "")),
        of("ollama_generate").said("Have a flat white."),
        Noted::of("ollama_embedding")
            .model("all-minilm")
            .said(json!({"embeddings": 1, "dimensions": 4}))
            .used(tokens(8, 0)),
    ]
}

fn cohere() -> Vec<Noted> {
    let of = |file, id, reason| Noted::of(file).id(id).stopped(&[reason]);
    vec![
        of("cohere_v2_plain", "c14c80c3", "COMPLETE")
            .said("Have a flat white.")
            .used(tokens(72, 10)),
        of("cohere_v2_tool_call", "c14c80c4", "TOOL_CALL")
            .said(message_with_call(
                "I will grind some beans.",
                "grind_beans_0",
            ))
            .used(tokens(452, 45).cached(448)),
        of("cohere_v2_thinking", "c14c80c5", "COMPLETE")
            .said("A latte.")
            .used(tokens(72, 66)),
        of("cohere_v1_plain", "0a3e", "COMPLETE")
            .said("Have a flat white.")
            .used(tokens(5, 8)),
        of("cohere_v1_tool_call", "7f12", "COMPLETE")
            .said(message_with_call(Json::Null, ""))
            .used(tokens(900, 45)),
        Noted::of("cohere_embedding")
            .id("da6e")
            .said(json!({"embeddings": 3, "dimensions": 2}))
            .used(tokens(6, 0)),
    ]
}

/// Those who speak OpenAI's chat completions, each with its own accent.
fn compatible() -> Vec<Noted> {
    let of = |file, model, id| Noted::of(file).model(model).id(id).stopped(&["stop"]);
    let of_router = |file| {
        of(file, "anthropic/claude-sonnet-4.5", "gen-1760")
            .said("A latte.")
            .used(
                tokens(94, 10)
                    .cached(1000)
                    .cache_creation(100)
                    .reasoning(20),
            )
    };
    vec![
        of("mistral_plain", "mistral-small-latest", "5b4c9d")
            .said("Have a flat white.")
            .used(tokens(13, 7)),
        of("mistral_thinking", "magistral-medium-2509", "5b4c9e")
            .said("A latte.")
            .used(tokens(13, 90)),
        of("deepseek_reasoning", "deepseek-reasoner", "930c60df")
            .said("A latte.")
            .used(tokens(72, 10).cached(128).reasoning(140)),
        of("groq_plain", "llama-3.3-70b-versatile", "chatcmpl-f51b")
            .said("Have a flat white.")
            .used(tokens(18, 7)),
        of_router("openrouter_cost").cost(0.001_407),
        of_router("openrouter_own_key").cost(0.001_47),
        of("vllm_empty_lists", "Qwen/Qwen3-8B", "chatcmpl-8d0e")
            .said("Have a flat white.")
            .used(tokens(28, 7)),
        of("xai_reasoning", "grok-4-fast-reasoning", "a3d1")
            .said("A latte.")
            .used(tokens(26, 9).cached(6).reasoning(94)),
        of("perplexity_cost", "sonar", "3c90")
            .said("The shop opens at seven.")
            .used(tokens(8, 20))
            .cost(0.005_028),
    ]
}

fn unknown() -> Vec<Noted> {
    vec![
        Noted::of("unknown_shape")
            .model("house-blend-1")
            .said(answer("unknown_shape"))
            .used(tokens(12, 4)),
    ]
}

#[test]
fn every_answer_is_noted_as_its_provider_means_it() {
    let families = [
        openai(),
        openai_responses(),
        anthropic(),
        gemini(),
        bedrock(),
        ollama(),
        cohere(),
        compatible(),
        unknown(),
    ];
    let mut files = BTreeSet::new();
    for expected in families.into_iter().flatten() {
        let json = answer(expected.file);

        let noted = record(&json, |record| Noted::read(expected.file, record));

        files.insert(format!("{}.json", expected.file));
        assert_eq!(noted, expected);
    }

    let there: BTreeSet<_> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(
        files, there,
        "an answer without an expectation, or the other way round"
    );
}

/// Which classes a provider's own total is the sum of, so that nothing is counted twice.
#[test]
fn the_total_is_the_one_that_the_provider_states() {
    let totals = [
        "total_tokens",
        "totalTokens",
        "totalTokenCount",
        "total_token_count",
    ];
    let mut checked = 0;
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let json: Json = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let usages = [
            "/usage",
            "/response/usage",
            "/usageMetadata",
            "/usage_metadata",
        ];
        let usages = usages.iter().filter_map(|place| json.pointer(place));
        let stated: Vec<_> = usages
            .flat_map(|usage| totals.map(|total| usage[total].as_u64()))
            .flatten()
            .collect();

        let usage = record(&json, |record| Noted::read("any", record).usage);

        if let [stated] = stated[..] {
            let file = path.file_name();
            assert_eq!(usage.map(|usage| usage.total()), Some(stated), "{file:?}");
            checked += 1;
        }
    }
    assert!(checked > 30, "{checked} totals");
}

#[test]
fn an_answer_that_says_nothing_changes_nothing() {
    let nothing = [
        json!(null),
        json!(""),
        json!([]),
        json!({}),
        json!({"choices": []}),
        json!({"choices": [{"message": {"role": "assistant", "content": "", "tool_calls": []}}]}),
        json!({"choices": [{"message": null}], "usage": null}),
        json!({"type": "message", "role": "assistant", "content": [], "usage": {}}),
        json!({"output": [], "usage": null}),
        json!({"candidates": [{"content": {"role": "model", "parts": []}}]}),
        json!({"output": {"message": {"role": "assistant", "content": []}}}),
        json!({"done": true, "message": {"role": "assistant", "content": ""}}),
        json!({"message": {"role": "assistant", "content": []}, "usage": {"tokens": {}}}),
        json!({"usage": {"prompt_tokens": "many", "cost": -1}}),
    ];
    for answer in nothing {
        let noted = record(&answer, |record| Noted::read("nothing", record));

        assert_eq!(noted, Noted::of("nothing"), "{answer}");
    }
}

#[test]
fn tokens_alone_leave_the_output_as_it_is() {
    memory();
    let usage = json!({"id": "1", "usage": {"prompt_tokens": 3, "completion_tokens": 4}});
    let trace = Context::with_span("root", |span| {
        let request = Generation::new("any", "asked-for");
        let noted: anyhow::Result<()> = Context::generation_blocking(request, |call| {
            call.set_output("from the stream");
            call.record_response(&usage);
            Ok(())
        });
        noted.unwrap();
        span.context().trace_id().unwrap()
    });

    let noted = memory().look(trace, "llm.generate", |record| Noted::read("it", record));

    let expected = Noted::of("it").id("1").said("from the stream");
    assert_eq!(noted, expected.used(tokens(3, 4)));
}

#[test]
fn what_the_model_thought_is_no_part_of_the_text() {
    let thinking = [
        "anthropic_thinking",
        "gemini_cached_thinking",
        "bedrock_reasoning",
        "ollama_thinking",
        "mistral_thinking",
        "cohere_v2_thinking",
        "deepseek_reasoning",
        "openrouter_cost",
        "openai_responses_reasoning",
    ];
    for file in thinking {
        let output = record(&answer(file), |record| Noted::read(file, record).output);

        let output = output.unwrap();
        let text = output.as_str().unwrap();
        assert!(!text.contains("milk"), "{file}: {text}");
    }
}
