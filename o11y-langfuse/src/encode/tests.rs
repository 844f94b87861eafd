//! What is written is read back by the reference decoder, field by field.

use std::collections::BTreeMap;

use o11y_core::{
    Context, Cost, Level, Module, ObservationType, SpanSpec, Status, TraceAttributes, Usage, Value,
    attributes, event, key,
};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value},
    trace::v1::Span,
};
use proptest::prelude::*;
use prost::Message as _;

use super::*;
use crate::captured::captured;

/// The record of a span that `f` fills.
fn record(spec: SpanSpec, f: impl FnOnce(&mut o11y_core::Span)) -> Record {
    captured(|| Context::with_span(spec, f)).remove(0)
}

fn decoded(batch: &mut Batch, spans: Range<usize>) -> ExportTraceServiceRequest {
    let mut scratch = Vec::new();
    ExportTraceServiceRequest::decode(batch.request(spans, &mut scratch)).unwrap()
}

fn spans(request: ExportTraceServiceRequest) -> Vec<Span> {
    let [resource]: [_; 1] = request.resource_spans.try_into().unwrap();
    let [scope]: [_; 1] = resource.scope_spans.try_into().unwrap();
    scope.spans
}

fn encoded(record: &Record) -> Span {
    let mut batch = Batch::new(&Resource::default(), &Privacy::default());
    batch.push(record, &Anchor::now());
    spans(decoded(&mut batch, 0..1)).remove(0)
}

/// Attributes as text, so that a test reads like a table.
fn shown(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    fn text(value: Option<&AnyValue>) -> String {
        match value
            .and_then(|value| value.value.as_ref())
            .expect("a value")
        {
            any_value::Value::StringValue(text) => text.clone(),
            any_value::Value::BoolValue(yes) => yes.to_string(),
            any_value::Value::IntValue(number) => number.to_string(),
            any_value::Value::DoubleValue(number) => format!("{number:?}"),
            any_value::Value::ArrayValue(array) => {
                let texts: Vec<_> = array.values.iter().map(|value| text(Some(value))).collect();
                format!("[{}]", texts.join(","))
            }
            other => panic!("the server cannot read {other:?}"),
        }
    }
    let pairs = attributes
        .iter()
        .map(|pair| (pair.key.clone(), text(pair.value.as_ref())));
    let shown: BTreeMap<_, _> = pairs.collect();
    assert_eq!(shown.len(), attributes.len(), "a key stands twice");
    shown
}

fn table<const N: usize>(rows: [(&str, &str); N]) -> BTreeMap<String, String> {
    rows.map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}

#[test]
fn a_generation_reads_as_langfuse_wants_it() {
    let spec = SpanSpec::new("a generation")
        .observation(ObservationType::Generation)
        .attribute(key::REQUEST_MODEL, "gpt-4o-mini")
        .attribute(key::REQUEST_TEMPERATURE, 0.5)
        .attribute("customer.mood", "grumpy")
        .attribute("prompt", "not content")
        .attribute("gen_ai.prompt.name", "not content either")
        .attribute("gen_ai.tool.name", "not a name")
        .attribute("langfuse.observation.type", "not a type")
        .attribute("langfuse.trace.name", "not of the trace")
        .input("What shall I drink?");
    let record = record(spec, |span| {
        span.set_output("A flat white.");
        span.set_usage(Usage::new().input(23).cached(8).output(5));
        span.set_cost(Cost::usd(0.000_012_5));
        span.set_attribute("retry", true);
        span.set_attribute("attempt", -2);
    });

    let span = encoded(&record);

    assert_eq!(span.trace_id, record.trace_id().to_bytes());
    assert_eq!(span.span_id, record.span_id().to_bytes());
    assert!(span.parent_span_id.is_empty());
    assert_eq!(span.name, "a generation");
    assert_eq!(span.kind, 1);
    assert!(span.start_time_unix_nano > 0);
    assert!(span.end_time_unix_nano >= span.start_time_unix_nano);
    assert_eq!(span.status, None);
    assert_eq!(
        shown(&span.attributes),
        table([
            ("gen_ai.request.model", "gpt-4o-mini"),
            ("gen_ai.request.temperature", "0.5"),
            (
                "langfuse.observation.cost_details",
                r#"{"total":0.0000125}"#
            ),
            ("langfuse.observation.input", "What shall I drink?"),
            ("langfuse.observation.metadata.attempt", "-2"),
            ("langfuse.observation.metadata.customer.mood", "grumpy"),
            (
                "langfuse.observation.metadata.gen_ai.prompt.name",
                "not content either"
            ),
            (
                "langfuse.observation.metadata.gen_ai.tool.name",
                "not a name"
            ),
            (
                "langfuse.observation.metadata.langfuse.observation.type",
                "not a type",
            ),
            (
                "langfuse.observation.metadata.langfuse.trace.name",
                "not of the trace",
            ),
            ("langfuse.observation.metadata.prompt", "not content"),
            ("langfuse.observation.metadata.retry", "true"),
            ("langfuse.observation.output", "A flat white."),
            ("langfuse.observation.type", "generation"),
            (
                "langfuse.observation.usage_details",
                r#"{"input":23,"input_cached_tokens":8,"output":5,"total":36}"#,
            ),
        ])
    );
}

#[test]
fn a_failure_is_red_by_level_and_by_status() {
    let record = record(SpanSpec::new("a failure"), |span| {
        span.record_error("out of beans");
    });

    let span = encoded(&record);

    let status = span.status.expect("a status");
    assert_eq!((status.code, status.message.as_str()), (2, "out of beans"));
    let attributes = shown(&span.attributes);
    assert_eq!(attributes["langfuse.observation.level"], "ERROR");
    assert_eq!(
        attributes["langfuse.observation.status_message"],
        "out of beans"
    );
    assert_eq!(record.status(), Status::Error);
}

#[test]
fn a_level_of_error_alone_makes_the_status_one() {
    let spec = SpanSpec::new("a level").level(Level::Error);

    let span = encoded(&record(spec, |_span| ()));

    assert_eq!(span.status.map(|status| status.code), Some(2));
}

#[test]
fn trace_attributes_stand_on_the_span() {
    let visit = TraceAttributes::new()
        .name("visit")
        .user("gus")
        .session("s-1")
        .tag("a")
        .tag("b")
        .metadata("mood", "grumpy")
        .version("2")
        .release("r7")
        .environment("test")
        .public(true);
    let spec = SpanSpec::new("of a trace");
    let record = Context::with_trace(visit, || record(spec, |_span| ()));

    let attributes = shown(&encoded(&record).attributes);

    assert_eq!(
        attributes,
        table([
            ("langfuse.environment", "test"),
            ("langfuse.observation.type", "span"),
            ("langfuse.release", "r7"),
            ("langfuse.trace.metadata.mood", "grumpy"),
            ("langfuse.trace.name", "visit"),
            ("langfuse.trace.public", "true"),
            ("langfuse.trace.tags", "[a,b]"),
            ("langfuse.version", "2"),
            ("session.id", "s-1"),
            ("user.id", "gus"),
        ])
    );
}

#[test]
fn the_modules_and_the_request_around_a_record_are_its_metadata() {
    let (agent, chain) = (Module::new("Agent").label("planner"), Module::new("Chain"));
    let ancestry = format!("{}>{}", agent.id(), chain.id());
    let records = captured(|| {
        Context::with_request("req-1", || {
            Context::with_module(agent, || {
                Context::with_module(chain, || {
                    let spec = SpanSpec::new("inside").attribute("module.leaf", "said by hand");
                    Context::with_span(spec, |_span| event("told", attributes! {}));
                });
            });
        });
        Context::with_span("outside", |_span| ());
    });
    let [told, inside, outside] =
        [0, 1, 2].map(|index| shown(&encoded(&records[index]).attributes));

    let expected = |kind: &str, leaf: &str| {
        table([
            ("langfuse.observation.metadata.module.ancestry", &ancestry),
            ("langfuse.observation.metadata.module.depth", "2"),
            ("langfuse.observation.metadata.module.leaf", leaf),
            (
                "langfuse.observation.metadata.module.path",
                "Agent/planner > Chain",
            ),
            ("langfuse.observation.metadata.module.root", "Agent/planner"),
            ("langfuse.observation.metadata.request.id", "req-1"),
            ("langfuse.observation.type", kind),
        ])
    };
    assert_eq!(told, expected("event", "Chain"));
    assert_eq!(inside, expected("span", "said by hand"));
    assert_eq!(outside, table([("langfuse.observation.type", "span")]));
}

#[test]
fn what_an_event_says_of_usage_and_model_is_metadata_only() {
    let records = captured(|| {
        let said = attributes! {
            key::TOTAL_TOKENS => 150, key::REQUEST_MODEL => "gpt-4o", key::COST => Cost::usd(1.0),
        };
        Context::with_span("around", |_span| event("llm.seen", said));
    });

    let attributes = shown(&encoded(&records[0]).attributes);

    let metadata = |key: &str| attributes[&format!("langfuse.observation.metadata.{key}")].clone();
    assert_eq!(attributes["langfuse.observation.type"], "event");
    assert_eq!(metadata(key::TOTAL_TOKENS), "150");
    assert_eq!(metadata(key::REQUEST_MODEL), "gpt-4o");
    assert_eq!(attributes.len(), 4);
}

#[test]
fn the_resource_says_who_sends() {
    let resource = Resource {
        service_name: Some("shop".into()),
        service_version: Some("1.2.3".into()),
        environment: Some("test".into()),
        release: None,
    };
    let mut batch = Batch::new(&resource, &Privacy::default());

    let request = decoded(&mut batch, 0..0);

    let attributes = &request.resource_spans[0]
        .resource
        .as_ref()
        .unwrap()
        .attributes;
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        shown(attributes),
        table([
            ("langfuse.environment", "test"),
            ("service.name", "shop"),
            ("service.version", "1.2.3"),
            ("telemetry.sdk.language", "rust"),
            ("telemetry.sdk.name", "o11y"),
            ("telemetry.sdk.version", version),
        ])
    );
    let scope = request.resource_spans[0].scope_spans[0]
        .scope
        .as_ref()
        .unwrap();
    assert_eq!(scope.name, "o11y-langfuse");
}

#[test]
fn any_run_of_spans_makes_a_request_and_the_middle_is_by_bytes() {
    let sizes = [10, 10, 10, 1_000, 10];
    let mut batch = Batch::new(&Resource::default(), &Privacy::default());
    let anchor = Anchor::now();
    for size in sizes {
        let spec = SpanSpec::new("sized").input("x".repeat(size));
        batch.push(&record(spec, |_span| ()), &anchor);
    }

    for start in 0..sizes.len() {
        for end in start + 1..=sizes.len() {
            let inputs: Vec<_> = spans(decoded(&mut batch, start..end))
                .iter()
                .map(|span| shown(&span.attributes)[key::INPUT].len())
                .collect();
            assert_eq!(inputs, sizes[start..end]);
        }
    }
    assert_eq!(batch.middle(0..5), 3);
    assert_eq!(batch.middle(3..5), 4);
    assert_eq!(batch.middle(0..2), 1);
}

#[test]
fn a_cleared_batch_starts_anew() {
    let mut batch = Batch::new(&Resource::default(), &Privacy::default());
    let anchor = Anchor::now();
    for _ in 0..2 {
        batch.clear();
        let again = record(SpanSpec::new("again"), |_span| ());
        batch.push(&again, &anchor);
        assert_eq!(spans(decoded(&mut batch, 0..1)).len(), 1);
    }
}

proptest! {
    #[test]
    fn any_attributes_arrive_as_they_were(
        name in "\\PC{0,40}",
        texts in proptest::collection::btree_map("[a-z.]{1,30}", "\\PC{0,200}", 0..30),
        number: i64,
        float in proptest::num::f64::NORMAL,
    ) {
        let name: &'static str = name.leak();
        let mut spec = SpanSpec::new(name).attribute("#number", number).attribute("#float", float);
        for (key, text) in &texts {
            spec = spec.attribute(key.clone(), text);
        }
        let record = record(spec, |_span| ());

        let span = encoded(&record);

        prop_assert_eq!(&span.name, name);
        let attributes = shown(&span.attributes);
        let metadata = |key: &str| &attributes[&format!("langfuse.observation.metadata.{key}")];
        prop_assert_eq!(metadata("#number"), &number.to_string());
        prop_assert_eq!(metadata("#float"), &format!("{float:?}"));
        for (key, text) in &texts {
            prop_assert_eq!(metadata(key), text);
        }
    }
}

#[test]
fn the_corpus_of_texts_arrives_as_it_was() {
    let corpus = crate::corpus::texts(include_str!("corpus.txt"));
    assert!(corpus.len() > 40, "{}", corpus.len());
    for text in &corpus {
        let spec = SpanSpec::new(text.clone())
            .attribute("said", text)
            .attribute(format!("said.{text}"), 1)
            .attribute(text.clone(), text)
            .input(text);
        let record = record(spec, |span| {
            span.set_output(text);
            span.set_status(Status::Error, text);
        });

        let span = encoded(&record);

        let attributes = shown(&span.attributes);
        let metadata = |key: &str| &attributes[&format!("langfuse.observation.metadata.{key}")];
        assert_eq!(metadata("said"), text, "{text:?}");
        assert_eq!(metadata(&format!("said.{text}")), "1", "{text:?}");
        for content in ["input", "output"] {
            assert_eq!(
                &attributes[&format!("langfuse.observation.{content}")],
                text
            );
        }
        assert_eq!(&span.name, text);
    }
}

#[test]
fn the_first_token_is_a_moment_after_the_start_and_what_a_user_says_of_it_stands() {
    const MOMENT: &str = "langfuse.observation.completion_start_time";
    let start = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_770_091_506);
    let shown_with = |key: &'static str, value: Value| {
        let record = record(SpanSpec::new("llm.generate"), |span| {
            span.set_attribute(key, value);
        });
        let mut batch = Batch::new(&Resource::default(), &Privacy::default());
        batch.push(&record, &Anchor::at(start));
        let span = spans(decoded(&mut batch, 0..1)).remove(0);
        shown(&span.attributes).remove(MOMENT)
    };

    let moment = shown_with(key::TIME_TO_FIRST_CHUNK, 3_600.0.into());
    let said = shown_with(MOMENT, "2026-02-03T04:05:06Z".into());
    let none = shown_with(key::TIME_TO_FIRST_CHUNK, (-1.0).into());

    // The span began shortly before the anchor's moment.
    let expected = ["2026-02-03T05:05:05.", "2026-02-03T05:05:06."];
    let moment = moment.unwrap();
    assert!(
        expected.iter().any(|second| moment.starts_with(second)),
        "{moment}"
    );
    assert_eq!(said.as_deref(), Some("2026-02-03T04:05:06Z"));
    assert_eq!(none, None);
}
