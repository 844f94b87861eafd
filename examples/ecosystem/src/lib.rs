//! What the layer for `tracing` makes of real LLM crates: a model on loopback for them to ask, and a
//! recording of what they leave.
//!
//! ```text
//! cd examples/ecosystem && cargo test
//! ```
//!
//! An excluded crate with a lock file of its own. It tests rig 0.44 (the newest for Rust 1.95),
//! genai 0.7.2, langchain-rust 7.0.0 and async-openai 0.43. Not here are swiftide 0.33, which needs
//! Rust 1.97, and DSRs, whose published 0.7.3 has no spans; `o11y-core/tests/tracing/dialects.rs`
//! has field sets derived from their source.

use std::{io, net::Ipv4Addr};

use axum::{
    Json, Router,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::post,
};
use o11y_core::{
    Record, TracingLayer, Usage, Value as Attribute, ValueRef, key, testing::Recording,
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::Mutex};
use tracing::{Dispatch, Subscriber, instrument::WithSubscriber as _};
use tracing_subscriber::{Layer, layer::SubscriberExt as _, registry};

/// What every answer of the model costs, in disjoint classes.
pub fn usage_of_an_answer() -> Usage {
    Usage::new().input(23).cached(8).output(5)
}

/// Starts a model on a free port and returns its address, as `OPENAI_BASE_URL` would have it.
///
/// It calls the tool that it is given, once, and then answers. A model of the name `busy` refuses.
///
/// # Errors
///
/// Those of binding to loopback.
pub async fn serve() -> io::Result<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let routes = Router::new()
        .route("/v1/chat/completions", post(complete))
        .route("/v1/embeddings", post(embed));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    Ok(format!("http://{address}/v1"))
}

async fn complete(Json(request): Json<Value>) -> Response {
    if request["model"] == "busy" {
        let told = json!({ "error": { "message": "Overloaded", "type": "server_error" } });
        return (StatusCode::BAD_REQUEST, Json(told)).into_response();
    }
    let usage = json!({
        "prompt_tokens": 31, "completion_tokens": 5, "total_tokens": 36,
        "prompt_tokens_details": { "cached_tokens": 8 },
    });
    if request["stream"] == true {
        return stream(&usage);
    }
    let was_told = request["messages"].to_string().contains(r#""role":"tool""#);
    let tool = request["tools"][0]["function"]["name"].as_str();
    let (message, reason) = match tool.filter(|_| !was_told) {
        Some(tool) => {
            let function = json!({ "name": tool, "arguments": r#"{"size":2}"# });
            let call = json!({ "id": "call-1", "type": "function", "function": function });
            let message = json!({ "role": "assistant", "content": null, "tool_calls": [call] });
            (message, "tool_calls")
        }
        None => (
            json!({ "role": "assistant", "content": "A flat white." }),
            "stop",
        ),
    };
    Json(json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1_767_225_600,
        "model": "gpt-4o-mini-2024-07-18",
        "choices": [{ "index": 0, "message": message, "finish_reason": reason }],
        "usage": usage,
    }))
    .into_response()
}

fn stream(usage: &Value) -> Response {
    let chunk = |choices: Value, usage: &Value| {
        let chunk = json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_767_225_600,
            "model": "gpt-4o-mini-2024-07-18", "choices": choices, "usage": usage,
        });
        format!("data: {chunk}\n\n")
    };
    let said = |delta: Value, reason: Value| json!([{ "index": 0, "delta": delta, "finish_reason": reason }]);
    let begin = json!({ "role": "assistant", "content": "A flat " });
    let body = [
        chunk(said(begin, Value::Null), &Value::Null),
        chunk(
            said(json!({ "content": "white." }), Value::Null),
            &Value::Null,
        ),
        chunk(said(json!({}), json!("stop")), &Value::Null),
        chunk(json!([]), usage),
        "data: [DONE]\n\n".to_owned(),
    ];
    ([(CONTENT_TYPE, "text/event-stream")], body.concat()).into_response()
}

async fn embed() -> Response {
    let one = json!({ "object": "embedding", "index": 0, "embedding": [0.5, 0.25] });
    Json(json!({
        "object": "list", "model": "text-embedding-3-small", "data": [one],
        "usage": { "prompt_tokens": 7, "total_tokens": 7 },
    }))
    .into_response()
}

/// A layer that wants every span, as a log or OpenTelemetry would.
struct Everything;

impl<S: Subscriber> Layer<S> for Everything {}

/// Programs of one test binary take turns: while one subscriber comes or goes, a span behind another
/// may be judged by half of the process's one note of who wants it.
static TURN: Mutex<()> = Mutex::const_new(());

/// Records what `program` leaves behind a subscriber with our layer, alone.
pub async fn recorded<F: Future>(recording: &Recording, program: F) -> F::Output {
    let subscriber = registry().with(TracingLayer::new().build());
    recorded_by(recording, subscriber.into(), program).await
}

/// The same, behind a subscriber that sees everything else as well.
pub async fn recorded_among_others<F: Future>(recording: &Recording, program: F) -> F::Output {
    let subscriber = registry()
        .with(Everything)
        .with(TracingLayer::new().build());
    recorded_by(recording, subscriber.into(), program).await
}

async fn recorded_by<F: Future>(
    recording: &Recording,
    dispatch: Dispatch,
    program: F,
) -> F::Output {
    let _alone = TURN.lock().await;
    recording.wrap(program).with_subscriber(dispatch).await
}

/// The tokens that a record bills.
pub fn usage(record: &Record) -> Option<Usage> {
    match record.attribute(key::USAGE).map(Attribute::as_ref) {
        Some(ValueRef::Usage(usage)) => Some(*usage),
        _ => None,
    }
}

/// All tokens that a recording bills.
pub fn billed(recording: &Recording) -> Usage {
    recording.records().iter().filter_map(usage).sum()
}

/// An attribute as text, empty if there is none.
pub fn text(record: &Record, key: &str) -> String {
    record
        .attribute(key)
        .map(ToString::to_string)
        .unwrap_or_default()
}
