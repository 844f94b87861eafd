//! A trace goes on in another process, and OpenTelemetry's own propagators read what we write.

use std::collections::HashMap;

use o11y_core::{
    Context, ParseTraceParentError, Propagation, Remote, SpanId, TraceAttributes, TraceId,
    TraceParent,
};
use opentelemetry::{
    Context as OtelContext,
    baggage::{BaggageExt as _, KeyValueMetadata},
    propagation::TextMapPropagator as _,
    trace::{SpanContext, TraceContextExt as _, TraceFlags, TraceState},
};
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};
use proptest::prelude::*;

#[path = "support/memory.rs"]
mod memory;
use memory::memory;

const IDS: &str = "12345678901234567890123456789012-1234567890123456";

fn headers<const N: usize>(lines: [(&str, &str); N]) -> HashMap<String, String> {
    lines
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

/// The headers of a call in the middle of a trace.
fn called() -> HashMap<String, String> {
    headers([("traceparent", &format!("00-{IDS}-01"))])
}

fn with_baggage(baggage: &str) -> Remote {
    Propagation::new()
        .baggage(true)
        .extract(&headers([("baggage", baggage)]))
}

fn injected(propagation: Propagation, context: &Context) -> HashMap<String, String> {
    let mut headers = HashMap::new();
    propagation.inject(context, &mut headers);
    headers
}

#[test]
fn a_callee_continues_the_trace_below_the_caller() {
    memory();
    let mut headers = HashMap::new();
    let trace = Context::with_span("ask", |span| {
        Context::current().inject(&mut headers);
        span.context().trace_id().unwrap()
    });

    Context::extract(&headers).run(|| {
        Context::with_span("answer", |_span| Context::with_span("look up", |_span| ()));
    });

    assert_eq!(
        memory().outline(trace),
        "span ask\n  span answer\n    span look up\n"
    );
}

#[test]
fn only_the_first_span_below_a_caller_has_a_remote_parent() {
    memory();
    let caller = Context::extract(&called());
    let trace = caller.trace_id().unwrap();

    caller.run(|| {
        Context::with_span("first here", |_span| {
            Context::with_span("inner", |_span| ());
        });
        drop(Context::start_span("held by hand"));
        Context::with_trace(TraceAttributes::new().user("gus"), || {
            Context::with_span("with a user", |_span| ());
        });
    });

    let is_remote = |name| memory().look(trace, name, o11y_core::Record::parent_is_remote);
    assert!(
        ["first here", "held by hand", "with a user"]
            .into_iter()
            .all(is_remote)
    );
    assert!(!is_remote("inner"));
}

fn with_claim(of: &str) -> Remote {
    let mut received = called();
    received.insert("baggage".to_owned(), format!("a=1,langfuse_trace_id={of}"));
    Propagation::new().baggage(true).extract(&received)
}

#[test]
fn a_recorded_span_claims_its_trace_for_callees() {
    memory();
    let within = Propagation::new().baggage(true);

    Context::with_span("ask", |span| {
        let trace = span.context().trace_id().unwrap();
        let claim = format!("langfuse_trace_id={trace}");

        assert_eq!(injected(within, &Context::current())["baggage"], claim);
        let without = injected(Propagation::new(), &Context::current());
        assert!(!without.contains_key("baggage"));
    });
    assert!(injected(within, &Context::current()).is_empty());
    let at_caller = within.extract(&called());
    assert!(!injected(within, at_caller.context()).contains_key("baggage"));
}

#[test]
fn below_a_claim_for_its_trace_no_span_is_an_application_root() {
    memory();
    let (ours, _) = IDS.split_once('-').unwrap();
    let other = TraceId::random().to_string();
    for (claim, name, is_root) in [
        (ours, "claimed", false),
        (&other, "claimed elsewhere", true),
    ] {
        let caller = with_claim(claim);
        let trace = caller.context().trace_id().unwrap();

        caller.context().run(|| {
            Context::with_trace(TraceAttributes::new().user("gus"), || {
                Context::with_span(name, |_span| {
                    let mut onward = HashMap::new();
                    caller.inject(&Context::current(), &mut onward);
                    let expected = format!("langfuse_trace_id={ours},langfuse_user_id=gus,a=1");
                    assert_eq!(onward["baggage"], expected);
                });
            });
        });

        memory().look(trace, name, |record| {
            assert!(record.parent_is_remote());
            assert_eq!(record.is_app_root(), is_root, "{name}");
        });
    }
}

#[test]
fn a_claim_goes_through_a_service_that_does_not_record() {
    let (ours, _) = IDS.split_once('-').unwrap();
    let received = headers([
        ("traceparent", &format!("00-{IDS}-00")),
        ("tracestate", "congo=1"),
        ("baggage", &format!("langfuse_trace_id={ours}")),
    ]);
    let caller = Propagation::new().baggage(true).extract(&received);

    let mut onward = HashMap::new();
    caller.inject(caller.context(), &mut onward);

    assert_eq!(onward, received);
}

#[test]
fn a_caller_that_does_not_record_is_obeyed() {
    memory();
    let caller = Context::from_traceparent(&format!("00-{IDS}-00")).unwrap();

    let onward =
        caller.run(|| Context::with_span("answer", |_span| Context::current().traceparent()));

    assert!(!onward.unwrap().is_sampled());
    assert_eq!(onward.unwrap().trace_id(), caller.trace_id().unwrap());
}

#[test]
fn a_caller_that_does_not_record_can_be_overruled() {
    memory();
    let ids = TraceParent::new(TraceId::random(), SpanId::random(), false);
    let parent: TraceParent = ids.to_string().parse().unwrap();

    let caller: Context = TraceParent::new(parent.trace_id(), parent.span_id(), true).into();
    caller.run(|| Context::with_span("answer", |_span| ()));

    memory().look(parent.trace_id(), "answer", |record| {
        assert_eq!(record.parent_id(), Some(parent.span_id()));
    });
}

#[test]
fn baggage_without_a_trace_is_inherited_by_a_new_one() {
    memory();
    let caller = with_baggage("langfuse_session_id=s-1");

    let trace = caller
        .context()
        .run(|| Context::with_span("answer", |span| span.context().trace_id().unwrap()));

    memory().look(trace, "answer", |record| {
        assert_eq!(record.parent_id(), None);
        assert_eq!(
            record.trace_attributes().unwrap().get_session(),
            Some("s-1")
        );
    });
}

#[test]
fn nothing_can_be_added_to_the_callers_span() {
    memory();
    Context::extract(&called()).run(|| {
        assert!(!Context::annotate("key", 1));
        Context::with_span("answer", |_span| assert!(Context::annotate("key", 1)));
    });
}

#[test]
fn nothing_to_say_writes_no_header() {
    let all = Propagation::new().baggage(true);

    assert_eq!(injected(all, &Context::default()), HashMap::new());
    assert_eq!(
        injected(all, &with_baggage("").into_context()),
        HashMap::new()
    );
}

#[test]
fn a_strangers_header_never_fails_and_can_be_asked_about() {
    for bad in [
        "",
        "nonsense",
        &format!("00-{IDS}-01,00-{IDS}-01"),
        &"é".repeat(40),
    ] {
        let headers = headers([("traceparent", bad), ("tracestate", "foo=1")]);

        let remote = Propagation::new().extract(&headers);

        assert_eq!(remote.context().trace_id(), None, "{bad}");
        assert_eq!(
            remote.tracestate(),
            None,
            "without a trace there is no state"
        );
        assert!(Context::try_extract(&headers).is_err(), "{bad}");
    }
    let absent = Context::try_extract(&HashMap::<String, String>::new());
    assert_eq!(absent.unwrap().trace_id(), None);
}

#[test]
fn blanks_around_a_header_belong_to_http() {
    let headers = headers([("TraceParent", &format!(" \t00-{IDS}-01\t "))]);

    assert!(Context::extract(&headers).trace_id().is_some());
    assert!(Context::from_traceparent(&headers["TraceParent"]).is_err());
}

#[test]
fn duplicate_lines_of_traceparent_start_a_new_trace() {
    let line = |ids: &str| ("traceparent".to_owned(), format!("00-{ids}-01"));
    let lines = vec![line(IDS), line(&IDS.replace("89", "98"))];

    assert_eq!(
        Context::try_extract(&lines).unwrap_err(),
        ParseTraceParentError::Length { found: 111 }
    );
}

/// The cases of the test suite of W3C's working group, by what it names them after.
#[test]
fn the_edge_cases_of_w3c_are_decided_as_w3c_decides_them() {
    let (trace, span) = IDS.split_once('-').unwrap();
    for (text, valid) in [
        (format!("00-{IDS}-01"), true),
        (format!("00-{IDS}-00"), true),
        (format!("00-{IDS}-01."), false),
        (format!("00-{IDS}-01-what-the-future-will-be-like"), false),
        (format!("cc-{IDS}-01"), true),
        (format!("cc-{IDS}-01-what-the-future-will-be-like"), true),
        (format!("cc-{IDS}-01.what-the-future-will-be-like"), false),
        (format!("ff-{IDS}-01"), false),
        (format!(".0-{IDS}-01"), false),
        (format!("0.-{IDS}-01"), false),
        (format!("000-{IDS}-01"), false),
        (format!("0000-{IDS}-01"), false),
        (format!("0-{IDS}-01"), false),
        (format!("00-{}-{span}-01", "0".repeat(32)), false),
        (format!("00-.{}-{span}-01", &trace[1..]), false),
        (format!("00-{}.-{span}-01", &trace[1..]), false),
        (format!("00-{trace}3-{span}-01"), false),
        (format!("00-{}-{span}-01", &trace[1..]), false),
        (format!("00-{trace}-0000000000000000-01"), false),
        (format!("00-{trace}-.{}-01", &span[1..]), false),
        (format!("00-{trace}-{}.-01", &span[1..]), false),
        (format!("00-{trace}-{span}7-01"), false),
        (format!("00-{trace}-{}-01", &span[1..]), false),
        (format!("00-{IDS}-.0"), false),
        (format!("00-{IDS}-0."), false),
        (format!("00-{IDS}-001"), false),
        (format!("00-{IDS}-1"), false),
        (format!("00-{IDS}"), false),
        (format!("00-{IDS}-"), false),
    ] {
        assert_eq!(text.parse::<TraceParent>().is_ok(), valid, "{text}");
        let headers = headers([("traceparent", &text)]);
        assert_eq!(
            Context::extract(&headers).span_id().is_some(),
            valid,
            "{text}"
        );
    }
}

#[test]
fn what_opentelemetry_takes_and_w3c_does_not_is_refused() {
    let (trace, span) = IDS.split_once('-').unwrap();
    for text in [
        "00-42-1-01".to_owned(),
        format!("00-+{}-{span}-01", &trace[1..]),
        format!("00-{trace}-+{}-01", &span[1..]),
        format!("+0-{IDS}-01"),
        format!("00-{IDS}-+1"),
        format!("00-{IDS}-01-"),
        format!("0-{IDS}-1"),
    ] {
        let headers = headers([("traceparent", &text)]);

        let theirs = TraceContextPropagator::new().extract(&headers);

        assert!(theirs.span().span_context().is_valid(), "{text}");
        assert!(Context::try_extract(&headers).is_err(), "{text}");
    }
}

#[test]
fn a_state_goes_through_unchanged_and_only_with_its_trace() {
    let mut received = called();
    received.insert(
        "tracestate".to_owned(),
        "congo=t61rcWkgMzE , rojo=1".to_owned(),
    );
    let caller = Propagation::new().extract(&received);

    let mut onward = HashMap::new();
    caller.inject(caller.context(), &mut onward);
    assert_eq!(onward, received);

    let elsewhere = TraceParent::new(TraceId::random(), SpanId::random(), true);
    let mut other = HashMap::new();
    caller.inject(&elsewhere.into(), &mut other);
    assert_eq!(other, headers([("traceparent", &elsewhere.to_string())]));

    received.insert("tracestate".to_owned(), "congo=t61rcWkgMzE,R=1".to_owned());
    let caller = Propagation::new().extract(&received);
    assert_eq!(caller.tracestate(), None, "one bad entry spoils all");
    assert!(caller.context().trace_id().is_some());
}

#[test]
fn baggage_stays_at_home_unless_it_is_switched_on() {
    let incoming = headers([("baggage", "langfuse_user_id=gus,tenant=t")]);
    let off = Propagation::new().extract(&incoming);
    assert!(off.context().trace_attributes().is_none());
    assert_eq!(off.baggage(), None);

    Context::with_trace(TraceAttributes::new().user("gus"), || {
        assert_eq!(
            injected(Propagation::new(), &Context::current()),
            HashMap::new()
        );
    });
    assert!(!format!("{:?}", with_baggage("langfuse_user_id=gus,k=gus")).contains("gus"));
}

#[test]
fn members_of_others_are_passed_on_as_they_came() {
    let caller = with_baggage(
        "tenant = a%20b;ttl=1 ,langfuse_user_id=gus,bad,langfuse_trace_id=0af7,\
         langfuse_prompt_name=p,x=+",
    );
    let mut onward = HashMap::new();

    caller.context().run(|| {
        Context::with_trace(TraceAttributes::new().session("s"), || {
            caller.inject(&Context::current(), &mut onward);
        });
    });

    assert_eq!(
        onward,
        headers([(
            "baggage",
            "langfuse_user_id=gus,langfuse_session_id=s,tenant = a%20b;ttl=1,\
             langfuse_trace_id=0af7,langfuse_prompt_name=p,x=+"
        )])
    );
}

#[test]
fn spans_of_the_callee_inherit_the_callers_attributes() {
    memory();
    let mut headers = called();
    headers.insert("baggage".to_owned(), "langfuse_user_id=gus".to_owned());
    let trace = TraceId::random();
    let parent = TraceParent::new(trace, SpanId::random(), true);
    headers.insert("traceparent".to_owned(), parent.to_string());

    let caller = Propagation::new().baggage(true).extract(&headers);
    caller
        .context()
        .run(|| Context::with_span("answer", |_span| ()));

    memory().look(trace, "answer", |record| {
        assert_eq!(record.parent_id(), Some(parent.span_id()));
        assert_eq!(record.trace_attributes().unwrap().get_user(), Some("gus"));
    });
}

#[test]
fn opentelemetry_reads_our_baggage_and_we_read_theirs() {
    let attributes = TraceAttributes::new()
        .user("gus grumpy; \"é\"=,")
        .tag("a")
        .tag("b")
        .metadata("shop", "7");
    let ours = Context::with_trace(attributes.clone(), || {
        injected(Propagation::new().baggage(true), &Context::current())
    });

    let theirs = BaggagePropagator::new().extract(&ours);

    let baggage = theirs.baggage();
    let get = |key: &str| baggage.get(key).map(ToString::to_string);
    assert_eq!(get("langfuse_user_id").as_deref(), attributes.get_user());
    assert_eq!(get("langfuse_tags").as_deref(), Some("a,b"));
    assert_eq!(get("langfuse_metadata_shop").as_deref(), Some("7"));

    let mut back = HashMap::new();
    BaggagePropagator::new().inject_context(&theirs, &mut back);
    let remote = Propagation::new().baggage(true).extract(&back);
    assert_eq!(remote.context().trace_attributes(), Some(&attributes));
}

#[test]
fn a_member_of_opentelemetry_comes_through_us_as_it_was() {
    let member = KeyValueMetadata::new("tenant", "a b", "ttl=1");
    let theirs = OtelContext::new().with_baggage([member]);
    let mut received = HashMap::new();
    BaggagePropagator::new().inject_context(&theirs, &mut received);

    let caller = Propagation::new().baggage(true).extract(&received);
    let mut onward = HashMap::new();
    caller.inject(caller.context(), &mut onward);

    assert_eq!(onward, received);
    let again = BaggagePropagator::new().extract(&onward);
    assert_eq!(
        again
            .baggage()
            .get("tenant")
            .map(ToString::to_string)
            .as_deref(),
        Some("a b")
    );
}

#[cfg(feature = "http")]
#[test]
fn headers_of_http_are_a_carrier() {
    use http::{HeaderMap, HeaderValue};

    let mut received = HeaderMap::new();
    let parent = HeaderValue::try_from(format!("00-{IDS}-01")).unwrap();
    received.insert("traceparent", parent.clone());
    received.append("tracestate", HeaderValue::from_static("foo=1"));
    received.append("tracestate", HeaderValue::from_static("bar=2"));
    received.append("baggage", HeaderValue::from_static("langfuse_user_id=gus"));
    received.append("baggage", HeaderValue::from_static("tenant=t"));

    let caller = Propagation::new().baggage(true).extract(&received);
    let mut onward = HeaderMap::new();
    caller.inject(caller.context(), &mut onward);

    assert_eq!(onward["traceparent"], parent);
    assert_eq!(onward["tracestate"], "foo=1,bar=2");
    assert_eq!(onward["baggage"], "langfuse_user_id=gus,tenant=t");

    received.append("traceparent", parent);
    assert_eq!(Context::extract(&received).trace_id(), None);
}

fn ids() -> impl Strategy<Value = TraceParent> {
    (any::<[u8; 16]>(), any::<[u8; 8]>(), any::<bool>()).prop_filter_map(
        "ids are not zero",
        |(trace, span, sampled)| {
            let (trace, span) = (TraceId::from_bytes(trace)?, SpanId::from_bytes(span)?);
            Some(TraceParent::new(trace, span, sampled))
        },
    )
}

prop_compose! {
    /// Attributes that can travel: no text is empty, no tag has a comma or blanks around it, and no
    /// metadata is JSON for a text, which would arrive as that text.
    fn attributes()(
        [user, session, name] in prop::array::uniform3(prop::option::of(".{1,200}")),
        environment in prop::option::of("[a-k0-9_-]{1,40}"),
        tags in prop::collection::vec("[^,\\s\\[\\]]{1,20}", 0..4),
        metadata in prop::collection::vec((".{1,20}", ".{1,50}".prop_filter(
            "JSON for a text", |value| serde_json::from_str::<String>(value).is_err(),
        )), 0..4),
    ) -> TraceAttributes {
        let mut attributes = TraceAttributes::new();
        if let Some(user) = user {
            attributes = attributes.user(user);
        }
        if let Some(session) = session {
            attributes = attributes.session(session);
        }
        if let Some(name) = name {
            attributes = attributes.name(name);
        }
        if let Some(environment) = environment {
            attributes = attributes.environment(environment);
        }
        attributes = tags.into_iter().fold(attributes, TraceAttributes::tag);
        metadata
            .into_iter()
            .fold(attributes, |attributes, (key, value)| attributes.metadata(key, value))
    }
}

proptest! {
    #[test]
    fn a_point_survives_text_and_back(parent in ids()) {
        let text = parent.to_string();

        prop_assert_eq!(text.len(), 55);
        prop_assert_eq!(text.parse(), Ok(parent));
        prop_assert_eq!(Context::from_traceparent(&text).unwrap().traceparent(), Some(parent));
    }

    #[test]
    fn opentelemetry_reads_our_point_and_we_read_theirs(parent in ids()) {
        let propagator = TraceContextPropagator::new();

        let theirs = propagator.extract(&injected(Propagation::new(), &parent.into()));
        let span = theirs.span().span_context().clone();
        prop_assert_eq!(span.trace_id().to_bytes(), parent.trace_id().to_bytes());
        prop_assert_eq!(span.span_id().to_bytes(), parent.span_id().to_bytes());
        prop_assert_eq!(span.is_sampled(), parent.is_sampled());

        let state = TraceState::from_key_value([("foo", "1"), ("bar", "2")]).unwrap();
        let flags = TraceFlags::default().with_sampled(parent.is_sampled());
        let (trace, span) = (span.trace_id(), span.span_id());
        let theirs = OtelContext::new()
            .with_remote_span_context(SpanContext::new(trace, span, flags, false, state));
        let mut headers = HashMap::new();
        propagator.inject_context(&theirs, &mut headers);
        let remote = Propagation::new().extract(&headers);
        prop_assert_eq!(remote.context().traceparent(), Some(parent));
        prop_assert_eq!(remote.tracestate(), Some("foo=1,bar=2"));
    }

    #[test]
    fn what_we_take_opentelemetry_takes_as_the_same(text in "(00|cc)-[0-9a-f]{32}-[0-9a-f]{15,16}-[0-9a-f]{2}(-x|[.])?") {
        let headers = headers([("traceparent", &text)]);
        if let Ok(parent) = text.parse::<TraceParent>() {
            let theirs = TraceContextPropagator::new().extract(&headers);
            let span = theirs.span().span_context().clone();
            prop_assert_eq!(span.span_id().to_bytes(), parent.span_id().to_bytes());
            prop_assert_eq!(span.is_sampled(), parent.is_sampled());
        }
    }

    #[test]
    fn no_header_of_a_stranger_makes_us_panic_or_write_a_bad_one(
        parent in ".*", state in ".*", baggage in "([a-z%+ ]{0,4}[=;,é\\x00]?){0,40}",
    ) {
        let received = headers([
            ("traceparent", &parent), ("tracestate", &state), ("baggage", &baggage),
        ]);

        let caller = Propagation::new().baggage(true).extract(&received);
        let mut onward = HashMap::new();
        caller.inject(caller.context(), &mut onward);

        for value in onward.values() {
            prop_assert!(!value.is_empty() && value.len() <= 8192);
            prop_assert!(value.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~')));
        }
    }

    #[test]
    fn attributes_survive_the_baggage(attributes in attributes()) {
        let written = Context::with_trace(attributes.clone(), || {
            injected(Propagation::new().baggage(true), &Context::current())
        });

        let caller = Propagation::new().baggage(true).extract(&written);

        let read = caller.context().trace_attributes().cloned().unwrap_or_default();
        prop_assert_eq!(read, attributes);
    }
}

#[test]
fn the_tracestate_of_a_caller_goes_on_to_callees_of_the_same_trace_only() {
    let received = headers([
        (
            "traceparent",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ),
        ("tracestate", "congo=t61rcWkgMzE"),
    ]);
    let sent_from = |here: &Context| {
        let mut sent = HashMap::new();
        here.inject(&mut sent);
        sent.get("tracestate").cloned()
    };
    memory();

    let _caller = Context::extract(&received).attach();
    let below = Context::with_span("answer", |span| {
        let deep = |span: &mut o11y_core::Span| sent_from(&span.context());
        (
            sent_from(&span.context()),
            Context::with_span("look up", deep),
        )
    });
    let elsewhere = Context::in_trace(TraceId::random())
        .run(|| Context::with_span("clean up", |span| sent_from(&span.context())));

    let state = || Some("congo=t61rcWkgMzE".to_owned());
    assert_eq!(below, (state(), state()));
    assert_eq!(elsewhere, None);
}
