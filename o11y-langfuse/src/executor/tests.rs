//! The worker turn by turn, with a clock that stands still until it is moved.

use std::{
    collections::VecDeque,
    panic::resume_unwind,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use o11y_core::{Context, Record};
use proptest::prelude::*;

use super::{
    builder::Settings,
    intake::Item,
    order::{Ending, Failures, Order, Ticket},
    worker::{Next, Worker},
    *,
};
use crate::{captured::captured, processor::ProcessError, stats::LossReason};

const SECOND: Duration = Duration::from_secs(1);

/// What a processor does in a call.
#[derive(Debug, Clone, Copy)]
enum Answer {
    Take,
    Retry,
    RetryAt(usize),
    Refuse,
    RefuseAt(usize),
    Panic,
}

/// Answers as its script says, and takes everything after that.
struct Scripted {
    wants_starts: bool,
    script: VecDeque<Answer>,
    /// Every record given, call by call.
    calls: Arc<Mutex<Vec<Vec<String>>>>,
}

impl Scripted {
    fn take(&mut self, spans: &[Record], sign: char) -> Result<(), ProcessError> {
        let names = spans.iter().map(|span| format!("{sign}{}", span.name()));
        self.calls.lock().unwrap().push(names.collect());
        match self.script.pop_front().unwrap_or(Answer::Take) {
            Answer::Take => Ok(()),
            Answer::Retry => Err(ProcessError::retry(None, "away")),
            Answer::RetryAt(index) => Err(ProcessError::retry(None, "away").at(index)),
            Answer::Refuse => Err(ProcessError::permanent("no")),
            Answer::RefuseAt(index) => Err(ProcessError::permanent("no").at(index)),
            Answer::Panic => resume_unwind(Box::new("a panic")),
        }
    }
}

impl Processor for Scripted {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn wants_starts(&self) -> bool {
        self.wants_starts
    }

    fn on_spans_start(&mut self, spans: &[Record]) -> Result<(), ProcessError> {
        self.take(spans, '+')
    }

    fn on_spans_end(&mut self, spans: &[Record]) -> Result<(), ProcessError> {
        self.take(spans, '-')
    }
}

/// A worker without a thread.
struct Rig {
    shared: Arc<Shared>,
    worker: Worker,
    orders: Sender<Order>,
    now: Arc<Mutex<Instant>>,
    calls: Vec<Arc<Mutex<Vec<Vec<String>>>>>,
}

impl Rig {
    fn new(settings: &Settings, scripts: &[(bool, &[Answer])]) -> Self {
        let calls: Vec<_> = scripts.iter().map(|_| Arc::default()).collect();
        let stations: Vec<_> = scripts
            .iter()
            .zip(&calls)
            .enumerate()
            .map(|(place, ((wants_starts, script), calls))| {
                let processor = Scripted {
                    wants_starts: *wants_starts,
                    script: script.iter().copied().collect(),
                    calls: Arc::clone(calls),
                };
                Station::new(place, Box::new(processor), settings, 1)
            })
            .collect();
        let names = stations.iter().map(|station| station.name().to_owned());
        let shared = Arc::new(Shared::new(settings, Books::new(names)));
        let (orders, received) = unbounded();
        let now = Arc::new(Mutex::new(Instant::now()));
        let of_worker = Arc::clone(&now);
        let worker = Worker::new(
            settings,
            Arc::clone(&shared),
            stations,
            Orders::new(received),
            Box::new(move || *of_worker.lock().unwrap()),
        );
        Self {
            shared,
            worker,
            orders,
            now,
            calls,
        }
    }

    /// Spans that have ended.
    fn push(&self, names: &[&'static str]) {
        for record in records(names) {
            self.shared.lane.queue.push(Item::End(record));
        }
    }

    /// Spans that have started and ended.
    fn push_both(&self, names: &[&'static str]) {
        for record in records(names) {
            self.shared.lane.queue.push(Item::Start(record.clone()));
            self.shared.lane.queue.push(Item::End(record));
        }
    }

    fn pass(&self, time: Duration) {
        *self.now.lock().unwrap() += time;
    }

    /// Turns until the worker would look away, or has ended.
    fn work(&mut self) -> Next {
        loop {
            match self.worker.turn() {
                Next::Turn => {}
                next => return next,
            }
        }
    }

    fn calls(&self, processor: usize) -> Vec<Vec<String>> {
        self.calls[processor].lock().unwrap().clone()
    }

    fn flush(&self) -> Receiver<Failures> {
        let (done, answer) = bounded(1);
        let deadline = *self.now.lock().unwrap() + 60 * SECOND;
        let ticket = Ticket::new(self.shared.lane.accepted(), deadline, done);
        self.orders.send(Order::Flush(ticket)).unwrap();
        answer
    }

    fn shutdown(&self, timeout: Duration) -> Receiver<Failures> {
        let (done, answer) = bounded(1);
        let deadline = *self.now.lock().unwrap() + timeout;
        let ending = Ending { deadline, done };
        self.orders.send(Order::Shutdown(ending)).unwrap();
        answer
    }

    fn stats(&self) -> ExecutorStats {
        let stats = self.shared.stats();
        assert!(stats.is_balanced(), "{stats}");
        stats
    }
}

fn records(names: &[&'static str]) -> Vec<Record> {
    captured(|| {
        for &name in names {
            Context::with_span(name, |_span| ());
        }
    })
}

fn immediate() -> Settings {
    Settings {
        linger: Duration::ZERO,
        ..Settings::default()
    }
}

const TAKES_ALL: (bool, &[Answer]) = (false, &[]);

#[test]
fn spans_that_come_one_after_the_other_share_a_batch() {
    let settings = Settings {
        linger: SECOND,
        ..Settings::default()
    };
    let mut rig = Rig::new(&settings, &[TAKES_ALL]);
    rig.work();

    rig.push(&["a"]);
    rig.work();
    rig.pass(SECOND / 2);
    rig.push(&["b"]);
    rig.work();
    assert!(rig.calls(0).is_empty());
    rig.pass(SECOND / 2);
    rig.work();

    assert_eq!(rig.calls(0), [["-a", "-b"]]);
}

#[test]
fn a_full_batch_does_not_linger_and_none_is_larger() {
    let settings = Settings {
        linger: 60 * SECOND,
        batch_size: 2,
        ..Settings::default()
    };
    let mut rig = Rig::new(&settings, &[TAKES_ALL]);

    rig.push(&["a", "b", "c", "d", "e"]);
    rig.work();

    assert_eq!(rig.calls(0), [["-a", "-b"], ["-c", "-d"]]);
    assert_eq!(rig.stats().waiting, 1);
}

#[test]
fn without_linger_a_lone_span_goes_at_once_and_a_resting_worker_is_to_be_woken_for_it() {
    let mut rig = Rig::new(&immediate(), &[TAKES_ALL]);
    assert!(matches!(rig.work(), Next::Rest(_)));
    assert!(rig.shared.lane.may_rest());

    rig.push(&["a"]);

    assert!(rig.shared.lane.is_due() && !rig.shared.lane.may_rest());
    assert!(matches!(rig.work(), Next::Rest(_)));
    assert_eq!(rig.calls(0), [["-a"]]);
}

#[test]
fn a_batch_is_two_calls_first_the_starts_and_starts_go_only_where_they_are_wanted() {
    let mut rig = Rig::new(&immediate(), &[(true, &[]), TAKES_ALL]);

    rig.push_both(&["a", "b"]);
    rig.work();

    assert_eq!(rig.calls(0), [["+a", "+b"], ["-a", "-b"]]);
    assert_eq!(rig.calls(1), [["-a", "-b"]]);
    let stats = rig.stats();
    assert_eq!((stats.accepted, stats.passed_on), (4, 4));
    let accepted = stats.processors.iter().map(|it| it.accepted);
    assert_eq!(accepted.collect::<Vec<_>>(), [4, 2]);
}

#[test]
fn only_the_processor_that_failed_is_given_its_records_again() {
    let script = [Answer::Retry, Answer::Retry];
    let mut rig = Rig::new(&immediate(), &[(false, &script), TAKES_ALL]);

    rig.push(&["a"]);
    rig.work();
    rig.push(&["b"]);
    rig.work();
    assert_eq!(rig.calls(0), [["-a"]], "it waits");
    assert_eq!(rig.calls(1), [["-a"], ["-b"]]);
    assert_eq!(rig.stats().processors[0].waiting, 2);
    rig.pass(SECOND);
    rig.work();
    rig.pass(SECOND);
    rig.work();

    assert_eq!(rig.calls(0), [["-a"], ["-a"], ["-a"], ["-b"]]);
    let stats = rig.stats();
    let [failing, good] = &stats.processors[..] else {
        panic!("{stats}");
    };
    assert_eq!(
        (failing.processed, failing.calls, failing.retries),
        (2, 4, 2)
    );
    assert_eq!((good.processed, good.calls, good.retries), (2, 2, 0));
    assert_eq!(failing.lost.total() + good.lost.total(), 0);
}

#[test]
fn a_start_that_is_given_again_is_not_overtaken_by_its_end() {
    let mut rig = Rig::new(&immediate(), &[(true, &[Answer::Retry])]);

    rig.push_both(&["a"]);
    rig.work();
    rig.push_both(&["b"]);
    rig.work();
    rig.pass(SECOND);
    rig.work();

    assert_eq!(rig.calls(0), [["+a"], ["+a"], ["-a"], ["+b"], ["-b"]]);
}

#[test]
fn the_wait_before_a_retry_is_no_shorter_than_was_asked_for() {
    struct Busy;
    impl Processor for Busy {
        fn on_spans_end(&mut self, _spans: &[Record]) -> Result<(), ProcessError> {
            Err(ProcessError::retry(Some(60 * SECOND), "busy"))
        }
    }
    let books = Books::new(["busy".to_owned()]);
    let mut station = Station::new(0, Box::new(Busy), &immediate(), 1);
    station.accept(
        &part::Part::new(1, part::Kind::End, records(&["a"])),
        &books,
    );
    let start = Instant::now();

    assert!(!station.call(start, &books), "it is paused");

    assert!(!station.is_due(start + 59 * SECOND));
    assert!(station.is_due(start + 60 * SECOND));
}

#[test]
fn what_a_refusal_and_a_panic_cost_is_counted_at_that_processor_alone() {
    let script = [Answer::Panic, Answer::Refuse];
    let mut rig = Rig::new(&immediate(), &[(false, &script), TAKES_ALL]);

    for names in [["a", "b"], ["c", "d"], ["e", "f"]] {
        rig.push(&names);
        rig.work();
    }

    let stats = rig.stats();
    let [failing, good] = &stats.processors[..] else {
        panic!("{stats}");
    };
    assert_eq!(
        (failing.processed, failing.panics, failing.retries),
        (2, 1, 0)
    );
    assert_eq!(failing.lost.get(LossReason::Rejected), 4);
    assert_eq!((good.processed, good.panics, good.lost.total()), (6, 0, 0));
}

#[test]
fn a_verdict_on_one_record_spares_the_others() {
    let script = [Answer::RefuseAt(1), Answer::RetryAt(1)];
    let mut rig = Rig::new(&immediate(), &[(false, &script)]);

    rig.push(&["a", "b", "c", "d"]);
    rig.work();
    rig.pass(SECOND);
    rig.work();

    assert_eq!(
        rig.calls(0),
        [vec!["-a", "-b", "-c", "-d"], vec!["-c", "-d"], vec!["-d"]]
    );
    let processor = &rig.stats().processors[0];
    assert_eq!((processor.processed, processor.lost.total()), (3, 1));
}

#[test]
fn attempts_are_limited_where_that_was_asked_for() {
    let settings = Settings {
        max_attempts: Some(3),
        ..immediate()
    };
    let mut rig = Rig::new(&settings, &[(false, &[Answer::Retry; 3])]);

    rig.push(&["a"]);
    rig.work();
    rig.push(&["b"]);
    for _ in 0..5 {
        rig.pass(SECOND);
        rig.work();
    }

    assert_eq!(rig.calls(0), [["-a"], ["-a"], ["-a"], ["-b"]]);
    let processor = &rig.stats().processors[0];
    assert_eq!(processor.lost.get(LossReason::RetriesExhausted), 1);
}

#[test]
fn what_waits_for_a_retry_is_bounded_and_the_newest_stay() {
    let settings = Settings {
        queue_size: 4,
        ..immediate()
    };
    let mut rig = Rig::new(&settings, &[(false, &[Answer::Retry]), TAKES_ALL]);

    for names in [["a", "b"], ["c", "d"], ["e", "f"], ["g", "h"]] {
        rig.push(&names);
        rig.work();
    }
    assert_eq!(rig.stats().processors[0].waiting, 4);
    rig.pass(SECOND);
    rig.work();

    assert_eq!(rig.calls(0), [["-a", "-b"], ["-e", "-f"], ["-g", "-h"]]);
    let stats = rig.stats();
    assert_eq!(stats.processors[0].lost.get(LossReason::QueueFull), 4);
    assert_eq!(stats.processors[1].processed, 8);
}

#[test]
fn a_flush_is_answered_when_the_slowest_processor_is_through() {
    let mut rig = Rig::new(
        &Settings::default(),
        &[(false, &[Answer::Retry]), TAKES_ALL],
    );
    rig.push(&["a"]);

    let answer = rig.flush();
    rig.work();
    assert_eq!(rig.calls(1), [["-a"]], "a flush does not linger");
    assert!(answer.try_recv().is_err());
    rig.pass(SECOND);
    rig.work();

    assert!(answer.try_recv().unwrap().is_empty());
}

#[test]
fn the_end_tries_at_once_what_waits_and_counts_what_remains_at_its_deadline() {
    let mut rig = Rig::new(&immediate(), &[(false, &[Answer::Retry; 99]), TAKES_ALL]);
    rig.push(&["a", "b"]);
    rig.work();

    let _answer = rig.shutdown(10 * SECOND);
    rig.push(&["c"]);
    rig.work();
    assert_eq!(rig.calls(0).len(), 2, "the end cuts the wait for a retry");
    rig.pass(10 * SECOND);

    assert_eq!(rig.work(), Next::End);
    assert_eq!(rig.stats().remaining(), 3);
}

/// A clock that panics when it is told to: the only way to break the worker itself.
#[test]
fn a_worker_that_panics_is_restarted_and_counted_and_loses_nothing() {
    let calls: Arc<Mutex<Vec<Vec<String>>>> = Arc::default();
    let settings = Settings {
        first_backoff: Duration::from_millis(1),
        ..immediate()
    };
    let processor = Scripted {
        wants_starts: false,
        script: VecDeque::new(),
        calls: Arc::clone(&calls),
    };
    let station = Station::new(0, Box::new(processor), &settings, 1);
    let shared = Arc::new(Shared::new(&settings, Books::new(["it".to_owned()])));
    let (orders, received) = unbounded();
    let mut readings = 0;
    let clock = Box::new(move || {
        readings += 1;
        assert!(readings % 7 != 3, "the clock is broken");
        Instant::now()
    });
    let of_worker = Arc::clone(&shared);
    let worker = Worker::new(
        &settings,
        of_worker,
        vec![station],
        Orders::new(received),
        clock,
    );
    for record in records(&["a", "b", "c"]) {
        shared.lane.queue.push(Item::End(record));
    }

    let (done, answer) = bounded(1);
    let deadline = Instant::now() + 20 * SECOND;
    orders
        .send(Order::Shutdown(Ending { deadline, done }))
        .unwrap();
    worker.run();

    assert!(answer.try_recv().unwrap().is_empty());
    assert_eq!(*calls.lock().unwrap(), [["-a", "-b", "-c"]]);
    let stats = shared.stats();
    assert!(stats.restarts > 0 && stats.is_balanced(), "{stats}");
    assert_eq!(stats.processors[0].processed, 3);
}

#[test]
fn losses_are_told_processor_by_processor() {
    let mut rig = Rig::new(&immediate(), &[(false, &[Answer::Refuse]), TAKES_ALL]);
    let before = rig.stats();

    rig.push(&["a", "b"]);
    rig.work();

    let told = rig.stats().lost_since(&before);
    assert_eq!(told, (2, "2 rejected at scripted".to_owned()));
}

fn answers() -> impl Strategy<Value = Vec<Answer>> {
    let answer = prop_oneof![
        Just(Answer::Take),
        Just(Answer::Retry),
        (0..6_usize).prop_map(Answer::RetryAt),
        Just(Answer::Refuse),
        (0..6_usize).prop_map(Answer::RefuseAt),
    ];
    prop::collection::vec(answer, 0..20)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_script_of_verdicts_settles_every_record_in_order(
        scripts in [answers(), answers()],
        batch_size in 1..6_usize,
        queue_size in 3..12_usize,
        bursts in prop::collection::vec(0..8_usize, 1..12),
    ) {
        let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
        let settings = Settings { queue_size, batch_size, ..immediate() };
        let mut rig = Rig::new(&settings, &[(true, &scripts[0]), (false, &scripts[1])]);
        for &burst in &bursts {
            rig.push_both(&names[..burst]);
            rig.work();
            rig.stats();
            rig.pass(SECOND);
        }
        // No wait is longer than half a minute.
        for _ in 0..60 {
            rig.pass(30 * SECOND);
            rig.work();
        }

        let stats = rig.stats();
        prop_assert_eq!(stats.remaining(), 0, "{}", stats);
        prop_assert_eq!(stats.accepted, 2 * bursts.iter().sum::<usize>() as u64);
        for processor in &stats.processors {
            prop_assert_eq!(processor.processed + processor.lost.total(), processor.accepted);
        }
        prop_assert_eq!(stats.processors[0].accepted, stats.passed_on);
    }
}
