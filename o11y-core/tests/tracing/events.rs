//! Events that carry content, and log lines.

use o11y_core::{Context, Level, ObservationType, TracingLayer, key};
use tracing::{Level as Loudness, debug, event, info, info_span, warn};
use tracing_core::LevelFilter;

use crate::support::{alone, recorded, recorded_with, text};

fn talk() {
    let call = info_span!("chat", gen_ai.request.model = "gpt-4o-mini");
    let _call = call.enter();
    event!(name: "gen_ai.system.message", Loudness::DEBUG, content = "Be short.");
    event!(name: "gen_ai.user.message", Loudness::DEBUG, content = "What shall I drink?");
    event!(
        name: "gen_ai.choice", Loudness::DEBUG,
        index = 0, finish_reason = "stop",
        message = r#"{"role":"assistant","content":"A flat white."}"#
    );
    warn!(cups = 2, "running low");
    debug!("noise");
}

#[test]
fn messages_in_events_are_the_input_and_output_of_their_call() {
    let _alone = alone();
    let recording = recorded(talk);

    let record = recording.one("chat");
    assert_eq!(recording.outline(), "generation chat\n");
    assert_eq!(
        text(&record, key::INPUT),
        r#"[{"content":"Be short.","role":"system"},{"content":"What shall I drink?","role":"user"}]"#
    );
    assert_eq!(
        text(&record, key::OUTPUT),
        r#"{"content":"A flat white.","finish_reason":"stop","role":"assistant"}"#
    );
}

#[test]
fn details_in_one_event_are_those_of_the_call() {
    let _alone = alone();
    let recording = recorded(|| {
        let call = info_span!("chat", gen_ai.operation.name = "chat");
        call.in_scope(|| {
            event!(
                name: "gen_ai.client.inference.operation.details", Loudness::INFO,
                gen_ai.input.messages = "[]", gen_ai.usage.input_tokens = 3,
            );
        });
    });

    let record = recording.one("chat");
    assert_eq!(text(&record, key::INPUT), "[]");
    assert_eq!(text(&record, key::USAGE), "3 tokens");
}

#[test]
fn log_lines_are_taken_in_from_a_level_on() {
    let _alone = alone();
    let recording = recorded_with(TracingLayer::new().log_events(LevelFilter::WARN), || {
        talk();
        Context::with_span("ours", |_span| warn!("spilled"));
        warn!("outside of any span");
    });

    assert_eq!(
        recording.outline().with(["cups"]),
        "generation chat\n\
         \x20 event tracing::events [WARNING] cups=2\n\
         span ours\n\
         \x20 event tracing::events [WARNING]\n"
    );
    let logged = recording.of_type(ObservationType::Event);
    let messages: Vec<_> = logged.iter().map(|line| text(line, key::INPUT)).collect();
    assert_eq!(messages, ["running low", "spilled"]);
}

#[test]
fn other_spans_and_events_are_taken_in_if_the_user_says_so() {
    let _alone = alone();
    let layer = TracingLayer::new().include(|metadata| {
        metadata.name() == "request" || metadata.is_event() && *metadata.level() == Loudness::INFO
    });

    let recording = recorded_with(layer, || {
        let request = info_span!("request", http.route = "/order", prompt_tokens = 3);
        request.in_scope(|| {
            info!(name: "order taken", drink = "latte");
            info_span!("other").in_scope(|| drop(info_span!("chat", gen_ai.request.model = "m")));
        });
    });

    assert_eq!(
        recording
            .outline()
            .with(["http.route", "prompt_tokens", "drink"]),
        "span request http.route=/order prompt_tokens=3\n\
         \x20 event order taken drink=latte\n\
         \x20 generation chat\n"
    );
    assert_eq!(recording.one("order taken").level(), Level::Default);
}
