//! Plays a plan: a server that fails as planned, threads that hand over, flush and look, and the
//! end.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use o11y_core::{Context, EventBus, FlushError, Score, SpanSpec, TraceId, score};
use o11y_langfuse::{Stats, Telemetry, local::Receiver};

use crate::{
    chance::Chance,
    law::{Gate, Lane, SLACK, check_exactly, check_roughly},
    outcome::Outcome,
    plan::Plan,
};

/// Reached only by a hang.
const LONG: Duration = Duration::from_secs(60);

/// What came of many rounds.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) spans_delivered: u64,
    pub(crate) spans_lost: u64,
    pub(crate) spans_in_doubt: u64,
    pub(crate) scores_delivered: u64,
    pub(crate) scores_lost: u64,
    pub(crate) requests: u64,
    pub(crate) looks: u64,
    /// The most that a flush or a shutdown took beyond its time-out.
    pub(crate) latest: Duration,
}

impl Report {
    pub(crate) fn add(&mut self, other: &Self) {
        self.spans_delivered += other.spans_delivered;
        self.spans_lost += other.spans_lost;
        self.spans_in_doubt += other.spans_in_doubt;
        self.scores_delivered += other.scores_delivered;
        self.scores_lost += other.scores_lost;
        self.requests += other.requests;
        self.looks += other.looks;
        self.latest = self.latest.max(other.latest);
    }
}

/// One exporter and everybody around it.
struct Stage<'a> {
    plan: &'a Plan,
    telemetry: Telemetry,
    scope: o11y_core::Telemetry,
    receiver: Receiver,
    gate: Gate,
    is_over: AtomicBool,
}

pub(crate) fn play(plan: &Plan) -> Report {
    let receiver = Receiver::start().unwrap();
    receiver.script(plan.faults.iter().cloned());
    let telemetry = plan.builder(&receiver).spawn_scoped().unwrap();
    let stage = Stage {
        plan,
        scope: telemetry.scope(&EventBus::new()),
        telemetry,
        receiver,
        gate: Gate::default(),
        is_over: AtomicBool::new(false),
    };
    let mut chance = Chance::new(plan.seed);

    let (handed_over, mut report) = thread::scope(|scope| {
        let stage = &stage;
        let mut sources: Vec<_> = (0..plan.producers + 2).map(|_| chance.fork()).collect();
        let (for_flushes, for_releases) = (sources.pop().unwrap(), sources.pop().unwrap());
        let producers: Vec<_> = sources
            .into_iter()
            .enumerate()
            .map(|(number, chance)| scope.spawn(move || stage.produce(number, chance)))
            .collect();
        let lookers = [
            scope.spawn(|| stage.look_exactly()),
            scope.spawn(|| stage.look_roughly()),
            scope.spawn(|| stage.look_roughly()),
        ];
        let flusher = scope.spawn(|| stage.flush_at_random(for_flushes));
        scope.spawn(|| stage.release_at_random(for_releases));

        let mut counts = [0; 2];
        let mut latest = Duration::ZERO;
        if let Some(after) = plan.end.after {
            thread::sleep(after);
            latest = stage.end();
        }
        for producer in producers {
            let (handed_over, late) = producer.join().unwrap();
            (0..2).for_each(|lane| counts[lane] += handed_over[lane]);
            latest = latest.max(late);
        }
        if plan.end.after.is_none() {
            latest = latest.max(stage.end());
        }
        stage.is_over.store(true, Ordering::Relaxed);
        latest = latest.max(flusher.join().unwrap());
        let looks = lookers.map(|looker| looker.join().unwrap());
        let report = Report {
            looks: looks.iter().sum(),
            latest,
            ..Report::default()
        };
        (counts, report)
    });

    stage.let_the_server_finish();
    let stats = stage.telemetry.stats();
    check_exactly(&plan.name, &stats);
    let outcome = Outcome::new(plan, &stage.receiver);
    report.add(&outcome.check(&stats, handed_over));
    let start = Instant::now();
    drop(stage);
    assert!(start.elapsed() < 2 * SLACK, "{}: the drop", plan.name);
    report
}

impl Stage<'_> {
    fn stats(&self) -> Stats {
        self.telemetry.stats()
    }

    /// Hands spans and scores over, and sometimes flushes: how many of each, and how late a flush
    /// was.
    fn produce(&self, number: usize, mut chance: Chance) -> ([u64; 2], Duration) {
        let (mut spans, mut scores) = (0, 0);
        let mut latest = Duration::ZERO;
        let _in_scope = self.scope.attach();
        while spans < self.plan.spans || scores < self.plan.scores {
            let is_score =
                spans >= self.plan.spans || scores < self.plan.scores && chance.percent(20);
            let passing = self.gate.pass();
            if is_score {
                let name = format!("{number} {scores}");
                let value = Score::numeric(name.clone(), 0.5).id(name);
                score(value.trace(TraceId::random())).unwrap();
                scores += 1;
            } else {
                let text = "x".repeat(chance.size(0, self.plan.longest_text));
                let spec = SpanSpec::new(format!("{number} {spans}")).input(text);
                Context::with_span(spec, |_span| ());
                spans += 1;
            }
            drop(passing);
            match chance.between(0, 400) {
                0 => latest = latest.max(self.flush(chance.millis(0, 300), Some((number, spans)))),
                1..=5 => thread::sleep(chance.millis(0, 8)),
                6..=40 => thread::yield_now(),
                _ => {}
            }
        }
        ([spans as u64, scores as u64], latest)
    }

    /// Flushes, and checks what the answer promises. `own` is which thread this is and how many
    /// spans it has handed over. Returns by how much it was late.
    fn flush(&self, timeout: Duration, own: Option<(usize, usize)>) -> Duration {
        let name = &self.plan.name;
        let before = self.stats();
        let start = Instant::now();
        let flushed = self.telemetry.flush(timeout);
        let took = start.elapsed();
        let after = self.stats();

        assert!(
            took < timeout + SLACK,
            "{name}: a flush of {timeout:?} took {took:?}"
        );
        if !matches!(flushed, Err(FlushError::Timeout { .. })) {
            // Somebody else's item may be between its count and the queue.
            let in_hands = 2 * self.plan.producers as u64;
            for lane in [Lane::spans, Lane::scores] {
                let (before, after) = (lane(&before), lane(&after));
                assert!(
                    after.settled() + in_hands >= before.accepted,
                    "{name}: {flushed:?} with {before:?} and then {after:?}"
                );
            }
        }
        if let (Ok(()), Some((number, spans)), 0) = (&flushed, own, after.lost.total()) {
            let arrived = self.receiver.observations();
            let of_thread = format!("{number} ");
            let arrived: BTreeSet<_> = arrived
                .iter()
                .filter(|one| one.name.starts_with(&of_thread))
                .map(|one| &one.name)
                .collect();
            assert!(
                arrived.len() >= spans,
                "{name}: {} of {spans}",
                arrived.len()
            );
        }
        took.saturating_sub(timeout)
    }

    fn flush_at_random(&self, mut chance: Chance) -> Duration {
        let mut latest = Duration::ZERO;
        while !self.is_over.load(Ordering::Relaxed) {
            thread::sleep(chance.millis(0, 60));
            let timeout = chance.pick(&[0, 1, 20, 200, 1_000]);
            latest = latest.max(self.flush(Duration::from_millis(timeout), None));
        }
        latest
    }

    /// Lets requests go on that stall. Their clients may have given up.
    fn release_at_random(&self, mut chance: Chance) {
        while !self.is_over.load(Ordering::Relaxed) {
            thread::sleep(chance.millis(0, 200));
            self.receiver.release();
        }
    }

    fn look_exactly(&self) -> u64 {
        let mut looks = 0;
        while !self.is_over.load(Ordering::Relaxed) {
            let stats = self.gate.close(|| self.stats());
            check_exactly(&self.plan.name, &stats);
            looks += 1;
            thread::sleep(Duration::from_micros(500));
        }
        looks
    }

    fn look_roughly(&self) -> u64 {
        let mut looks = 0;
        while !self.is_over.load(Ordering::Relaxed) {
            let three = std::array::from_fn(|_| self.stats());
            check_roughly(&self.plan.name, &three, self.plan.producers as u64);
            looks += 3;
            thread::sleep(Duration::from_micros(200));
        }
        looks
    }

    /// Ends the exporter, perhaps by two at once; by how much they were late.
    fn end(&self) -> Duration {
        let end = self.plan.end;
        thread::scope(|scope| {
            let rival = end
                .rival
                .map(|rival| scope.spawn(move || self.shut_down(rival)));
            let late = self.shut_down(end.timeout);
            let rival = rival.map(|rival| rival.join().unwrap());
            late.max(rival.unwrap_or_default())
        })
    }

    fn shut_down(&self, timeout: Duration) -> Duration {
        let start = Instant::now();
        let ended = self.telemetry.shutdown(timeout);
        let took = start.elapsed();

        let name = &self.plan.name;
        assert!(
            took < timeout + SLACK,
            "{name}: the end in {timeout:?} took {took:?}"
        );
        if !matches!(ended, Err(FlushError::Timeout { .. })) {
            // Whoever is told that it is over finds it over.
            let stats = self.gate.close(|| self.stats());
            let waiting = [stats.waiting, stats.scores().waiting];
            assert_eq!(waiting, [0, 0], "{name}: after {ended:?}");
        }
        took.saturating_sub(timeout)
    }

    /// Nothing is held up any more, and what the server was still storing is stored.
    fn let_the_server_finish(&self) {
        let start = Instant::now();
        loop {
            self.receiver.release();
            let requests = self.receiver.requests();
            let is_open = |(number, request): (usize, &o11y_langfuse::local::Request)| {
                request.status.is_none() && self.plan.is_held(number)
            };
            if !requests.iter().enumerate().any(is_open) {
                return;
            }
            assert!(
                start.elapsed() < LONG,
                "{}: the server hangs",
                self.plan.name
            );
            thread::yield_now();
        }
    }
}
