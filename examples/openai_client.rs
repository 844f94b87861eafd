//! What do the calls do that async-openai makes for me?
//!
//! Its client takes a tower service, so one layer observes every call: whole answers and streams,
//! attempts that failed, and calls that a budget refuses before a byte is sent.
//! `cargo run --example openai_client` works offline, with a model on loopback that is busy at first.

use std::{
    net::Ipv4Addr,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use anyhow::Context as _;
use async_openai::{
    Client,
    config::OpenAIConfig,
    error::OpenAIError,
    middleware::{ReqwestService, retry::OpenAIRetryLayer},
};
use axum::{
    Json, Router,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use futures_util::{StreamExt as _, stream::BoxStream};
use o11y_core::{
    Context, ObservationType, Span, SpanSpec, events,
    tower::{GenerationLayer, Refused},
};
use o11y_events::{BaseSubscriber as _, TokenBudgetTracker};
use o11y_langfuse::{Langfuse, local::Receiver};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower::ServiceBuilder;

/// The client as a program of yours would have it.
fn client(base_url: String) -> anyhow::Result<Client<OpenAIConfig>> {
    // reqwest leaves it to us what TLS is made with.
    _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder().no_proxy().build()?;
    let observed = ServiceBuilder::new()
        .layer(OpenAIRetryLayer::default()) // outside: each attempt is a call of its own
        .layer(GenerationLayer::new())
        .service(ReqwestService::new(http.clone()));
    let config = OpenAIConfig::new()
        .with_api_base(base_url)
        .with_api_key("none");
    Ok(Client::build(http, config).with_http_service(observed))
}

async fn run(client: &Client<OpenAIConfig>) -> anyhow::Result<()> {
    let question = |stream: bool| {
        json!({
            "model": "gpt-4o-mini",
            "messages": [{"role": "user", "content": "What shall I drink?"}],
            "stream": stream,
            "stream_options": stream.then(|| json!({"include_usage": true})),
        })
    };
    let chat = client.chat();
    let answer: Value = chat.create_byot(question(false)).await?;
    println!("{}", answer["choices"][0]["message"]["content"]);

    let mut chunks: BoxStream<'_, Result<Value, OpenAIError>> =
        chat.create_stream_byot(question(true)).await?;
    while let Some(chunk) = chunks.next().await {
        if let Some(piece) = chunk?["choices"][0]["delta"]["content"].as_str() {
            println!("{piece:?}");
        }
    }

    // The budget is used up by now.
    let refused: Result<Value, _> = chat.create_byot(question(false)).await;
    match refused {
        Err(OpenAIError::Boxed(error)) => {
            let refused = error.downcast_ref::<Refused>().context("another error")?;
            println!("{refused}: {}", refused.vetoed().reason());
            Ok(())
        }
        other => anyhow::bail!("the budget did not hold: {other:?}"),
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let receiver = Receiver::start()?;
    let telemetry = Langfuse::builder()
        .public_key(receiver.public_key())
        .secret_key(receiver.secret_key())
        .host(receiver.base_url())
        .spawn()?;
    let _budget = TokenBudgetTracker::new(70).attach(events());

    let client = client(serve().await?)?;
    let agent = SpanSpec::new("barista").observation(ObservationType::Agent);
    Context::try_with_span_async(agent, async |_span: &mut Span| run(&client).await).await?;

    telemetry.flush_async(Duration::from_secs(10)).await?;
    for trace in receiver.traces() {
        print!("\n{} tokens\n{}", trace.total_tokens(), trace.outline());
    }
    Ok(())
}

/// A model on loopback in OpenAI's shape, which is busy at first. Returns its address.
async fn serve() -> anyhow::Result<String> {
    static WAS_BUSY: AtomicBool = AtomicBool::new(false);

    async fn complete(Json(request): Json<Value>) -> Response {
        if !WAS_BUSY.swap(true, Ordering::Relaxed) {
            let told = json!({"error": {"message": "Rate limit reached", "type": "requests", "code": "rate_limit_exceeded", "param": null}});
            let wait = [(header::RETRY_AFTER, "0")];
            return (StatusCode::TOO_MANY_REQUESTS, wait, Json(told)).into_response();
        }
        let usage = json!({"prompt_tokens": 31, "completion_tokens": 5, "total_tokens": 36});
        if request["stream"] != true {
            let message = json!({"role": "assistant", "content": "A flat white."});
            return Json(json!({
                "model": "gpt-4o-mini-2024-07-18",
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
                "usage": usage,
            }))
            .into_response();
        }
        let chunks = [
            json!({"model": "gpt-4o-mini-2024-07-18", "choices": [{"index": 0, "delta": {"content": "A flat "}}]}),
            json!({"choices": [{"index": 0, "delta": {"content": "white."}, "finish_reason": "stop"}]}),
            json!({"choices": [], "usage": usage}),
        ];
        let events = chunks.map(|chunk| format!("data: {chunk}\n\n")).concat();
        let kind = [(header::CONTENT_TYPE, "text/event-stream")];
        (kind, events + "data: [DONE]\n\n").into_response()
    }

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let routes = Router::new().route("/v1/chat/completions", post(complete));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    Ok(format!("http://{address}/v1"))
}
