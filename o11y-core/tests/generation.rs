//! A model call tells its end exactly once, whatever happens, and a veto stops it.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

use std::sync::{Arc, Mutex};

use o11y_core::{
    Context, Cost, Event, EventBus, Generation, GenerationError, Module, ObservationType, Status,
    Telemetry, TraceId, Usage, Value, ValueRef, Veto, events, key,
};
use serde_json::json;

#[path = "support/memory.rs"]
mod memory;
use memory::memory;

/// The events of the calls to one model, as lines.
struct Heard {
    lines: Arc<Mutex<Vec<String>>>,
    _subscription: o11y_core::Subscription,
}

impl Heard {
    fn of(bus: &EventBus, model: &'static str) -> Self {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let writing = Arc::clone(&lines);
        let subscription = bus.subscribe("*", move |event: &Event| {
            if event.attribute(key::REQUEST_MODEL).and_then(Value::as_str) == Some(model) {
                let tokens = event.attribute(key::TOTAL_TOKENS).and_then(Value::as_u64);
                let error = event.attribute(key::ERROR_TYPE).and_then(Value::as_str);
                let line = [
                    Some(event.name().to_owned()),
                    tokens.map(|tokens| tokens.to_string()),
                    error.map(str::to_owned),
                ];
                let line: Vec<_> = line.into_iter().flatten().collect();
                writing.lock().unwrap().push(line.join(" "));
            }
        });
        Self {
            lines,
            _subscription: subscription,
        }
    }

    fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }
}

fn root<R>(f: impl FnOnce() -> R) -> (TraceId, R) {
    memory();
    Context::with_span("root", |span| {
        let result = f();
        (span.context().trace_id().expect("telemetry is on"), result)
    })
}

fn answer() -> serde_json::Value {
    json!({
        "id": "chatcmpl-1",
        "model": "gpt-4o-mini-2024-07-18",
        "choices": [{
            "index": 0, "finish_reason": "stop",
            "message": {"role": "assistant", "content": "A flat white."}
        }],
        "usage": {
            "prompt_tokens": 31, "completion_tokens": 5, "total_tokens": 36,
            "prompt_tokens_details": {"cached_tokens": 8}
        }
    })
}

#[test]
fn an_answer_is_noted_and_told_once() {
    let heard = Heard::of(events(), "told-once");
    let (trace, said) = root(|| {
        let request = Generation::new("openai", "told-once")
            .input("What shall I drink?")
            .temperature(0.5)
            .estimate(200);
        Context::generation_blocking(request, |call| -> anyhow::Result<&str> {
            call.record_response(&answer());
            call.set_cost(Cost::usd(0.000_012));
            Ok("said")
        })
    });

    assert_eq!(said.unwrap(), "said");
    assert_eq!(
        heard.lines(),
        ["llm.request", "llm.generate 36", "lm.tokens"]
    );
    memory().look(trace, "llm.generate", |record| {
        assert_eq!(record.observation(), ObservationType::Generation);
        let text = |key| record.attribute(key).and_then(Value::as_str);
        assert_eq!(text(key::RESPONSE_MODEL), Some("gpt-4o-mini-2024-07-18"));
        assert_eq!(text(key::OUTPUT), Some("A flat white."));
        assert_eq!(text(key::FINISH_REASONS), Some(r#"["stop"]"#));
        assert_eq!(
            record.attribute(key::USAGE).map(Value::as_ref),
            Some(ValueRef::Usage(&Usage::new().input(23).cached(8).output(5)))
        );
    });
    assert_eq!(
        memory().outline(trace),
        "span root\n  generation llm.generate\n"
    );
}

#[test]
fn all_events_of_a_call_carry_its_span_and_the_mirror_its_tokens() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let writing = Arc::clone(&seen);
    let _subscription = events().subscribe("*", move |event: &Event| {
        let text = |key| {
            event
                .attribute(key)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        if text(key::REQUEST_MODEL).as_deref() == Some("carried") {
            let count = |key| event.attribute(key).and_then(Value::as_u64);
            let tokens = [
                "input_tokens",
                "cached_tokens",
                "output_tokens",
                "total_tokens",
            ]
            .map(count);
            let line = (text(key::CALL_ID), event.name().to_owned(), tokens);
            writing.lock().unwrap().push(line);
        }
    });

    let (trace, ids) = root(|| {
        let ask = || {
            let request = Generation::new("openai", "carried");
            Context::generation_blocking(request, |call| -> anyhow::Result<_> {
                call.record_response(&answer());
                Ok(call.id().to_string())
            })
        };
        [ask().unwrap(), ask().unwrap()]
    });

    assert_ne!(ids[0], ids[1]);
    let nothing = [None; 4];
    let tokens = [Some(31), Some(8), Some(5), Some(36)];
    let expected: Vec<_> = ids
        .iter()
        .flat_map(|id| {
            [
                ("llm.request", nothing),
                ("llm.generate", nothing),
                ("lm.tokens", tokens),
            ]
            .map(|(name, tokens)| (Some(id.clone()), name.to_owned(), tokens))
        })
        .collect();
    assert_eq!(*seen.lock().unwrap(), expected);
    assert_eq!(
        memory().outline(trace),
        "span root\n  generation llm.generate\n  generation llm.generate\n"
    );
}

#[test]
fn a_call_without_usage_ends_like_any_other_and_has_no_mirror() {
    let heard = Heard::of(events(), "without-usage");
    let (trace, _) = root(|| {
        let request = Generation::new("mistral", "without-usage")
            .temperature(0.5)
            .max_tokens(100)
            .input("hello");
        Context::generation_blocking(request, |_call| -> anyhow::Result<()> { Ok(()) })
    });

    assert_eq!(heard.lines(), ["llm.request", "llm.generate"]);
    memory().look(trace, "llm.generate", |record| {
        let shown = |key| record.attribute(key).map(ToString::to_string);
        assert_eq!(shown(key::PROVIDER_NAME).as_deref(), Some("mistral"));
        assert_eq!(shown(key::REQUEST_TEMPERATURE).as_deref(), Some("0.5"));
        assert_eq!(shown(key::REQUEST_MAX_TOKENS).as_deref(), Some("100"));
        assert_eq!(shown(key::INPUT).as_deref(), Some("hello"));
        assert_eq!(shown(key::USAGE), None);
    });
}

#[test]
fn a_veto_stops_the_call_before_it_is_made() {
    let heard = Heard::of(events(), "vetoed");
    let _guard = events().subscribe("llm.request", |event: &Event| {
        match event.attribute(key::REQUEST_MODEL).and_then(Value::as_str) {
            Some("vetoed") => Err(Veto::new("the budget is used up")),
            _ => Ok(()),
        }
    });

    let (trace, refused) = root(|| {
        Context::generation_blocking(
            Generation::new("openai", "vetoed"),
            |_call| -> Result<(), GenerationError<std::io::Error>> { unreachable!("refused") },
        )
    });

    assert!(matches!(refused, Err(GenerationError::Vetoed(_))));
    assert_eq!(heard.lines(), ["llm.request", "llm.vetoed vetoed"]);
    memory().look(trace, "llm.generate", |record| {
        assert_eq!(record.status(), Status::Error);
        assert_eq!(
            record.status_message(),
            Some("vetoed by the subscriber of `llm.request`: the budget is used up")
        );
    });
}

#[test]
fn a_veto_after_the_answer_does_not_throw_it_away() {
    let _late = events().subscribe("llm.generate", |event: &Event| {
        match event.attribute(key::REQUEST_MODEL).and_then(Value::as_str) {
            Some("too-late") => Err(Veto::new("too late")),
            _ => Ok(()),
        }
    });
    let before = events().ignored_vetoes();

    let (_, answer) = root(|| {
        Context::generation_blocking(
            Generation::new("openai", "too-late"),
            |_call| -> anyhow::Result<u8> { Ok(1) },
        )
    });

    assert_eq!(answer.unwrap(), 1);
    assert!(events().ignored_vetoes() > before);
}

#[tokio::test]
async fn every_way_out_of_a_call_is_told_exactly_once() {
    memory();
    let heard = Heard::of(events(), "ways-out");
    let request = || Generation::new("openai", "ways-out");

    let failed = Context::generation(request(), async |call| -> anyhow::Result<()> {
        call.set_usage(Usage::new().input(7));
        anyhow::bail!("status 500")
    })
    .await;
    assert_eq!(failed.unwrap_err().to_string(), "status 500");

    let cancelled = Context::generation(request(), async |_call| -> anyhow::Result<()> {
        std::future::pending().await
    });
    tokio::select! {
        _ = cancelled => unreachable!("it has no end"),
        () = tokio::task::yield_now() => {}
    }

    let panicking = Context::generation(request(), async |_call| -> anyhow::Result<()> {
        panic!("out of beans")
    });
    assert!(tokio::spawn(panicking).await.unwrap_err().is_panic());

    // Made, but never polled: nothing was asked, so nothing is told.
    drop(Context::generation(
        request(),
        async |_call| -> anyhow::Result<()> { Ok(()) },
    ));

    assert_eq!(
        heard.lines(),
        [
            "llm.request",
            "llm.error 7 anyhow::Error",
            "lm.tokens anyhow::Error",
            "llm.request",
            "llm.error cancelled",
            "llm.request",
            "llm.error panic",
        ]
    );
}

#[test]
fn the_parameters_of_a_request_stand_under_the_keys_of_the_conventions() {
    let (trace, _) = root(|| {
        let request = Generation::new("openai", "parameters")
            .top_p(0.9)
            .top_k(40)
            .frequency_penalty(0.5)
            .presence_penalty(-0.5)
            .stop(["END", "\n\n"])
            .seed(-7)
            .stream(false)
            .prompt("barista", 3);
        Context::generation_blocking(request, |_call| -> anyhow::Result<()> { Ok(()) })
    });

    memory().look(trace, "llm.generate", |record| {
        let shown = |key: &str| record.attribute(key).map(ToString::to_string);
        for (key, expected) in [
            ("gen_ai.operation.name", "chat"),
            ("gen_ai.request.top_p", "0.9"),
            ("gen_ai.request.top_k", "40"),
            ("gen_ai.request.frequency_penalty", "0.5"),
            ("gen_ai.request.presence_penalty", "-0.5"),
            ("gen_ai.request.stop_sequences", r#"["END","\n\n"]"#),
            ("gen_ai.request.seed", "-7"),
            ("gen_ai.request.stream", "false"),
            ("langfuse.observation.prompt.name", "barista"),
            ("langfuse.observation.prompt.version", "3"),
        ] {
            assert_eq!(shown(key).as_deref(), Some(expected), "{key}");
        }
        let version = record.attribute(key::PROMPT_VERSION).map(Value::as_ref);
        assert_eq!(version, Some(ValueRef::Int(3)));
    });
}

#[test]
fn a_prompt_with_a_version_that_langfuse_cannot_have_is_not_linked_at_all() {
    for version in [0_i64, -1, 65_536] {
        let (trace, _) = root(|| {
            let request = Generation::new("openai", "unlinked").prompt("barista", version);
            Context::generation_blocking(request, |_call| -> anyhow::Result<()> { Ok(()) })
        });

        memory().look(trace, "llm.generate", |record| {
            assert!(record.attribute(key::PROMPT_NAME).is_none(), "{version}");
            assert!(record.attribute(key::PROMPT_VERSION).is_none());
            let said = record
                .attribute(key::PROMPT_NOT_LINKED)
                .and_then(Value::as_str);
            assert_eq!(said, Some("barista"));
        });
    }
}

#[test]
fn embeddings_are_an_observation_of_their_own_type() {
    let (trace, _) = root(|| {
        let request = Generation::new("openai", "text-embedding-3-small").operation("embeddings");
        Context::generation_blocking(request, |_call| -> anyhow::Result<()> { Ok(()) })
    });

    memory().look(trace, "llm.generate", |record| {
        assert_eq!(record.observation(), ObservationType::Embedding);
        let operation = record
            .attribute(key::OPERATION_NAME)
            .and_then(Value::as_str);
        assert_eq!(operation, Some("embeddings"));
    });
}

#[test]
fn with_nothing_recorded_and_nobody_listening_usage_is_kept_all_the_same() {
    let nowhere = Telemetry::events_only(EventBus::new());

    let usage = nowhere.run(|| {
        Context::generation_blocking(Generation::new("openai", "unheard"), |call| {
            call.record_chunk(&json!({"choices": [{"delta": {"content": "A flat white."}}]}));
            let usage = json!({"prompt_tokens": 31, "completion_tokens": 5});
            call.record_chunk(&json!({"choices": [], "usage": usage}));
            anyhow::Ok(call.usage())
        })
    });

    assert_eq!(usage.unwrap(), Some(Usage::new().input(31).output(5)));
}

/// A call that says all there is to say, and ends well or not; what is heard of it by `patterns`, an
/// event a line, with its keys.
fn heard_by(patterns: &[&'static str], ends_well: bool) -> Vec<(String, Vec<String>)> {
    let bus = EventBus::new();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hear = |pattern: &&'static str| {
        let heard = Arc::clone(&heard);
        bus.subscribe(*pattern, move |event: &Event| {
            let keys = event.attributes().iter().map(|(key, _)| key.to_owned());
            let event = (event.name().to_owned(), keys.collect());
            heard.lock().unwrap().push(event);
        })
    };
    let subscriptions: Vec<_> = patterns.iter().map(hear).collect();
    let call = || {
        let request = Generation::new("openai", "gpt-4o-mini")
            .max_tokens(100)
            .estimate_usage(Usage::new().input(1).output(100));
        Context::generation_blocking(request, |call| {
            call.first_token();
            call.retry();
            call.first_token();
            call.set_response_model("gpt-4o-mini-2024-07-18");
            call.set_usage(Usage::new().input(30).cached(8).output(2));
            call.set_cost(Cost::usd(0.01));
            if ends_well {
                Ok(())
            } else {
                Err(anyhow::anyhow!("the connection was closed"))
            }
        })
    };
    let in_module = || Context::with_module(Module::new("Barista"), call);

    let answer =
        Telemetry::events_only(bus.clone()).run(|| Context::with_request("req-1", in_module));

    assert_eq!(answer.is_ok(), ends_well);
    drop(subscriptions);
    heard.lock().unwrap().clone()
}

#[test]
fn no_event_of_a_call_says_a_key_twice() {
    for ends_well in [true, false] {
        for (name, mut keys) in heard_by(&["*"], ends_well) {
            let said = keys.len();
            keys.sort();
            keys.dedup();
            assert_eq!(keys.len(), said, "{name}");
        }
    }
}

#[test]
fn whoever_hears_only_some_events_of_a_call_hears_the_same_in_them() {
    let all = heard_by(&["*"], true);
    let names: Vec<_> = all.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["llm.request", "llm.generate", "lm.tokens"]);

    for (place, name) in ["llm.request", "llm.generate", "lm.tokens"]
        .into_iter()
        .enumerate()
    {
        assert_eq!(heard_by(&[name], true), [all[place].clone()]);
    }
    assert_eq!(heard_by(&["llm.*"], true), all[..2]);
    assert_eq!(
        heard_by(&["llm.request", "lm.*"], true),
        [all[0].clone(), all[2].clone()]
    );
    assert_eq!(heard_by(&["llm.error"], true), []);
}
