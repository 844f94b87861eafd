//! What spans of others become: the same that the server would make of them, and billed once.
#![cfg(feature = "otel")]

#[path = "support/otel.rs"]
mod rig;

use std::borrow::Cow;

use opentelemetry::{
    Array, InstrumentationScope, KeyValue, SpanId, TraceFlags, TraceId, Value,
    trace::{Link, SpanContext, SpanKind, Status, TraceState},
};
use opentelemetry_sdk::trace::SpanData;

use self::rig::{Rig, event, span, with};

fn kv(key: &'static str, value: impl Into<Value>) -> KeyValue {
    KeyValue::new(key, value)
}

fn rig() -> Rig {
    Rig::new(|builder| builder)
}

#[test]
fn ids_parent_name_and_times_are_kept_to_the_nanosecond() {
    let mut theirs = span("GET /answer");
    theirs.parent_span_id = SpanId::from(0x0102_0304_0506_0708);
    let trace = theirs.span_context.trace_id().to_string();

    let seen = rig().sent(theirs);

    assert_eq!(seen.trace_id, trace);
    assert_eq!(seen.parent_id.as_deref(), Some("0102030405060708"));
    assert_eq!(seen.name, "GET /answer");
    assert_eq!(seen.start_unix_nanos, 1_700_000_000_123_456_789);
    assert_eq!(seen.duration().as_nanos(), 5_000_000_001);
    assert!(!seen.app_root);
}

#[test]
fn the_first_span_below_another_process_is_a_root_here() {
    let mut theirs = span("GET /answer");
    theirs.parent_span_id = SpanId::from(7);
    theirs.parent_span_is_remote = true;

    assert!(rig().sent(theirs).app_root);
}

#[test]
fn every_type_of_value_arrives_and_lists_are_json() {
    let seen = rig().sent(with(
        "values",
        [
            kv("bool", true),
            kv("int", i64::MAX),
            kv("float", 0.5),
            kv("text", "kurz"),
            KeyValue::new(String::from("made.key"), "x".repeat(100)),
            kv("bools", Value::Array(Array::Bool(vec![true, false]))),
            kv("ints", Value::Array(Array::I64(vec![1, 2]))),
            kv("floats", Value::Array(Array::F64(vec![0.5, f64::NAN]))),
            kv(
                "texts",
                Value::Array(Array::String(vec!["a\"".into(), "b".into()])),
            ),
            kv("none", Value::Array(Array::String(vec![]))),
        ],
    ));

    let shown = |key: &str| seen.metadata[key].as_str();
    assert_eq!(shown("bool"), "true");
    assert_eq!(shown("int"), i64::MAX.to_string());
    assert_eq!(shown("float"), "0.5");
    assert_eq!(shown("text"), "kurz");
    assert_eq!(shown("made.key"), "x".repeat(100));
    assert_eq!(shown("bools"), "[true,false]");
    assert_eq!(shown("ints"), "[1,2]");
    assert_eq!(shown("floats"), "[0.5,null]");
    assert_eq!(shown("texts"), r#"["a\"","b"]"#);
    assert_eq!(shown("none"), "[]");
}

#[test]
fn a_model_call_in_the_words_of_the_conventions_is_billed_once() {
    let seen = rig().sent(with(
        "chat gpt-4o",
        [
            kv("gen_ai.operation.name", "chat"),
            kv("gen_ai.provider.name", "openai"),
            kv("gen_ai.request.model", "gpt-4o"),
            kv("gen_ai.response.model", "gpt-4o-2024"),
            kv("gen_ai.request.temperature", 0.5),
            kv("gen_ai.usage.input_tokens", 100),
            kv("gen_ai.usage.prompt_tokens", 100),
            kv("gen_ai.usage.cache_read.input_tokens", 80),
            kv("gen_ai.usage.output_tokens", 20),
            kv(
                "gen_ai.input.messages",
                r#"[{"role":"user","content":"hi"}]"#,
            ),
            kv(
                "gen_ai.output.messages",
                r#"[{"role":"assistant","content":"hello"}]"#,
            ),
        ],
    ));

    assert_eq!(seen.kind, "generation");
    assert_eq!(seen.model.as_deref(), Some("gpt-4o-2024"));
    let usage: Vec<_> = seen
        .usage
        .iter()
        .map(|(class, count)| (class.as_str(), *count))
        .collect();
    assert_eq!(
        usage,
        [
            ("input", 20),
            ("input_cached_tokens", 80),
            ("output", 20),
            ("total", 120)
        ]
    );
    assert!(seen.input.unwrap().contains("hi"));
    assert!(seen.output.unwrap().contains("hello"));
}

#[test]
fn a_model_call_in_the_words_of_openinference_is_billed_once() {
    let seen = rig().sent(with(
        "llm",
        [
            kv("openinference.span.kind", "LLM"),
            kv("llm.model_name", "claude-4"),
            kv("llm.token_count.prompt", 100),
            kv("llm.token_count.prompt_details.cache_read", 80),
            kv("llm.token_count.completion", 20),
            kv("llm.token_count.total", 120),
            kv("gen_ai.usage.input_tokens", 100),
            kv("llm.invocation_parameters", r#"{"temperature":0.5}"#),
            kv("llm.input_messages.0.message.content", "hi"),
        ],
    ));

    assert_eq!(seen.model.as_deref(), Some("claude-4"));
    assert_eq!(seen.usage["input_cached_tokens"], 80);
    assert_eq!((seen.usage["input"], seen.total_tokens()), (20, 120));
    assert_eq!(seen.model_parameters["temperature"], "0.5");
    assert_eq!(seen.input.unwrap(), r#"[{"message":{"content":"hi"}}]"#);
}

#[test]
fn a_model_of_the_conventions_goes_before_one_of_others() {
    let seen = rig().sent(with(
        "chat",
        [kv("model", "mine"), kv("gen_ai.request.model", "gpt-4o")],
    ));

    assert_eq!(seen.model.as_deref(), Some("gpt-4o"));
    assert_eq!(seen.metadata["model"], "mine");
}

#[test]
fn older_keys_of_langfuse_mean_what_the_newer_ones_mean() {
    let seen = rig().sent(with(
        "chat",
        [
            kv("langfuse.observation.type", "generation"),
            kv("langfuse.prompt.name", "greeting"),
            kv("langfuse.prompt.version", 3),
            kv("langfuse.metadata.mood", "grumpy"),
        ],
    ));

    assert_eq!(seen.prompt, Some(("greeting".to_owned(), 3)));
    assert_eq!(seen.metadata["mood"], "grumpy");
}

#[test]
fn the_totals_of_an_agent_are_not_billed_again() {
    let seen = rig().sent(with(
        "invoke_agent",
        [
            kv("gen_ai.operation.name", "invoke_agent"),
            kv("gen_ai.request.model", "gpt-4o"),
            kv("gen_ai.usage.input_tokens", 100),
        ],
    ));

    assert_eq!(seen.kind, "agent");
    assert_eq!((seen.total_tokens(), seen.model), (0, None));
    assert_eq!(seen.metadata["gen_ai.usage.input_tokens"], "100");
}

#[test]
fn the_type_goes_by_the_servers_order() {
    let rig = rig();
    let kind = |attributes: &[(&'static str, &'static str)]| {
        let attributes = attributes.iter().map(|(key, value)| kv(key, *value));
        rig.sent(with("type", attributes)).kind
    };

    assert_eq!(kind(&[]), "span");
    assert_eq!(
        kind(&[
            ("langfuse.observation.type", "guardrail"),
            ("openinference.span.kind", "LLM")
        ]),
        "guardrail"
    );
    assert_eq!(
        kind(&[
            ("langfuse.observation.type", "LLM"),
            ("openinference.span.kind", "LLM")
        ]),
        "generation"
    );
    assert_eq!(
        kind(&[
            ("openinference.span.kind", "TOOL"),
            ("gen_ai.operation.name", "chat")
        ]),
        "tool"
    );
    assert_eq!(
        kind(&[("gen_ai.operation.name", "embeddings")]),
        "embedding"
    );
    assert_eq!(
        kind(&[
            ("gen_ai.tool.name", "search"),
            ("gen_ai.request.model", "m")
        ]),
        "tool"
    );
    assert_eq!(kind(&[("llm.model_name", "m")]), "generation");
}

#[test]
fn what_is_said_of_the_trace_is_said_of_the_trace() {
    let seen = rig().sent(with(
        "trace",
        [
            kv("langfuse.trace.name", "visit"),
            kv("langfuse.user.id", "gus"),
            kv("user.id", "somebody else"),
            kv("session.id", 42),
            kv(
                "langfuse.trace.tags",
                Value::Array(Array::String(vec!["a".into(), "b".into()])),
            ),
            kv("langfuse.trace.public", true),
            kv("langfuse.trace.metadata.mood", "grumpy"),
            kv("langfuse.trace.metadata", r#"{"shop":7}"#),
            kv("langfuse.release", "r1"),
            kv("langfuse.version", "v1"),
            kv("deployment.environment.name", "staging"),
        ],
    ));

    assert_eq!(seen.trace_name.as_deref(), Some("visit"));
    assert_eq!(seen.user_id.as_deref(), Some("gus"));
    assert_eq!(seen.session_id.as_deref(), Some("42"));
    assert_eq!(seen.tags, ["a", "b"]);
    assert_eq!(seen.public, Some(true));
    assert_eq!(seen.trace_metadata["mood"], "grumpy");
    assert_eq!(seen.trace_metadata["shop"], "7");
    assert_eq!(seen.release.as_deref(), Some("r1"));
    assert_eq!(seen.version.as_deref(), Some("v1"));
    assert_eq!(seen.environment, "staging");
}

#[test]
fn tags_may_be_text() {
    let rig = rig();
    for (text, expected) in [
        (r#"["a","b"]"#, &["a", "b"][..]),
        ("a, b", &["a", "b"]),
        ("a", &["a"]),
    ] {
        assert_eq!(
            rig.sent(with("tags", [kv("langfuse.tags", text)])).tags,
            expected
        );
    }
}

#[test]
fn an_error_says_why() {
    let rig = rig();
    let mut described = span("described");
    described.status = Status::error("no milk");
    event(
        &mut described,
        "exception",
        vec![kv("exception.message", "other")],
    );
    let seen = rig.sent(described);
    assert_eq!(
        (seen.level.as_str(), seen.status_message.as_deref()),
        ("ERROR", Some("no milk"))
    );
    assert_eq!(seen.metadata["exception.message"], "other");

    let mut recorded = span("recorded");
    recorded.status = Status::Error {
        description: Cow::Borrowed(""),
    };
    event(
        &mut recorded,
        "exception",
        vec![
            kv("exception.type", "io::Error"),
            kv("exception.message", "refused"),
            kv("exception.stacktrace", "at main"),
        ],
    );
    let seen = rig.sent(recorded);
    assert_eq!(seen.status_message.as_deref(), Some("io::Error: refused"));
    assert_eq!(seen.metadata["error.type"], "io::Error");
    assert_eq!(seen.metadata["exception.stacktrace"], "at main");

    let mut survived = span("survived");
    event(
        &mut survived,
        "exception",
        vec![kv("exception.message", "refused")],
    );
    let seen = rig.sent(survived);
    assert_eq!(
        (seen.level.as_str(), seen.status_message),
        ("DEFAULT", None)
    );
}

#[test]
fn content_in_events_becomes_input_and_output() {
    let rig = rig();
    let mut messages = with("chat", [kv("gen_ai.request.model", "m")]);
    event(
        &mut messages,
        "gen_ai.system.message",
        vec![kv("content", "be kind")],
    );
    event(
        &mut messages,
        "gen_ai.user.message",
        vec![kv("content", "[hi]"), kv("gen_ai.system", "openai")],
    );
    event(
        &mut messages,
        "gen_ai.choice",
        vec![kv("index", 0), kv("message", r#"{"content":"hello"}"#)],
    );
    let seen = rig.sent(messages);
    assert_eq!(
        seen.input.unwrap(),
        r#"[{"content":"be kind","role":"system"},{"content":"[hi]","role":"user"}]"#
    );
    assert_eq!(
        seen.output.unwrap(),
        r#"{"index":0,"message":{"content":"hello"},"role":"assistant"}"#
    );

    let mut details = span("chat");
    let name = "gen_ai.client.inference.operation.details";
    event(
        &mut details,
        name,
        vec![
            kv("gen_ai.input.messages", "[1]"),
            kv("gen_ai.output.messages", "[2]"),
        ],
    );
    event(
        &mut details,
        "gen_ai.content.prompt",
        vec![kv("gen_ai.prompt", "older")],
    );
    let seen = rig.sent(details);
    assert_eq!(
        (seen.input.as_deref(), seen.output.as_deref()),
        (Some("[1]"), Some("[2]"))
    );

    let mut contents = span("chat");
    event(
        &mut contents,
        "gen_ai.content.prompt",
        vec![kv("gen_ai.prompt", "asked")],
    );
    event(
        &mut contents,
        "gen_ai.content.completion",
        vec![kv("gen_ai.completion", "told")],
    );
    let seen = rig.sent(contents);
    assert_eq!(
        (seen.input.as_deref(), seen.output.as_deref()),
        (Some("asked"), Some("told"))
    );
}

#[test]
fn content_under_the_keys_of_others_becomes_input_and_output() {
    let rig = rig();
    let ends = |attributes: Vec<KeyValue>| {
        let seen = rig.sent(with("content", attributes));
        [seen.input, seen.output].map(Option::unwrap)
    };

    for (input, output) in [
        ("langfuse.observation.input", "langfuse.observation.output"),
        ("input.value", "output.value"),
        ("traceloop.entity.input", "traceloop.entity.output"),
        ("input", "output"),
        ("gen_ai.prompt", "gen_ai.completion"),
    ] {
        assert_eq!(
            ends(vec![kv(input, "asked"), kv(output, "told")]),
            ["asked", "told"]
        );
    }
}

#[test]
fn content_that_is_not_captured_leaves_by_no_door() {
    let rig = Rig::new(|builder| builder.capture_content(false));
    let mut theirs = with(
        "chat",
        [
            kv("gen_ai.prompt.0.content", "SECRET"),
            kv("output.value", "SECRET"),
            kv("gen_ai.input.messages", "SECRET"),
            kv("kept", "yes"),
        ],
    );
    event(
        &mut theirs,
        "gen_ai.user.message",
        vec![kv("content", "SECRET")],
    );
    event(&mut theirs, "log", vec![kv("message", "SECRET")]);

    let seen = rig.sent(theirs);

    assert_eq!(seen.metadata["kept"], "yes");
    assert!(!format!("{seen:?}").contains("SECRET"));
}

#[test]
fn what_the_server_would_not_store_is_kept_as_metadata() {
    let mut theirs = span("all else");
    theirs.span_kind = SpanKind::Client;
    theirs.dropped_attributes_count = 3;
    theirs.instrumentation_scope = InstrumentationScope::builder("reqwest")
        .with_version("0.12")
        .build();
    event(&mut theirs, "cache miss", vec![kv("key", 7)]);
    let other = SpanContext::new(
        TraceId::from(1),
        SpanId::from(2),
        TraceFlags::SAMPLED,
        false,
        TraceState::NONE,
    );
    theirs.links.links.push(Link::new(other, Vec::new(), 0));

    let seen = rig().sent(theirs);

    assert_eq!(seen.metadata["span.kind"], "client");
    assert_eq!(seen.metadata["otel.dropped_attributes"], "3");
    assert_eq!(seen.metadata["scope.name"], "reqwest");
    assert_eq!(seen.metadata["scope.version"], "0.12");
    assert!(seen.metadata["events"].contains(r#""name":"cache miss""#));
    assert!(seen.metadata["links"].contains(r#""span_id":"0000000000000002""#));
}

#[test]
fn a_level_may_be_said() {
    let rig = rig();
    let mut theirs = with("warned", [kv("langfuse.observation.level", "warn")]);
    assert_eq!(rig.sent(theirs.clone()).level, "WARNING");

    theirs.status = Status::Ok;
    theirs.attributes = vec![kv("langfuse.observation.status_message", "fine")];
    let seen: Option<String> = rig.sent(SpanData { ..theirs }).status_message;
    assert_eq!(seen.as_deref(), Some("fine"));
}
