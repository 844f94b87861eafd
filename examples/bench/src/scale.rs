//! What telemetry takes when there is much of it, and when there is nothing: memory, a million
//! spans flat out, a worker at rest, a line of memory that two processors want.

use std::{
    hint::black_box,
    sync::{
        Barrier,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use o11y_langfuse::Langfuse;
use rustix::time::ClockId;

use self::process::{ThreadSwitches, peak, resident};
use crate::{
    case::{cpu_now, tell},
    contender::{self, Destination, ours},
    measure::{Effort, Figures, apart},
    sink::{Mode, Sink, take_count},
    workload::Texts,
};

mod process;
pub mod table;

/// The places of the queue that is usual.
const PLACES: u64 = 8_192;

/// Spans that make a batch due: the worker takes them into its hand.
const DUE: u64 = 100;

/// Who makes spans flat out: fastrace cannot send them by itself.
pub const SENDERS: [&str; 3] = ["o11y", "otel", "tracing"];

/// One round of spans flat out.
pub fn flat_out(figures: &mut Figures, effort: Effort, counting: &str) -> anyhow::Result<()> {
    let size = effort.flat_out.to_string();
    for library in SENDERS {
        add(figures, "flat_out", library, &size, counting)?;
    }
    Ok(())
}

/// What does not vary from round to round: measured once.
pub fn at_rest(figures: &mut Figures, effort: Effort) -> anyhow::Result<()> {
    let stalled = Sink::start(Mode::Stalled)?;
    add(
        figures,
        "rest",
        "o11y",
        &effort.rest.to_string(),
        &stalled.host,
    )?;
    add(figures, "full_w1", "o11y", "0", &stalled.host)?;
    add(figures, "full_w2", "o11y", "0", &stalled.host)?;
    add(figures, "line", "o11y", "50000000", "")?;
    for (name, value) in apart(&["encoding", &effort.chunks.to_string()])? {
        figures.note("o11y", format!("encoding/{name}"), value);
    }
    Ok(())
}

fn add(
    figures: &mut Figures,
    case: &str,
    library: &str,
    size: &str,
    host: &str,
) -> anyhow::Result<()> {
    for (name, value) in apart(&["scale", case, library, size, host])? {
        figures.note(library, format!("{case}/{name}"), value);
    }
    Ok(())
}

/// Runs a case; prints a name and a number a line.
pub fn run(case: &str, library: &str, size: i64, host: &str) -> anyhow::Result<()> {
    match case {
        "flat_out" => make_flat_out(library, size, host),
        "rest" => rest(size, host),
        "full_w1" => fill(host, 1, |texts| ours::w1(texts, 0)),
        "full_w2" => fill(host, 7, |texts| ours::w2(texts, 0)),
        "line" => line(size),
        _ => bail!("there is no case `{case}`"),
    }
}

/// So many spans of W1, as fast as they can be made, into a queue that holds them all.
fn make_flat_out(library: &str, spans: i64, host: &str) -> anyhow::Result<()> {
    const PATIENCE: Duration = Duration::from_secs(120);
    let texts = Texts::new();
    let queue = usize::try_from(spans)?.next_power_of_two();
    take_count(host)?;
    let before = resident()?;
    let contender = contender::set_up(library, Destination::Wide { host, queue })?;
    tell("queue", resident()? - before);

    let all_cpu = cpu_now(ClockId::ProcessCPUTime);
    let (own_cpu, start) = (cpu_now(ClockId::ThreadCPUTime), Instant::now());
    (0..spans).for_each(|number| contender.w1(&texts, number));
    tell("caller", start.elapsed().as_nanos() as f64);
    tell("caller_cpu", cpu_now(ClockId::ThreadCPUTime) - own_cpu);

    // A library may give up waiting before everything has left.
    let (mut came, mut different) = (0, 0);
    while different < spans as u64 && start.elapsed() < PATIENCE {
        contender.finish();
        let (more, distinct) = take_count(host)?;
        (came, different) = (came + more, different + distinct);
        if more == 0 {
            break;
        }
    }
    tell("spans", spans as f64);
    tell("all", start.elapsed().as_nanos() as f64);
    tell("all_cpu", cpu_now(ClockId::ProcessCPUTime) - all_cpu);
    tell("peak", peak()? - before);
    tell("lost", spans as f64 - different as f64);
    tell("twice", came as f64 - different as f64);
    Ok(())
}

/// An exporter that nothing is handed to: what it holds, and how often it looks.
fn rest(seconds: i64, host: &str) -> anyhow::Result<()> {
    let before = resident()?;
    let _telemetry = exporter(host)?;
    thread::sleep(Duration::from_millis(500)); // until it rests
    tell("program", before);
    tell("exporter", resident()? - before);

    let switches = ThreadSwitches::of("o11y-langfuse")?;
    let others = || cpu_now(ClockId::ProcessCPUTime) - cpu_now(ClockId::ThreadCPUTime);
    let (wakes, cpu, start) = (switches.voluntary()?, others(), Instant::now());
    thread::sleep(Duration::from_secs(seconds.try_into()?));
    let passed = start.elapsed().as_secs_f64();
    tell("cpu", (others() - cpu) / passed);
    tell("wakes", (switches.voluntary()? - wakes) / passed);
    Ok(())
}

/// An exporter before a server that takes one request and never answers, its queue full.
fn fill(host: &str, each: u64, make: impl Fn(&Texts)) -> anyhow::Result<()> {
    let texts = Texts::new();
    let before = resident()?;
    let telemetry = exporter(host)?;
    let make_spans = |spans: u64| (0..spans.div_ceil(each)).for_each(|_| make(&texts));
    make_spans(DUE);
    thread::sleep(Duration::from_millis(500)); // until they are on their way
    let (sending, in_hand) = (resident()?, telemetry.stats());
    tell("sending", sending - before);
    make_spans(PLACES);
    make_spans(1); // that one is too much
    let stats = telemetry.stats();
    ensure!(
        stats.lost.total() > 0 && stats.waiting == PLACES + in_hand.waiting,
        "the queue is not full: {stats}"
    );
    tell("full", resident()? - before);
    tell("spans", PLACES as f64);
    tell(
        "content",
        (stats.waiting_bytes - in_hand.waiting_bytes) as f64,
    );
    std::process::exit(0); // without waiting for the answer
}

/// With the settings that are usual, and compression as for a server that is not on this machine.
fn exporter(host: &str) -> anyhow::Result<o11y_langfuse::Telemetry> {
    let builder = Langfuse::builder()
        .public_key("pk-lf-bench")
        .secret_key("sk-lf-bench");
    Ok(builder.host(host).gzip(true).spawn()?)
}

/// What it takes to count by one, in a line of memory that is this processor's alone and in one
/// that another processor counts in, too.
fn line(times: i64) -> anyhow::Result<()> {
    let count = |counter: &AtomicU64| {
        let start = Instant::now();
        for _ in 0..times {
            black_box(counter.fetch_add(1, Ordering::SeqCst));
        }
        start.elapsed().as_nanos() as f64 / times as f64
    };
    let counter = AtomicU64::new(0);
    tell("alone", count(&counter));
    let start = Barrier::new(2);
    let together = || {
        start.wait();
        count(&counter)
    };
    let (here, there) = thread::scope(|scope| {
        let other = scope.spawn(together);
        (together(), other.join())
    });
    let there = there.ok().context("a thread panicked")?;
    tell("shared", here.max(there));
    Ok(())
}
