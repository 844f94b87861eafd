use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};
use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value},
    trace::v1::{ResourceSpans, ScopeSpans},
};

use super::*;

fn export(spans: Vec<Span>) -> Export {
    let scope = InstrumentationScope {
        name: "test".to_owned(),
        ..Default::default()
    };
    let scoped = ScopeSpans {
        scope: Some(scope),
        spans,
        ..Default::default()
    };
    let group = ResourceSpans {
        scope_spans: vec![scoped],
        ..Default::default()
    };
    Export(ExportTraceServiceRequest {
        resource_spans: vec![group],
    })
}

fn span(name: &str) -> Span {
    Span {
        name: name.to_owned(),
        trace_id: vec![0xab; 16],
        span_id: vec![0x01, 0xf0],
        ..Default::default()
    }
}

#[test]
fn a_span_becomes_an_observation() {
    let mut sent = span("a");
    sent.parent_span_id = vec![2; 8];
    sent.start_time_unix_nano = 5;
    sent.end_time_unix_nano = 7;

    let observations = export(vec![sent]).into_observations(0);

    assert_eq!(observations[0].trace_id, "ab".repeat(16));
    assert_eq!(observations[0].id, "01f0");
    assert_eq!(
        observations[0].parent_id.as_deref(),
        Some("0202020202020202")
    );
    assert_eq!(observations[0].duration().as_nanos(), 2);
    assert_eq!(observations[0].scope_name, "test");
}

#[test]
fn a_missing_time_is_taken_from_the_other_or_from_the_clock() {
    let times = |start, end| {
        let mut sent = span("a");
        (sent.start_time_unix_nano, sent.end_time_unix_nano) = (start, end);
        let stored = export(vec![sent]).into_observations(99).remove(0);
        (stored.start_unix_nanos, stored.end_unix_nanos)
    };

    assert_eq!(times(5, 0), (5, 5));
    assert_eq!(times(0, 7), (7, 7));
    assert_eq!(times(0, 0), (99, 99));
}

#[test]
fn missing_ids_are_named_with_their_scope() {
    let mut nameless = span("bad");
    nameless.span_id.clear();

    assert_eq!(export(vec![span("good")]).missing_ids(), None);
    assert_eq!(
        export(vec![span("good"), nameless])
            .missing_ids()
            .as_deref(),
        Some("missing spanId (scope `test`)")
    );
}

#[test]
fn an_attribute_without_a_value_loses_the_whole_request() {
    let mut fatal = span("fatal");
    fatal.attributes = vec![KeyValue {
        key: "k".to_owned(),
        ..Default::default()
    }];
    let mut harmless = span("harmless");
    let value = Some(AnyValue {
        value: Some(Value::BoolValue(true)),
    });
    harmless.attributes = vec![KeyValue {
        key: "k".to_owned(),
        value,
        ..Default::default()
    }];

    assert_eq!(export(vec![harmless.clone()]).into_observations(0).len(), 1);
    assert!(
        export(vec![harmless, fatal])
            .into_observations(0)
            .is_empty()
    );
}

#[test]
fn gzip_is_undone_and_nothing_else() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(b"text").unwrap();
    let compressed = encoder.finish().unwrap();

    assert_eq!(&*decompress(None, b"text").unwrap(), b"text");
    assert_eq!(&*decompress(Some("x-gzip"), &compressed).unwrap(), b"text");
    assert!(matches!(
        decompress(Some("gzip"), b"text"),
        Err(DecodeError::Gzip(_))
    ));
    assert!(matches!(
        decompress(Some("zstd"), b"text"),
        Err(DecodeError::Encoding(_))
    ));
}

#[test]
fn a_body_that_swells_beyond_the_bound_is_refused() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&[0; 101]).unwrap();
    let compressed = encoder.finish().unwrap();

    assert!(matches!(
        gunzip(&compressed, 100),
        Err(DecodeError::TooLarge)
    ));
    assert_eq!(gunzip(&compressed, 101).unwrap().len(), 101);
}

#[test]
fn noise_is_no_export() {
    assert!(Export::parse(b"").unwrap().is_empty());
    assert!(matches!(
        Export::parse(b"{\"json\":1}"),
        Err(DecodeError::Protobuf(_))
    ));
}
