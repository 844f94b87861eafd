//! Each crate's spans become the right type, under the right names.

use o11y_core::{Level, ObservationType, Status, Usage, key};
use tracing::{debug, field::Empty, info_span};

use crate::support::{alone, recorded, text, usage};

macro_rules! operation {
    ($operation:literal) => {
        info_span!("step", gen_ai.operation.name = $operation)
    };
}

#[test]
fn an_operation_decides_the_type() {
    let _alone = alone();
    let recording = recorded(|| {
        drop(operation!("chat"));
        drop(operation!("generate_content"));
        drop(operation!("embeddings"));
        drop(operation!("rerank"));
        drop(operation!("invoke_agent"));
        drop(operation!("execute_tool"));
        drop(operation!("invoke_workflow"));
        drop(operation!("something_new"));
    });

    assert_eq!(
        recording.outline(),
        "generation step\ngeneration step\nembedding step\nretriever step\n\
         agent step\ntool step\nchain step\nspan step\n"
    );
}

#[test]
fn operations_that_only_rig_knew_are_told_in_the_words_of_the_conventions() {
    let _alone = alone();
    // Derived from source: rig-core 0.44, the deprecated operations.
    let recording = recorded(|| drop(operation!("chat_streaming")));

    let record = recording.one("step");
    assert_eq!(record.observation(), ObservationType::Generation);
    assert_eq!(text(&record, key::OPERATION_NAME), "chat");
    assert_eq!(text(&record, "gen_ai.request.stream"), "true");
}

#[test]
fn usage_is_disjoint_and_stands_under_no_second_name() {
    let _alone = alone();
    // Derived from source: rig-core 0.46, `telemetry/mod.rs`.
    let recording = recorded(|| {
        let span = info_span!(
            target: "rig::completions", "chat",
            gen_ai.operation.name = "chat",
            gen_ai.provider.name = "anthropic",
            gen_ai.request.model = "claude-sonnet-4-5",
            gen_ai.response.model = Empty,
            gen_ai.usage.input_tokens = Empty,
            gen_ai.usage.output_tokens = Empty,
            gen_ai.usage.cache_read.input_tokens = Empty,
            gen_ai.usage.cache_creation.input_tokens = Empty,
            gen_ai.usage.tool_use_prompt_tokens = Empty,
            gen_ai.usage.reasoning_tokens = Empty,
        );
        span.record("gen_ai.response.model", "claude-sonnet-4-5-20250929");
        span.record("gen_ai.usage.input_tokens", 100_u64);
        span.record("gen_ai.usage.output_tokens", 50_u64);
        span.record("gen_ai.usage.cache_read.input_tokens", 60_u64);
        span.record("gen_ai.usage.cache_creation.input_tokens", 30_u64);
        span.record("gen_ai.usage.tool_use_prompt_tokens", 7_u64);
        span.record("gen_ai.usage.reasoning_tokens", 20_u64);
    });

    let record = recording.one("chat");
    let expected = Usage::new()
        .input(10)
        .cached(60)
        .cache_creation(30)
        .output(30)
        .reasoning(20);
    assert_eq!(usage(&record), Some(expected));
    assert_eq!(text(&record, key::PROVIDER_NAME), "anthropic");
    assert_eq!(
        text(&record, key::RESPONSE_MODEL),
        "claude-sonnet-4-5-20250929"
    );
    let mut keys = record.attributes().iter().map(|(key, _)| key);
    assert!(keys.all(|key| !key.starts_with("gen_ai.usage.")));
}

#[test]
fn parts_that_are_larger_than_their_sum_were_not_in_it() {
    let _alone = alone();
    let recording = recorded(|| {
        let _span = info_span!(
            "chat",
            gen_ai.request.model = "claude-sonnet-4-5",
            gen_ai.usage.input_tokens = 10,
            gen_ai.usage.cache_read_input_tokens = 60,
            gen_ai.usage.output_tokens = 5,
            gen_ai.usage.reasoning_tokens = 9,
        );
    });

    let expected = Usage::new().input(10).cached(60).output(5).reasoning(9);
    assert_eq!(usage(&recording.one("chat")), Some(expected));
}

#[test]
fn content_errors_and_the_first_token_of_genai_are_understood() {
    let _alone = alone();
    // Derived from source: genai 0.7.2, `otel/span.rs`.
    let recording = recorded(|| {
        let span = info_span!(
            "genai.chat",
            "otel.name" = "chat gpt-4o-mini",
            "otel.kind" = "client",
            "otel.status_code" = Empty,
            "error.type" = Empty,
            "gen_ai.operation.name" = "chat",
            "gen_ai.request.model" = "gpt-4o-mini",
            "gen_ai.response.finish_reasons" = r#"["stop"]"#,
            "gen_ai.response.time_to_first_chunk" = 0.25,
            "gen_ai.system_instructions" = r#"[{"type":"text","content":"Be short."}]"#,
            "gen_ai.input.messages" = r#"[{"role":"user","parts":[]}]"#,
            "gen_ai.output.messages" = r#"[{"role":"assistant","parts":[]}]"#,
        );
        span.record("otel.status_code", "ERROR");
        span.record("error.type", "429");
    });

    let record = recording.one("chat gpt-4o-mini");
    assert_eq!(record.status(), Status::Error);
    assert_eq!(record.level(), Level::Error);
    assert_eq!(record.status_message(), Some("429"));
    assert_eq!(text(&record, key::ERROR_TYPE), "429");
    assert_eq!(text(&record, key::TIME_TO_FIRST_CHUNK), "0.25");
    assert_eq!(text(&record, key::FINISH_REASONS), r#"["stop"]"#);
    assert_eq!(
        text(&record, key::INPUT),
        r#"[{"role":"system","parts":[{"type":"text","content":"Be short."}]},{"role":"user","parts":[]}]"#
    );
    assert_eq!(
        text(&record, key::OUTPUT),
        r#"[{"role":"assistant","parts":[]}]"#
    );
    assert_eq!(text(&record, "otel.kind"), "");
}

#[test]
fn a_tool_is_called_by_its_name_and_has_its_arguments_and_result() {
    let _alone = alone();
    // Derived from source: rig-agent 0.46, `agent/telemetry.rs`.
    let recording = recorded(|| {
        let span = info_span!(
            target: "rig_agent::agent::telemetry", "execute_tool",
            gen_ai.operation.name = "execute_tool",
            gen_ai.tool.type = "function",
            gen_ai.tool.name = Empty,
            gen_ai.tool.call.id = Empty,
            gen_ai.tool.call.arguments = Empty,
            gen_ai.tool.call.result = Empty,
            gen_ai.tool.call.outcome = Empty,
            gen_ai.tool.error.type = Empty,
        );
        span.record("gen_ai.tool.name", "menu");
        span.record("gen_ai.tool.call.arguments", r#"{"size":2}"#);
        span.record("gen_ai.tool.call.result", "sold out");
        span.record("gen_ai.tool.error.type", "not_found");
    });

    let record = recording.one("menu");
    assert_eq!(record.observation(), ObservationType::Tool);
    assert_eq!(text(&record, key::INPUT), r#"{"size":2}"#);
    assert_eq!(text(&record, key::OUTPUT), "sold out");
    assert_eq!(text(&record, key::ERROR_TYPE), "not_found");
}

#[test]
fn langchains_words_are_understood_under_langchains_target_only() {
    let _alone = alone();
    // Derived from source: langchain-rust 7.0.0, `observability.rs`, `agent/executor.rs`.
    let recording = recorded(|| {
        let run = info_span!(
            target: "langchain_rust::agent::executor", "agent.run",
            max_iterations = 5, steps = Empty, total_tokens = Empty, error = Empty
        );
        run.record("total_tokens", 15);
        run.in_scope(|| {
            let call = info_span!(
                target: "langchain_rust::observability", "llm.generate",
                provider = "openai", model = "gpt-4o-mini", stream = false,
                prompt_tokens = Empty, completion_tokens = Empty, total_tokens = Empty,
                tool_calls = Empty, error = Empty
            );
            call.record("prompt_tokens", 12);
            call.record("completion_tokens", 3);
            call.record("total_tokens", 15);
            drop(call);
            let tool = info_span!(
                target: "langchain_rust::agent::executor", "tool.call",
                tool = %"menu", error = Empty
            );
            tool.record("error", tracing::field::display("sold out"));
        });
        drop(info_span!("llm.generate", prompt_tokens = 1));
    });

    let keys = [
        key::REQUEST_MODEL,
        key::PROVIDER_NAME,
        "run.usage.total_tokens",
    ];
    assert_eq!(
        recording.outline().with(keys),
        "agent agent.run run.usage.total_tokens=15\n\
         \x20 generation llm.generate gen_ai.provider.name=openai gen_ai.request.model=gpt-4o-mini\n\
         \x20 tool menu [ERROR: sold out]\n"
    );
    let call = recording.one("llm.generate");
    assert_eq!(usage(&call), Some(Usage::new().input(12).output(3)));
}

#[test]
fn swiftides_events_fill_the_span_around_them() {
    let _alone = alone();
    // Derived from source: swiftide 0.33, feature `langfuse`.
    let recording = recorded(|| {
        let step = info_span!(target: "swiftide_agents::agent", "step", otel.name = "step-1");
        let _step = step.enter();
        let call = info_span!(
            target: "swiftide_integrations::openai::chat_completion", "complete",
            langfuse.type = "GENERATION"
        );
        call.in_scope(|| {
            debug!(
                langfuse.model = "gpt-4o-mini",
                langfuse.input = %r#"{"messages":[]}"#,
                langfuse.output = %r#"{"choices":[]}"#,
                langfuse.usage = %r#"{"prompt_tokens": 31, "completion_tokens": 5, "total_tokens": 36, "prompt_tokens_details": {"cached_tokens": 8}}"#,
            );
        });
        drop(call);
        drop(info_span!(target: "swiftide_agents::agent", "tool", otel.name = "tool.menu"));
    });

    let record = recording.one("complete");
    assert_eq!(
        recording.outline(),
        "span step-1\n  generation complete\n  tool tool.menu\n"
    );
    assert_eq!(
        usage(&record),
        Some(Usage::new().input(23).cached(8).output(5))
    );
    assert_eq!(text(&record, key::REQUEST_MODEL), "gpt-4o-mini");
    assert_eq!(text(&record, key::INPUT), r#"{"messages":[]}"#);
    assert_eq!(text(&record, key::OUTPUT), r#"{"choices":[]}"#);
}

#[test]
fn dsrs_steps_are_chains_around_the_calls_of_rig() {
    let _alone = alone();
    // Derived from source: DSRs, `crates/dspy-rs/src`; the published 0.7.3 has no spans yet.
    let recording = recorded(|| {
        let predict =
            tracing::debug_span!("dsrs.predict.call", signature = "Order", demo_count = 2);
        let _predict = predict.enter();
        let call = tracing::debug_span!("dsrs.lm.call_with_toolset", model = %"gpt-4o-mini", tool_count = 0);
        let _call = call.enter();
        drop(info_span!(
            target: "rig::completions", "chat",
            gen_ai.operation.name = "chat",
            gen_ai.request.model = "gpt-4o-mini",
            gen_ai.usage.input_tokens = 3,
        ));
    });

    let keys = ["run.model", key::REQUEST_MODEL];
    assert_eq!(
        recording.outline().with(keys),
        "chain dsrs.predict.call\n\
         \x20 chain dsrs.lm.call_with_toolset run.model=gpt-4o-mini\n\
         \x20   generation chat gen_ai.request.model=gpt-4o-mini\n"
    );
}
