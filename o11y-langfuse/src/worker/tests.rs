//! The worker on a transport that answers by a script: no network, no waiting, certain order.

use std::{collections::VecDeque, sync::Mutex, thread};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use o11y_core::Context;
use proptest::prelude::*;

use super::*;
use crate::{
    builder::Langfuse,
    captured::captured,
    inbox::{Command, Ending, Ticket},
    logged::{listen, logged_by},
    transport::{Guarded, Reply, Request},
    verdict::Answer,
};

/// Answers by a script, then always with 200, and keeps how large the bodies were.
struct Scripted {
    script: VecDeque<Reply>,
    sent: Arc<Mutex<Vec<Vec<u8>>>>,
    /// If there is one: a request waits for a word from here before it is answered.
    gate: Option<Receiver<()>>,
}

impl Transport for Scripted {
    fn send(&mut self, request: Request<'_>, _deadline: Instant) -> Reply {
        self.sent.lock().unwrap().push(request.bytes.to_vec());
        if let Some(gate) = &self.gate {
            gate.recv().unwrap();
        }
        let reply = self.script.pop_front();
        reply.unwrap_or_else(|| status(200).into())
    }
}

pub(super) fn status(status: u16) -> Answer {
    Answer::Status {
        status,
        retry_after: None,
    }
}

/// Panics at the first request and is well after that.
struct Panicking {
    panicked: bool,
}

impl Transport for Panicking {
    fn send(&mut self, _request: Request<'_>, _deadline: Instant) -> Reply {
        assert!(std::mem::replace(&mut self.panicked, true), "on purpose");
        status(200).into()
    }
}

pub(super) fn config() -> Config {
    let mut config = Langfuse::builder()
        .public_key("pk")
        .secret_key("sk")
        .export_interval(Duration::ZERO)
        .queue_size(64)
        .batch_size(32)
        .gzip(false)
        .build()
        .unwrap();
    config.first_backoff = Duration::ZERO;
    config
}

pub(super) struct Rig {
    pub(super) shared: Arc<Shared>,
    commands: Sender<Command>,
    sent: Arc<Mutex<Vec<Vec<u8>>>>,
    thread: thread::JoinHandle<()>,
}

impl Rig {
    fn new(script: impl IntoIterator<Item = impl Into<Reply>>, gate: Option<Receiver<()>>) -> Self {
        Self::with(&config(), script, gate)
    }

    fn with(
        config: &Config,
        script: impl IntoIterator<Item = impl Into<Reply>>,
        gate: Option<Receiver<()>>,
    ) -> Self {
        let sent = Arc::default();
        let transport = Scripted {
            script: script.into_iter().map(Into::into).collect(),
            sent: Arc::clone(&sent),
            gate,
        };
        Self {
            sent,
            ..Self::of(config, transport)
        }
    }

    pub(super) fn over(transport: impl Transport + 'static) -> Self {
        Self::of(&config(), transport)
    }

    fn of(config: &Config, transport: impl Transport + 'static) -> Self {
        let shared = Arc::new(Shared::new(config));
        let (commands, received) = unbounded();
        let worker = Worker::new(config, Arc::clone(&shared), Inbox::new(received), transport);
        let thread = thread::Builder::new().spawn(|| worker.run()).unwrap();
        Self {
            shared,
            commands,
            sent: Arc::default(),
            thread,
        }
    }

    fn push(&self, count: usize) {
        let records = captured(|| {
            for _ in 0..count {
                Context::with_span("span", |_span| ());
            }
        });
        for record in records {
            self.shared.spans.queue.push(record.into());
        }
    }

    pub(super) fn flush(&self) {
        self.ask().recv().unwrap();
    }

    /// Asks for a flush; what is returned hears of its end.
    pub(super) fn ask(&self) -> Receiver<()> {
        let (done, answer) = bounded(1);
        let accepted = self.shared.accepted();
        self.commands
            .send(Command::Flush(Ticket { accepted, done }))
            .unwrap();
        answer
    }

    /// Waits until the worker has taken every command, and has looked once more after that.
    pub(super) fn settle_down(&self) {
        for _ in 0..2 {
            self.commands.send(Command::Look).unwrap();
            while !self.commands.is_empty() {
                thread::yield_now();
            }
        }
    }

    pub(super) fn end(self, timeout: Duration) -> Arc<Shared> {
        let (done, answer) = bounded(1);
        let deadline = Instant::now() + timeout;
        self.shared.close();
        self.commands
            .send(Command::Shutdown(Ending { deadline, done }))
            .unwrap();
        answer.recv().unwrap();
        self.thread.join().unwrap();
        self.shared
    }
}

pub(super) const LONG: Duration = Duration::from_secs(20);

#[test]
fn a_request_that_the_server_fails_on_is_given_up_after_eight_attempts() {
    let rig = Rig::new((0..8).map(|_| status(500)), None);

    rig.push(3);
    rig.flush();
    rig.push(2);
    rig.flush();

    let stats = rig.end(LONG).stats();
    assert_eq!(stats.lost.get(LossReason::RetriesExhausted), 3);
    assert_eq!((stats.delivered, stats.retries), (2, 7));
    assert!(stats.is_balanced(), "{stats}");
}

#[test]
fn refused_keys_are_not_tried_with_every_part_of_a_batch() {
    let rig = Rig::new([status(413), status(403)], None);

    rig.push(8);
    rig.flush();

    assert_eq!(rig.sent.lock().unwrap().len(), 2);
    let stats = rig.end(LONG).stats();
    assert_eq!(stats.lost.get(LossReason::Unauthorized), 8);
    assert!(stats.is_balanced(), "{stats}");
}

#[test]
fn a_server_that_was_away_has_not_failed_at_the_request() {
    let away = (0..7).map(|_| status(503));
    let rig = Rig::new(away.chain([status(500)]), None);

    rig.push(3);
    rig.flush();

    assert_eq!(rig.end(LONG).stats().delivered, 3);
}

#[test]
fn an_absent_server_is_tried_for_ever_with_the_same_bytes() {
    let rig = Rig::new((0..100).map(|_| Answer::Nothing), None);

    rig.push(1);
    rig.flush();

    let sent = rig.sent.lock().unwrap().clone();
    assert_eq!(sent.len(), 101);
    assert!(sent.iter().all(|body| *body == sent[0]));
    assert_eq!(rig.end(LONG).stats().delivered, 1);
}

#[test]
fn every_size_of_batch_outlives_an_absence() {
    for count in 1..8 {
        let rig = Rig::new((0..20).map(|_| Answer::Nothing), None);

        rig.push(count);
        rig.flush();

        let stats = rig.end(LONG).stats();
        assert_eq!(stats.delivered, count as u64, "{stats}");
        assert!(stats.is_balanced(), "{stats}");
    }
}

#[test]
fn what_would_not_fit_into_a_request_is_left_for_the_next() {
    let mut config = config();
    config.request_bytes = 2_000;
    let (open, gate) = unbounded();
    let rig = Rig::with(&config, [status(200)], Some(gate));

    rig.push(1);
    let flushed = rig.ask();
    while rig.sent.lock().unwrap().is_empty() {
        thread::yield_now();
    }
    rig.push(60); // while the first is under way
    (0..61).for_each(|_| open.send(()).unwrap());
    flushed.recv().unwrap();
    rig.flush();

    let sent = rig.sent.lock().unwrap().clone();
    let [_first, full @ .., _last] = &sent[..] else {
        unreachable!("{} requests", sent.len());
    };
    assert!(full.len() > 1, "{} requests", sent.len());
    for request in full {
        // None carries a span alone, and no other one would have fitted.
        assert_eq!(request.len(), full[0].len());
        assert!(
            (1_600..=2_000).contains(&request.len()),
            "{}",
            request.len()
        );
    }
    assert_eq!(rig.end(LONG).stats().delivered, 61);
}

#[test]
fn a_server_that_counts_requests_is_not_sent_more_of_them() {
    let rig = Rig::new((0..20).map(|_| status(429)), None);

    rig.push(8);
    rig.flush();

    let stats = rig.end(LONG).stats();
    assert_eq!((stats.delivered, stats.requests), (8, 21));
}

#[test]
fn a_server_that_is_away_for_long_is_probed_with_the_oldest_span_and_then_gets_all() {
    // As many attempts as the waits allow in ten minutes.
    let rig = Rig::new((0..34).map(|_| status(503)), None);

    rig.push(32);
    rig.flush();

    let sent: Vec<_> = rig.sent.lock().unwrap().iter().map(Vec::len).collect();
    let whole = sent[0];
    assert_eq!(sent[..4], [whole; 4]);
    assert_eq!(sent[4..35], [sent[4]; 31]);
    assert_eq!(
        sent.len(),
        37,
        "the probe that arrived, and two halves of the rest"
    );
    let while_away: usize = sent[..34].iter().sum();
    assert!(
        while_away * 5 < whole * 34,
        "{while_away} bytes against {}",
        whole * 34
    );
    let stats = rig.end(LONG).stats();
    assert_eq!((stats.delivered, stats.retries), (32, 36));
    assert!(stats.is_balanced(), "{stats}");
}

#[test]
fn refused_keys_hold_back_what_comes_later_until_somebody_insists() {
    let rig = Rig::new([status(401)], None);

    rig.push(1);
    rig.flush();
    rig.push(40); // due by count, but held back
    rig.flush(); // insists

    let stats = rig.end(LONG).stats();
    assert_eq!(stats.lost.get(LossReason::Unauthorized), 1);
    assert_eq!(stats.delivered, 40);
}

#[test]
fn a_batch_that_is_lost_is_logged_under_its_reason() {
    listen();
    let rig = Rig::new([status(200), status(400)], None);
    let worker = rig.thread.thread().id();

    for count in [1, 1, 2] {
        rig.push(count);
        rig.flush();
    }
    rig.end(LONG);

    assert_eq!(
        logged_by(worker),
        [
            "WARN https://cloud.langfuse.com answered with status 400; this is said once until \
             a request succeeds",
            "WARN 1 spans were lost: 1 rejected",
            "INFO https://cloud.langfuse.com takes what it is sent again",
        ]
    );
}

#[test]
fn a_panic_of_the_http_client_costs_nothing() {
    let rig = Rig::over(Guarded(Panicking { panicked: false }));
    rig.push(3);

    rig.flush();

    let stats = rig.end(LONG).stats();
    assert_eq!((stats.delivered, stats.lost.total()), (3, 0), "{stats}");
    assert_eq!((stats.requests, stats.retries), (2, 1), "{stats}");
}

#[test]
fn a_panic_on_the_worker_costs_its_batch_and_nothing_else() {
    let rig = Rig::over(Panicking { panicked: false });

    rig.push(3);
    rig.flush();
    rig.push(2);
    rig.flush();

    let stats = rig.end(LONG).stats();
    assert_eq!(stats.lost.get(LossReason::Unencodable), 3);
    assert_eq!(stats.delivered, 2);
    assert!(stats.is_balanced(), "{stats}");
}

#[test]
fn a_worker_that_breaks_goes_on_where_it_was_and_is_counted() {
    let rig = Rig::new([status(200)], None);

    rig.push(3);
    rig.commands.send(Command::Panic).unwrap();
    rig.push(2);
    rig.flush();
    rig.commands.send(Command::Panic).unwrap();

    let stats = rig.end(LONG).stats();
    assert_eq!((stats.worker_restarts, stats.delivered), (2, 5), "{stats}");
    assert!(stats.is_balanced(), "{stats}");
}

#[test]
fn at_every_moment_each_span_is_in_exactly_one_place() {
    let (open, gate) = unbounded();
    let script = [
        status(200),
        status(413),
        status(400),
        status(503),
        status(400),
    ];
    let rig = Rig::new(script, Some(gate));

    rig.push(100); // 64 fit
    for _ in 0..200 {
        let stats = rig.shared.stats();
        assert!(stats.is_balanced(), "{stats}");
        let _one_more = open.send(());
        thread::yield_now();
    }
    rig.flush();

    let stats = rig.end(LONG).stats();
    assert!(stats.is_balanced(), "{stats}");
    assert_eq!(stats.accepted, 100);
    assert_eq!(stats.waiting, 0);
}

#[test]
fn at_the_end_nothing_is_tried_that_the_time_does_not_allow() {
    let far = Answer::Status {
        status: 429,
        retry_after: Some("3600".to_owned()),
    };
    let rig = Rig::new([far], None);

    rig.push(5);
    let stats = rig.end(LONG).stats();

    assert_eq!(stats.lost.get(LossReason::ShutdownDeadline), 5);
    assert_eq!(stats.requests, 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the server answers, every span is accounted for, and a 2xx is never sent again.
    #[test]
    fn any_script_of_answers_settles_every_span(
        answers in proptest::collection::vec(
            proptest::sample::select(&[0, 200, 204, 400, 401, 404, 408, 413, 422, 429, 500, 503][..]),
            0..30,
        ),
        count in 0_usize..150,
    ) {
        let delivered = answers.iter().filter(|code| (200..300).contains(*code)).count() as u64;
        let script = answers.iter().map(|code| match code {
            0 => Answer::Nothing,
            code => status(*code),
        });
        let rig = Rig::new(script.collect::<Vec<_>>(), None);

        rig.push(count);
        rig.flush();
        let stats = rig.end(LONG).stats();

        prop_assert!(stats.is_balanced(), "{}", stats);
        prop_assert_eq!(stats.accepted, count as u64);
        prop_assert_eq!(stats.waiting, 0);
        prop_assert!(stats.requests <= 1 + stats.retries + 2 * 150 + delivered);
    }
}
