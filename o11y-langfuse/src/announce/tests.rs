//! What is said, how often, and that none of it is recorded.

use std::{
    sync::{Arc, Mutex},
    thread,
};

use o11y_core::{Context, Subscription, events};

use super::*;
use crate::{
    builder::Langfuse,
    captured::captured,
    logged::{listen, logged_by},
};

const HOST: &str = "https://langfuse.example";

fn shared() -> Shared {
    let builder = Langfuse::builder().public_key("pk").secret_key("sk");
    Shared::new(&builder.build().unwrap())
}

fn lose(shared: &Shared, reason: LossReason, count: u64) {
    shared.spans.ledger.open().lost.add(reason, count);
}

/// What this thread has logged.
fn logged() -> Vec<String> {
    logged_by(thread::current().id())
}

/// The attributes of `observability.spans_lost` as this thread emitted them.
fn heard() -> (Arc<Mutex<Vec<String>>>, Subscription) {
    let (lines, here) = (Arc::new(Mutex::new(Vec::new())), thread::current().id());
    let writing = Arc::clone(&lines);
    let subscription = events().subscribe("observability.spans_lost", move |event: &Event| {
        if thread::current().id() == here {
            let attributes = event.attributes().iter();
            let attributes = attributes.map(|(key, value)| format!("{key}={value}"));
            let line = attributes.collect::<Vec<_>>().join(" ");
            writing.lock().unwrap().push(line);
        }
    });
    (lines, subscription)
}

#[test]
fn losses_are_announced_at_most_once_a_minute_and_always_at_the_end() {
    listen();
    let (heard, _subscription) = heard();
    let (shared, mut announcer) = (shared(), Announcer::default());
    let start = Instant::now();
    let mut at = |seconds, is_end| {
        announcer.losses_at(start + Duration::from_secs(seconds), &shared, is_end);
        logged()
    };

    assert!(at(0, false).is_empty(), "nothing was lost yet");
    lose(&shared, LossReason::QueueFull, 3);
    assert_eq!(at(1, false), ["WARN 3 spans were lost: 3 queue_full"]);
    assert!(at(2, false).is_empty(), "nothing new was lost");
    lose(&shared, LossReason::QueueFull, 1);
    lose(&shared, LossReason::Rejected, 2);
    assert!(at(3, false).is_empty());
    assert!(at(60, false).is_empty());
    assert_eq!(
        at(61, false),
        ["WARN 3 spans were lost: 1 queue_full, 2 rejected"]
    );
    lose(&shared, LossReason::ShutdownDeadline, 7);
    assert!(at(62, false).is_empty());
    assert_eq!(
        at(62, true),
        ["WARN 7 spans were lost: 7 shutdown_deadline"]
    );
    assert_eq!(
        *heard.lock().unwrap(),
        [
            "lost=3 queue_full=3",
            "lost=3 queue_full=1 rejected=2",
            "lost=7 shutdown_deadline=7"
        ]
    );
}

#[test]
fn the_announcement_of_losses_is_no_observation() {
    let (heard, _subscription) = heard();
    let shared = shared();
    lose(&shared, LossReason::QueueFull, 1);

    let records = captured(|| {
        Context::with_span("open", |_span| {
            Announcer::default().losses(&shared, false);
        });
    });

    assert_eq!(heard.lock().unwrap().len(), 1);
    let names: Vec<_> = records.iter().map(o11y_core::Record::name).collect();
    assert_eq!(names, ["open"]);
}

#[test]
fn what_fails_is_logged_once_until_it_goes_right_again() {
    listen();
    let mut announcer = Announcer::default();
    let mut replies = |answers: &[u16]| {
        for answer in answers {
            let (answer, error) = match answer {
                0 => (Answer::Nothing, Some("connection refused".into())),
                status => (
                    Answer::Status {
                        status: *status,
                        retry_after: None,
                    },
                    None,
                ),
            };
            announcer.reply(
                &Reply {
                    error,
                    ..answer.into()
                },
                HOST,
            );
        }
        logged()
    };

    assert!(replies(&[200, 200]).is_empty());
    assert_eq!(
        replies(&[503, 500, 0, 400]),
        [
            "WARN https://langfuse.example answered with status 503; this is said once until \
             a request succeeds"
        ]
    );
    assert_eq!(
        replies(&[200, 200]),
        ["INFO https://langfuse.example takes what it is sent again"]
    );
    assert_eq!(
        replies(&[0, 0]),
        [
            "WARN https://langfuse.example did not answer: connection refused; this is said once \
             until a request succeeds"
        ]
    );
    assert_eq!(
        replies(&[401, 403, 401]),
        [
            "WARN https://langfuse.example refused the keys with status 401; what this \
             request carried is lost, the next attempt is in five minutes"
        ]
    );
}

#[test]
fn lost_scores_are_announced_beside_lost_spans() {
    listen();
    let (shared, mut announcer) = (shared(), Announcer::default());
    lose(&shared, LossReason::QueueFull, 2);
    shared.scores.lose_at_once(LossReason::Unencodable);

    announcer.losses(&shared, false);

    assert_eq!(
        logged(),
        [
            "WARN 2 spans were lost: 2 queue_full",
            "WARN 1 scores were lost: 1 unencodable"
        ]
    );
}
