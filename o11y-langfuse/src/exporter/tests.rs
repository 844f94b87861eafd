//! The end of an exporter whose call cannot be cut, and of threads that are late.

use std::{
    thread,
    time::{Instant, SystemTime},
};

use crossbeam_channel::{Receiver, Sender, unbounded};
use o11y_core::Context;

use super::*;
use crate::{
    builder::Langfuse,
    captured::captured,
    transport::{Cut, Reply, Request, Transport},
    verdict::Answer,
};

/// Says that a request has begun, and answers when it is told to; nothing can cut it.
struct Hanging {
    begun: Sender<()>,
    go_on: Receiver<()>,
}

#[derive(Debug)]
struct NoCut;

impl Cut for NoCut {
    fn cut(&self) {}
}

/// Cuts nothing, and takes until it is told to go on.
#[derive(Debug)]
struct SlowCut(Receiver<()>);

impl Cut for SlowCut {
    fn cut(&self) {
        self.0.recv().unwrap();
    }
}

impl Transport for Hanging {
    fn send(&mut self, _request: Request<'_>, _deadline: Instant) -> Reply {
        self.begun.send(()).unwrap();
        self.go_on.recv().unwrap();
        Answer::Status {
            status: 200,
            retry_after: None,
        }
        .into()
    }
}

fn config() -> Config {
    Langfuse::builder()
        .public_key("pk")
        .secret_key("sk")
        .batch_size(5)
        .export_interval(Duration::ZERO)
        .build()
        .unwrap()
}

fn push(exporter: &Exporter, count: usize) {
    let records = captured(|| (0..count).for_each(|_| Context::with_span("span", |_span| ())));
    for record in records {
        exporter.desk.shared.spans.queue.push(record.into());
    }
}

fn over(transport: Hanging, cut: impl Cut + 'static) -> Exporter {
    let config = config();
    let desk = Desk::spawn_with(&config, transport, cut).unwrap();
    Exporter::over(desk, &config)
}

/// An exporter that hangs in a request of five spans, until it is told to go on.
fn hanging(cut: impl Cut + 'static) -> (Exporter, Sender<()>) {
    let (begun, has_begun) = unbounded();
    let (go_on, may_go_on) = unbounded();
    let transport = Hanging {
        begun,
        go_on: may_go_on,
    };
    let exporter = over(transport, cut);
    push(&exporter, 5);
    has_begun.recv().unwrap();
    (exporter, go_on)
}

#[test]
fn what_a_call_that_cannot_be_cut_holds_up_is_lost_for_good() {
    let (exporter, go_on) = hanging(NoCut);
    push(&exporter, 20);

    let start = SystemTime::now();
    let ended = exporter.shutdown(Duration::from_millis(30));

    assert!(
        matches!(ended, Err(FlushError::Lost { lost: 25, .. })),
        "{ended:?}"
    );
    assert!(start.elapsed().unwrap() < Duration::from_secs(5));
    let stats = exporter.stats();
    assert!(stats.is_balanced(), "{stats}");
    assert_eq!(stats.waiting, 0);
    assert_eq!(stats.lost.get(LossReason::ShutdownDeadline), 25);

    // The server has taken them after all, but what was reported stays as it was.
    go_on.send(()).unwrap();
    push(&exporter, 1);
    let later = exporter.stats();
    assert_eq!((later.delivered, later.waiting), (0, 0));
    assert_eq!(later.lost.get(LossReason::AfterShutdown), 1);
    assert!(later.is_balanced(), "{later}");
}

#[test]
fn a_second_shutdown_keeps_its_own_deadline() {
    let (exporter, go_on) = hanging(NoCut);

    thread::scope(|scope| {
        let patient = scope.spawn(|| exporter.shutdown(Duration::from_secs(20)));
        while exporter.desk.is_running() {
            thread::yield_now();
        }
        let hasty = exporter.shutdown(Duration::from_millis(5));
        assert!(
            matches!(hasty, Err(FlushError::Timeout { waiting: 5, .. })),
            "{hasty:?}"
        );

        go_on.send(()).unwrap();
        assert!(patient.join().unwrap().is_ok());
    });
    assert!(exporter.shutdown(Duration::ZERO).is_ok());
}

#[test]
fn whoever_waits_for_the_end_of_another_is_told_what_it_cost() {
    let (give_up, may_give_up) = unbounded();
    let (exporter, _go_on) = hanging(SlowCut(may_give_up));

    thread::scope(|scope| {
        let hasty = scope.spawn(|| exporter.shutdown(Duration::ZERO));
        while exporter.desk.is_running() {
            thread::yield_now();
        }
        let patient = scope.spawn(|| exporter.shutdown(Duration::from_secs(20)));
        while !exporter.desk.is_end_waited_for() {
            thread::yield_now();
        }
        give_up.send(()).unwrap();

        for ended in [hasty, patient] {
            let ended = ended.join().unwrap();
            assert!(
                matches!(ended, Err(FlushError::Lost { lost: 5, .. })),
                "{ended:?}"
            );
        }
    });
    assert!(exporter.shutdown(Duration::ZERO).is_ok());
}

#[test]
fn threads_that_hand_over_during_the_end_lose_nothing_uncounted() {
    for _ in 0..50 {
        let (begun, _has_begun) = unbounded();
        let (go_on, may_go_on) = unbounded();
        (0..1_000).for_each(|_| go_on.send(()).unwrap());
        let transport = Hanging {
            begun,
            go_on: may_go_on,
        };
        let exporter = over(transport, NoCut);

        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| push(&exporter, 50));
            }
            scope.spawn(|| exporter.shutdown(Duration::from_secs(20)));
        });

        let stats = exporter.stats();
        assert!(stats.is_balanced(), "{stats}");
        assert_eq!((stats.accepted, stats.waiting), (200, 0), "{stats}");
    }
}
