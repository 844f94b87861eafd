//! What leaves the program: content that is masked or not captured, spans that are left out.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use o11y_core::{
    Context, Cost, Event, ObservationType, SpanSpec, TraceAttributes, Usage, attributes, event,
    events,
};
use o11y_langfuse::local::{Fault, Observation};

#[path = "support/logged.rs"]
mod logged;
#[path = "support/rig.rs"]
mod rig;
use rig::{LONG, Rig};

const SECRET: &str = "the secret recipe";

/// Spans with content wherever content can be.
fn work() {
    let visit = TraceAttributes::new()
        .name("visit")
        .user("gus")
        .tag("coffee")
        .metadata("note", SECRET);
    Context::with_trace(visit, || {
        Context::with_span(SpanSpec::new("handle").input(SECRET), |span| {
            span.set_attribute("note", SECRET);
            span.set_attribute("card", 4_111_111);
            let spec = SpanSpec::new("ask").observation(ObservationType::Generation);
            Context::with_span(spec, |span| {
                span.set_attribute("gen_ai.input.messages", SECRET);
                span.set_attribute("gen_ai.output.messages", SECRET);
                span.set_attribute("gen_ai.request.user", SECRET);
                span.set_attribute("gen_ai.prompt", SECRET);
                span.set_model("gpt-4o-mini");
                span.set_usage(Usage::new().input(23).output(5));
                span.set_cost(Cost::usd(0.5));
            });
            event("told", attributes! { "note" => SECRET });
            span.record_error(SECRET);
            span.set_output(SECRET);
        });
    });
}

fn sent(rig: &Rig) -> Vec<Observation> {
    rig.telemetry.flush(LONG).unwrap();
    rig.receiver.observations()
}

fn everything(observations: &[Observation]) -> String {
    format!("{observations:?}")
}

fn assert_names_are_left(observations: &[Observation]) {
    let names: Vec<_> = observations.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["ask", "told", "handle"]);
    let call = &observations[0];
    assert_eq!(call.model.as_deref(), Some("gpt-4o-mini"));
    assert_eq!(call.total_tokens(), 28);
    assert_eq!(call.total_cost(), Some(0.5));
    assert_eq!(call.trace_name.as_deref(), Some("visit"));
    assert_eq!(call.user_id.as_deref(), Some("gus"));
    assert_eq!(call.tags, ["coffee"]);
}

#[test]
fn without_a_mask_the_secret_is_sent() {
    let rig = Rig::new(|builder| builder);
    work();

    assert!(everything(&sent(&rig)).matches(SECRET).count() > 10);
}

#[test]
fn a_mask_sees_all_content_and_no_names() {
    let rig = Rig::new(|builder| {
        builder.mask(|content| {
            content
                .text()
                .replace(SECRET, "***")
                .replace("4111111", "#")
        })
    });
    work();

    let observations = sent(&rig);
    assert!(!everything(&observations).contains(SECRET));
    assert_names_are_left(&observations);
    let handle = &observations[2];
    assert_eq!(handle.input.as_deref(), Some("***"));
    assert_eq!(handle.output.as_deref(), Some("***"));
    assert_eq!(handle.status_message.as_deref(), Some("***"));
    assert_eq!(handle.metadata["note"], "***");
    assert_eq!(handle.metadata["card"], "#");
    assert_eq!(handle.trace_metadata["note"], "***");
    assert_eq!(observations[1].metadata["note"], "***");
    assert_eq!(observations[0].input.as_deref(), Some("***"));
    assert_eq!(rig.stats().masking_failures, 0);
}

#[test]
fn a_mask_is_told_the_keys_and_may_leave_content_alone() {
    let keys = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&keys);
    let rig = Rig::new(|builder| {
        builder.mask(move |content| {
            seen.lock().unwrap().push(content.key().to_owned());
            None::<String>
        })
    });
    work();

    assert!(everything(&sent(&rig)).contains(SECRET));
    let mut keys = std::mem::take(&mut *keys.lock().unwrap());
    keys.sort();
    keys.dedup();
    assert_eq!(
        keys,
        [
            "card",
            "error.type",
            "gen_ai.input.messages",
            "gen_ai.output.messages",
            "gen_ai.prompt",
            "gen_ai.request.user",
            "langfuse.observation.input",
            "langfuse.observation.output",
            "langfuse.observation.status_message",
            "langfuse.trace.metadata.note",
            "note",
        ]
    );
}

#[test]
fn a_mask_that_fails_or_panics_hides_the_content_and_is_counted() {
    for is_panic in [false, true] {
        let rig = Rig::new(|builder| {
            builder.mask(move |content| {
                assert!(!is_panic, "on purpose");
                content.text().parse::<u8>().map(|_| None::<String>)
            })
        });
        work();

        let observations = sent(&rig);
        assert!(!everything(&observations).contains(SECRET));
        assert_names_are_left(&observations);
        assert_eq!(observations[2].input.as_deref(), Some("<masking failed>"));
        assert_eq!(observations[2].metadata["note"], "<masking failed>");
        assert!(rig.stats().masking_failures > 10);
        assert_eq!(rig.stats().lost.total(), 0);
    }
}

#[test]
fn a_mask_runs_on_the_worker_and_once_for_each_piece() {
    let calls = Arc::new(AtomicUsize::new(0));
    let (count, here) = (Arc::clone(&calls), std::thread::current().id());
    let rig = Rig::new(|builder| {
        builder.mask(move |content| {
            assert_ne!(std::thread::current().id(), here);
            let turn = count.fetch_add(1, Ordering::Relaxed);
            format!("{turn}: {}", content.text().len())
        })
    });
    rig.receiver
        .script([Fault::Status(503), Fault::ResetAfterStoring]);
    // The second one is no moment, so it is metadata.
    let spec = SpanSpec::new("retried").input(SECRET);
    let spec = spec.attribute("langfuse.experiment.item.version", "soon");
    Context::with_span(spec, |_span| ());

    let observations = sent(&rig);
    assert_eq!(rig.receiver.requests().len(), 3);
    assert_eq!(calls.load(Ordering::Relaxed), 2);
    for one in observations {
        assert_eq!(one.input.as_deref(), Some("0: 17"));
    }
}

#[test]
fn metadata_that_a_mask_leaves_large_is_cut() {
    let rig = Rig::new(|builder| builder.mask(|content| content.text().to_owned()));
    let giant = "x".repeat(600_000);
    Context::with_span("giant", |span| {
        span.set_attribute("note", &giant);
        let object = format!("{{\"note\":\"{giant}\"}}");
        span.set_attribute("langfuse.observation.metadata", object);
    });

    let metadata = &sent(&rig)[0].metadata;

    for name in ["note", "metadata"] {
        let bytes = metadata[name].len();
        assert!(
            metadata[name].ends_with(" bytes left out]") && bytes < 513_000,
            "{name}: {bytes}"
        );
    }
}

/// Whatever goes wrong is told without the keys, the header that is made of them, and content.
#[test]
fn no_failure_tells_of_keys_or_content() {
    const KEY: &str = "sk-lf-never-to-be-told";
    // What `pk-lf-1:` and the key begin with in the header.
    const HEADER: &str = "cGstbGYtMTpzay1sZi1uZXZlci10by1iZS10b2xk";
    logged::listen();
    let told = Arc::new(Mutex::new(String::new()));
    let hearing = Arc::clone(&told);
    let _subscription = events().subscribe("observability.*", move |event: &Event| {
        let line = format!("{event:?} {:?}\n", event.attributes());
        hearing.lock().unwrap().push_str(&line);
    });

    for fault in [
        Fault::Healthy, // with keys that the server does not know: status 401
        Fault::Status(403),
        Fault::Status(400),
        Fault::Status(413),
        Fault::Status(500),
        Fault::Redirect(307),
        Fault::Garbage,
        Fault::ResetBeforeAnswer,
        Fault::Stall,
    ] {
        let short = Duration::from_millis(150);
        let rig = Rig::new(|builder| {
            let builder = builder.public_key("pk-lf-1").secret_key(KEY);
            builder.timeout(short / 3).shutdown_timeout(short)
        });
        rig.receiver.always(fault);
        work();

        let flushed = rig.telemetry.flush(short);
        let asked = rig.telemetry.auth_check();
        let ended = rig.telemetry.shutdown(short);

        assert!(ended.is_err() || flushed.is_err());
        let stats = rig.telemetry.stats();
        let shown = format!(
            "{:?} {stats} {stats:?} {flushed:?} {asked:?} {ended:?} {:?}",
            rig.telemetry, stats.last_failure
        );
        let errors = [flushed.err(), ended.err()];
        let texts: Vec<_> = errors.iter().flatten().map(ToString::to_string).collect();
        let line = format!("{shown} {texts:?}\n");
        told.lock().unwrap().push_str(&line);
    }

    let logged = logged::text();
    let told = told.lock().unwrap().clone();
    // So that there was something to look at.
    assert!(logged.contains("o11y_langfuse") && told.contains("observability.spans_lost"));
    for text in [logged, told] {
        for secret in [KEY, HEADER, SECRET, "4111111"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}

#[test]
fn content_that_is_not_captured_is_not_sent_and_all_else_is() {
    let rig = Rig::new(|builder| builder.capture_content(false));
    work();

    let observations = sent(&rig);
    assert_names_are_left(&observations);
    for one in &observations {
        assert_eq!((one.input.as_ref(), one.output.as_ref()), (None, None));
        assert!(!one.metadata.contains_key("gen_ai.prompt"));
        assert!(one.end_unix_nanos >= one.start_unix_nanos);
    }
    assert_eq!(observations[2].metadata["card"], "4111111");
    assert_eq!(observations[2].status_message.as_deref(), Some(SECRET));
}

#[test]
fn spans_that_are_filtered_take_no_room_and_are_no_loss() {
    let rig = Rig::new(|builder| {
        builder
            .queue_size(2)
            .filter(|record| record.name() != "health")
    });
    for _ in 0..100 {
        Context::with_span("health", |_span| ());
    }
    Context::with_span("order", |_span| ());
    rig.telemetry.flush(LONG).unwrap();

    let stats = rig.stats();
    assert_eq!((stats.accepted, stats.filtered), (1, 100));
    assert_eq!(stats.lost.total(), 0);
    assert_eq!(rig.receiver.observations()[0].name, "order");
}

#[test]
fn below_a_filtered_span_its_children_stand_at_the_top() {
    let rig = Rig::new(|builder| builder.filter(|record| record.name() != "outer"));
    Context::with_trace(TraceAttributes::new().name("visit"), || {
        Context::with_span("outer", |_span| {
            Context::with_span("inner", |_span| {
                Context::with_span("innermost", |_span| ());
            });
        });
    });
    rig.telemetry.flush(LONG).unwrap();

    let trace = rig.receiver.traces().remove(0);
    assert_eq!(trace.name.as_deref(), Some("visit"));
    assert_eq!(trace.outline(), "span inner\n  span innermost\n");
}

#[test]
fn a_filter_that_panics_leaves_the_span_out() {
    let rig = Rig::new(|builder| builder.filter(|record| record.name().parse::<u8>().unwrap() > 0));
    Context::with_span("no number", |_span| ());
    Context::with_span("1", |_span| ());
    rig.telemetry.flush(LONG).unwrap();

    assert_eq!((rig.stats().accepted, rig.stats().filtered), (1, 1));
}
