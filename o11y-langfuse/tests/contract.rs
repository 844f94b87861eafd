//! What Langfuse would show of what a program sets: no attribute can make it lose an observation,
//! bill a call twice or take one thing for another.
//!
//! Over real HTTP, through the receiver, which reads attributes as the server does.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::HashMap;

use o11y_core::{
    Context, Cost, Level, Module, ObservationType, Propagation, Span, SpanSpec, TraceAttributes,
    TraceParent, Usage, Value, attributes, event, key,
};
use o11y_langfuse::local::{AttributeValue, Fault, Observation};
use proptest::prelude::*;

#[path = "support/rig.rs"]
mod rig;
use rig::{LONG, Rig, make};

/// What arrives of everything that `f` does.
fn arrived(f: impl FnOnce()) -> Vec<Observation> {
    let rig = Rig::new(|builder| builder);
    f();
    rig.telemetry.flush(LONG).unwrap();
    let observations = rig.receiver.observations();
    for one in &observations {
        assert!(one.legacy_losses.is_empty(), "{:?}", one.legacy_losses);
    }
    observations
}

/// What arrives of one span.
fn observed(kind: ObservationType, f: impl FnOnce(&mut Span)) -> Observation {
    let spec = SpanSpec::new("named").observation(kind);
    let mut arrived = arrived(|| Context::with_span(spec, f));
    assert_eq!(arrived.len(), 1);
    arrived.remove(0)
}

/// One span with these attributes.
fn with<V: Into<Value>>(
    kind: ObservationType,
    pairs: impl IntoIterator<Item = (&'static str, V)>,
) -> Observation {
    observed(kind, |span| {
        for (key, value) in pairs {
            span.set_attribute(key, value);
        }
    })
}

fn generation<V: Into<Value>>(pairs: impl IntoIterator<Item = (&'static str, V)>) -> Observation {
    with(ObservationType::Generation, pairs)
}

/// Tokens by class, as one text.
fn usage(observation: &Observation) -> String {
    let classes = observation.usage.iter();
    let classes: Vec<_> = classes.map(|(class, n)| format!("{class} {n}")).collect();
    classes.join(", ")
}

fn cost(observation: &Observation) -> String {
    format!("{:?}", observation.total_cost())
}

fn metadata<'a>(observation: &'a Observation, key: &str) -> Option<&'a str> {
    observation.metadata.get(key).map(String::as_str)
}

#[test]
fn every_field_reads_as_it_was_said() {
    let visit = TraceAttributes::new()
        .name("visit")
        .user("gus")
        .session("s-1")
        .tag("a")
        .tag("b")
        .metadata("mood", "grumpy")
        .version("2")
        .release("r7")
        .environment("test")
        .public(true);
    let seen = arrived(|| {
        let spec = SpanSpec::new("ask")
            .observation(ObservationType::Generation)
            .input("What?")
            .level(Level::Warning);
        Context::with_trace(visit, || {
            Context::with_span(spec, |span| {
                span.set_output("That.");
                span.set_model("gpt-4o-mini");
                span.set_usage(Usage::new().input(23).cached(8).output(5));
                span.set_cost(Cost::usd(0.000_012_5));
                span.set_attribute(key::STATUS_MESSAGE, "slow");
                span.set_attribute(key::REQUEST_TEMPERATURE, 0.5);
                span.set_attribute("gen_ai.request.seed", 7);
                span.set_attribute("gen_ai.request.stream", true);
                span.set_attribute("langfuse.observation.prompt.name", "greeting");
                span.set_attribute("langfuse.observation.prompt.version", 3);
                let time = "2026-02-03T04:05:06.789Z";
                span.set_attribute("langfuse.observation.completion_start_time", time);
                span.set_attribute("customer.mood", "grumpy");
            });
        });
    });

    let seen = &seen[0];
    assert_eq!(
        (seen.name.as_str(), seen.kind.as_str()),
        ("ask", "generation")
    );
    assert_eq!(seen.level, "WARNING");
    assert_eq!(seen.status_message.as_deref(), Some("slow"));
    assert_eq!(seen.input.as_deref(), Some("What?"));
    assert_eq!(seen.output.as_deref(), Some("That."));
    assert_eq!(seen.model.as_deref(), Some("gpt-4o-mini"));
    let parameters: Vec<_> = seen.model_parameters.iter().collect();
    assert_eq!(
        format!("{parameters:?}"),
        r#"[("seed", "7"), ("stream", "true"), ("temperature", "0.5")]"#
    );
    assert_eq!(
        usage(seen),
        "input 23, input_cached_tokens 8, output 5, total 36"
    );
    assert_eq!(cost(seen), "Some(1.25e-5)");
    assert_eq!(seen.prompt, Some(("greeting".to_owned(), 3)));
    assert_eq!(
        seen.completion_start_time.as_deref(),
        Some("2026-02-03T04:05:06.789Z")
    );
    assert_eq!(metadata(seen, "customer.mood"), Some("grumpy"));
    assert_eq!(seen.trace_name.as_deref(), Some("visit"));
    assert_eq!(seen.user_id.as_deref(), Some("gus"));
    assert_eq!(seen.session_id.as_deref(), Some("s-1"));
    assert_eq!(seen.tags, ["a", "b"]);
    assert_eq!(seen.trace_metadata["mood"], "grumpy");
    assert_eq!(seen.version.as_deref(), Some("2"));
    assert_eq!(seen.release.as_deref(), Some("r7"));
    assert_eq!(seen.environment, "test");
    assert_eq!(seen.public, Some(true));
}

#[test]
fn a_type_is_what_was_said_whatever_the_attributes_look_like() {
    for kind in ObservationType::ALL {
        let seen = with(
            kind,
            [
                ("gen_ai.operation.name", "chat"),
                ("gen_ai.request.model", "gpt-4o"),
                ("gen_ai.tool.call.id", "call-1"),
                ("openinference.span.kind", "LLM"),
                ("langfuse.observation.type", "GENERATION"),
                ("model", "gpt-4o"),
            ],
        );

        assert_eq!(seen.kind, kind.as_str());
    }
}

#[test]
fn raw_counts_of_a_call_become_one_disjoint_object() {
    let seen = generation([
        (key::INPUT_TOKENS, 100),
        (key::PROMPT_TOKENS, 100),
        (key::OUTPUT_TOKENS, 50),
        (key::COMPLETION_TOKENS, 50),
        (key::TOTAL_TOKENS, 150),
        ("gen_ai.usage.cache_read.input_tokens", 60),
        ("gen_ai.usage.reasoning_tokens", 20),
        ("gen_ai.usage.kittens", 3),
    ]);

    assert_eq!(
        usage(&seen),
        "input 40, input_cached_tokens 60, output 30, output_reasoning_tokens 20, total 150"
    );
    assert_eq!(metadata(&seen, "gen_ai.usage.kittens"), Some("3"));
}

#[test]
fn raw_counts_beside_set_ones_change_nothing() {
    let seen = observed(ObservationType::Generation, |span| {
        span.set_usage(Usage::new().input(23).output(5));
        span.set_cost(Cost::usd(0.5));
        span.set_attribute(key::INPUT_TOKENS, 1_000);
        span.set_attribute("gen_ai.usage.reasoning_tokens", 1_000);
        span.set_attribute("gen_ai.usage.cost", 9.0);
    });

    assert_eq!(usage(&seen), "input 23, output 5, total 28");
    assert_eq!(cost(&seen), "Some(0.5)");
    assert_eq!(metadata(&seen, key::INPUT_TOKENS), Some("1000"));
    assert_eq!(metadata(&seen, "gen_ai.usage.cost"), Some("9.0"));
}

#[test]
fn the_totals_of_an_agent_are_metadata_and_its_calls_are_billed() {
    let seen = observed(ObservationType::Agent, |span| {
        span.set_usage(Usage::new().input(23).output(5));
        span.set_cost(Cost::usd(0.5));
        span.set_attribute(key::INPUT_TOKENS, 23);
        span.set_attribute("gen_ai.usage.cost", 0.5);
        span.set_model("gpt-4o");
        span.set_attribute(key::OPERATION_NAME, "invoke_agent");
    });

    assert_eq!(
        (usage(&seen), cost(&seen)),
        (String::new(), "None".to_owned())
    );
    assert_eq!(seen.model, None);
    assert_eq!(metadata(&seen, key::INPUT_TOKENS), Some("23"));
    assert_eq!(
        metadata(&seen, key::USAGE),
        Some(r#"{"input":23,"output":5,"total":28}"#)
    );
}

#[test]
fn a_turn_that_shows_the_sums_of_its_calls_is_billed_as_its_calls() {
    let calls = [(23, 0.25), (40, 0.5)];
    let seen = arrived(|| {
        let turn = SpanSpec::new("turn").observation(ObservationType::Agent);
        Context::with_span(turn, |turn| {
            let (mut tokens, mut dollars) = (0, 0.0);
            for (input, cost) in calls {
                let call = SpanSpec::new("call").observation(ObservationType::Generation);
                Context::with_span(call, |call| {
                    call.set_usage(Usage::new().input(input));
                    call.set_cost(Cost::usd(cost));
                });
                tokens += input;
                dollars += cost;
            }
            turn.set_usage(Usage::new().input(tokens));
            turn.set_cost(Cost::usd(dollars));
        });
    });

    let billed: u64 = seen.iter().map(Observation::total_tokens).sum();
    let costs: Vec<_> = seen.iter().filter_map(Observation::total_cost).collect();
    assert_eq!(billed, 63);
    assert_eq!(format!("{costs:?}"), "[0.25, 0.5]");
    let turn = seen.iter().find(|one| one.name == "turn").unwrap();
    assert_eq!(
        metadata(turn, key::USAGE),
        Some(r#"{"input":63,"total":63}"#)
    );
    assert_eq!(metadata(turn, key::COST), Some(r#"{"total":0.75}"#));
}

#[test]
fn a_call_that_names_its_operation_like_an_agent_keeps_model_usage_and_cost() {
    for operation in ["invoke_agent", "agent_step"] {
        let seen = observed(ObservationType::Generation, |span| {
            span.set_attribute(key::OPERATION_NAME, operation);
            span.set_usage(Usage::new().input(23));
            span.set_cost(Cost::usd(0.5));
            span.set_model("gpt-4o");
        });

        assert_eq!(usage(&seen), "input 23, total 23");
        assert_eq!(cost(&seen), "Some(0.5)");
        assert_eq!(seen.model.as_deref(), Some("gpt-4o"));
        assert_eq!(metadata(&seen, key::OPERATION_NAME), Some(operation));
    }
}

#[test]
fn a_model_on_anything_but_a_call_is_metadata_unless_tokens_or_cost_were_set() {
    let told = with(ObservationType::Span, [(key::REQUEST_MODEL, "gpt-4o")]);
    let counted = observed(ObservationType::Span, |span| {
        span.set_model("gpt-4o");
        span.set_usage(Usage::new().input(3));
    });

    assert_eq!(told.model, None);
    assert_eq!(metadata(&told, key::REQUEST_MODEL), Some("gpt-4o"));
    assert_eq!(counted.model.as_deref(), Some("gpt-4o"));
    assert_eq!(counted.total_tokens(), 3);
}

#[test]
fn usage_and_cost_written_by_hand_count_or_are_metadata() {
    for (text, expected) in [
        (
            r#"{"prompt_tokens":10,"completion_tokens":5}"#,
            "input 10, output 5, total 15",
        ),
        (r#"{"input":3,"output":1}"#, "input 3, output 1"),
        ("{}", ""),
        ("17", ""),
        (r#"{"input":-1}"#, ""),
    ] {
        let seen = generation([(key::USAGE, text)]);

        assert_eq!(usage(&seen), expected, "{text}");
        let is_kept = metadata(&seen, key::USAGE) == Some(text);
        assert_eq!(is_kept, expected.is_empty(), "{text}");
    }
    for (value, expected) in [
        (Value::from(0.5), "Some(0.5)"),
        (Value::from(r#"{"input":0.25,"cache":"0.25"}"#), "Some(0.5)"),
        (Value::from(r#"{"total_cost":0.5}"#), "Some(0.5)"),
        (Value::from("0.5"), "Some(0.5)"),
        (Value::from("dear"), "None"),
    ] {
        assert_eq!(cost(&generation([(key::COST, value)])), expected);
    }
}

#[test]
fn an_empty_usage_does_not_stand_in_the_way_of_raw_counts() {
    let seen = observed(ObservationType::Generation, |span| {
        span.set_attribute(key::USAGE, "{}");
        span.set_attribute(key::INPUT_TOKENS, 7);
    });

    assert_eq!(usage(&seen), "input 7, total 7");
}

#[test]
fn keys_that_others_use_for_content_are_metadata() {
    for key in [
        "input",
        "output",
        "prompt",
        "events",
        "input.value",
        "output.value",
        "all_messages_events",
        "traceloop.entity.input",
        "mlflow.spanInputs",
        "tool_arguments",
        "gen_ai.prompt",
        "gen_ai.prompt.name",
        "gen_ai.prompt.0.content",
        "gen_ai.completion",
        "gen_ai.completion.0.role",
        "llm.input_messages.0",
        "langfuse.trace.input",
    ] {
        let seen = generation([(key, "mine"), ("gen_ai.input.messages", "[]")]);

        assert_eq!(seen.input.as_deref(), Some("[]"), "{key}");
        assert_eq!(seen.output, None, "{key}");
        assert_eq!(metadata(&seen, key), Some("mine"));
    }
}

#[test]
fn one_side_of_ours_pulls_the_other_side_of_the_conventions_along() {
    let seen = observed(ObservationType::Generation, |span| {
        span.set_input("ours");
        span.set_attribute("gen_ai.input.messages", "theirs");
        span.set_attribute("gen_ai.output.messages", "answer");
    });

    assert_eq!(seen.input.as_deref(), Some("ours"));
    assert_eq!(seen.output.as_deref(), Some("answer"));
    assert_eq!(metadata(&seen, "gen_ai.input.messages"), Some("theirs"));
}

#[test]
fn structured_messages_arrive_as_json() {
    let messages = serde_json::json!([{"role": "user", "content": "What?"}]);
    let seen = generation([("gen_ai.input.messages", &messages)]);

    assert_eq!(seen.input, Some(messages.to_string()));
}

#[test]
fn a_tools_name_renames_tools_only() {
    let name = ("gen_ai.tool.name", "search");

    assert_eq!(with(ObservationType::Tool, [name]).name, "search");
    let seen = with(ObservationType::Generation, [name]);
    assert_eq!(seen.name, "named");
    assert_eq!(metadata(&seen, "gen_ai.tool.name"), Some("search"));
}

#[test]
fn a_prompt_is_linked_whole_or_is_metadata() {
    let (name, version) = (
        "langfuse.observation.prompt.name",
        "langfuse.observation.prompt.version",
    );
    let linked = |kind, version_value: Option<Value>| {
        observed(kind, |span| {
            span.set_attribute(name, "greeting");
            span.set_attribute(version, version_value);
        })
    };

    for whole in [Value::from(3), Value::from("3")] {
        let seen = linked(ObservationType::Generation, Some(whole));
        assert_eq!(seen.prompt, Some(("greeting".to_owned(), 3)));
    }
    for half in [
        None,
        Some(Value::from("latest")),
        Some(Value::from(65_536)),
        Some(0.into()),
    ] {
        let seen = linked(ObservationType::Generation, half);
        assert_eq!(seen.prompt, None);
        assert_eq!(metadata(&seen, name), Some("greeting"));
    }
    let seen = linked(ObservationType::Span, Some(Value::from(3)));
    assert_eq!(metadata(&seen, version), Some("3"));
}

#[test]
fn a_first_token_without_a_zone_is_metadata() {
    let time = "langfuse.observation.completion_start_time";

    let whole = generation([(time, r#""2026-02-03T04:05:06+01:00""#)]);
    assert_eq!(
        whole.completion_start_time.as_deref(),
        Some("2026-02-03T04:05:06+01:00")
    );
    for text in ["2026-02-03 04:05:06", "1769999999", "soon"] {
        let seen = generation([(time, text)]);
        assert_eq!(seen.completion_start_time, None, "{text}");
        assert_eq!(metadata(&seen, time), Some(text));
    }
}

#[test]
fn parameters_are_an_object_or_metadata() {
    let key = "langfuse.observation.model.parameters";

    let object = generation([(key, &serde_json::json!({"service_tier": "flex"}))]);
    assert_eq!(object.model_parameters["service_tier"], "flex");
    let scalar = generation([(key, 7)]);
    assert!(scalar.model_parameters.is_empty());
    assert_eq!(metadata(&scalar, key), Some("7"));
}

#[test]
fn what_has_to_be_text_is_sent_as_text() {
    let seen = observed(ObservationType::Generation, |span| {
        span.set_attribute(key::STATUS_MESSAGE, 404);
        span.set_attribute(key::MODEL, 4);
    });

    assert_eq!(seen.status_message.as_deref(), Some("404"));
    assert_eq!(seen.model.as_deref(), Some("4"));
}

#[test]
fn keys_of_the_trace_set_on_a_span_say_nothing_of_the_trace() {
    let seen = with(
        ObservationType::Span,
        [
            ("langfuse.trace.name", "mine"),
            ("langfuse.trace.tags", "a,b"),
            ("langfuse.trace.public", "true"),
            ("langfuse.trace.metadata.k", "v"),
            ("langfuse.release", "r"),
            ("langfuse.version", "v"),
            ("langfuse.environment", "e"),
            ("langfuse.user.id", "u"),
            ("user.id", "u"),
            ("session.id", "s"),
            ("tag.tags", "t"),
            ("langfuse.internal.as_root", "true"),
            ("langfuse.internal.is_app_root", "true"),
            ("langfuse_user_id", "u"),
            ("langfuse.observation.metadata.langfuse_session_id", "s"),
            ("langfuse_tags", "t"),
            ("ai.telemetry.metadata.userId", "u"),
        ],
    );

    assert_eq!(seen.trace_name, None);
    assert_eq!(
        (seen.user_id.as_ref(), seen.session_id.as_ref()),
        (None, None)
    );
    assert!(seen.tags.is_empty() && seen.trace_metadata.is_empty());
    assert_eq!((seen.public, seen.app_root), (None, false));
    assert_eq!((seen.release.as_ref(), seen.version.as_ref()), (None, None));
    assert_eq!(seen.environment, "default");
    assert_eq!(metadata(&seen, "langfuse.trace.name"), Some("mine"));
    assert_eq!(metadata(&seen, "langfuse.session_id"), Some("s"));
    assert_eq!(seen.metadata.len(), 17);
}

#[test]
fn a_conversation_is_the_session_where_none_was_named() {
    let seen = with(
        ObservationType::Agent,
        [("gen_ai.conversation.id", "c-1\0")],
    );

    assert_eq!(seen.session_id.as_deref(), Some("c-1"));
}

#[test]
fn metadata_is_found_under_first_level_keys_whatever_they_are_called() {
    let seen = observed(ObservationType::Span, |span| {
        span.set_attribute("http.method", "GET");
        span.set_attribute("langfuse.observation.metadata.tier", "gold");
        span.set_attribute("langfuse.observation.metadata", "plain text");
        span.set_attribute("__proto__", "kept");
        span.set_attribute("", "nameless");
        span.set_attribute("list", &["a"][..]);
        span.set_attribute("none", &[""; 0][..]);
        span.set_attribute("scope", 1);
    });

    for (key, value) in [
        ("http.method", "GET"),
        ("tier", "gold"),
        ("metadata", "plain text"),
        ("_proto_", "kept"),
        ("_", "nameless"),
        ("list", r#"["a"]"#),
        ("none", "[]"),
        ("scope", "1"),
    ] {
        assert_eq!(metadata(&seen, key), Some(value), "{key}");
    }
    let object = serde_json::json!({"tier": "gold", "deep": {"er": 1}});
    let seen = with(
        ObservationType::Span,
        [("langfuse.observation.metadata", &object)],
    );
    assert_eq!(metadata(&seen, "tier"), Some("gold"));
    assert_eq!(metadata(&seen, "deep.er"), Some("1"));
}

#[test]
fn numbers_that_javascript_cannot_hold_are_text() {
    let seen = observed(ObservationType::Span, |span| {
        span.set_attribute("large", i64::MAX);
        span.set_attribute("exact", (1_i64 << 53) - 1);
        span.set_attribute("huge", u64::MAX);
        span.set_attribute("none", f64::NAN);
    });

    let text = |text: &str| AttributeValue::Text(text.to_owned());
    let sent = |key: &str| seen.attributes[&format!("langfuse.observation.metadata.{key}")].clone();
    assert_eq!(sent("large"), text("9223372036854775807"));
    assert_eq!(sent("exact"), AttributeValue::Int((1 << 53) - 1));
    assert_eq!(sent("huge"), text("18446744073709551615"));
    assert_eq!(sent("none"), text("NaN"));
}

#[test]
fn a_trace_without_tags_has_none_and_odd_names_are_fitted() {
    let odd = TraceAttributes::new()
        .name("x".repeat(2_000))
        .user("gus\0")
        .session("s\r\n1")
        .tag("")
        .environment("Prod EU")
        .metadata("__proto__", "kept");
    let seen = arrived(|| {
        Context::with_trace(odd, || {
            Context::with_span("y".repeat(2_000), |_span| ());
        });
    });

    let seen = &seen[0];
    assert!(seen.tags.is_empty());
    let name = seen.trace_name.as_ref().unwrap();
    assert!(name.ends_with('…') && name.encode_utf16().count() <= 1_000);
    assert_eq!(seen.name.encode_utf16().count(), 1_000);
    assert_eq!(seen.user_id.as_deref(), Some("gus"));
    assert_eq!(seen.session_id.as_deref(), Some("s1"));
    assert_eq!(seen.environment, "prod-eu");
    assert_eq!(seen.trace_metadata["_proto_"], "kept");
}

#[test]
fn trace_attributes_stand_on_every_observation_events_included() {
    let seen = arrived(|| {
        Context::with_trace(TraceAttributes::new().user("gus").public(true), || {
            Context::with_span("outer", |_span| {
                Context::with_span("inner", |_span| event("told", attributes! {}));
            });
        });
    });

    assert_eq!(seen.len(), 3);
    for one in seen {
        assert_eq!(one.user_id.as_deref(), Some("gus"), "{}", one.name);
        assert_eq!(one.public, Some(true), "{}", one.name);
    }
}

#[test]
fn the_first_span_below_another_process_is_the_root_of_this_application() {
    let caller: TraceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        .parse()
        .unwrap();
    let seen = arrived(|| {
        Context::from(caller).run(|| {
            Context::with_span("handle", |_span| {
                Context::with_span("brew", |_span| ());
            });
        });
        Context::with_span("own root", |_span| ());
    });

    let roots: Vec<_> = seen
        .iter()
        .map(|one| (one.name.as_str(), one.app_root))
        .collect();
    assert_eq!(
        roots,
        [("brew", false), ("handle", true), ("own root", false)]
    );
    assert!(seen[1].is_root());
}

#[test]
fn of_several_services_on_one_request_the_first_is_the_application_root() {
    let within = Propagation::new().baggage(true);
    let seen = arrived(|| {
        let mut headers = HashMap::new();
        Context::with_span("ask", |_span| {
            within.inject(&Context::current(), &mut headers);
        });
        let mut onward = HashMap::new();
        within.extract(&headers).context().run(|| {
            Context::with_span("answer", |_span| {
                within.inject(&Context::current(), &mut onward);
            });
        });
        let caller = within.extract(&onward).into_context();
        caller.run(|| Context::with_span("look up", |_span| ()));
    });

    let roots: Vec<_> = seen
        .iter()
        .map(|one| (one.name.as_str(), one.app_root))
        .collect();
    // The first has no parent, which is root enough.
    assert_eq!(
        roots,
        [("ask", false), ("answer", false), ("look up", false)]
    );
    assert!(seen[0].is_root());
}

#[test]
fn an_experiment_is_named_by_text() {
    let version = "langfuse.experiment.item.version";
    let seen = observed(ObservationType::Span, |span| {
        span.set_attribute("langfuse.experiment.id", 7);
        span.set_attribute(version, "not a moment");
    });

    assert_eq!(
        seen.attributes["langfuse.experiment.id"],
        AttributeValue::Text("7".to_owned())
    );
    assert!(!seen.attributes.contains_key(version));
    assert_eq!(metadata(&seen, version), Some("not a moment"));
}

#[test]
fn attributes_beyond_the_limit_are_told_of() {
    let seen = observed(ObservationType::Span, |span| {
        for number in 0..130 {
            span.set_attribute(number.to_string(), number);
        }
    });

    assert_eq!(metadata(&seen, "o11y.attributes_left_out"), Some("6"));
}

#[test]
fn a_giant_of_metadata_is_cut_and_content_is_not() {
    let giant = "x".repeat(600_000);
    let seen = observed(ObservationType::Span, |span| {
        span.set_attribute("giant", &giant);
        span.set_input(&giant);
    });

    assert!(seen.metadata["giant"].ends_with("…[cut: 88000 bytes left out]"));
    assert_eq!(seen.input.as_ref(), Some(&giant));
}

#[test]
fn a_redirect_is_not_followed_with_the_keys() {
    for status in [307, 308] {
        let rig = Rig::new(|builder| builder);
        rig.receiver.script([Fault::Redirect(status)]);

        make(1);
        rig.telemetry.flush(LONG).unwrap_err();

        assert_eq!(rig.receiver.requests().len(), 1);
        assert_eq!(rig.receiver.observation_count(), 0);
    }
}

#[test]
fn a_module_says_what_it_promises() {
    let seen = arrived(|| {
        let barista = Module::new("Predict").signature("OrderToDrink");
        Context::with_module(barista, || Context::with_span("predict", |_span| ()));
    });

    assert_eq!(
        metadata(&seen[0], key::MODULE_SIGNATURE),
        Some("OrderToDrink")
    );
}

#[test]
fn the_service_says_its_name_and_version() {
    let rig = Rig::new(|builder| builder.service_name("shop").service_version("1.2.3"));

    make(1);
    rig.telemetry.flush(LONG).unwrap();

    let seen = rig.receiver.observations().remove(0);
    assert_eq!(seen.version.as_deref(), Some("1.2.3"));
    for (key, value) in [
        ("service.name", "shop"),
        ("service.version", "1.2.3"),
        ("telemetry.sdk.language", "rust"),
        ("telemetry.sdk.name", "o11y"),
        ("telemetry.sdk.version", env!("CARGO_PKG_VERSION")),
    ] {
        assert_eq!(seen.resource[key].as_str(), Some(value), "{key}");
    }
    assert!(!seen.scope_name.starts_with("langfuse-sdk"));
}

/// Keys that the server or another tool reads, and some that nobody does.
fn any_key() -> impl Strategy<Value = String> {
    prop_oneof![
        proptest::sample::select(vec![
            "input",
            "output",
            "prompt",
            "events",
            "model",
            "",
            "__proto__",
            "user.id",
            "gen_ai.operation.name",
            "gen_ai.request.model",
            "gen_ai.response.model",
            "gen_ai.usage.input_tokens",
            "gen_ai.usage.prompt_tokens",
            "gen_ai.usage.cost",
            "gen_ai.usage.total_tokens",
            "gen_ai.usage.reasoning_tokens",
            "gen_ai.usage.output",
            "gen_ai.usage.cache_read.input_tokens",
            "gen_ai.prompt.name",
            "gen_ai.tool.name",
            "gen_ai.input.messages",
            "gen_ai.output.messages",
            "gen_ai.request.temperature",
            "llm.token_count.total",
            "llm.cost.total",
            "llm.model_name",
            "operation.name",
            "ai.operationId",
            "ai.usage.tokens",
            "genkit:metadata:subtype",
            "langfuse.observation.type",
            "langfuse.observation.level",
            "langfuse.trace.name",
            "langfuse.observation.status_message",
            "langfuse.observation.model.parameters",
            "langfuse.observation.completion_start_time",
            "langfuse.observation.prompt.name",
            "langfuse.observation.prompt.version",
            "langfuse.observation.metadata",
            "langfuse.observation.metadata.x",
            "langfuse.version",
            "langfuse.release",
            "langfuse.trace.tags",
            "langfuse.environment",
            "langfuse.internal.as_root",
            "langfuse.experiment.item.version",
            "langfuse_user_id",
            "langfuse_tags",
            "ai.telemetry.metadata.tags",
        ])
        .prop_map(str::to_owned),
        "(gen_ai\\.|gen_ai\\.usage\\.|langfuse\\.|langfuse\\.observation\\.|llm\\.|ai\\.)?[a-z_.]{0,12}",
        "\\PC{0,12}",
    ]
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
        proptest::sample::select(vec![
            "invoke_agent",
            "agent_step",
            "chat",
            "{}",
            "[]",
            "null",
            "1",
            "\0",
            "{\"input\":1}",
            "{\"total\":9}",
            "GENERATION",
            "agent",
            "true",
            "2026-02-03T04:05:06Z",
            "",
        ])
        .prop_map(Value::from),
        any::<u64>().prop_map(|tokens| Value::from(Usage::new().input(tokens))),
        any::<f64>().prop_map(|dollars| Value::from(Cost::usd(dollars))),
    ]
}

fn any_kind() -> impl Strategy<Value = ObservationType> {
    proptest::sample::select(ObservationType::ALL.to_vec())
}

#[test]
fn nothing_that_can_be_set_loses_an_observation_or_changes_what_is_billed() {
    let attributes = || proptest::collection::vec((any_key(), any_value()), 0..8);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(200));
    let rig = Rig::new(|builder| builder);

    let outcome = runner.run(
        &(any_kind(), attributes(), attributes()),
        |(kind, some, call)| {
            rig.receiver.clear();
            Context::with_span(SpanSpec::new("any").observation(kind), |span| {
                for (key, value) in some {
                    span.set_attribute(key, value);
                }
            });
            let spec = SpanSpec::new("call").observation(ObservationType::Generation);
            Context::with_span(spec, |span| {
                for (key, value) in call {
                    span.set_attribute(key, value);
                }
                span.set_usage(Usage::new().input(23).cached(8).output(5));
                span.set_cost(Cost::usd(0.5));
            });
            rig.telemetry.flush(LONG).unwrap();

            let seen = rig.receiver.observations();
            prop_assert_eq!(seen.len(), 2);
            for one in &seen {
                prop_assert!(one.legacy_losses.is_empty(), "{:?}", one.legacy_losses);
                prop_assert!(one.user_id.is_none() && one.tags.is_empty());
            }
            prop_assert_eq!(seen[0].kind.as_str(), kind.as_str());
            if matches!(kind, ObservationType::Agent | ObservationType::Event) {
                prop_assert_eq!(usage(&seen[0]), "");
                prop_assert_eq!(cost(&seen[0]), "None");
            }
            prop_assert_eq!(
                usage(&seen[1]),
                "input 23, input_cached_tokens 8, output 5, total 36"
            );
            prop_assert_eq!(cost(&seen[1]), "Some(0.5)");
            Ok(())
        },
    );
    outcome.unwrap();
}
