//! Scores over real sockets: what arrives, what is sent again, what is lost under which reason.
//! Every row and every test checks the figures to the last one.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    collections::BTreeSet,
    ops::Range,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use o11y_core::{
    Context, Event, FlushError, Score, TraceAttributes, TraceId, Value, attributes, event, events,
    score,
};
use o11y_langfuse::{
    Langfuse, LossReason, ScoreStats,
    local::{Fault, Receiver},
};

#[path = "support/rig.rs"]
mod rig;
use rig::{LONG, Rig, make};

const INGESTION: &str = "/api/public/ingestion";
const SCORES: &str = "/api/public/scores";

fn trace() -> TraceId {
    TraceId::from_seed("the trace that is judged")
}

/// Gives `score 0`, `score 1`, .. to one trace.
fn give(count: usize) {
    give_numbers(0..count);
}

fn give_numbers(numbers: Range<usize>) {
    for number in numbers {
        score(Score::numeric(format!("score {number}"), 0.5).trace(trace())).unwrap();
    }
}

fn names(receiver: &Receiver) -> Vec<String> {
    let scores = receiver.scores();
    let names = scores.iter().map(|score| &score["body"]["name"]);
    names
        .map(|name| name.as_str().unwrap().to_owned())
        .collect()
}

fn missing(path: &str, status: u16) -> Fault {
    Fault::Missing {
        path: path.to_owned(),
        status,
    }
}

fn reject(name: &str, status: u16) -> Fault {
    Fault::RejectScore {
        name: name.to_owned(),
        status,
    }
}

/// What came of ten scores.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    delivered: u64,
    lost: Vec<(LossReason, u64)>,
    requests: u64,
    retries: u64,
    /// Scores that the server has, repeated ones counted twice.
    stored: usize,
}

impl Outcome {
    fn of(rig: &Rig) -> Self {
        let stats = *rig.stats().scores();
        assert_eq!((stats.accepted, stats.waiting), (10, 0), "{stats}");
        Self {
            delivered: stats.delivered,
            lost: stats.lost.iter().collect(),
            requests: stats.requests,
            retries: stats.retries,
            stored: rig.receiver.scores().len(),
        }
    }

    fn all(requests: u64, retries: u64, stored: usize) -> Self {
        Self {
            delivered: 10,
            lost: Vec::new(),
            requests,
            retries,
            stored,
        }
    }

    fn lost(lost: (LossReason, u64), requests: u64) -> Self {
        let delivered = 10 - lost.1;
        Self {
            delivered,
            lost: vec![lost],
            requests,
            retries: 0,
            stored: usize::try_from(delivered).unwrap(),
        }
    }
}

fn after(status: u16, after: &str) -> Fault {
    Fault::RetryAfter {
        status,
        after: after.to_owned(),
    }
}

#[test]
fn after_one_fault_everything_has_its_outcome() {
    for (fault, outcome) in [
        (Fault::Healthy, Outcome::all(1, 0, 10)),
        (Fault::Status(408), Outcome::all(2, 1, 10)),
        (Fault::Status(429), Outcome::all(2, 1, 10)),
        (Fault::Status(500), Outcome::all(2, 1, 10)),
        (Fault::Status(502), Outcome::all(2, 1, 10)),
        (Fault::Status(503), Outcome::all(2, 1, 10)),
        (Fault::Status(504), Outcome::all(2, 1, 10)),
        (after(429, "0"), Outcome::all(2, 1, 10)),
        (Fault::ResetBeforeAnswer, Outcome::all(2, 1, 10)),
        (Fault::CloseBeforeAnswer, Outcome::all(2, 1, 10)),
        (Fault::Garbage, Outcome::all(2, 1, 10)),
        // The server has them, but nobody can know: the same event ids make it harmless.
        (Fault::ResetAfterStoring, Outcome::all(2, 1, 20)),
        // A 2xx is taken at its word, whatever comes with it.
        (Fault::TruncatedAnswer, Outcome::all(1, 0, 10)),
        (Fault::GarbageBody, Outcome::all(1, 0, 10)),
        // One score alone is sent again, or lost.
        (reject("score 3", 429), Outcome::all(2, 1, 10)),
        (reject("score 3", 500), Outcome::all(2, 1, 10)),
        (reject("score 3", 503), Outcome::all(2, 1, 10)),
        (
            reject("score 3", 400),
            Outcome::lost((LossReason::Rejected, 1), 1),
        ),
        (
            reject("score 3", 404),
            Outcome::lost((LossReason::Rejected, 1), 1),
        ),
        (
            reject("score 3", 401),
            Outcome::lost((LossReason::Unauthorized, 1), 1),
        ),
        (
            reject("score 3", 413),
            Outcome::lost((LossReason::TooLarge, 1), 1),
        ),
        // Halves get through where the whole does not.
        (Fault::Status(413), Outcome::all(3, 0, 10)),
        (Fault::Status(400), Outcome::all(3, 0, 10)),
        (
            Fault::Status(401),
            Outcome::lost((LossReason::Unauthorized, 10), 1),
        ),
        (
            Fault::Status(403),
            Outcome::lost((LossReason::Unauthorized, 10), 1),
        ),
        (
            Fault::Redirect(307),
            Outcome::lost((LossReason::Rejected, 10), 1),
        ),
        // One by one from here on.
        (Fault::Status(404), Outcome::all(11, 0, 10)),
        (Fault::Status(410), Outcome::all(11, 0, 10)),
    ] {
        let rig = Rig::new(|builder| builder);
        let name = format!("{fault:?}");
        rig.receiver.script([fault]);

        give(10);
        let flushed = rig.telemetry.flush(LONG);

        assert_eq!(Outcome::of(&rig), outcome, "{name}");
        let lost: u64 = outcome.lost.iter().map(|(_, count)| count).sum();
        match flushed {
            Ok(()) => assert_eq!(lost, 0, "{name}"),
            Err(FlushError::Lost { lost: told, .. }) => assert_eq!(told, lost, "{name}"),
            Err(error) => panic!("{name}: {error}"),
        }
    }
}

#[test]
fn what_the_server_will_never_take_is_lost_under_its_reason() {
    for (fault, outcome) in [
        // Ten scores are ten single requests at last, and nine halvings before them.
        (
            Fault::Status(400),
            Outcome::lost((LossReason::Rejected, 10), 19),
        ),
        (
            Fault::TooLarge { limit: 10 },
            Outcome::lost((LossReason::TooLarge, 10), 19),
        ),
        // Neither endpoint is there: no Langfuse.
        (
            Fault::Status(404),
            Outcome::lost((LossReason::Rejected, 10), 2),
        ),
        (missing(INGESTION, 404), Outcome::all(11, 0, 10)),
        (
            reject("score 7", 422),
            Outcome::lost((LossReason::Rejected, 1), 1),
        ),
    ] {
        let rig = Rig::new(|builder| builder);
        let name = format!("{fault:?}");
        rig.receiver.always(fault);

        give(10);
        let _flushed = rig.telemetry.flush(LONG); // the outcome tells more

        assert_eq!(Outcome::of(&rig), outcome, "{name}");
    }
}

#[test]
fn a_retry_sends_the_same_bytes_and_a_lone_score_the_same_event() {
    let rig = Rig::new(|builder| builder);
    rig.receiver
        .script([Fault::Status(503), reject("score 3", 500)]);

    give(10);
    rig.telemetry.flush(LONG).unwrap();

    let requests = rig.receiver.requests();
    assert_eq!(requests.len(), 3);
    assert_eq!(requests[0].body_digest, requests[1].body_digest);
    assert_eq!(
        requests[2].score_event_ids,
        requests[1].score_event_ids[3..4]
    );
    let ids: BTreeSet<_> = requests[0].score_event_ids.iter().collect();
    assert_eq!(ids.len(), 10, "each event has an id of its own");
}

#[test]
fn a_server_without_batches_gets_them_one_by_one_from_then_on() {
    for status in [404, 410] {
        let rig = Rig::new(|builder| builder);
        rig.receiver.always(missing(INGESTION, status));

        give(3);
        rig.telemetry.flush(LONG).unwrap();
        give(2);
        rig.telemetry.flush(LONG).unwrap();

        let requests = rig.receiver.requests();
        let paths: Vec<_> = requests.iter().map(|request| &request.path).collect();
        assert_eq!(paths, [INGESTION, SCORES, SCORES, SCORES, SCORES, SCORES]);
        assert_eq!(rig.stats().scores().delivered, 5);
        let order = ["score 0", "score 1", "score 2", "score 0", "score 1"];
        assert_eq!(names(&rig.receiver), order);
    }
}

#[test]
fn one_by_one_a_bad_score_costs_only_itself() {
    let rig = Rig::new(|builder| builder);
    rig.receiver.script([missing(INGESTION, 404)]);
    rig.receiver.always(reject("score 3", 400));

    give(10);
    let flushed = rig.telemetry.flush(LONG);

    assert!(matches!(flushed, Err(FlushError::Lost { lost: 1, .. })));
    let expected = Outcome::lost((LossReason::Rejected, 1), 11);
    assert_eq!(Outcome::of(&rig), expected);
}

#[test]
fn a_proxy_that_knew_neither_endpoint_is_not_remembered() {
    let rig = Rig::new(|builder| builder);
    rig.receiver
        .script([Fault::Status(404), Fault::Status(404)]);

    give(5);
    let flushed = rig.telemetry.flush(LONG);
    give(5);
    rig.telemetry.flush(LONG).unwrap();

    assert!(matches!(flushed, Err(FlushError::Lost { lost: 5, .. })));
    assert_eq!(rig.receiver.requests()[2].path, INGESTION);
    assert_eq!(rig.stats().scores().delivered, 5);
}

#[test]
fn one_flush_delivers_spans_first_and_scores_on_the_same_connection() {
    let rig = Rig::new(|builder| builder);

    make(10);
    give(10);
    rig.telemetry.flush(LONG).unwrap();

    let requests = rig.receiver.requests();
    assert_eq!(requests.len(), 2);
    assert!(requests[0].path.ends_with("/traces"));
    assert_eq!(requests[1].path, INGESTION);
    assert_eq!(rig.receiver.connections(), 1);
    for header in [
        "authorization",
        "x-langfuse-sdk-name",
        "x-langfuse-public-key",
    ] {
        assert_eq!(requests[0].header(header), requests[1].header(header));
    }
    assert_eq!(requests[1].header("content-type"), Some("application/json"));
    let stats = rig.stats();
    assert_eq!((stats.delivered, stats.scores().delivered), (10, 10));
    assert!(stats.to_string().ends_with(
        "; scores: accepted 10 = delivered 10 + lost 0 + waiting 0; 1 request, 0 retries"
    ));
}

#[test]
fn a_flush_tells_the_losses_of_both() {
    let rig = Rig::new(|builder| builder);
    rig.receiver.always(Fault::Status(401));

    make(3);
    give(4);
    let flushed = rig.telemetry.flush(LONG);

    let Err(FlushError::Lost { lost: 7, reasons }) = flushed else {
        panic!("{flushed:?}");
    };
    assert_eq!(reasons, "7 unauthorized");
}

#[test]
fn a_score_of_the_open_span_finds_its_observation() {
    let rig = Rig::new(|builder| builder.environment("staging"));

    Context::with_trace(TraceAttributes::new().session("s"), || {
        Context::with_span("judged", |span| {
            score(Score::boolean("polite", true).of_span(span)).unwrap();
            score(Score::categorical("tone", "warm")).unwrap();
            score(Score::correction("hello, please")).unwrap();
        });
    });
    rig.telemetry.flush(LONG).unwrap();

    let observation = &rig.receiver.observations()[0];
    let scores = rig.receiver.scores();
    assert_eq!(scores.len(), 3);
    for score in &scores {
        assert_eq!(score["body"]["traceId"], observation.trace_id.as_str());
        assert_eq!(score["body"]["environment"], "staging");
    }
    assert_eq!(scores[0]["body"]["observationId"], observation.id.as_str());
    assert_eq!(scores[0]["body"]["value"], 1);
    assert_eq!(scores[1]["body"].get("observationId"), None);
    assert_eq!(scores[2]["body"]["name"], "output");
}

#[test]
fn another_thread_scores_a_trace_by_what_its_id_was_made_from() {
    let rig = Rig::new(|builder| builder);

    Context::in_trace(TraceId::from_seed("order-17")).run(|| make(1));
    thread::scope(|scope| {
        scope.spawn(|| {
            let accuracy = Score::numeric("accuracy", 1.0).trace(TraceId::from_seed("order-17"));
            score(accuracy).unwrap();
        });
    });
    rig.telemetry.flush(LONG).unwrap();

    let score = &rig.receiver.scores()[0];
    let observation = &rig.receiver.observations()[0];
    assert_eq!(score["body"]["traceId"], observation.trace_id.as_str());
}

#[test]
fn a_score_by_hand_with_the_mirrored_names_arrives() {
    let rig = Rig::new(|builder| builder);

    event(
        "score.create",
        attributes! {
            "score_id" => "by-hand",
            "score_name" => "accuracy",
            "score_value" => 0.75,
            "score_data_type" => "NUMERIC",
            "trace_id" => trace().to_string(),
            "timestamp" => "2026-01-31T23:59:59Z",
        },
    );
    event("score.create", attributes! { "score_name" => "no value" });
    let flushed = rig.telemetry.flush(LONG);

    flushed.unwrap();
    let stats = *rig.stats().scores();
    assert_eq!((stats.accepted, stats.delivered), (2, 1), "{stats}");
    assert_eq!(stats.lost.get(LossReason::Unencodable), 1);
    let score = &rig.receiver.scores()[0];
    assert_eq!(score["timestamp"], "2026-01-31T23:59:59.000Z");
    assert_eq!(score["body"]["id"], "by-hand");
}

#[test]
fn a_score_stays_with_its_trace_when_only_a_share_is_recorded() {
    let rig = Rig::new(|builder| builder.sample_rate(0.25));
    let elsewhere: Vec<_> = (0..400).map(|_| TraceId::random()).collect();
    let recorded = elsewhere
        .iter()
        .filter(|trace| trace.is_sampled_at(0.25))
        .count();

    for trace in &elsewhere {
        score(Score::numeric("elsewhere", 1.0).trace(*trace)).unwrap();
    }
    for _ in 0..400 {
        Context::with_span("judged", |_span| score(Score::numeric("here", 1.0))).unwrap();
    }
    score(Score::numeric("of a session", 1.0).session("s")).unwrap();
    rig.telemetry.flush(LONG).unwrap();

    let stats = rig.stats();
    let here = rig.receiver.observation_count();
    let ScoreStats {
        delivered,
        not_sampled,
        accepted,
        ..
    } = *stats.scores();
    assert_eq!(delivered, (recorded + here + 1) as u64, "{stats}");
    assert_eq!(accepted, delivered);
    assert_eq!(not_sampled, 801 - delivered);
}

#[test]
fn a_full_batch_and_an_old_score_leave_by_themselves() {
    let rig = Rig::new(|builder| builder.batch_size(5));
    give(5);
    assert!(rig.receiver.wait_for_scores(5, LONG));
    drop(rig);

    let rig = Rig::new(|builder| builder.export_interval(Duration::from_millis(50)));
    give(1);
    assert!(rig.receiver.wait_for_scores(1, LONG));
}

#[test]
fn a_hundred_thousand_scores_keep_the_bound_the_newest_and_the_count() {
    let rig = Rig::new(|builder| builder);
    rig.receiver.always(Fault::Stall);

    give(16_384); // a full queue is due, and the worker takes a hundred
    assert!(rig.receiver.wait_for_requests(1, LONG));
    give_numbers(16_384..100_000);
    let full = *rig.telemetry.stats().scores();
    rig.receiver.release();
    let flushed = rig.telemetry.flush(LONG);

    assert!(full.is_balanced(), "{full}");
    assert_eq!((full.accepted, full.waiting), (100_000, 100 + 16_384));
    assert_eq!(full.lost.get(LossReason::QueueFull), 100_000 - 16_484);
    flushed.unwrap();
    let stats = *rig.stats().scores();
    assert_eq!((stats.delivered, stats.requests), (16_484, 165));
    let kept = (0..100).chain(100_000 - 16_384..100_000);
    let kept: Vec<_> = kept.map(|number| format!("score {number}")).collect();
    assert_eq!(names(&rig.receiver), kept);
}

#[test]
fn spans_go_on_while_a_score_waits_to_be_sent_again() {
    let rig = Rig::new(|builder| builder.batch_size(5));
    rig.receiver.script([after(429, "120")]);

    give(5);
    assert!(rig.receiver.wait_for_requests(1, LONG));
    make(5);

    assert!(rig.receiver.wait_for_observations(5, LONG));
    assert_eq!(rig.telemetry.stats().scores().waiting, 5);
    // The end does not wait behind the backoff.
    rig.telemetry.shutdown(LONG).unwrap();
    assert_eq!(rig.stats().scores().delivered, 5);
}

#[test]
fn a_shutdown_keeps_its_deadline_and_counts_both() {
    let rig = Rig::new(|builder| builder);
    rig.receiver.always(Fault::Stall);

    make(3);
    give(7);
    let ended = rig.telemetry.shutdown(Duration::from_millis(100));

    assert!(
        matches!(ended, Err(FlushError::Lost { lost: 10, .. })),
        "{ended:?}"
    );
    let stats = rig.stats();
    assert_eq!(stats.lost.get(LossReason::ShutdownDeadline), 3);
    assert_eq!(stats.scores().lost.get(LossReason::ShutdownDeadline), 7);
    assert_eq!(stats.scores().waiting, 0);
}

#[test]
fn a_score_after_the_shutdown_is_counted() {
    let rig = Rig::new(|builder| builder);
    rig.telemetry.shutdown(LONG).unwrap();

    give(3);

    let stats = *rig.stats().scores();
    assert_eq!(stats.accepted, 3);
    assert_eq!(stats.lost.get(LossReason::AfterShutdown), 3);
}

#[test]
fn an_exporter_that_was_replaced_gets_no_scores() {
    let rig = Rig::new(|builder| builder);
    let receiver = Receiver::start().unwrap();
    let later = Langfuse::builder()
        .public_key(receiver.public_key())
        .secret_key(receiver.secret_key())
        .host(receiver.base_url())
        .export_interval(Duration::ZERO)
        .spawn()
        .unwrap();

    give(2);
    later.flush(LONG).unwrap();
    rig.telemetry.flush(LONG).unwrap();

    assert_eq!(receiver.scores().len(), 2);
    assert_eq!(rig.receiver.scores().len(), 0);
    assert_eq!(rig.stats().scores().accepted, 0);
}

#[test]
fn lost_scores_are_announced_on_the_bus() {
    let rig = Rig::new(|builder| builder);
    rig.receiver.always(reject("score 1", 400));
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hearing = Arc::clone(&heard);
    let _subscription = events().subscribe("observability.*", move |event: &Event| {
        let count = |key| event.attribute(key).and_then(Value::as_i64);
        let told = (event.name().to_owned(), count("lost"), count("rejected"));
        hearing.lock().unwrap().push(told);
    });

    give(2);
    let _ended = rig.telemetry.shutdown(LONG); // one is lost

    let told = ("observability.scores_lost".to_owned(), Some(1), Some(1));
    assert_eq!(*heard.lock().unwrap(), [told]);
}
