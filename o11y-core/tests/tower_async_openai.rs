//! The client of async-openai over real HTTP, with our layers in its HTTP service.

#![cfg(all(feature = "async-openai", feature = "testing"))]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_openai::{
    Client,
    config::OpenAIConfig,
    error::OpenAIError,
    middleware::{ReqwestService, retry::OpenAIRetryLayer},
};
use axum::{
    Json, Router,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::post,
};
use futures_util::{StreamExt as _, stream::BoxStream};
use o11y_core::{
    Context, Event, Span, Veto, key,
    testing::Recording,
    tower::{GenerationLayer, InjectLayer, Refused},
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tower::ServiceBuilder;

/// Starts a model that is busy at first, so many times, and returns a client of it.
async fn client(busy: usize, served: Arc<AtomicUsize>) -> Client<OpenAIConfig> {
    let complete = async move |headers: HeaderMap, Json(request): Json<Value>| -> Response {
        if served.fetch_add(1, Ordering::Relaxed) < busy {
            let wait = [(header::RETRY_AFTER, "0")];
            let told = json!({"error": {"message": "slow down", "type": "rate_limit", "code": null, "param": null}});
            return (StatusCode::TOO_MANY_REQUESTS, wait, Json(told)).into_response();
        }
        let said = headers["traceparent"].to_str().unwrap().to_owned();
        if request["stream"] != true {
            return Json(json!({
                "model": "gpt-4o-mini-2024-07-18",
                "choices": [{"index": 0, "message": {"role": "assistant", "content": said}}],
                "usage": {"prompt_tokens": 31, "completion_tokens": 5},
            }))
            .into_response();
        }
        let chunks = [
            json!({"choices": [{"index": 0, "delta": {"content": "A flat "}}]}),
            json!({"choices": [{"index": 0, "delta": {"content": "white."}}]}),
            json!({"choices": [], "usage": {"prompt_tokens": 31, "completion_tokens": 5}}),
        ];
        let events = chunks.map(|chunk| format!("data: {chunk}\n\n")).concat();
        let kind = [(header::CONTENT_TYPE, "text/event-stream")];
        (kind, events + "data: [DONE]\n\n").into_response()
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes = Router::new().route("/v1/chat/completions", post(complete));
    tokio::spawn(async move { axum::serve(listener, routes).await });

    // Whoever was first will do.
    drop(rustls::crypto::ring::default_provider().install_default());
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let config = OpenAIConfig::new()
        .with_api_base(format!("http://{address}/v1"))
        .with_api_key("none");
    Client::build(http.clone(), config).with_http_service(
        ServiceBuilder::new()
            .layer(OpenAIRetryLayer::default())
            .layer(GenerationLayer::new())
            .layer(InjectLayer::new())
            .service(ReqwestService::new(http)),
    )
}

fn asked() -> Value {
    json!({
        "model": "gpt-4o-mini",
        "messages": [{"role": "user", "content": "What shall I drink?"}],
    })
}

async fn ask(client: &Client<OpenAIConfig>) -> Result<Value, OpenAIError> {
    client.chat().create_byot(asked()).await
}

#[tokio::test]
async fn a_call_is_a_child_of_who_asked_and_the_parent_of_the_callee() {
    let recording = Recording::new();
    let client = client(0, Arc::default()).await;

    let agent = async |_span: &mut Span| ask(&client).await.unwrap();
    let answer = recording
        .run(|| Context::with_span_async("agent", agent))
        .await;

    let call = recording.one("llm.generate");
    let content = answer["choices"][0]["message"]["content"].as_str().unwrap();
    assert!(content.contains(&call.span_id().to_string()), "{content}");
    assert_eq!(
        recording
            .outline()
            .with([key::REQUEST_MODEL, key::RESPONSE_MODEL]),
        "span agent\n\
        \x20 generation llm.generate gen_ai.request.model=gpt-4o-mini gen_ai.response.model=gpt-4o-mini-2024-07-18\n"
    );
    assert!(call.attribute(key::USAGE).is_some());
}

#[tokio::test]
async fn each_attempt_below_the_crates_own_retry_layer_is_a_call() {
    let recording = Recording::new();
    let served = Arc::default();
    let client = client(1, Arc::clone(&served)).await;

    recording.wrap(ask(&client)).await.unwrap();

    assert_eq!(served.load(Ordering::Relaxed), 2);
    assert_eq!(
        recording.outline(),
        "generation llm.generate [ERROR: 429 Too Many Requests: rate_limit: slow down]\n\
        generation llm.generate\n"
    );
}

#[tokio::test]
async fn a_stream_ends_its_call_though_the_client_stops_at_the_last_event() {
    let recording = Recording::new();
    let client = client(0, Arc::default()).await;
    let mut request = asked();
    request["stream"] = true.into();

    let chat = client.chat();
    let streaming = chat.create_stream_byot(request);
    let chunks: BoxStream<'_, Result<Value, OpenAIError>> =
        recording.wrap(streaming).await.unwrap();
    let count = chunks.map(Result::unwrap).count().await;

    assert_eq!(count, 3);
    assert_eq!(
        recording.outline().with([key::OUTPUT]),
        "generation llm.generate langfuse.observation.output=A flat white.\n"
    );
}

#[tokio::test]
async fn a_refused_call_reaches_nobody_and_is_not_tried_again() {
    let recording = Recording::new();
    let served = Arc::default();
    let client = client(0, Arc::clone(&served)).await;
    recording
        .events()
        .subscribe("llm.request", |_event: &Event| {
            Err::<(), _>(Veto::new("the till is closed"))
        })
        .detach();

    let error = recording.wrap(ask(&client)).await.unwrap_err();

    assert_eq!(served.load(Ordering::Relaxed), 0);
    assert_eq!(recording.records().len(), 1);
    let OpenAIError::Boxed(error) = error else {
        panic!("{error}")
    };
    let refused = error.downcast_ref::<Refused>().unwrap();
    assert_eq!(refused.vetoed().reason().to_string(), "the till is closed");
}
