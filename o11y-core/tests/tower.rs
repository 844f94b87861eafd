//! A trace over real HTTP: a client that hands it on, and a server of axum that continues it.

#![cfg(all(feature = "tower", feature = "testing"))]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{convert::Infallible, future::pending, net::Ipv4Addr};

use axum::{
    Extension, Router,
    body::{Body, Bytes},
    extract::MatchedPath,
    http::{Method, Request, Response, StatusCode, request::Parts},
    routing::get,
};
use futures_util::{StreamExt as _, stream};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use o11y_core::{
    Context, Remote, Span, SpanSpec, TraceAttributes,
    testing::Recording,
    tower::{ContinueTraceLayer, Inject, InjectLayer},
};
use tokio::{net::TcpListener, task::yield_now};
use tower::{Layer as _, Service as _, ServiceExt as _, service_fn};

/// Starts a server on a free port; everything that it serves goes to the recording.
async fn serve(recording: &Recording, layer: ContinueTraceLayer, routes: Router) -> String {
    let routes = routes.layer(layer.telemetry(recording.telemetry().clone()));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, routes).await });
    format!("http://{address}")
}

/// A client that hands the trace on.
fn client(layer: InjectLayer) -> Inject<Client<HttpConnector, Empty<Bytes>>> {
    layer.layer(Client::builder(TokioExecutor::new()).build_http())
}

fn request(url: &str) -> Request<Empty<Bytes>> {
    Request::get(url).body(Empty::new()).unwrap()
}

async fn fetch(layer: InjectLayer, url: &str) -> (StatusCode, Bytes) {
    let response = client(layer).oneshot(request(url)).await.unwrap();
    let status = response.status();
    (
        status,
        response.into_body().collect().await.unwrap().to_bytes(),
    )
}

fn span_of(parts: &Parts) -> SpanSpec {
    let route = parts.extensions.get::<MatchedPath>();
    SpanSpec::new(format!(
        "{} {}",
        parts.method,
        route.map_or("?", MatchedPath::as_str)
    ))
}

fn header(parts: &Parts, name: &str) -> Option<String> {
    Some(parts.headers.get(name)?.to_str().ok()?.to_owned())
}

async fn until(recording: &Recording, name: &str) {
    while recording.named(name).is_empty() {
        yield_now().await;
    }
}

#[tokio::test]
async fn a_trace_goes_from_a_client_through_a_server_and_a_second_one() {
    let recording = Recording::new();
    let layer = || ContinueTraceLayer::new().request_span(span_of);
    let menu = get(async || Context::with_span("read menu", |_span| "latte"));
    let back = serve(&recording, layer(), Router::new().route("/menu", menu)).await;
    let url = format!("{back}/menu");
    let order = get(async move || fetch(InjectLayer::new(), &url).await);
    let front = serve(
        &recording,
        layer(),
        Router::new().route("/order/{id}", order),
    )
    .await;

    let ask = async |_span: &mut Span| fetch(InjectLayer::new(), &format!("{front}/order/7")).await;
    let (status, body) = recording.run(|| Context::with_span_async("ask", ask)).await;

    assert_eq!((status, &body[..]), (StatusCode::OK, &b"latte"[..]));
    assert_eq!(
        recording.outline().with(["http.response.status_code"]),
        "span ask\n\
        \x20 span GET /order/{id} http.response.status_code=200\n\
        \x20   span GET /menu http.response.status_code=200\n\
        \x20     span read menu\n"
    );
}

#[tokio::test]
async fn the_first_span_of_a_service_is_its_root_unless_the_caller_has_one_already() {
    let recording = Recording::new();
    let menu = get(async || Context::with_span("read menu", |_span| "latte"));
    let layer = ContinueTraceLayer::new()
        .baggage(true)
        .request_span(span_of);
    let url = serve(&recording, layer, Router::new().route("/menu", menu)).await + "/menu";

    for (baggage, is_root) in [(false, true), (true, false)] {
        recording.clear();
        let inject = InjectLayer::new().baggage(baggage);
        let ask = async |_span: &mut Span| fetch(inject, &url).await;
        recording.run(|| Context::with_span_async("ask", ask)).await;
        until(&recording, "GET /menu").await;

        let served = recording.named("GET /menu").remove(0);
        assert!(served.parent_is_remote());
        assert_eq!(served.is_app_root(), is_root);
        assert!(!recording.named("read menu")[0].is_app_root());
        assert!(!recording.named("ask")[0].is_app_root());
    }
}

#[tokio::test]
async fn without_being_asked_it_opens_no_span_and_the_handlers_spans_are_the_callers_children() {
    let recording = Recording::new();
    let menu = get(async || Context::with_span("read menu", |_span| "latte"));
    let routes = Router::new().route("/menu", menu);
    let url = serve(&recording, ContinueTraceLayer::new(), routes).await + "/menu";

    let ask = async |_span: &mut Span| fetch(InjectLayer::new(), &url).await;
    recording.run(|| Context::with_span_async("ask", ask)).await;
    // Whether or not there is a caller.
    fetch(InjectLayer::new(), &url).await;

    assert_eq!(
        recording.outline(),
        "span ask\n  span read menu\nspan read menu\n"
    );
}

#[tokio::test]
async fn user_session_and_request_stand_on_every_span_below() {
    let recording = Recording::new();
    let menu = get(async || Context::with_span("read menu", |_span| "latte"));
    let layer = ContinueTraceLayer::new()
        .trace(|parts| {
            TraceAttributes::new()
                .tag("shop")
                .user(parts.uri.path().to_owned())
        })
        .user(|parts| header(parts, "x-user"))
        .session(|parts| header(parts, "x-session"))
        .request_id(|parts| header(parts, "x-request-id"))
        .request_span(span_of);
    let url = serve(&recording, layer, Router::new().route("/menu", menu)).await + "/menu";

    let mut asked = request(&url);
    asked.headers_mut().insert("x-user", "gus".parse().unwrap());
    asked
        .headers_mut()
        .insert("x-request-id", "req-1".parse().unwrap());
    let response = client(InjectLayer::new()).oneshot(asked).await.unwrap();
    response.into_body().collect().await.unwrap();

    for record in recording.records() {
        let said = record.trace_attributes().unwrap();
        assert_eq!(said.get_user(), Some("gus"), "{}", record.name());
        assert_eq!(said.get_session(), None);
        assert_eq!(said.tags().collect::<Vec<_>>(), ["shop"]);
        assert_eq!(record.request_id(), Some("req-1"));
    }
    assert_eq!(recording.records().len(), 2);
}

#[tokio::test]
async fn baggage_is_read_only_if_that_is_switched_on_and_the_closures_win_over_it() {
    for (is_on, expected) in [(false, None), (true, Some("gus"))] {
        let recording = Recording::new();
        let menu = get(async |remote: Option<Extension<Remote>>| {
            Context::with_span("read menu", |_span| ());
            remote.map_or_else(String::new, |remote| remote.baggage().unwrap().to_owned())
        });
        let layer = ContinueTraceLayer::new()
            .baggage(is_on)
            .session(|_parts| Some("ours".to_owned()));
        let url = serve(&recording, layer, Router::new().route("/menu", menu)).await + "/menu";

        let mut asked = request(&url);
        let baggage = "langfuse_user_id=gus,langfuse_session_id=theirs,tenant=7";
        asked
            .headers_mut()
            .insert("baggage", baggage.parse().unwrap());
        let response = client(InjectLayer::new()).oneshot(asked).await.unwrap();
        let passed_on = response.into_body().collect().await.unwrap().to_bytes();

        let record = recording.one("read menu");
        let said = record.trace_attributes().unwrap();
        assert_eq!(said.get_user(), expected);
        assert_eq!(said.get_session(), Some("ours"));
        assert_eq!(&passed_on[..], if is_on { &b"tenant=7"[..] } else { b"" });
    }
}

#[tokio::test]
async fn baggage_is_sent_only_if_that_is_switched_on() {
    for is_on in [false, true] {
        let sent = service_fn(async |sent: Request<()>| {
            Ok::<_, Infallible>(Response::new(sent.headers().contains_key("baggage")))
        });
        let sending = Context::with_trace(TraceAttributes::new().user("gus"), || {
            InjectLayer::new()
                .baggage(is_on)
                .layer(sent)
                .call(Request::new(()))
        });
        assert_eq!(sending.await.unwrap().into_body(), is_on);
    }
}

#[tokio::test]
async fn what_is_done_while_the_body_streams_belongs_to_the_request() {
    let recording = Recording::new();
    let pour = get(async || {
        Body::from_stream(stream::iter(["flat ", "white"]).map(|piece| {
            Context::with_span("pour", |_span| ());
            Ok::<_, Infallible>(piece)
        }))
    });
    let layer = ContinueTraceLayer::new().request_span(span_of);
    let url = serve(&recording, layer, Router::new().route("/pour", pour)).await + "/pour";

    let (_, body) = fetch(InjectLayer::new(), &url).await;

    assert_eq!(&body[..], b"flat white");
    assert_eq!(
        recording.outline(),
        "span GET /pour\n  span pour\n  span pour\n"
    );
}

#[tokio::test]
async fn an_error_of_the_server_is_an_error_of_the_span_and_one_of_the_client_is_not() {
    let recording = Recording::new();
    let routes = Router::new()
        .route("/broken", get(async || StatusCode::SERVICE_UNAVAILABLE))
        .route("/absent", get(async || StatusCode::NOT_FOUND))
        .route("/none", get(async || StatusCode::NO_CONTENT));
    let layer = ContinueTraceLayer::new().request_span(span_of);
    let url = serve(&recording, layer, routes).await;

    for path in ["broken", "absent", "none"] {
        fetch(InjectLayer::new(), &format!("{url}/{path}")).await;
    }

    assert_eq!(
        recording.outline().with(["error.type"]),
        "span GET /broken [ERROR: 503 Service Unavailable] error.type=503\n\
        span GET /absent\n\
        span GET /none\n"
    );
}

#[tokio::test]
async fn a_head_whose_body_nobody_asks_for_ends_well() {
    let recording = Recording::new();
    let routes = Router::new().route("/menu", get(async || "latte"));
    let layer = ContinueTraceLayer::new().request_span(span_of);
    let url = serve(&recording, layer, routes).await + "/menu";

    let mut asked = request(&url);
    *asked.method_mut() = Method::HEAD;
    client(InjectLayer::new()).oneshot(asked).await.unwrap();

    assert_eq!(recording.outline(), "span HEAD /menu\n");
}

#[tokio::test]
async fn a_caller_that_goes_away_in_the_middle_of_the_body_cancels_the_request() {
    let recording = Recording::new();
    let pour = get(async || {
        let first = stream::iter([Ok::<_, Infallible>("flat ")]);
        Body::from_stream(first.chain(stream::pending()))
    });
    let layer = ContinueTraceLayer::new().request_span(span_of);
    let url = serve(&recording, layer, Router::new().route("/pour", pour)).await + "/pour";

    let mut response = client(InjectLayer::new())
        .oneshot(request(&url))
        .await
        .unwrap();
    response.body_mut().frame().await.unwrap().unwrap();
    assert!(recording.records().is_empty());
    drop(response);
    until(&recording, "GET /pour").await;

    assert_eq!(recording.outline(), "span GET /pour [WARNING: cancelled]\n");
}

#[tokio::test]
async fn a_request_that_is_dropped_before_its_answer_is_cancelled_where_it_stands() {
    struct OnDrop;
    impl Drop for OnDrop {
        fn drop(&mut self) {
            Context::with_span("clean up", |_span| ());
        }
    }
    let recording = Recording::new();
    let layer = ContinueTraceLayer::new().request_span(|_parts: &Parts| "serve");
    let mut service = layer.layer(service_fn(async |_request: Request<()>| {
        let _on_drop = OnDrop;
        pending::<Result<Response<Body>, Infallible>>().await
    }));

    let mut serving = recording.run(|| Box::pin(service.call(Request::new(()))));
    assert!(futures_util::poll!(&mut serving).is_pending());
    drop(serving);

    assert_eq!(
        recording.outline(),
        "span serve [WARNING: cancelled]\n  span clean up\n"
    );
}

#[tokio::test]
async fn a_panic_marks_the_span_of_the_request_and_goes_on() {
    let recording = Recording::new();
    let layer = ContinueTraceLayer::new().request_span(|_parts: &Parts| "serve");
    let mut service = layer.layer(service_fn(async |request: Request<()>| {
        assert!(request.headers().contains_key("beans"), "no beans");
        Ok::<_, Infallible>(Response::new(Body::empty()))
    }));

    let serving = recording.run(|| service.call(Request::new(())));
    let panicked = tokio::spawn(serving).await.unwrap_err();

    assert!(panicked.is_panic());
    assert_eq!(
        recording.outline(),
        "span serve [ERROR: panicked: no beans]\n"
    );
}

#[tokio::test]
async fn a_service_that_fails_marks_the_span_with_its_error() {
    let recording = Recording::new();
    let layer = ContinueTraceLayer::new().request_span(|_parts: &Parts| "serve");
    let mut service = layer.layer(service_fn(async |_request: Request<()>| {
        Err::<Response<Body>, _>("no beans")
    }));

    let failed = recording.run(|| service.call(Request::new(()))).await;

    assert_eq!(failed.unwrap_err(), "no beans");
    assert_eq!(recording.outline(), "span serve [ERROR: no beans]\n");
}

#[tokio::test]
async fn a_body_that_fails_marks_the_span_with_its_error() {
    let recording = Recording::new();
    let layer = ContinueTraceLayer::new().request_span(|_parts: &Parts| "serve");
    let mut service = layer.layer(service_fn(async |_request: Request<()>| {
        let pieces = [Ok("flat "), Err("the jug is empty")];
        Ok::<_, Infallible>(Response::new(Body::from_stream(stream::iter(pieces))))
    }));

    let response = recording.run(|| service.call(Request::new(()))).await;
    let collected = response.unwrap().into_body().collect().await;

    collected.unwrap_err();
    assert_eq!(
        recording.outline(),
        "span serve [ERROR: the jug is empty]\n"
    );
}

#[tokio::test]
async fn with_telemetry_off_no_description_is_made_and_the_service_serves() {
    let layer = ContinueTraceLayer::new()
        .request_span(|_parts: &Parts| -> SpanSpec { unreachable!("nobody wants it") });
    let mut service = layer.layer(service_fn(async |_request: Request<()>| {
        Ok::<_, Infallible>(Response::new(Body::from("latte")))
    }));

    let response = service.call(Request::new(())).await.unwrap();

    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(&body[..], b"latte");
}
