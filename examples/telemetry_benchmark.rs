//! Does telemetry ever hold the program up? A hundred spans, a flush, and ten model calls that fail,
//! before a receiver that is well, one that is slow, and one that never answers.
//!
//! ```text
//! cargo run --release --example telemetry_benchmark
//! ```
//!
//! Before: the same hundred spans as an exporter without a queue would send them, one request each,
//! waited for. After: with these crates. It exits with an error if any call of the program's own was
//! held up, if a flush went past its deadline, or if a span is unaccounted for. What a hundred spans
//! take at best is shown beside what they should, not enforced: that is the machine's affair, too.

use std::{
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use anyhow::ensure;
use o11y_core::{Context, Generation, GenerationError, Observability};
use o11y_langfuse::{
    Langfuse, Stats, Telemetry,
    local::{Fault, Receiver},
};

const SPANS: u32 = 100;
const CALLS: u64 = 10;
/// Rounds of spans; the best shows what the code takes, the worst what the machine was doing.
const ROUNDS: usize = 50;
/// No call of the program's own may take longer. The slow receiver takes as long for each request,
/// so whatever waits for one is found out.
const HELD_UP: Duration = Duration::from_millis(100);
/// What a hundred spans should take, built with `--release`.
const GOAL: Duration = Duration::from_micros(20);
/// What a flush and a shutdown may take before a receiver that never answers.
const PATIENCE: Duration = Duration::from_millis(500);

fn main() -> anyhow::Result<()> {
    println!("{SPANS} spans of 4 attributes, a flush, {CALLS} failing model calls\n");
    row(["", "before", "after", "", "", "", "", ""].map(str::to_owned));
    row(COLUMNS.map(str::to_owned));
    let mut best = Duration::MAX;
    for (name, fault) in [
        ("healthy", None),
        ("slow", Some(Fault::Delay(HELD_UP))),
        ("stalled", Some(Fault::Stall)),
    ] {
        let receiver = Receiver::start()?;
        receiver.always(fault);
        let before = one_by_one(&receiver)?;
        let after = Experiment::run(&receiver)?;
        after.show(name, before);
        after.check()?;
        best = best.min(after.best);
    }
    println!("\nnothing was held up, and every span is accounted for");
    let verdict = if best < GOAL { "under" } else { "not under" };
    println!("{SPANS} spans took {best:.1?} at best, {verdict} the {GOAL:?} that they should");
    Ok(())
}

const COLUMNS: [&str; 8] = [
    "receiver",
    "spans",
    "spans, best",
    "spans, worst",
    "flush",
    "calls, worst",
    "delivered",
    "lost",
];

/// One line of the table.
fn row(cells: [String; COLUMNS.len()]) {
    let line = cells.map(|cell| format!("{cell:>14}")).concat();
    println!("{}", line.trim_end());
}

/// The figures before one receiver.
struct Experiment {
    best: Duration,
    worst: Duration,
    flush: Duration,
    worst_call: Duration,
    stats: Stats,
}

impl Experiment {
    fn run(receiver: &Receiver) -> anyhow::Result<Self> {
        let telemetry = exporter(receiver)?;
        a_hundred_spans(); // the first of all calibrates the clock and starts from cold caches
        let rounds: Vec<_> = (0..ROUNDS).map(|_| timed(a_hundred_spans)).collect();
        let flush = timed(|| telemetry.flush(PATIENCE).is_ok());
        let mut worst_call = Duration::ZERO;
        for _ in 0..CALLS {
            let begin = Instant::now();
            a_failing_call()?;
            worst_call = worst_call.max(begin.elapsed());
        }
        let _losses_are_in_the_figures = telemetry.shutdown(PATIENCE);
        Ok(Self {
            best: rounds.iter().min().copied().unwrap_or_default(),
            worst: rounds.iter().max().copied().unwrap_or_default(),
            flush,
            worst_call,
            stats: telemetry.stats(),
        })
    }

    fn show(&self, receiver: &str, before: Option<Duration>) {
        let before = before.map_or_else(|| "for ever".to_owned(), |before| format!("{before:.1?}"));
        let [best, worst, flush, worst_call] =
            [self.best, self.worst, self.flush, self.worst_call].map(|time| format!("{time:.1?}"));
        let [delivered, lost] =
            [self.stats.delivered, self.stats.lost.total()].map(|count| count.to_string());
        let receiver = receiver.to_owned();
        row([
            receiver, before, best, worst, flush, worst_call, delivered, lost,
        ]);
    }

    fn check(&self) -> anyhow::Result<()> {
        ensure!(self.worst < HELD_UP, "spans were held up: {:?}", self.worst);
        ensure!(
            self.worst_call < HELD_UP,
            "a call was held up: {:?}",
            self.worst_call
        );
        ensure!(
            self.flush < PATIENCE + HELD_UP,
            "the flush went past its deadline"
        );
        let spans = u64::from(SPANS) * (ROUNDS as u64 + 1) + CALLS;
        let stats = &self.stats;
        ensure!(
            stats.accepted == spans,
            "{} of {spans} spans were handed over",
            stats.accepted
        );
        ensure!(
            stats.delivered + stats.lost.total() == spans && stats.waiting == 0,
            "the figures do not add up: {stats}"
        );
        Ok(())
    }
}

fn exporter(receiver: &Receiver) -> anyhow::Result<Telemetry> {
    let telemetry = Langfuse::builder()
        .host(receiver.base_url())
        .public_key(receiver.public_key())
        .secret_key(receiver.secret_key())
        .spawn()?;
    Ok(telemetry)
}

/// The program's work: a root and 99 spans below it.
fn a_hundred_spans() {
    Context::with_span("work", |_span| {
        for number in 1..SPANS {
            Context::with_span("step", |span| {
                span.set_attribute("number", number);
                span.set_attribute("shop", "Monday");
                span.set_attribute("share", 0.25);
                span.set_attribute("hot", true);
            });
        }
    });
}

/// A model that nobody serves: the connection is refused.
fn a_failing_call() -> anyhow::Result<()> {
    let nobody = SocketAddr::from(([127, 0, 0, 1], 9));
    let request = Generation::new("openai", "gpt-4o-mini").input("What shall I drink?");
    let answer = Context::generation_blocking(request, |_call| {
        TcpStream::connect(nobody).map_err(GenerationError::Call)
    });
    ensure!(
        answer.is_err(),
        "somebody serves on the port for discarding"
    );
    Ok(())
}

/// How long the spans take if each is waited for; none if that would never end.
fn one_by_one(receiver: &Receiver) -> anyhow::Result<Option<Duration>> {
    let telemetry = exporter(receiver)?;
    let mut all_arrived = true;
    let took = timed(|| {
        for _ in 0..SPANS {
            Context::with_span("step", |_span| ());
            all_arrived = Observability::flush(PATIENCE).is_ok();
            if !all_arrived {
                break;
            }
        }
    });
    let _losses_are_not_the_question = telemetry.shutdown(Duration::ZERO);
    Ok(all_arrived.then_some(took))
}

fn timed<R>(work: impl FnOnce() -> R) -> Duration {
    let begin = Instant::now();
    let _result = work();
    begin.elapsed()
}
