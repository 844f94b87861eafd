//! Whatever the server does: retried, halved, or lost under the right reason, and always counted.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use o11y_core::{Context, FlushError, SpanSpec};
use o11y_langfuse::{Failure, LossReason, local::Fault};

#[path = "support/rig.rs"]
mod rig;
use rig::{LONG, Rig, make};

/// One fault, and the requests that it takes to deliver ten spans nevertheless.
#[test]
fn after_one_fault_the_same_bytes_are_sent_again_and_arrive() {
    let after = |status, after: &str| Fault::RetryAfter {
        status,
        after: after.to_owned(),
    };
    for (fault, requests, stored) in [
        (Fault::Healthy, 1, 10),
        (Fault::Status(408), 2, 10),
        (Fault::Status(429), 2, 10),
        (Fault::Status(500), 2, 10),
        (Fault::Status(502), 2, 10),
        (Fault::Status(503), 2, 10),
        (Fault::Status(504), 2, 10),
        (after(429, "0"), 2, 10),
        (after(503, "Sun, 06 Nov 1994 08:49:37 GMT"), 2, 10),
        (Fault::ResetBeforeAnswer, 2, 10),
        (Fault::CloseBeforeAnswer, 2, 10),
        (Fault::Garbage, 2, 10),
        // The server has them, but nobody can know: twice the same, byte for byte.
        (Fault::ResetAfterStoring, 2, 20),
        // The status has said it all; the rest of the answer does not matter.
        (Fault::TruncatedAnswer, 1, 10),
    ] {
        let rig = Rig::new(|builder| builder);
        let name = format!("{fault:?}");
        rig.receiver.script([fault]);

        make(10);
        rig.telemetry.flush(LONG).unwrap();

        let stats = rig.stats();
        assert_eq!(stats.delivered, 10, "{name}: {stats}");
        assert_eq!(stats.requests, requests, "{name}: {stats}");
        assert_eq!(stats.retries, requests - 1, "{name}: {stats}");
        assert_eq!(rig.receiver.observation_count(), stored, "{name}");
        let bodies: BTreeSet<_> = rig
            .receiver
            .requests()
            .iter()
            .map(|request| request.body_digest)
            .collect();
        assert_eq!(bodies.len(), 1, "{name}: a retry sent other bytes");
    }
}

/// What no retry can mend is lost at once, under its reason.
#[test]
fn what_the_server_will_never_take_is_lost_under_its_reason() {
    for (fault, reason) in [
        (Fault::Status(401), LossReason::Unauthorized),
        (Fault::Status(403), LossReason::Unauthorized),
        (Fault::Status(404), LossReason::Rejected),
        (Fault::Redirect(307), LossReason::Rejected),
    ] {
        let rig = Rig::new(|builder| builder);
        let name = format!("{fault:?}");
        rig.receiver.always(fault);

        make(10);
        let flushed = rig.telemetry.flush(LONG);

        let Err(FlushError::Lost { lost: 10, reasons }) = flushed else {
            panic!("{name}: {flushed:?}");
        };
        assert_eq!(reasons, format!("10 {reason}"));
        let stats = rig.stats();
        assert_eq!(stats.lost.get(reason), 10, "{name}: {stats}");
        assert_eq!(stats.requests, 1, "{name}: {stats}");
    }
}

#[test]
fn one_bad_span_costs_only_itself() {
    let rig = Rig::new(|builder| builder);
    rig.receiver.always(Fault::RejectSpan {
        name: "span 37".to_owned(),
    });

    make(64);
    let flushed = rig.telemetry.flush(LONG);

    assert!(matches!(flushed, Err(FlushError::Lost { lost: 1, .. })));
    let stats = rig.stats();
    assert_eq!(stats.delivered, 63);
    assert_eq!(stats.lost.get(LossReason::Rejected), 1);
    assert_eq!(rig.receiver.observation_count(), 63);
    // Six halvings find one of 64.
    assert_eq!(stats.requests, 13);
}

#[test]
fn a_batch_that_is_too_large_is_halved_and_a_giant_is_lost_alone() {
    let rig = Rig::new(|builder| builder);
    rig.receiver.always(Fault::TooLarge { limit: 20_000 });

    for size in [1_000, 9_000, 30_000, 9_000, 1_000, 1_000] {
        Context::with_span(SpanSpec::new("sized").input("x".repeat(size)), |_span| ());
    }
    let flushed = rig.telemetry.flush(LONG);

    assert!(matches!(flushed, Err(FlushError::Lost { lost: 1, .. })));
    let stats = rig.stats();
    assert_eq!(stats.delivered, 5);
    assert_eq!(stats.lost.get(LossReason::TooLarge), 1);
}

/// What a proxy refuses for its size arrives with its longest text cut, and says so.
#[test]
fn a_giant_is_trimmed_until_the_server_takes_it() {
    for (limit, kept) in [(2_000_000, 900_000), (200_000, 100_000)] {
        let rig = Rig::new(|builder| builder);
        rig.receiver.always(Fault::TooLarge { limit });

        for _ in 0..3 {
            // A record holds no more than a megabyte of one value, and three in all.
            let [input, output, note] = ["i", "o", "n"].map(|text| text.repeat(1 << 20));
            let spec = SpanSpec::new("giant")
                .input(input)
                .attribute("mood", "grumpy")
                .attribute("note", note);
            Context::with_span(spec, |span| span.set_output(output));
        }
        Context::with_span("small", |_span| ());
        rig.telemetry.flush(LONG).unwrap();

        let stats = rig.stats();
        assert_eq!((stats.delivered, stats.trimmed), (4, 3), "{stats}");
        assert_eq!((stats.lost.total(), stats.retries), (0, 0), "{stats}");
        assert!(stats.to_string().contains("; 3 trimmed; "), "{stats}");
        let observations = rig.receiver.observations();
        let giants = observations.iter().filter(|one| one.name == "giant");
        let texts: Vec<_> = giants
            .map(|one| {
                assert_eq!(one.metadata["mood"], "grumpy");
                let texts = [&one.input, &one.output].map(|text| text.clone().unwrap());
                texts.into_iter().map(|text| {
                    let (text, marker) = text.split_once("…[cut: ").unwrap();
                    assert!(marker.ends_with(" bytes left out]"), "{marker}");
                    text.len()
                })
            })
            .collect();
        assert_eq!(texts.len(), 3);
        for bytes in texts.into_iter().map(Iterator::sum::<usize>) {
            // The third of them is the note's.
            let kept = kept * 2 / 3;
            assert!((kept * 9 / 10..kept * 12 / 10).contains(&bytes), "{bytes}");
        }
    }
}

/// The bytes that a trimmed span is sent in are the same on every attempt, and it is one request
/// that is repeated, not three.
#[test]
fn a_trimmed_span_is_sent_again_with_the_same_bytes() {
    let rig = Rig::new(|builder| builder);
    rig.receiver.script([
        Fault::Status(413),
        Fault::Status(503),
        Fault::ResetBeforeAnswer,
        Fault::Healthy,
    ]);

    let spec = SpanSpec::new("giant").input("x".repeat(1 << 20));
    Context::with_span(spec, |_span| ());
    rig.telemetry.flush(LONG).unwrap();

    rig.assert_all_delivered(1);
    let stats = rig.stats();
    assert_eq!((stats.requests, stats.retries, stats.trimmed), (4, 2, 1));
    let requests = rig.receiver.requests();
    let digests: Vec<_> = requests.iter().map(|one| one.body_digest).collect();
    assert_ne!(digests[0], digests[1]);
    assert!(digests[1..].iter().all(|digest| *digest == digests[1]));
}

/// A mask sees each text once and as a whole, before anything of it is cut.
#[test]
fn what_is_trimmed_has_been_masked_as_a_whole() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let lengths = Arc::clone(&seen);
    let rig = Rig::new(|builder| {
        builder.mask(move |content| {
            lengths.lock().unwrap().push(content.text().len());
            content.text().replace("secret", "*")
        })
    });
    rig.receiver.script([Fault::Status(413)]);

    let text = "secret".repeat(150_000);
    Context::with_span(SpanSpec::new("giant").input(text), |_span| ());
    rig.telemetry.flush(LONG).unwrap();

    assert_eq!(*seen.lock().unwrap(), [900_000]);
    rig.assert_all_delivered(1);
    let input = rig.receiver.observations()[0].input.clone().unwrap();
    let (kept, _) = input.split_once("…[cut: ").unwrap();
    assert!(kept.bytes().all(|byte| byte == b'*'));
}

#[test]
fn what_a_mask_makes_larger_than_a_request_is_cut_before_it_is_sent() {
    let rig = Rig::new(|builder| builder.mask(|content| content.text().repeat(8)));

    let text = "x".repeat(1_000_000);
    Context::with_span(SpanSpec::new("giant").input(text), |_span| ());
    Context::with_span("small", |_span| ());
    rig.telemetry.flush(LONG).unwrap();

    rig.assert_all_delivered(2);
    let stats = rig.stats();
    assert_eq!((stats.trimmed, stats.retries), (1, 0));
    assert!(stats.bytes_before_gzip < 3_500_000, "{stats:?}");
}

#[test]
fn retry_after_is_waited_for() {
    let rig = Rig::new(|builder| builder);
    rig.receiver.script([Fault::RetryAfter {
        status: 429,
        after: "1".to_owned(),
    }]);

    make(1);
    rig.telemetry.flush(LONG).unwrap();

    let requests = rig.receiver.requests();
    let waited = requests[1].at - requests[0].at;
    assert!(waited >= Duration::from_secs(1), "{waited:?}");
    rig.assert_all_delivered(1);
}

#[test]
fn a_server_that_is_not_there_yet_gets_everything_when_it_comes() {
    let rig = Rig::new(|builder| builder);
    rig.receiver.script([
        Fault::CloseBeforeAnswer,
        Fault::Status(503),
        Fault::ResetBeforeAnswer,
    ]);

    make(25);
    rig.telemetry.flush(LONG).unwrap();

    rig.assert_all_delivered(25);
    assert_eq!(rig.stats().retries, 3);
}

#[test]
fn while_the_server_stalls_the_newest_are_kept_and_nobody_waits() {
    let rig = Rig::new(|builder| builder.queue_size(50).batch_size(10));
    rig.receiver.always(Fault::Stall);

    make(10);
    assert!(rig.receiver.wait_for_requests(1, LONG));
    make(200);
    let stalled = rig.telemetry.stats();
    rig.receiver.release();
    rig.telemetry.flush(LONG).unwrap();

    assert!(stalled.is_balanced(), "{stalled}");
    assert_eq!(stalled.waiting, 60);
    assert_eq!(stalled.lost.get(LossReason::QueueFull), 150);
    let stats = rig.stats();
    assert_eq!(stats.delivered, 60);
    let numbers: BTreeSet<_> = rig
        .receiver
        .observations()
        .iter()
        .skip(10)
        .map(|observation| observation.name.clone())
        .collect();
    let newest: BTreeSet<_> = (150..200).map(|number| format!("span {number}")).collect();
    assert_eq!(numbers, newest);
}

/// A queue of 1,000 and batches of 100, as the mirrored system has them: what it does with a burst.
#[test]
fn with_the_mirrored_values_a_burst_is_kept_and_sent_as_there() {
    let rig = Rig::new(|builder| {
        builder
            .queue_size(1_000)
            .batch_size(100)
            .export_interval(Duration::from_secs(60))
            .shutdown_timeout(Duration::from_secs(10))
    });
    rig.receiver.always(Fault::Stall);

    make(100);
    assert!(rig.receiver.wait_for_requests(1, LONG));
    make(1_250);
    rig.receiver.release();
    rig.telemetry.flush(LONG).unwrap();

    let stats = rig.stats();
    assert_eq!(stats.delivered, 1_100);
    assert_eq!(stats.lost.get(LossReason::QueueFull), 250);
    let requests = rig.receiver.requests();
    let sizes: Vec<_> = requests
        .iter()
        .map(|one| one.observation_ids.len())
        .collect();
    assert_eq!(sizes, [100; 11]);
    let last = rig.receiver.observations().pop();
    assert_eq!(last.unwrap().name, "span 1249");
}

#[test]
fn content_is_bounded_by_bytes_as_well() {
    let rig = Rig::new(|builder| builder.queue_bytes(100_000));
    rig.hold();

    for _ in 0..20 {
        Context::with_span(SpanSpec::new("large").input("x".repeat(20_000)), |_span| ());
    }
    rig.receiver.release();
    rig.telemetry.flush(LONG).unwrap();

    let stats = rig.stats();
    assert_eq!(stats.delivered, 1 + 5);
    assert_eq!(stats.lost.get(LossReason::QueueFull), 15);
}

#[test]
fn a_flush_that_runs_out_of_time_says_how_many_wait_and_loses_none() {
    let rig = Rig::new(|builder| builder);
    rig.receiver.always(Fault::Stall);

    make(5);
    let flushed = rig.telemetry.flush(Duration::from_millis(100));

    assert!(matches!(
        flushed,
        Err(FlushError::Timeout { waiting: 5, .. })
    ));
    rig.receiver.release();
    rig.telemetry.flush(LONG).unwrap();
    rig.assert_all_delivered(5);
}

#[test]
fn a_shutdown_cuts_a_stalled_request_at_its_deadline_and_counts_every_loss() {
    let rig = Rig::new(|builder| builder.batch_size(10));
    rig.receiver.always(Fault::Stall);
    make(10);
    assert!(rig.receiver.wait_for_requests(1, LONG));
    make(30);

    let timeout = Duration::from_millis(300);
    let start = Instant::now();
    let ended = rig.telemetry.shutdown(timeout);
    let took = start.elapsed();

    assert!(
        matches!(ended, Err(FlushError::Lost { lost: 40, .. })),
        "{ended:?}"
    );
    assert!(took < LONG / 2, "{took:?}"); // the request itself may take twice as long
    let stats = rig.stats();
    assert_eq!(stats.lost.get(LossReason::ShutdownDeadline), 40);
    assert_eq!((stats.waiting, stats.delivered), (0, 0));
    // What comes of the request later brings no span back.
    rig.receiver.release();
    let later = rig.telemetry.stats();
    assert_eq!(later.lost, stats.lost);
    assert_eq!((later.waiting, later.delivered), (0, 0));
}

#[test]
fn a_shutdown_does_not_wait_behind_a_backoff() {
    let rig = Rig::new(|builder| builder);
    let far = Fault::RetryAfter {
        status: 503,
        after: "30".to_owned(),
    };
    rig.receiver.script([far]);
    make(5);
    let flushed = rig.telemetry.flush(Duration::from_millis(100));
    assert!(matches!(flushed, Err(FlushError::Timeout { .. })));

    // Whether the backoff has begun already or is yet to begin: there would be time for all of it.
    let start = Instant::now();
    rig.telemetry.shutdown(3 * LONG).unwrap();

    assert!(start.elapsed() < LONG, "{:?}", start.elapsed());
    rig.assert_all_delivered(5);
}

#[test]
fn nobody_at_the_address_is_counted_within_the_deadline() {
    let rig = Rig::new(|builder| builder.host("http://127.0.0.1:9"));

    make(5);
    let start = Instant::now();
    let ended = rig.telemetry.shutdown(Duration::from_millis(200));

    assert!(
        matches!(ended, Err(FlushError::Lost { lost: 5, .. })),
        "{ended:?}"
    );
    assert!(start.elapsed() < LONG, "{:?}", start.elapsed());
    let stats = rig.telemetry.stats();
    assert!(stats.is_balanced(), "{stats}");
    assert_eq!(stats.lost.get(LossReason::ShutdownDeadline), 5);
}

#[test]
fn the_figures_tell_how_it_goes_and_what_went_wrong_last() {
    let rig = Rig::new(|builder| builder.gzip(true));
    rig.receiver
        .script([Fault::Status(503), Fault::ResetBeforeAnswer]);
    let start = std::time::SystemTime::now();

    for _ in 0..30 {
        Context::with_span(SpanSpec::new("sized").input("x".repeat(100)), |_span| ());
    }
    let queued = rig.stats();
    rig.telemetry.flush(LONG).unwrap();
    let stats = rig.stats();

    assert_eq!((queued.most_queued, queued.last_success), (30, None));
    assert_eq!(queued.waiting_bytes, queued.most_waiting_bytes);
    assert!(queued.waiting_bytes > 0);
    assert_eq!((stats.most_queued, stats.waiting_bytes), (30, 0));
    assert_eq!(stats.most_waiting_bytes, queued.waiting_bytes);
    assert_eq!(stats.failures_in_a_row, 0);
    assert!(stats.last_success.unwrap() >= start);
    let Some(Failure::Connection(_)) = stats.last_failure else {
        panic!("{:?}", stats.last_failure);
    };
    let requests = rig.receiver.requests();
    let bytes: u64 = requests.iter().map(|one| one.body_bytes as u64).sum();
    assert_eq!(stats.bytes_before_gzip, bytes);
    assert!(stats.bytes_sent < bytes, "{} {bytes}", stats.bytes_sent);
}

#[test]
fn while_the_server_is_away_the_figures_count_the_failures() {
    let rig = Rig::new(|builder| builder);
    rig.receiver.always(Fault::Status(503));

    make(1);
    let flushed = rig.telemetry.flush(Duration::ZERO);
    // The first one's failure is noted before the second is sent.
    assert!(rig.receiver.wait_for_requests(2, LONG));
    let stats = rig.telemetry.stats();

    assert!(flushed.is_err());
    assert!(stats.failures_in_a_row >= 1, "{stats}");
    assert_eq!(stats.last_failure, Some(Failure::Status(503)));
    assert!(
        stats.to_string().contains("in a row (status 503)"),
        "{stats}"
    );
    rig.receiver.always(None);
}
