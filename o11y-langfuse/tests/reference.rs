//! What we send is what OpenTelemetry's own exporter would send for the same spans.
//!
//! The spans go out through our encoder, are read back from what arrived, and go out again
//! through `opentelemetry-otlp`. Both arrivals must be equal, field by field.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    future::Future,
    pin::{Pin, pin},
    task::{Context as TaskContext, Poll, Waker},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use o11y_core::{
    Context, Cost, Level, ObservationType, SpanSpec, TraceAttributes, Usage, attributes, event,
};
use o11y_langfuse::local::{AttributeValue, Observation};
use opentelemetry::{
    Array, InstrumentationScope, KeyValue, SpanId, StringValue, TraceFlags, TraceId, Value,
    trace::{SpanContext, SpanKind, Status, TraceState},
};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{
    Protocol, RetryPolicy, SpanExporter, WithExportConfig as _, WithHttpConfig as _,
};
use opentelemetry_sdk::{
    Resource,
    trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks},
};

#[path = "support/rig.rs"]
mod rig;
use rig::{LONG, Rig};

/// Blocking HTTP for the reference exporter, with the headers that Langfuse wants.
#[derive(Debug)]
struct Ureq {
    agent: ureq::Agent,
    authorization: String,
}

impl HttpClient for Ureq {
    fn send_bytes<'s, 'f>(
        &'s self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'f>>
    where
        's: 'f,
        Self: 'f,
    {
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            let authorization = self.authorization.parse()?;
            parts.headers.insert("authorization", authorization);
            let request = Request::from_parts(parts, body.as_ref());
            let (parts, mut body) = self.agent.run(request)?.into_parts();
            Ok(Response::from_parts(parts, body.read_to_vec()?.into()))
        })
    }
}

fn make_spans() {
    let visit = TraceAttributes::new()
        .name("visit")
        .user("gus")
        .session("s-1")
        .tag("a")
        .tag("b")
        .metadata("mood", "grumpy")
        .public(true);
    Context::with_trace(visit, || {
        let spec = SpanSpec::new("handle")
            .observation(ObservationType::Agent)
            .input(&["flat", "white"][..])
            .attribute("number", i64::MIN)
            .attribute("fraction", 0.1)
            .attribute("truth", false)
            .attribute("umlaut", "grüße, 你好, \u{1F44B}");
        Context::with_span(spec, |span| {
            let spec = SpanSpec::new("ask").observation(ObservationType::Generation);
            Context::with_span(spec, |span| {
                span.set_model("gpt-4o-mini");
                span.set_usage(Usage::new().input(23).cached(8).output(5));
                span.set_cost(Cost::usd(0.000_012));
            });
            event("told", attributes! { "k" => 1 });
            let failing = SpanSpec::new("brew").level(Level::Debug);
            let _failed = Context::try_with_span(failing, |_span| "x".parse::<u8>());
            span.set_output("x".repeat(100_000));
        });
    });
}

fn nanos(moment: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(moment)
}

fn value(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::Text(text) => text.clone().into(),
        AttributeValue::Bool(yes) => (*yes).into(),
        AttributeValue::Int(number) => (*number).into(),
        AttributeValue::Double(number) => (*number).into(),
        AttributeValue::List(list) => {
            let texts = list.iter().map(|text| match text {
                AttributeValue::Text(text) => StringValue::from(text.clone()),
                other => panic!("a list of {other:?}"),
            });
            Value::Array(Array::String(texts.collect()))
        }
        other => panic!("no value of ours: {other:?}"),
    }
}

fn span_data(observation: &Observation) -> SpanData {
    let id = |text: &str| SpanId::from_hex(text).unwrap();
    SpanData {
        span_context: SpanContext::new(
            TraceId::from_hex(&observation.trace_id).unwrap(),
            id(&observation.id),
            TraceFlags::SAMPLED,
            false,
            TraceState::NONE,
        ),
        parent_span_id: observation.parent_id.as_deref().map_or(SpanId::INVALID, id),
        parent_span_is_remote: false,
        span_kind: SpanKind::Internal,
        name: observation.name.clone().into(),
        start_time: nanos(observation.start_unix_nanos),
        end_time: nanos(observation.end_unix_nanos),
        attributes: observation
            .attributes
            .iter()
            .map(|(key, known)| KeyValue::new(key.clone(), value(known)))
            .collect(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: match &observation.status_message {
            Some(message) if observation.status_is_error => Status::error(message.clone()),
            _ => Status::Unset,
        },
        instrumentation_scope: InstrumentationScope::builder(observation.scope_name.clone())
            .with_version(observation.scope_version.clone())
            .build(),
    }
}

/// With a blocking client the future is ready when it is first polled.
fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut TaskContext::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the client blocks"),
    }
}

#[test]
fn our_bytes_say_what_opentelemetrys_exporter_would_say() {
    let rig = Rig::new(|builder| builder.service_name("shop"));
    make_spans();
    rig.telemetry.flush(LONG).unwrap();
    let ours = rig.receiver.observations();
    let authorization = authorization(&rig);
    rig.receiver.clear();

    let resource = ours[0].resource.iter();
    let resource = Resource::builder_empty()
        .with_attributes(resource.map(|(key, known)| KeyValue::new(key.clone(), value(known))))
        .build();
    let mut exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!(
            "{}/api/public/otel/v1/traces",
            rig.receiver.base_url()
        ))
        .with_retry_policy(RetryPolicy::disabled())
        .with_http_client(Ureq {
            agent: ureq::Agent::new_with_defaults(),
            authorization,
        })
        .build()
        .unwrap();
    exporter.set_resource(&resource);
    ready(exporter.export(ours.iter().map(span_data).collect())).unwrap();

    let theirs = rig.receiver.observations();
    assert_eq!(ours.len(), 4);
    assert_eq!(ours, theirs);
}

fn authorization(rig: &Rig) -> String {
    use base64::{Engine as _, prelude::BASE64_STANDARD};

    let keys = format!(
        "{}:{}",
        rig.receiver.public_key(),
        rig.receiver.secret_key()
    );
    format!("Basic {}", BASE64_STANDARD.encode(keys))
}
