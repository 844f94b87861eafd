use super::*;

fn attributes(pairs: &[(&str, AttributeValue)]) -> Attributes {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), value.clone()))
        .collect()
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::Text(value.to_owned())
}

fn observe(pairs: &[(&str, AttributeValue)]) -> Observation {
    interpret(Source {
        span_name: "a".to_owned(),
        attributes: attributes(pairs),
        ..Source::default()
    })
}

#[test]
fn the_type_is_taken_in_lower_case_only_and_else_guessed() {
    let kind = |pairs: &[(&str, AttributeValue)]| observe(pairs).kind;

    assert_eq!(
        kind(&[("langfuse.observation.type", text("retriever"))]),
        "retriever"
    );
    assert_eq!(
        kind(&[("langfuse.observation.type", text("GENERATION"))]),
        "span"
    );
    assert_eq!(
        kind(&[("gen_ai.operation.name", text("embeddings"))]),
        "embedding"
    );
    assert_eq!(
        kind(&[("gen_ai.operation.name", text("retrieval"))]),
        "span"
    );
    assert_eq!(kind(&[("gen_ai.tool.call.id", text("x"))]), "tool");
    assert_eq!(kind(&[("gen_ai.request.model", text("m"))]), "generation");
    assert_eq!(kind(&[]), "span");
}

#[test]
fn a_tool_name_renames_the_observation() {
    assert_eq!(
        observe(&[("gen_ai.tool.name", text("search"))]).name,
        "search"
    );
    assert_eq!(observe(&[]).name, "a");
}

#[test]
fn the_level_has_aliases_and_falls_back_to_the_status() {
    let failed = |level: &str| {
        let attributes = attributes(&[("langfuse.observation.level", text(level))]);
        interpret(Source {
            status_is_error: true,
            attributes,
            ..Source::default()
        })
        .level
    };

    assert_eq!(failed("warn"), "WARNING");
    assert_eq!(failed("Info"), "DEFAULT");
    assert_eq!(failed("whatever"), "ERROR");
    assert_eq!(observe(&[]).level, "DEFAULT");
}

#[test]
fn the_status_message_prefers_the_attribute() {
    let message = |pairs: &[(&str, AttributeValue)]| {
        let status_message = "status".to_owned();
        let attributes = attributes(pairs);
        interpret(Source {
            status_message,
            attributes,
            ..Source::default()
        })
        .status_message
    };
    let key = "langfuse.observation.status_message";

    assert_eq!(
        message(&[(key, text("attribute"))]).as_deref(),
        Some("attribute")
    );
    assert_eq!(message(&[]).as_deref(), Some("status"));
    assert_eq!(observe(&[]).status_message, None);
}

#[test]
fn one_of_input_and_output_silences_all_other_sources() {
    let stored = observe(&[
        ("langfuse.observation.output", text("out")),
        ("gen_ai.input.messages", text("in")),
    ]);

    assert_eq!(
        (stored.input, stored.output.as_deref()),
        (None, Some("out"))
    );
}

#[test]
fn a_prompt_name_takes_the_input_over() {
    let stored = observe(&[
        ("gen_ai.prompt.name", text("greeting")),
        ("gen_ai.input.messages", text("[]")),
    ]);

    assert_eq!(stored.input.as_deref(), Some(r#"{"name":"greeting"}"#));
}

#[test]
fn user_and_session_have_several_keys() {
    let stored = observe(&[
        ("user.id", AttributeValue::Int(42)),
        ("gen_ai.conversation.id", text("c")),
        ("langfuse.user.id", text("")),
    ]);

    assert_eq!(stored.user_id.as_deref(), Some("42"));
    assert_eq!(stored.session_id.as_deref(), Some("c"));
}

#[test]
fn tags_come_as_array_or_as_text() {
    let tags = |value: AttributeValue| observe(&[("langfuse.trace.tags", value)]).tags;

    assert_eq!(
        tags(AttributeValue::List(vec![text("a"), text("b")])),
        ["a", "b"]
    );
    assert_eq!(tags(text(r#"["a","b"]"#)), ["a", "b"]);
    assert_eq!(tags(text("a, b")), ["a", "b"]);
    assert_eq!(tags(text(r#"{"arrayValue":{}}"#)), [r#"{"arrayValue":{}}"#]);
}

#[test]
fn the_environment_is_normalised_or_lost_as_a_whole() {
    let environment = |name: &str| observe(&[("langfuse.environment", text(name))]).environment;

    assert_eq!(environment("Production"), "production");
    assert_eq!(environment("langfuse-langfuse_x"), "x");
    assert_eq!(environment("prod.eu"), "default");
    assert_eq!(environment("langfuse"), "default");
    assert_eq!(environment(&"a".repeat(50)), "a".repeat(40));
}

#[test]
fn environment_release_and_version_are_read_from_the_resource_too() {
    let stored = interpret(Source {
        resource: attributes(&[
            ("deployment.environment", text("staging")),
            ("langfuse.release", text("r1")),
            ("service.version", text("1.2.3")),
            ("user.id", text("nobody")),
        ]),
        ..Source::default()
    });

    assert_eq!(stored.environment, "staging");
    assert_eq!(stored.release.as_deref(), Some("r1"));
    assert_eq!(stored.version.as_deref(), Some("1.2.3"));
    assert_eq!(stored.user_id, None);
}

#[test]
fn flags_are_booleans_or_the_word_true() {
    let stored = observe(&[
        ("langfuse.trace.public", AttributeValue::Bool(false)),
        ("langfuse.internal.is_app_root", text("true")),
    ]);

    assert_eq!(stored.public, Some(false));
    assert!(stored.app_root && stored.is_root());
}

#[test]
fn metadata_is_flattened_and_overlaid() {
    let stored = observe(&[
        (
            "langfuse.observation.metadata",
            text(r#"{"a":{"b":1},"list":[1],"c":"x"}"#),
        ),
        (
            "langfuse.observation.metadata.c",
            text(r#"{"kept":"as text"}"#),
        ),
        ("langfuse.trace.metadata", text("plain text is dropped")),
        ("langfuse.trace.metadata.n", AttributeValue::Int(7)),
    ]);

    let pairs = [
        ("a.b", "1"),
        ("c", r#"{"kept":"as text"}"#),
        ("list", "[1]"),
    ];
    assert!(
        stored
            .metadata
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .eq(pairs)
    );
    assert_eq!(stored.trace_metadata.len(), 1);
    assert_eq!(stored.trace_metadata["n"], "7");
}

#[test]
fn the_answering_model_wins_over_the_asked_one() {
    let stored = observe(&[
        ("gen_ai.request.model", text("asked")),
        ("gen_ai.response.model", text("answered")),
    ]);

    assert_eq!(stored.model.as_deref(), Some("answered"));
}

fn usage_of(pairs: &[(&str, AttributeValue)]) -> String {
    format!("{:?}", observe(pairs).usage).replace('"', "")
}

#[test]
fn explicit_usage_keeps_whole_counts_only() {
    let usage = |json: &str| usage_of(&[("langfuse.observation.usage_details", text(json))]);

    assert_eq!(
        usage(r#"{"input":1,"output":"2","a":1.5,"b":-1,"c":{}}"#),
        "{input: 1, output: 2}"
    );
    assert_eq!(
        usage(
            r#"{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15,
                "prompt_tokens_details":{"cached_tokens":4}}"#
        ),
        "{input: 6, input_cached_tokens: 4, output: 5, total: 15}"
    );
    assert_eq!(
        usage(r#"{"prompt_tokens":10,"completion_tokens":5}"#),
        "{completion_tokens: 5, prompt_tokens: 10}"
    );
}

#[test]
fn the_fallback_for_usage_is_used_unless_an_object_stands_in_its_way() {
    let with = |explicit: AttributeValue| {
        usage_of(&[
            ("langfuse.observation.usage_details", explicit),
            ("gen_ai.usage.input_tokens", AttributeValue::Int(3)),
        ])
    };

    assert_eq!(with(text("{}")), "{}");
    assert_eq!(with(AttributeValue::Int(1)), "{}");
    assert_eq!(with(text("{not json")), "{input: 3}");
}

#[test]
fn conventional_counts_are_made_disjoint() {
    let count = AttributeValue::Int;
    let usage = usage_of(&[
        ("gen_ai.usage.input_tokens", count(100)),
        ("gen_ai.usage.output_tokens", count(50)),
        ("gen_ai.usage.cache_read.input_tokens", count(60)),
        ("gen_ai.usage.cache_creation.input_tokens", count(10)),
        ("gen_ai.usage.reasoning.output_tokens", count(20)),
        ("gen_ai.usage.reasoning_tokens", count(20)),
        ("gen_ai.usage.cost", AttributeValue::Double(0.5)),
    ]);

    assert_eq!(
        usage,
        "{input: 30, input_cache_creation: 10, input_cached_tokens: 60, output: 30, \
         output_reasoning_tokens: 20, reasoning_tokens: 20}"
    );
}

#[test]
fn cost_counts_as_numbers_only() {
    let cost = |key: &str, value: AttributeValue| observe(&[(key, value)]).cost;
    let explicit = "langfuse.observation.cost_details";

    let stored = cost(explicit, text(r#"{"total":0.25,"input":"1"}"#));
    assert_eq!(format!("{stored:?}"), r#"{"input": 0.0, "total": 0.25}"#);
    let stored = cost("gen_ai.usage.cost", AttributeValue::Double(0.5));
    assert_eq!(format!("{stored:?}"), r#"{"total": 0.5}"#);
    assert!(cost(explicit, text("0.5")).is_empty());
}

#[test]
fn the_frame_of_an_agent_has_neither_model_nor_tokens_nor_cost() {
    let stored = observe(&[
        ("gen_ai.operation.name", text("invoke_agent")),
        ("langfuse.observation.model.name", text("m")),
        ("langfuse.observation.usage_details", text(r#"{"input":1}"#)),
        ("langfuse.observation.cost_details", text(r#"{"total":1}"#)),
    ]);

    assert_eq!(stored.kind, "agent");
    assert_eq!(
        (stored.model, stored.usage.len(), stored.cost.len()),
        (None, 0, 0)
    );
}

#[test]
fn parameters_come_from_one_object_or_from_the_request() {
    let request = ("gen_ai.request.temperature", AttributeValue::Double(0.5));
    let explicit = (
        "langfuse.observation.model.parameters",
        text(r#"{"top_p":1,"stop":["a"],"tier":"flex"}"#),
    );

    let stored = observe(&[
        request.clone(),
        ("gen_ai.request.model", text("m")),
        ("gen_ai.request.stream", AttributeValue::Bool(true)),
    ]);
    assert_eq!(stored.model_parameters["temperature"], "0.5");
    assert_eq!(stored.model_parameters["stream"], "true");
    assert_eq!(stored.model_parameters.len(), 2);

    let stored = observe(&[request, explicit]);
    assert_eq!(stored.model_parameters["stop"], r#"["a"]"#);
    assert_eq!(stored.model_parameters["tier"], "flex");
    assert_eq!(stored.model_parameters.len(), 3);
}

#[test]
fn a_prompt_is_linked_by_name_and_a_whole_number_on_generations_only() {
    let link = |kind: &str, version: AttributeValue| {
        observe(&[
            ("langfuse.observation.type", text(kind)),
            ("langfuse.observation.prompt.name", text("greeting")),
            ("langfuse.observation.prompt.version", version),
        ])
        .prompt
    };

    assert_eq!(
        link("generation", AttributeValue::Int(3)),
        Some(("greeting".to_owned(), 3))
    );
    assert_eq!(link("generation", text("3")), None);
    assert_eq!(link("generation", AttributeValue::Int(65_536)), None);
    assert_eq!(link("span", AttributeValue::Int(3)), None);
}

#[test]
fn the_older_write_path_drops_what_its_schema_does_not_know() {
    let losses = |pairs: &[(&str, AttributeValue)]| observe(pairs).legacy_losses;
    let time = "langfuse.observation.completion_start_time";

    assert!(losses(&[(time, text("2026-02-03T04:05:06.7Z"))]).is_empty());
    for (key, value) in [
        (time, text("yesterday")),
        (time, AttributeValue::Int(7)),
        ("langfuse.version", AttributeValue::Int(2)),
        ("langfuse.trace.name", text(&"x".repeat(1_001))),
        (
            "langfuse.observation.status_message",
            AttributeValue::Bool(true),
        ),
        ("langfuse.observation.model.parameters", text("1")),
    ] {
        assert_eq!(losses(&[(key, value)]), [key]);
    }
    let kind = ("langfuse.observation.type", text("generation"));
    let name = "langfuse.observation.prompt.name";
    assert_eq!(losses(&[kind, (name, text("greeting"))]), [name]);
}

#[test]
fn keys_of_other_tools_are_taken_for_input() {
    for key in [
        "prompt",
        "input",
        "input.value",
        "tool_arguments",
        "mlflow.spanInputs",
    ] {
        let stored = observe(&[(key, text("taken")), ("gen_ai.input.messages", text("[]"))]);

        assert_eq!(stored.input.as_deref(), Some("taken"), "{key}");
    }
}
