//! What a record says to an exporter of OpenTelemetry's SDK, and that Langfuse reads it the same
//! whichever way it goes.
#![cfg(feature = "otlp")]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

#[path = "support/otlp.rs"]
mod rig;

use std::sync::Arc;

use o11y_core::{
    Context, Cost, EventBus, FanOut, Generation, Level, Module, ObservationType, SpanSpec,
    Telemetry, TraceAttributes, Usage, Vetoed, attributes, event,
};
use o11y_langfuse::{
    Langfuse, Names, SdkExporter,
    local::{Observation, Receiver},
};
use opentelemetry::{
    Context as OtelContext, KeyValue, Value,
    trace::{
        Link, Span as _, SpanContext, SpanId, SpanKind, Status, TraceContextExt as _, TraceFlags,
        TraceId, TraceState, Tracer as _, TracerProvider as _,
    },
};
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData};

use self::rig::{LONG, Memory, otlp, record, resource, spawn, text};

/// What an exporter is given of the spans that `make` makes.
fn exported(
    configure: impl FnOnce(SdkExporter<Memory>) -> SdkExporter<Memory>,
    make: impl FnOnce(),
) -> Vec<SpanData> {
    let memory = Memory::default();
    let executor = spawn(configure(SdkExporter::new(memory.clone())));
    record(&executor, make);
    memory.spans()
}

fn one(make: impl FnOnce()) -> SpanData {
    exported(|exporter| exporter, make).remove(0)
}

/// A visit with all kinds of spans, as `tests/reference.rs` has it and more.
fn visit() {
    let visit = TraceAttributes::new()
        .name("visit")
        .user("gus")
        .session("s-1")
        .tag("a")
        .tag("b")
        .metadata("mood", "grumpy")
        .release("r-1")
        .public(true);
    let shop = || {
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
                span.set_usage(Usage::new().input(23).cached(8).output(5).reasoning(2));
                span.set_cost(Cost::usd(0.000_012));
                span.set_attribute("gen_ai.request.temperature", 0.2);
                span.set_input("[{\"role\":\"user\"}]");
                span.set_output("a tale");
            });
            let spec = SpanSpec::new("told").observation(ObservationType::Generation);
            Context::with_span(spec, |span| {
                span.set_attribute("gen_ai.request.model", "m");
                span.set_attribute("gen_ai.usage.input_tokens", 9);
                span.set_attribute("gen_ai.usage.output_tokens", 2);
            });
            event(
                "noted",
                attributes! { "k" => 1, "gen_ai.usage.input_tokens" => 9 },
            );
            for kind in [
                ObservationType::Chain,
                ObservationType::Retriever,
                ObservationType::Evaluator,
                ObservationType::Guardrail,
                ObservationType::Embedding,
                ObservationType::Tool,
            ] {
                let spec = SpanSpec::new("kind").observation(kind).input("in");
                Context::with_span(spec.attribute("mood", "kind"), |_span| ());
            }
            let failing = SpanSpec::new("brew").level(Level::Debug);
            let _failed = Context::try_with_span(failing, |_span| "x".parse::<u8>());
            span.set_output("x".repeat(100_000));
        });
    };
    Context::with_trace(visit, || Context::with_module(Module::new("Shop"), shop));
}

/// What arrives of one visit by our own exporter, and through the SDK's.
fn both_ways(path: &str, names: Names) -> [Vec<Observation>; 2] {
    let [direct, through] = [(); 2].map(|()| Receiver::start().unwrap());
    let telemetry = Langfuse::builder()
        .public_key(direct.public_key())
        .secret_key(direct.secret_key())
        .host(direct.base_url())
        .spawn()
        .unwrap();
    let executor = spawn(otlp(&through, path).names(names));
    let sinks = FanOut::new([telemetry.sink().unwrap(), executor.sink()]);

    Telemetry::scoped(Arc::new(sinks), EventBus::new()).run(visit);
    telemetry.flush(LONG).unwrap();
    executor.flush(LONG).unwrap();

    let [ours, theirs] = [direct, through].map(|receiver| receiver.observations());
    assert_eq!((ours.len(), theirs.len()), (11, 11));
    [ours, theirs]
}

/// Only what our own exporter says of itself differs: the SDK's resource is the program's.
fn without_resource(mut observations: Vec<Observation>) -> Vec<Observation> {
    for observation in &mut observations {
        observation.resource.clear();
    }
    observations
}

#[test]
fn under_langfuses_names_both_ways_arrive_equal() {
    let langfuse = "/api/public/otel/v1/traces";

    for path in [langfuse, "/v1/traces"] {
        let [ours, theirs] = both_ways(path, Names::Langfuse).map(without_resource);

        assert_eq!(ours, theirs);
    }
}

/// What Langfuse shows, beside its metadata.
fn shown(observation: Observation) -> Observation {
    let mut shown = observation;
    shown.attributes.clear();
    shown.resource.clear();
    shown.metadata.clear();
    shown
}

#[test]
fn under_both_kinds_of_names_langfuse_shows_the_same_and_others_can_sum_up() {
    let [ours, theirs] = both_ways("/v1/traces", Names::Both);

    let ask = theirs.iter().find(|it| it.name == "ask").unwrap();
    for (key, said) in [
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.usage.input_tokens", "31"),
        ("gen_ai.usage.output_tokens", "7"),
        ("gen_ai.usage.cost", "0.000012"),
    ] {
        assert_eq!(ask.attributes[key].to_string(), said, "{key}");
    }
    let told = theirs.iter().find(|it| it.name == "told").unwrap();
    assert_eq!(
        told.attributes["gen_ai.usage.input_tokens"].to_string(),
        "9"
    );
    let [ours, theirs] = [ours, theirs].map(|all| all.into_iter().map(shown).collect::<Vec<_>>());
    assert_eq!(ours, theirs);
}

#[test]
fn under_the_conventions_names_langfuse_reads_most_of_it() {
    let [ours, theirs] = both_ways("/v1/traces", Names::Conventions);

    for (ours, theirs) in ours.into_iter().zip(theirs) {
        let what = |it: &Observation| {
            let kind = it.kind.replace("event", "span"); // nobody else knows of events
            let content = (it.input.clone(), it.output.clone());
            let mut usage = it.usage.clone();
            usage.remove("total"); // the server fills it in
            let bill = (it.model.clone(), usage, it.cost.clone());
            let of_trace = (it.user_id.clone(), it.session_id.clone(), it.tags.clone());
            (
                it.id.clone(),
                it.name.clone(),
                kind,
                content,
                bill,
                of_trace,
            )
        };
        assert_eq!(what(&ours), what(&theirs));
    }
}

#[test]
fn a_call_speaks_the_genai_conventions() {
    let span = one(|| {
        let generation = Generation::new("openai", "gpt-4o-mini").input("hello");
        let answered: Result<(), Vetoed> = Context::generation_blocking(generation, |call| {
            call.set_output("hi");
            call.set_usage(Usage::new().input(23).cached(8).output(2).reasoning(3));
            Ok(())
        });
        answered.unwrap();
    });

    assert_eq!(span.span_kind, SpanKind::Client);
    for (key, said) in [
        ("gen_ai.operation.name", Some("chat")),
        ("gen_ai.provider.name", Some("openai")),
        ("gen_ai.request.model", Some("gpt-4o-mini")),
        ("input.value", Some("hello")),
        ("output.value", Some("hi")),
        ("gen_ai.usage.input_tokens", Some("31")),
        ("gen_ai.usage.cache_read.input_tokens", Some("8")),
        ("gen_ai.usage.output_tokens", Some("5")),
        ("gen_ai.usage.reasoning.output_tokens", Some("3")),
        ("gen_ai.usage.cache_creation.input_tokens", None),
    ] {
        assert_eq!(text(&span, key).as_deref(), said, "{key}");
    }
    let keys = span.attributes.iter().map(|it| it.key.as_str());
    let of_langfuse: Vec<_> = keys.filter(|key| key.starts_with("langfuse.")).collect();
    assert_eq!(of_langfuse, <[&str; 0]>::default());
}

#[test]
fn what_is_set_goes_out_under_its_own_key_and_as_its_own_kind() {
    let span = one(|| {
        let spec = SpanSpec::new("set")
            .attribute("number", i64::MIN)
            .attribute("fraction", 0.5)
            .attribute("truth", true)
            .attribute("langfuse.observation.metadata.mood", "grumpy")
            .attribute("input", "theirs");
        Context::with_span(spec.input("ours"), |_span| ());
    });

    let said = |key: &'static str, value: Value| {
        assert!(
            span.attributes.contains(&KeyValue::new(key, value)),
            "{key}"
        );
    };
    said("number", i64::MIN.into());
    said("fraction", 0.5.into());
    said("truth", true.into());
    said("mood", "grumpy".into());
    said("input", "theirs".into());
    said("input.value", "ours".into());
    assert_eq!(span.attributes.len(), 6);
}

#[test]
fn an_event_is_not_added_up_with_its_call() {
    let spans = exported(
        |exporter| exporter,
        || {
            Context::with_span("answer", |_span| {
                event("tokens", attributes! { "gen_ai.usage.input_tokens" => 9 });
            });
        },
    );

    assert_eq!(spans[0].name, "tokens");
    assert_eq!(text(&spans[0], "gen_ai.usage.input_tokens"), None);
    let told = text(&spans[0], "event.gen_ai.usage.input_tokens");
    assert_eq!(told.as_deref(), Some("9"));
}

#[test]
fn status_and_level_are_the_sdks_where_it_has_them() {
    let spans = exported(
        |exporter| exporter,
        || {
            let _failed = Context::try_with_span("failed", |_span| "x".parse::<u8>());
            Context::with_span(SpanSpec::new("warned").level(Level::Warning), |_span| ());
        },
    );

    assert_eq!(
        spans[0].status,
        Status::error("invalid digit found in string")
    );
    assert_eq!(text(&spans[0], "langfuse.observation.status_message"), None);
    assert_eq!(spans[1].status, Status::Unset);
    let level = text(&spans[1], "langfuse.observation.level");
    assert_eq!(level.as_deref(), Some("WARNING"));
}

#[test]
fn ids_parents_and_dropped_attributes_are_kept() {
    let incoming = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let span = one(|| {
        Context::from_traceparent(incoming).unwrap().run(|| {
            Context::with_span("below", |span| {
                for number in 0..200 {
                    span.set_attribute(format!("k{number}"), number);
                }
            });
        });
    });

    let context = &span.span_context;
    assert_eq!(
        context.trace_id().to_string(),
        "0af7651916cd43dd8448eb211c80319c"
    );
    assert_eq!(span.parent_span_id.to_string(), "b7ad6b7169203331");
    assert!(span.parent_span_is_remote && context.is_sampled() && !context.is_remote());
    assert!(span.dropped_attributes_count > 0);
    assert!(span.start_time <= span.end_time);
}

/// A span of the SDK with all that one can have.
fn sdk_span(processor: impl opentelemetry_sdk::trace::SpanProcessor + 'static) {
    let provider = SdkTracerProvider::builder()
        .with_span_processor(processor)
        .with_resource(resource())
        .build();
    let scope = opentelemetry::InstrumentationScope::builder("theirs").with_version("7");
    let tracer = provider.tracer_with_scope(scope.build());
    let state = TraceState::from_key_value([("vendor", "x")]).unwrap();
    let parent = SpanContext::new(
        TraceId::from(7),
        SpanId::from(8),
        TraceFlags::SAMPLED,
        true,
        state,
    );
    let linked = SpanContext::new(
        TraceId::from(9),
        SpanId::from(10),
        TraceFlags::SAMPLED,
        false,
        TraceState::NONE,
    );
    let parent = OtelContext::new().with_remote_span_context(parent);
    let mut span = tracer
        .span_builder("POST /v1/chat")
        .with_kind(SpanKind::Server)
        .with_links(vec![Link::new(linked, vec![KeyValue::new("l", 1)], 0)])
        .with_attributes([KeyValue::new("gen_ai.input.messages", "secret")])
        .start_with_context(&tracer, &parent);
    for number in 0..130 {
        span.set_attribute(KeyValue::new(format!("k{number}"), number));
    }
    span.add_event(
        "gen_ai.user.message",
        vec![KeyValue::new("content", "secret")],
    );
    span.add_event("exception", vec![KeyValue::new("exception.type", "E")]);
    span.set_status(Status::error("secret"));
    span.end();
}

#[test]
fn a_span_of_the_sdk_goes_out_as_it_came() {
    let untouched = Memory::default();
    sdk_span(opentelemetry_sdk::trace::SimpleSpanProcessor::new(
        untouched.clone(),
    ));
    let memory = Memory::default();
    let executor = spawn(SdkExporter::new(memory.clone()));

    sdk_span(executor.span_processor());
    executor.flush(LONG).unwrap();

    let (expected, mut span) = (untouched.span(), memory.span());
    assert_eq!(expected.events.len(), 2);
    assert!(expected.dropped_attributes_count > 0 && expected.links.len() == 1);
    assert_eq!(expected.span_context.trace_state().header(), "vendor=x");
    // Each is a span of its own in the same trace.
    span.span_context = expected.span_context.clone();
    span.start_time = expected.start_time;
    span.end_time = expected.end_time;
    for (event, known) in span.events.events.iter_mut().zip(expected.events.iter()) {
        event.timestamp = known.timestamp;
    }
    assert_eq!(span, expected);
    let told = memory.resources.lock().unwrap();
    assert_eq!(told[0].as_ref(), Some(&resource()));
}

#[test]
fn no_content_leaves_that_is_switched_off() {
    let memory = Memory::default();
    let exporter = SdkExporter::new(memory.clone()).capture_content(false);
    let executor = spawn(exporter);

    sdk_span(executor.span_processor());
    record(&executor, || {
        let spec = SpanSpec::new("ours").input("secret");
        Context::with_span(spec.attribute("prompt", "secret"), |_span| ());
    });

    let spans = memory.spans();
    assert_eq!(spans.len(), 2);
    for mut span in spans {
        span.status = Status::Unset; // a mask is for that
        assert!(!format!("{span:?}").contains("secret"), "{span:?}");
    }
}

#[test]
fn a_mask_is_shown_what_leaves() {
    for names in [Names::Conventions, Names::Langfuse, Names::Both] {
        let memory = Memory::default();
        let exporter = SdkExporter::new(memory.clone())
            .names(names)
            .mask(|content| content.text().replace("secret", "***"));
        let executor = spawn(exporter);

        sdk_span(executor.span_processor());
        record(&executor, || {
            let failing = SpanSpec::new("ours")
                .input("secret")
                .attribute("k", "secret");
            let trace = TraceAttributes::new().metadata("k", "secret");
            let _failed = Context::with_trace(trace, || {
                Context::try_with_span(failing, |_span| Err::<(), _>("secret"))
            });
        });

        for span in memory.spans() {
            let shown = format!("{span:?}");
            assert!(
                !shown.contains("secret") && shown.contains("***"),
                "{shown}"
            );
        }
    }
}

#[test]
fn what_both_record_of_one_call_is_billed_once() {
    let receiver = Receiver::start().unwrap();
    let executor = spawn(otlp(&receiver, "/v1/traces").names(Names::Both));
    let provider = SdkTracerProvider::builder()
        .with_span_processor(executor.span_processor())
        .build();
    let tracer = provider.tracer("a library of models");

    record(&executor, || {
        let generation = Generation::new("openai", "m");
        let answered: Result<(), Vetoed> = Context::generation_blocking(generation, |call| {
            let _shown = Context::current().to_otel().attach();
            tracer.in_span("chat m", |otel| {
                otel.span()
                    .set_attribute(KeyValue::new("gen_ai.request.model", "m"));
                otel.span()
                    .set_attribute(KeyValue::new("gen_ai.usage.input_tokens", 23));
            });
            call.set_usage(Usage::new().input(23).output(2));
            Ok(())
        });
        answered.unwrap();
    });

    let arrived = receiver.observations();
    assert_eq!(arrived.len(), 2);
    let billed: u64 = arrived.iter().map(Observation::total_tokens).sum();
    assert_eq!(billed, 25);
}

#[test]
fn a_processor_that_knows_records_alone_is_given_spans_of_the_sdk_as_records() {
    struct Names(std::sync::mpsc::Sender<String>);
    impl o11y_langfuse::Processor for Names {
        fn on_spans_end(
            &mut self,
            spans: &[o11y_core::Record],
        ) -> Result<(), o11y_langfuse::ProcessError> {
            for span in spans {
                self.0.send(span.name().to_owned()).unwrap();
            }
            Ok(())
        }
    }
    let (sender, names) = std::sync::mpsc::channel();
    let executor = spawn(Names(sender));

    sdk_span(executor.span_processor());
    executor.flush(LONG).unwrap();

    assert_eq!(names.try_iter().collect::<Vec<_>>(), ["POST /v1/chat"]);
}
