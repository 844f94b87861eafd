//! Requests to a model as model calls, over real HTTP: what is noted, what the client sees, and how
//! calls end.

#![cfg(all(feature = "tower", feature = "testing"))]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    convert::Infallible,
    future::pending,
    io,
    net::Ipv4Addr,
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Router,
    body::{Body, Bytes},
    http::{HeaderMap, Request, Response, StatusCode, Uri, header},
    response::IntoResponse as _,
    routing::post,
};
use futures_util::{StreamExt as _, stream};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use o11y_core::{
    Context, Event, EventBus, Level, Record, Span, Status, Telemetry, Usage, Value, ValueRef, Veto,
    key,
    testing::Recording,
    tower::{GenerationLayer, InjectLayer, Refused},
};
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use tokio::{net::TcpListener, runtime::Builder, sync::oneshot};
use tower::{Layer as _, ServiceBuilder, ServiceExt as _, service_fn};

const CHAT: &str = "/v1/chat/completions";

const CHUNKS: &str = concat!(
    "data: {\"model\":\"gpt-4o-mini-2024-07-18\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"A flat \"}}]}\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"white ☕\"},\"finish_reason\":\"stop\"}]}\r\n\r\n",
    "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":31,\"completion_tokens\":5}}\n\n",
    "data: [DONE]\n\n",
);

fn answer() -> Json {
    json!({
        "id": "chatcmpl-1",
        "model": "gpt-4o-mini-2024-07-18",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "A flat white."}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 31, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 8}},
    })
}

fn asked() -> Json {
    json!({
        "model": "gpt-4o-mini",
        "temperature": 0.2,
        "max_tokens": 100,
        "stop": "\n\n",
        "service_tier": "flex",
        "messages": [{"role": "user", "content": "What shall I drink?"}],
    })
}

/// Starts a model on a free port, at every path.
async fn serve<T, H>(model: H) -> String
where
    T: 'static,
    H: axum::handler::Handler<T, ()>,
{
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let routes = Router::new().fallback(post(model));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    format!("http://{address}")
}

fn events(
    pieces: impl futures_util::Stream<Item = io::Result<&'static str>> + Send + 'static,
) -> Response<Body> {
    let kind = [(header::CONTENT_TYPE, "text/event-stream; charset=utf-8")];
    (kind, Body::from_stream(pieces)).into_response()
}

type Answered = Result<Response<Body>, Box<dyn std::error::Error + Send + Sync>>;

/// Sends a request through the layer.
async fn send(layer: GenerationLayer, url: String, body: impl Into<Bytes>) -> Answered {
    let http = Client::builder(TokioExecutor::new()).build_http();
    let client = ServiceBuilder::new()
        .layer(layer)
        .layer(InjectLayer::new())
        .service(http);
    let body = Full::new(body.into());
    let answered = client.oneshot(Request::post(url).body(body).unwrap()).await;
    answered.map(|response| response.map(Body::new))
}

async fn ask(url: String, body: impl Into<Bytes>) -> Answered {
    send(GenerationLayer::new(), url, body).await
}

async fn collected(answered: Answered) -> Bytes {
    answered
        .unwrap()
        .into_body()
        .collect()
        .await
        .unwrap()
        .to_bytes()
}

fn text(record: &Record, key: &str) -> Option<String> {
    record
        .attribute(key)
        .and_then(Value::as_str)
        .map(str::to_owned)
}

fn usage(record: &Record) -> Option<Usage> {
    match record.attribute(key::USAGE).map(Value::as_ref) {
        Some(ValueRef::Usage(usage)) => Some(*usage),
        _ => None,
    }
}

#[tokio::test]
async fn a_call_is_noted_with_what_was_asked_and_what_was_answered() {
    let recording = Recording::new();
    let sent = asked().to_string();
    let url = serve(async |body: String| {
        assert_eq!(body, asked().to_string());
        axum::Json(answer())
    })
    .await;

    let received = recording
        .wrap(async { collected(ask(url + CHAT, sent).await).await })
        .await;

    assert_eq!(received, answer().to_string());
    let call = recording.one("llm.generate");
    assert_eq!(call.status(), Status::Unset);
    assert_eq!(text(&call, key::PROVIDER_NAME).as_deref(), Some("openai"));
    assert_eq!(
        text(&call, key::REQUEST_MODEL).as_deref(),
        Some("gpt-4o-mini")
    );
    assert_eq!(
        text(&call, key::INPUT),
        Some(asked()["messages"].to_string())
    );
    assert_eq!(text(&call, key::OUTPUT).as_deref(), Some("A flat white."));
    assert_eq!(
        usage(&call),
        Some(Usage::new().input(23).cached(8).output(5))
    );
    assert_eq!(
        text(&call, "gen_ai.request.service_tier").as_deref(),
        Some("flex")
    );
    assert_eq!(
        text(&call, key::REQUEST_STOP_SEQUENCES).as_deref(),
        Some(r#"["\n\n"]"#)
    );
}

#[tokio::test]
async fn the_callee_is_a_child_of_the_call_and_the_call_of_who_asked() {
    let recording = Recording::new();
    let url =
        serve(async |headers: HeaderMap| headers["traceparent"].to_str().unwrap().to_owned()).await;

    let ask = async |_span: &mut Span| collected(ask(url + CHAT, asked().to_string()).await).await;
    let received = recording
        .run(|| Context::with_span_async("agent", ask))
        .await;

    assert_eq!(
        recording.outline(),
        "span agent\n  generation llm.generate\n"
    );
    let call = recording.one("llm.generate");
    let received = str::from_utf8(&received).unwrap();
    assert!(received.contains(&call.span_id().to_string()), "{received}");
}

#[tokio::test]
async fn a_stream_is_put_together_and_ends_with_its_last_event() {
    let recording = Recording::new();
    // It never ends by itself: clients of OpenAI stop at `[DONE]`.
    let url = serve(async || events(stream::iter([Ok(CHUNKS)]).chain(stream::pending()))).await;

    let mut response = recording
        .wrap(ask(url + CHAT, asked().to_string()))
        .await
        .unwrap();
    let mut received = Vec::new();
    while received.len() < CHUNKS.len() {
        let frame = response.body_mut().frame().await.unwrap().unwrap();
        received.extend_from_slice(frame.data_ref().unwrap());
    }

    let call = recording.one("llm.generate");
    assert_eq!(received, CHUNKS.as_bytes());
    assert_eq!(
        (call.level(), call.status()),
        (Level::Default, Status::Unset)
    );
    assert_eq!(text(&call, key::OUTPUT).as_deref(), Some("A flat white ☕"));
    assert_eq!(
        text(&call, key::RESPONSE_MODEL).as_deref(),
        Some("gpt-4o-mini-2024-07-18")
    );
    assert_eq!(usage(&call).map(|usage| usage.total()), Some(36));
    assert!(call.attribute(key::TIME_TO_FIRST_CHUNK).is_some());
}

#[tokio::test]
async fn a_stream_in_anthropics_shape_is_read_too() {
    let recording = Recording::new();
    let said = concat!(
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"model\":\"claude-sonnet-4-5\",\"usage\":{\"input_tokens\":31,\"output_tokens\":1}}}\n\n",
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"A flat white.\"}}\n\n",
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":5}}\n\n",
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
    );
    let url = serve(async move || events(stream::iter([Ok(said)]))).await;
    let body = json!({
        "model": "claude-sonnet-4-5",
        "system": "Be short.",
        "messages": [{"role": "user", "content": "What shall I drink?"}],
    });

    recording
        .wrap(async { collected(ask(url + "/v1/messages", body.to_string()).await).await })
        .await;

    let call = recording.one("llm.generate");
    assert_eq!(
        text(&call, key::PROVIDER_NAME).as_deref(),
        Some("anthropic")
    );
    assert!(
        text(&call, key::INPUT)
            .unwrap()
            .starts_with(r#"[{"role":"system","content":"Be short."},"#)
    );
    assert_eq!(text(&call, key::OUTPUT).as_deref(), Some("A flat white."));
    assert_eq!(usage(&call), Some(Usage::new().input(31).output(5)));
}

#[tokio::test]
async fn a_chunk_is_handed_on_before_the_next_one_is_there() {
    let recording = Recording::new();
    let (go_on, wait) = oneshot::channel();
    let wait = Arc::new(Mutex::new(Some(wait)));
    let url = serve(async move || {
        let wait = wait.lock().unwrap().take().unwrap();
        let (first, rest) = CHUNKS.split_at(150); // in the middle of an event
        let rest = stream::once(async move {
            wait.await.unwrap();
            Ok(rest)
        });
        events(stream::iter([Ok(first)]).chain(rest))
    })
    .await;

    let mut response = recording
        .wrap(ask(url + CHAT, asked().to_string()))
        .await
        .unwrap();
    let first = response.body_mut().frame().await.unwrap().unwrap();
    go_on.send(()).unwrap();
    let rest = response.into_body().collect().await.unwrap().to_bytes();

    let received = [first.into_data().unwrap(), rest].concat();
    assert_eq!(received, CHUNKS.as_bytes());
}

#[tokio::test]
async fn a_veto_stops_the_request_before_a_byte_is_sent() {
    let recording = Recording::new();
    let served = Arc::new(AtomicUsize::new(0));
    let counted = served.clone();
    let url = serve(async move || {
        counted.fetch_add(1, Ordering::Relaxed);
        axum::Json(answer())
    })
    .await;
    recording
        .events()
        .subscribe("llm.request", |_event: &Event| {
            Err::<(), _>(Veto::new("the till is closed"))
        })
        .detach();

    let refused = recording
        .wrap(ask(url + CHAT, asked().to_string()))
        .await
        .unwrap_err();

    assert_eq!(served.load(Ordering::Relaxed), 0);
    let refused = refused.downcast_ref::<Refused>().unwrap();
    assert_eq!(refused.vetoed().reason().to_string(), "the till is closed");
    assert_eq!(
        recording.outline().with(["error.type"]),
        "generation llm.generate [ERROR: vetoed by the subscriber of `llm.request`: the till is closed] error.type=vetoed\n"
    );
}

#[tokio::test]
async fn a_budget_holds_with_telemetry_off() {
    let bus = EventBus::new();
    bus.subscribe("llm.request", |_event: &Event| {
        Err::<(), _>(Veto::new("no"))
    })
    .detach();
    let url = serve(async || axum::Json(answer())).await;

    let off = Telemetry::events_only(bus);
    let refused = off
        .wrap(ask(url + CHAT, asked().to_string()))
        .await
        .unwrap_err();

    assert!(refused.is::<Refused>());
}

#[tokio::test]
async fn statuses_of_an_error_fail_the_call_and_the_client_sees_the_answer() {
    let recording = Recording::new();
    let url = serve(async |uri: Uri| match uri.path() {
        "/busy/chat/completions" => (
            StatusCode::TOO_MANY_REQUESTS,
            json!({"error": {"message": "Rate limit reached", "type": "tokens", "code": "rate_limit_exceeded"}}).to_string(),
        ),
        "/down/chat/completions" => (StatusCode::INTERNAL_SERVER_ERROR, String::new()),
        _ => (StatusCode::BAD_GATEWAY, "upstream is gone\n".to_owned()),
    })
    .await;

    for path in ["busy", "down", "gone"] {
        let url = format!("{url}/{path}/chat/completions");
        let answered = recording.wrap(ask(url, asked().to_string())).await;
        collected(answered).await;
    }

    assert_eq!(
        recording.outline().with(["error.type"]),
        "generation llm.generate [ERROR: 429 Too Many Requests: rate_limit_exceeded: Rate limit reached] error.type=429\n\
        generation llm.generate [ERROR: 500 Internal Server Error] error.type=500\n\
        generation llm.generate [ERROR: 502 Bad Gateway: upstream is gone] error.type=502\n"
    );
}

#[tokio::test]
async fn an_error_whose_body_nobody_reads_is_no_cancelled_call() {
    let recording = Recording::new();
    let url = serve(async || (StatusCode::TOO_MANY_REQUESTS, "slow down")).await;

    drop(
        recording
            .wrap(ask(url + CHAT, asked().to_string()))
            .await
            .unwrap(),
    );

    assert_eq!(
        recording.outline(),
        "generation llm.generate [ERROR: 429 Too Many Requests]\n"
    );
}

#[tokio::test]
async fn an_error_in_the_middle_of_a_stream_fails_the_call() {
    let recording = Recording::new();
    let url = serve(async || {
        events(stream::iter([
            Ok("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"A flat \"}}]}\n\n"),
            Ok("event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n"),
        ]))
    })
    .await;

    recording
        .wrap(async { collected(ask(url + CHAT, asked().to_string()).await).await })
        .await;

    assert_eq!(
        recording.outline().with([key::OUTPUT]),
        "generation llm.generate [ERROR: overloaded_error: Overloaded] langfuse.observation.output=A flat \n"
    );
}

#[tokio::test]
async fn a_connection_that_breaks_fails_the_call() {
    let recording = Recording::new();
    let (tear, wait) = oneshot::channel::<()>();
    let wait = Arc::new(Mutex::new(Some(wait)));
    let url = serve(async move || {
        let wait = wait.lock().unwrap().take().unwrap();
        let first = stream::iter([Ok("data: {\"choices\":[]}\n\n")]);
        let torn = stream::once(async move { Err(io::Error::other(wait.await.unwrap_err())) });
        events(first.chain(torn))
    })
    .await;

    let answered = recording.wrap(ask(url + CHAT, asked().to_string())).await;
    let mut body = answered.unwrap().into_body();
    body.frame().await.unwrap().unwrap();
    drop(tear);
    body.frame().await.unwrap().unwrap_err();
    drop(body);
    let nobody = format!("http://127.0.0.1:1{CHAT}");
    let refused = recording.wrap(ask(nobody, asked().to_string())).await;
    refused.unwrap_err();

    let failed = recording.named("llm.generate");
    assert_eq!(failed.len(), 2);
    for call in failed {
        assert_eq!(call.status(), Status::Error);
        assert_ne!(text(&call, key::ERROR_TYPE).as_deref(), Some("cancelled"));
    }
}

#[tokio::test]
async fn a_call_that_is_dropped_is_cancelled_before_the_answer_and_in_the_middle_of_it() {
    let recording = Recording::new();
    let silent = serve(async || pending::<&'static str>().await).await;
    let url =
        serve(async || events(stream::iter([Ok(&CHUNKS[..150])]).chain(stream::pending()))).await;

    {
        let mut asking = pin!(recording.wrap(ask(silent + CHAT, asked().to_string())));
        assert!(futures_util::poll!(&mut asking).is_pending());
    }
    let mut response = recording
        .wrap(ask(url + CHAT, asked().to_string()))
        .await
        .unwrap();
    response.body_mut().frame().await.unwrap().unwrap();
    drop(response);

    let expected = "generation llm.generate [WARNING: cancelled]\n";
    assert_eq!(recording.outline(), expected.repeat(2).as_str());
}

#[tokio::test]
async fn a_service_that_panics_ends_the_call_as_panicked() {
    let recording = Recording::new();
    let ends = Arc::new(Mutex::new(Vec::new()));
    let told = ends.clone();
    recording
        .events()
        .subscribe("llm.*", move |event: &Event| {
            let outcome = event.attribute(key::OUTCOME).and_then(Value::as_str);
            told.lock().unwrap().extend(outcome.map(str::to_owned));
        })
        .detach();
    let client = GenerationLayer::new().layer(service_fn(async |request: Request<_>| {
        assert!(request.headers().contains_key("beans"), "no beans");
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    }));
    let request = Request::post(CHAT).body(Full::<Bytes>::default()).unwrap();

    let asking = recording.wrap(client.oneshot(request));
    let panicked = std::panic::AssertUnwindSafe(asking);
    let panicked = futures_util::FutureExt::catch_unwind(panicked).await;

    assert!(panicked.is_err());
    assert_eq!(*ends.lock().unwrap(), ["panicked"]);
}

#[tokio::test]
async fn what_is_no_call_passes_through() {
    let recording = Recording::new();
    let url = serve(async |body: String| body).await;

    let received = recording
        .wrap(async { collected(ask(url + "/v1/models", "latte").await).await })
        .await;

    assert_eq!(&received[..], b"latte");
    assert!(recording.records().is_empty());
}

#[tokio::test]
async fn a_request_that_is_too_long_is_passed_on_whole_and_unread() {
    let recording = Recording::new();
    let url = serve(async |body: String| (StatusCode::OK, body)).await;
    let layer = GenerationLayer::new().max_body_bytes(50).provider("groq");
    let path = "/openai/deployments/barista/chat/completions";

    let sent = asked().to_string();
    let received = recording
        .wrap(async { collected(send(layer, url + path, sent.clone()).await).await })
        .await;

    assert_eq!(received, sent);
    let call = recording.one("llm.generate");
    assert_eq!(text(&call, key::REQUEST_MODEL).as_deref(), Some("barista"));
    assert_eq!(text(&call, key::PROVIDER_NAME).as_deref(), Some("groq"));
    assert_eq!(call.attribute(key::INPUT), None);
    assert!(
        call.attribute(key::UNREAD_BYTES).is_none(),
        "the tail holds it"
    );
}

/// What is read of the last request that is told.
fn requested<T: Send + 'static>(
    recording: &Recording,
    read: fn(&Event) -> Option<T>,
) -> Arc<Mutex<Option<T>>> {
    let told = Arc::new(Mutex::new(None));
    let heard = told.clone();
    let hear = move |event: &Event| *heard.lock().unwrap() = read(event);
    recording.events().subscribe("llm.request", hear).detach();
    told
}

#[tokio::test]
async fn an_estimate_is_stated_if_it_is_asked_for() {
    let url = serve(async || axum::Json(answer())).await;
    for (is_on, expected) in [
        (false, None),
        (true, Some(100 + asked().to_string().len() as u64)),
    ] {
        let recording = Recording::new();
        let told = requested(&recording, |event| {
            event.attribute(key::ESTIMATED_TOKENS).cloned()
        });

        let layer = GenerationLayer::new().estimate(is_on);
        recording
            .wrap(send(layer, url.clone() + CHAT, asked().to_string()))
            .await
            .unwrap();

        assert_eq!(*told.lock().unwrap(), expected.map(Value::from));
    }
}

#[tokio::test]
async fn an_estimate_is_a_bound_or_none() {
    let url = serve(async || axum::Json(answer())).await;
    let with = |name: &str, value: Json| {
        let mut body = asked();
        body[name] = value;
        body.to_string()
    };
    let (four, stored) = (
        with("n", json!(4)),
        with("previous_response_id", json!("r-1")),
    );
    let kept = with("prompt", json!({"id": "barista"}));
    for (body, most, estimate) in [
        (four.clone(), 400, Some(400 + four.len() as u64)),
        (
            with("best_of", json!(3)),
            300,
            Some(300 + with("best_of", json!(3)).len() as u64),
        ),
        (stored, 100, None),
        (kept, 100, None),
    ] {
        let recording = Recording::new();
        let told = requested(&recording, |event| {
            let said = [key::REQUEST_MAX_TOKENS, key::ESTIMATED_TOKENS];
            Some(said.map(|key| event.attribute(key).and_then(Value::as_u64)))
        });

        let layer = GenerationLayer::new().estimate(true);
        let answered = recording
            .wrap(send(layer, url.clone() + CHAT, body.clone()))
            .await;
        drop(collected(answered).await);

        assert_eq!(
            *told.lock().unwrap(),
            Some([Some(most), estimate]),
            "{body}"
        );
        let shown = recording.one("llm.generate");
        let shown = shown
            .attribute(key::REQUEST_MAX_TOKENS)
            .and_then(Value::as_u64);
        assert_eq!(shown, Some(100), "the span shows what was asked");
    }
}

/// What the layer hands on of a body that comes in these pieces, with the call's output.
fn through_the_layer(
    kind: &'static str,
    bytes: &Bytes,
    cuts: &[prop::sample::Index],
    max: usize,
) -> (Vec<u8>, Option<String>) {
    let recording = Recording::new();
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    at.extend([0, bytes.len()]);
    at.sort_unstable();
    let pieces: Vec<_> = at
        .windows(2)
        .map(|pair| bytes.slice(pair[0]..pair[1]))
        .collect();
    let client = GenerationLayer::new().max_body_bytes(max).layer(service_fn(
        move |_request: Request<_>| {
            let pieces = pieces.clone().into_iter();
            let frames = pieces.map(|piece| Ok::<_, Infallible>(Frame::data(piece)));
            let body = StreamBody::new(stream::iter(frames));
            let response = Response::builder().header(header::CONTENT_TYPE, kind);
            std::future::ready(Ok::<_, Infallible>(response.body(body).unwrap()))
        },
    ));
    let request = Request::post(CHAT).body(Full::<Bytes>::default()).unwrap();
    let runtime = Builder::new_current_thread().build().unwrap();
    let received = runtime.block_on(recording.wrap(async {
        let response = client.oneshot(request).await.unwrap();
        response.into_body().collect().await.unwrap().to_bytes()
    }));
    let output = text(&recording.one("llm.generate"), key::OUTPUT);
    (received.to_vec(), output)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_client_sees_the_same_bytes_however_they_are_cut(
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
        is_stream in any::<bool>(),
    ) {
        let (kind, bytes, said) = if is_stream {
            ("text/event-stream", Bytes::from(CHUNKS), "A flat white ☕")
        } else {
            ("application/json", Bytes::from(answer().to_string()), "A flat white.")
        };

        let (received, output) = through_the_layer(kind, &bytes, &cuts, 1 << 20);

        prop_assert_eq!(received, bytes);
        prop_assert_eq!(output.as_deref(), Some(said));
    }

    #[test]
    fn bytes_that_make_no_sense_come_through_as_well(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        kind in prop::sample::select(vec!["text/event-stream", "application/json", "application/x-ndjson", "?"]),
        max in 0_usize..100,
    ) {
        let bytes = Bytes::from(bytes);

        let (received, _) = through_the_layer(kind, &bytes, &cuts, max);

        prop_assert_eq!(received, bytes);
    }
}
