//! The local receiver over real sockets: with a proper client where that is enough, and byte by
//! byte where it is not.

#![cfg(feature = "local")]
#![expect(
    clippy::unwrap_used,
    reason = "clippy allows it in test functions, but not in what they share"
)]

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::TcpStream,
    sync::Barrier,
    time::{Duration, Instant},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use flate2::{Compression, write::GzEncoder};
use o11y_langfuse::local::{Fault, Receiver};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span, Status},
};
use prost::Message as _;
use serde_json::json;

/// An upper bound that only a failing test reaches.
const SOON: Duration = Duration::from_secs(20);

const TRACES: &str = "/api/public/otel/v1/traces";

// What is sent.

fn text(key: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue {
        value: Some(Value::StringValue(value.to_owned())),
    });
    KeyValue {
        key: key.to_owned(),
        value,
        ..KeyValue::default()
    }
}

fn span(id: u8, parent: u8, name: &str) -> Span {
    Span {
        trace_id: vec![0xaa; 16],
        span_id: vec![id; 8],
        parent_span_id: if parent == 0 {
            Vec::new()
        } else {
            vec![parent; 8]
        },
        name: name.to_owned(),
        start_time_unix_nano: 1_700_000_000_000_000_000 + u64::from(id) * 1_000_000,
        end_time_unix_nano: 1_700_000_001_000_000_000,
        ..Span::default()
    }
}

fn export(spans: Vec<Span>) -> Vec<u8> {
    let scope = InstrumentationScope {
        name: "test".to_owned(),
        version: "1.0".to_owned(),
        ..InstrumentationScope::default()
    };
    let resource = Resource {
        attributes: vec![text("service.name", "shop")],
        ..Resource::default()
    };
    let scoped = ScopeSpans {
        scope: Some(scope),
        spans,
        ..ScopeSpans::default()
    };
    let group = ResourceSpans {
        resource: Some(resource),
        scope_spans: vec![scoped],
        ..ResourceSpans::default()
    };
    ExportTraceServiceRequest {
        resource_spans: vec![group],
    }
    .encode_to_vec()
}

fn one_span() -> Vec<u8> {
    export(vec![span(1, 0, "only")])
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

// How it is sent.

fn basic(public: &str, secret: &str) -> String {
    format!(
        "Basic {}",
        BASE64_STANDARD.encode(format!("{public}:{secret}"))
    )
}

fn authorization(receiver: &Receiver) -> String {
    basic(receiver.public_key(), receiver.secret_key())
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_global(Some(SOON))
        .build()
        .new_agent()
}

/// Posts to the trace endpoint with all that belongs there, except for what is overridden.
fn post(
    receiver: &Receiver,
    body: &[u8],
    overrides: &[(&str, &str)],
) -> Result<(u16, String), ureq::Error> {
    let authorization = authorization(receiver);
    let mut headers = vec![
        ("authorization", authorization.as_str()),
        ("content-type", "application/x-protobuf"),
        ("x-langfuse-ingestion-version", "4"),
    ];
    headers.retain(|(name, _)| !overrides.iter().any(|(other, _)| other == name));
    headers.extend(overrides.iter().filter(|(_, value)| !value.is_empty()));

    let mut request = agent().post(format!("{}{TRACES}", receiver.base_url()));
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let mut answer = request.send(body)?;
    Ok((
        answer.status().as_u16(),
        answer.body_mut().read_to_string()?,
    ))
}

fn status(receiver: &Receiver, body: &[u8], overrides: &[(&str, &str)]) -> u16 {
    post(receiver, body, overrides).unwrap().0
}

/// A connection without a client's help.
fn connect(receiver: &Receiver) -> TcpStream {
    let stream = TcpStream::connect(receiver.base_url().trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream
}

fn head(receiver: &Receiver, more: &str) -> String {
    format!(
        "POST {TRACES} HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n\
         Authorization: {}\r\n{more}\r\n\r\n",
        authorization(receiver)
    )
}

fn send_raw(stream: &mut TcpStream, receiver: &Receiver, body: &[u8]) {
    let length = format!("Content-Length: {}", body.len());
    stream
        .write_all(head(receiver, &length).as_bytes())
        .unwrap();
    stream.write_all(body).unwrap();
}

/// Reads until this text has come.
fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut bytes = Vec::new();
    while !String::from_utf8_lossy(&bytes).contains(end) {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        bytes.push(byte[0]);
    }
    String::from_utf8(bytes).unwrap()
}

fn read_to_end(stream: &mut TcpStream) -> Result<Vec<u8>, ErrorKind> {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => Ok(bytes),
        Err(error) => Err(error.kind()),
    }
}

fn statuses(receiver: &Receiver) -> Vec<Option<u16>> {
    receiver
        .requests()
        .iter()
        .map(|request| request.status)
        .collect()
}

// A healthy server.

#[test]
fn spans_become_observations_and_a_trace() {
    let receiver = Receiver::start().unwrap();
    let mut root = span(1, 0, "coffee_shop.handle");
    root.attributes = vec![
        text("langfuse.observation.type", "agent"),
        text("langfuse.trace.name", "handle_customer"),
        text("user.id", "grumpy-gus"),
    ];
    let mut generation = span(2, 1, "llm.generate");
    generation.attributes = vec![
        text("langfuse.observation.type", "generation"),
        text("langfuse.observation.model.name", "gpt-4o-mini"),
        text(
            "langfuse.observation.usage_details",
            r#"{"input":231,"output":58}"#,
        ),
    ];
    generation.status = Some(Status {
        code: 2,
        message: "refused".to_owned(),
    });

    let answer = post(&receiver, &export(vec![generation, root]), &[]).unwrap();

    assert_eq!(answer.0, 200);
    assert!(serde_json::from_str::<serde_json::Value>(&answer.1).is_ok());
    assert_eq!(receiver.observation_count(), 2);
    let stored = receiver.observations();
    assert_eq!(stored[0].name, "llm.generate");
    assert_eq!(stored[0].scope_name, "test");
    assert_eq!(stored[0].resource["service.name"].as_str(), Some("shop"));
    assert_eq!(stored[0].status_message.as_deref(), Some("refused"));
    assert!(stored[0].status_is_error);
    let traces = receiver.traces();
    assert_eq!(traces.len(), 1);
    assert_eq!(traces[0].name.as_deref(), Some("handle_customer"));
    assert_eq!(traces[0].total_tokens(), 289);
    assert_eq!(
        traces[0].outline(),
        "agent coffee_shop.handle\n  generation llm.generate [ERROR]\n"
    );
}

#[test]
fn a_request_is_remembered_without_its_secret() {
    let receiver = Receiver::start().unwrap();
    let body = export(vec![span(1, 0, "a"), span(2, 1, "b")]);

    status(&receiver, &body, &[("x-more", "yes")]);

    let request = receiver.requests().remove(0);
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        ("POST", TRACES)
    );
    assert_eq!(request.status, Some(200));
    assert_eq!(request.header("X-More"), Some("yes"));
    assert_eq!(request.header("Authorization"), Some("Basic ***"));
    assert_eq!(
        (request.wire_bytes, request.body_bytes),
        (body.len(), body.len())
    );
    assert_eq!(request.observation_ids, ["01".repeat(8), "02".repeat(8)]);
    assert_eq!(request.connection, 1);
    assert!(!request.gzip);
}

#[test]
fn gzip_is_understood_and_other_encodings_are_not() {
    let receiver = Receiver::start().unwrap();
    let body = export((1..100).map(|id| span(id, 0, "same name")).collect());
    let compressed = gzip(&body);

    assert_eq!(
        status(&receiver, &compressed, &[("content-encoding", "gzip")]),
        200
    );
    assert_eq!(
        status(&receiver, &compressed, &[("content-encoding", "deflate")]),
        400
    );
    assert_eq!(status(&receiver, &compressed, &[]), 400);

    let request = receiver.requests().remove(0);
    assert!(request.gzip);
    assert_eq!(
        (request.wire_bytes, request.body_bytes),
        (compressed.len(), body.len())
    );
    assert_eq!(receiver.observation_count(), 99);
}

#[test]
fn who_has_not_the_secret_key_is_refused() {
    let receiver = Receiver::builder().keys("pk", "sk").start().unwrap();
    let with = |value: &str| status(&receiver, &one_span(), &[("authorization", value)]);

    assert_eq!(with(""), 401);
    assert_eq!(with(&basic("pk", "wrong")), 401);
    assert_eq!(with(&basic("pk", "sk").replace("Basic", "basic")), 401);
    assert_eq!(with("Bearer pk"), 403);
    assert_eq!(with(&basic("pk", "sk")), 200);
    assert_eq!(receiver.observation_count(), 1);
    assert!(!format!("{receiver:?} {:?}", receiver.requests()).contains("sk\""));
}

#[test]
fn what_langfuse_refuses_is_refused() {
    let receiver = Receiver::start().unwrap();
    let with = |overrides: &[(&str, &str)]| status(&receiver, &one_span(), overrides);

    assert_eq!(with(&[("content-type", "application/protobuf")]), 400);
    assert_eq!(with(&[("x-langfuse-ingestion-version", "5")]), 400);
    assert_eq!(with(&[("x-langfuse-ingestion-version", "v4")]), 400);
    assert_eq!(status(&receiver, b"\xff\xff", &[]), 400);
    assert_eq!(receiver.observation_count(), 0);
    assert_eq!(with(&[("x-langfuse-ingestion-version", "")]), 200);
    assert_eq!(status(&receiver, b"", &[]), 200);
}

#[test]
fn one_span_without_an_id_refuses_the_whole_request() {
    let receiver = Receiver::start().unwrap();
    let mut bad = span(2, 0, "bad");
    bad.trace_id.clear();

    let (status, body) = post(&receiver, &export(vec![span(1, 0, "good"), bad]), &[]).unwrap();

    assert_eq!(status, 400);
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert!(body["error"].as_str().unwrap().contains("missing traceId"));
    assert_eq!(receiver.observation_count(), 0);
    assert_eq!(receiver.requests()[0].observation_ids.len(), 2);
}

#[test]
fn other_methods_and_paths_are_refused_in_json() {
    let receiver = Receiver::start().unwrap();
    let get = |path: &str| {
        let mut answer = agent()
            .get(format!("{}{path}", receiver.base_url()))
            .call()
            .unwrap();
        let body: serde_json::Value =
            serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap();
        (answer.status().as_u16(), body)
    };

    assert_eq!(get(TRACES).0, 405);
    assert_eq!(get("/api/public/projects").0, 401);
    assert!(
        get("/nowhere").1["message"]
            .as_str()
            .unwrap()
            .contains("/nowhere")
    );
    assert_eq!(get("/nowhere").0, 404);
}

#[test]
fn the_project_is_found_with_the_right_keys() {
    let receiver = Receiver::start().unwrap();

    let mut answer = agent()
        .get(format!("{}/api/public/projects", receiver.base_url()))
        .header("Authorization", authorization(&receiver))
        .call()
        .unwrap();

    let body = answer.body_mut().read_to_string().unwrap();
    assert_eq!(body, r#"{"data":[{"id":"local","name":"local"}]}"#);
    assert!(
        receiver.requests().is_empty(),
        "only exports are remembered"
    );
}

#[test]
fn scores_are_judged_one_by_one() {
    let receiver = Receiver::start().unwrap();
    let event = |id: &str, body: serde_json::Value| json!({ "id": id, "type": "score-create", "timestamp": "2026-01-01T00:00:00Z", "body": body });
    let batch = json!({ "batch": [
        event("good", json!({ "id": "s", "name": "n", "traceId": "t", "value": 1.0, "dataType": "NUMERIC" })),
        event("bad", json!({ "id": "s", "name": "n", "traceId": "t", "value": true, "dataType": "BOOLEAN" })),
        event("forgotten", json!({ "name": "n", "traceId": "t", "value": 1.0, "dataType": "NUMERIC" })),
    ]});
    let send = |body: &[u8]| {
        let mut answer = agent()
            .post(format!("{}/api/public/ingestion", receiver.base_url()))
            .header("Authorization", authorization(&receiver))
            .header("Content-Type", "application/json")
            .send(body)
            .unwrap();
        (
            answer.status().as_u16(),
            answer.body_mut().read_to_string().unwrap(),
        )
    };

    let (status, body) = send(batch.to_string().as_bytes());

    assert_eq!(status, 207);
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["successes"][0], json!({ "id": "good", "status": 201 }));
    assert_eq!(body["successes"][1]["id"], "forgotten");
    assert_eq!(body["errors"][0]["id"], "bad");
    assert_eq!(receiver.scores().len(), 1);
    assert_eq!(receiver.scores()[0]["body"]["name"], "n");
    assert_eq!(send(&gzip(b"{\"batch\":[]}")).0, 400);
}

// HTTP.

#[test]
fn a_connection_is_kept_for_the_next_request() {
    let receiver = Receiver::start().unwrap();
    let mut stream = connect(&receiver);

    for _ in 0..3 {
        send_raw(&mut stream, &receiver, &one_span());
        assert!(read_until(&mut stream, "}").starts_with("HTTP/1.1 200"));
    }

    assert_eq!(receiver.connections(), 1);
    assert!(
        receiver
            .requests()
            .iter()
            .all(|request| request.connection == 1)
    );
    let digests: Vec<_> = receiver
        .requests()
        .iter()
        .map(|request| request.body_digest)
        .collect();
    assert!(digests.iter().all(|digest| *digest == digests[0]));
}

#[test]
fn requests_may_be_sent_ahead_of_their_answers() {
    let receiver = Receiver::start().unwrap();
    let mut stream = connect(&receiver);

    send_raw(&mut stream, &receiver, &one_span());
    send_raw(&mut stream, &receiver, &one_span());

    read_until(&mut stream, "}");
    read_until(&mut stream, "}");
    assert_eq!(statuses(&receiver), [Some(200), Some(200)]);
}

#[test]
fn a_chunked_body_is_joined() {
    let receiver = Receiver::start().unwrap();
    let mut stream = connect(&receiver);

    stream
        .write_all(head(&receiver, "Transfer-Encoding: chunked").as_bytes())
        .unwrap();
    for piece in one_span().chunks(7) {
        stream
            .write_all(format!("{:x}\r\n", piece.len()).as_bytes())
            .unwrap();
        stream.write_all(piece).unwrap();
        stream.write_all(b"\r\n").unwrap();
    }
    stream.write_all(b"0\r\n\r\n").unwrap();

    assert!(read_until(&mut stream, "}").starts_with("HTTP/1.1 200"));
    assert_eq!(receiver.requests()[0].wire_bytes, one_span().len());
}

#[test]
fn a_client_that_asks_first_is_told_to_continue() {
    let receiver = Receiver::start().unwrap();
    let mut stream = connect(&receiver);
    let body = one_span();

    let more = format!("Expect: 100-continue\r\nContent-Length: {}", body.len());
    stream.write_all(head(&receiver, &more).as_bytes()).unwrap();
    assert_eq!(
        read_until(&mut stream, "\r\n\r\n"),
        "HTTP/1.1 100 Continue\r\n\r\n"
    );
    stream.write_all(&body).unwrap();

    assert!(read_until(&mut stream, "}").starts_with("HTTP/1.1 200"));
}

#[test]
fn a_connection_closes_when_the_client_says_so() {
    let receiver = Receiver::start().unwrap();
    let mut stream = connect(&receiver);

    stream
        .write_all(head(&receiver, "Connection: close").as_bytes())
        .unwrap();

    let answer = String::from_utf8(read_to_end(&mut stream).unwrap()).unwrap();
    assert!(answer.contains("Connection: close\r\n"));
}

#[test]
fn a_request_that_cannot_be_read_is_refused_and_closed() {
    let receiver = Receiver::start().unwrap();
    let refused = |request: String| {
        let mut stream = connect(&receiver);
        stream.write_all(request.as_bytes()).unwrap();
        // The server may have stopped reading already, so it does not matter whether this works.
        drop(stream.shutdown(std::net::Shutdown::Write));
        String::from_utf8(read_to_end(&mut stream).unwrap()).unwrap()
    };

    assert!(refused("\0\0\r\n\r\n".to_owned()).starts_with("HTTP/1.1 400"));
    assert!(refused(head(&receiver, &"A: b\r\n".repeat(5000))).starts_with("HTTP/1.1 431"));
    let huge = format!("Content-Length: {}", 65 * 1024 * 1024);
    assert!(refused(head(&receiver, &huge)).starts_with("HTTP/1.1 413"));
    assert!(receiver.requests().is_empty());
}

#[test]
fn many_connections_are_served_at_once() {
    let receiver = Receiver::start().unwrap();
    let threads = 16;
    let all_connected = Barrier::new(threads);

    std::thread::scope(|scope| {
        for index in 0..threads {
            let (receiver, all_connected) = (&receiver, &all_connected);
            scope.spawn(move || {
                let mut stream = connect(receiver);
                all_connected.wait();
                for round in 0..5 {
                    let id = u8::try_from(index * 5 + round + 1).unwrap();
                    send_raw(&mut stream, receiver, &export(vec![span(id, 0, "x")]));
                    read_until(&mut stream, "}");
                }
            });
        }
    });

    assert_eq!(receiver.connections(), threads);
    let mut ids: Vec<_> = receiver
        .observations()
        .into_iter()
        .map(|stored| stored.id)
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), threads * 5);
}

// Faults.

#[test]
fn a_script_is_followed_in_order_and_then_always_applies() {
    let receiver = Receiver::start().unwrap();
    receiver.script([Fault::Status(500), Fault::Healthy, Fault::Status(404)]);
    receiver.always(Fault::Status(503));

    for _ in 0..4 {
        status(&receiver, &one_span(), &[]);
    }
    receiver.always(None);
    status(&receiver, &one_span(), &[]);

    assert_eq!(
        statuses(&receiver),
        [Some(500), Some(200), Some(404), Some(503), Some(200)]
    );
    assert_eq!(receiver.observation_count(), 2);
}

#[test]
fn a_refusal_may_say_when_to_come_again() {
    let receiver = Receiver::start().unwrap();
    receiver.script([Fault::RetryAfter {
        status: 429,
        after: "7".to_owned(),
    }]);
    let mut stream = connect(&receiver);

    send_raw(&mut stream, &receiver, &one_span());

    let answer = read_until(&mut stream, "}");
    assert!(answer.starts_with("HTTP/1.1 429 Too Many Requests\r\n"));
    assert!(answer.contains("Retry-After: 7\r\n"));
    assert_eq!(receiver.observation_count(), 0);
}

#[test]
fn only_a_body_beyond_the_limit_is_too_large() {
    let receiver = Receiver::start().unwrap();
    let small = one_span();
    receiver.always(Fault::TooLarge { limit: small.len() });
    let large = gzip(&export((1..200).map(|id| span(id, 0, "same")).collect()));

    assert_eq!(status(&receiver, &small, &[]), 200);
    assert_eq!(
        status(&receiver, &large, &[("content-encoding", "gzip")]),
        413
    );
    assert_eq!(receiver.observation_count(), 1);
}

#[test]
fn a_span_of_the_rejected_name_spoils_its_request_only() {
    let receiver = Receiver::start().unwrap();
    receiver.always(Fault::RejectSpan {
        name: "bad".to_owned(),
    });

    assert_eq!(
        status(
            &receiver,
            &export(vec![span(1, 0, "good"), span(2, 1, "bad")]),
            &[]
        ),
        400
    );
    assert_eq!(
        status(&receiver, &export(vec![span(1, 0, "good")]), &[]),
        200
    );
}

#[test]
fn a_stalled_request_is_seen_and_completes_when_released() {
    let receiver = Receiver::start().unwrap();
    receiver.always(Fault::Stall);

    std::thread::scope(|scope| {
        let stalled = scope.spawn(|| status(&receiver, &one_span(), &[]));
        assert!(receiver.wait_for_requests(1, SOON));
        assert_eq!(statuses(&receiver), [None]);
        assert!(!receiver.wait_for_observations(1, Duration::ZERO));

        receiver.release();

        assert_eq!(stalled.join().unwrap(), 200);
    });
    assert_eq!(receiver.observation_count(), 1);
    assert_eq!(
        status(&receiver, &one_span(), &[]),
        200,
        "stalling has ended"
    );
}

#[test]
fn a_release_also_counts_for_a_stall_that_is_yet_to_come() {
    let receiver = Receiver::start().unwrap();
    receiver.script([Fault::Stall, Fault::Status(500)]);

    receiver.release();

    assert_eq!(status(&receiver, &one_span(), &[]), 200);
    assert_eq!(status(&receiver, &one_span(), &[]), 500);
}

#[test]
fn a_delay_passes_by_itself_or_by_release() {
    let receiver = Receiver::start().unwrap();
    let began = Instant::now();
    receiver.script([
        Fault::Delay(Duration::from_millis(30)),
        Fault::Delay(SOON * 10),
    ]);

    assert_eq!(status(&receiver, &one_span(), &[]), 200);
    assert!(began.elapsed() >= Duration::from_millis(30));
    std::thread::scope(|scope| {
        let delayed = scope.spawn(|| status(&receiver, &one_span(), &[]));
        assert!(receiver.wait_for_requests(2, SOON));
        receiver.release();
        assert_eq!(delayed.join().unwrap(), 200);
    });
    assert!(began.elapsed() < SOON * 10);
}

#[test]
fn connections_break_in_every_way() {
    let broken = |fault: Fault| {
        let receiver = Receiver::start().unwrap();
        receiver.script([fault]);
        let mut stream = connect(&receiver);
        send_raw(&mut stream, &receiver, &one_span());
        let end = read_to_end(&mut stream);
        (
            end,
            receiver.observation_count(),
            receiver.requests()[0].status,
        )
    };

    assert_eq!(
        broken(Fault::ResetBeforeAnswer),
        (Err(ErrorKind::ConnectionReset), 0, None)
    );
    assert_eq!(
        broken(Fault::ResetAfterStoring),
        (Err(ErrorKind::ConnectionReset), 1, None)
    );
    assert_eq!(broken(Fault::CloseBeforeAnswer), (Ok(Vec::new()), 0, None));
    let (noise, stored, status) = broken(Fault::Garbage);
    assert!(!noise.unwrap().is_empty());
    assert_eq!((stored, status), (0, None));
    let (truncated, stored, status) = broken(Fault::TruncatedAnswer);
    let truncated = String::from_utf8(truncated.unwrap()).unwrap();
    assert!(truncated.starts_with("HTTP/1.1 200 OK\r\n"));
    let promised = truncated.split("Content-Length: ").nth(1).unwrap();
    let promised: usize = promised.split("\r\n").next().unwrap().parse().unwrap();
    assert!(truncated.split("\r\n\r\n").nth(1).unwrap().len() < promised);
    assert_eq!((stored, status), (1, Some(200)));
}

#[test]
fn a_client_takes_broken_answers_for_errors() {
    let receiver = Receiver::start().unwrap();
    for fault in [
        Fault::ResetBeforeAnswer,
        Fault::CloseBeforeAnswer,
        Fault::Garbage,
    ] {
        receiver.script([fault.clone()]);
        assert!(post(&receiver, &one_span(), &[]).is_err(), "{fault:?}");
    }
    receiver.script([Fault::TruncatedAnswer]);
    assert!(post(&receiver, &one_span(), &[]).is_err());
}

#[test]
fn a_redirect_leads_back() {
    let receiver = Receiver::start().unwrap();
    receiver.script([Fault::Redirect(308)]);
    let mut stream = connect(&receiver);

    send_raw(&mut stream, &receiver, &one_span());

    let answer = read_until(&mut stream, "}");
    assert!(answer.starts_with("HTTP/1.1 308 Permanent Redirect\r\n"));
    assert!(answer.contains(&format!("Location: {}{TRACES}\r\n", receiver.base_url())));
    assert_eq!(receiver.observation_count(), 0);
}

#[test]
fn what_is_cleared_is_forgotten_and_later_requests_are_still_settled() {
    let receiver = Receiver::start().unwrap();
    receiver.script([Fault::Healthy, Fault::Stall]);
    status(&receiver, &one_span(), &[]);

    std::thread::scope(|scope| {
        let stalled = scope.spawn(|| status(&receiver, &one_span(), &[]));
        assert!(receiver.wait_for_requests(2, SOON));
        receiver.clear();
        assert_eq!(
            (receiver.requests().len(), receiver.observation_count()),
            (0, 0)
        );
        receiver.release();
        stalled.join().unwrap();
    });

    assert_eq!(receiver.observation_count(), 1);
    status(&receiver, &one_span(), &[]);
    assert_eq!(statuses(&receiver), [Some(200)]);
}

// The end.

#[test]
fn dropping_ends_stalled_and_idle_and_half_read_connections_promptly() {
    let receiver = Receiver::start().unwrap();
    receiver.always(Fault::Stall);
    let mut stalled = connect(&receiver);
    send_raw(&mut stalled, &receiver, &one_span());
    assert!(receiver.wait_for_requests(1, SOON));
    let mut half_read = connect(&receiver);
    half_read
        .write_all(head(&receiver, "Content-Length: 1000").as_bytes())
        .unwrap();
    let mut idle = connect(&receiver);

    let began = Instant::now();
    drop(receiver);

    assert!(began.elapsed() < SOON);
    for stream in [&mut stalled, &mut half_read, &mut idle] {
        // Whether as an end or as a reset, it is over.
        assert!(read_to_end(stream).unwrap_or_default().is_empty());
    }
}

#[test]
fn a_port_can_be_chosen_and_is_free_again_after_the_drop() {
    let second = (0..10).find_map(|_| {
        let first = Receiver::start().unwrap();
        let port = first.base_url().rsplit(':').next().unwrap().parse();
        let port: u16 = port.unwrap();
        assert!(Receiver::builder().port(port).start().is_err());
        drop(first);
        // Somebody else may be given it in between, but not each time.
        Receiver::builder().port(port).start().ok()
    });

    assert_eq!(status(&second.unwrap(), &one_span(), &[]), 200);
}

#[test]
fn waiting_ends_as_soon_as_enough_has_come() {
    let receiver = Receiver::start().unwrap();

    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| receiver.wait_for_observations(2, SOON));
        status(
            &receiver,
            &export(vec![span(1, 0, "a"), span(2, 1, "b")]),
            &[],
        );
        assert!(waiting.join().unwrap());
    });
    assert!(!receiver.wait_for_requests(2, Duration::ZERO));
}
