//! Runs of rig agents behind a span that keeps rig from opening one of its own.
//!
//! Field sets are derived from source: rig-agent 0.46, `agent/telemetry.rs`.

use o11y_core::{Context, ObservationType, SpanSpec, TracingLayer, testing::Recording};
use tracing::{Span, info_span};
use tracing_subscriber::layer::SubscriberExt as _;

use crate::support::{Everything, alone, text};

fn turn(agent: &str) {
    drop(info_span!(
        target: "rig::agent_chat", parent: Span::current(), "chat",
        gen_ai.operation.name = "chat",
        gen_ai.agent.name = agent,
        gen_ai.request.model = "gpt-4o-mini",
        rig.completion_parent = tracing::field::Empty,
    ));
}

fn tool() {
    drop(info_span!(
        target: "rig_agent::agent::telemetry", "execute_tool",
        gen_ai.operation.name = "execute_tool", gen_ai.tool.name = "menu",
    ));
}

/// Runs `f` in a web server's span that another layer sees, and no span of ours is made of.
fn behind_a_server(f: impl FnOnce()) -> Recording {
    let subscriber = tracing_subscriber::registry()
        .with(Everything)
        .with(TracingLayer::new().build());
    let recording = Recording::new();
    recording.run(|| {
        tracing::subscriber::with_default(subscriber, || info_span!("request").in_scope(f));
    });
    recording
}

#[test]
fn the_agent_that_is_missing_is_put_around_its_turns_and_tools() {
    let _alone = alone();
    let recording = behind_a_server(|| {
        Context::with_span("order", |_span| {
            turn("barista");
            tool();
            turn("barista");
        });
    });

    assert_eq!(
        recording.outline(),
        "span order\n\
         \x20 agent invoke_agent barista\n\
         \x20   generation chat\n\
         \x20   tool menu\n\
         \x20   generation chat\n"
    );
    let agent = recording.one("invoke_agent barista");
    let last = recording.named("chat").pop().unwrap();
    let outside = agent.duration().abs_diff(last.duration());
    assert!(agent.duration() >= last.duration(), "{outside:?}");
    assert_eq!(text(&agent, "o11y.synthesised"), "true");
}

#[test]
fn a_turn_right_after_another_begins_a_new_run_and_every_agent_has_its_own() {
    let _alone = alone();
    let recording = behind_a_server(|| {
        turn("barista");
        turn("barista");
        turn("cashier");
    });

    assert_eq!(
        recording.outline(),
        "agent invoke_agent barista\n  generation chat\n\
         agent invoke_agent barista\n  generation chat\n\
         agent invoke_agent cashier\n  generation chat\n"
    );
}

#[test]
fn an_agent_of_ones_own_is_enough() {
    let _alone = alone();
    let recording = behind_a_server(|| {
        let agent = SpanSpec::new("mine").observation(ObservationType::Agent);
        Context::with_span(agent, |_span| turn("barista"));
        info_span!("theirs", gen_ai.operation.name = "invoke_agent").in_scope(|| turn("barista"));
    });

    assert_eq!(
        recording.outline(),
        "agent mine\n  generation chat\nagent theirs\n  generation chat\n"
    );
}

#[test]
fn an_agent_that_is_the_tool_of_another_has_its_own_run() {
    let _alone = alone();
    let recording = behind_a_server(|| {
        info_span!("outer", gen_ai.operation.name = "invoke_agent").in_scope(|| {
            info_span!("ask", gen_ai.operation.name = "execute_tool").in_scope(|| turn("inner"));
        });
    });

    assert_eq!(
        recording.outline(),
        "agent outer\n  tool ask\n    agent invoke_agent inner\n      generation chat\n"
    );
}
