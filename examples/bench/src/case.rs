//! One measurement of one library, in a process of its own: what it prints is what was found.

use std::{
    hint::black_box,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use o11y_core::event;
use rustix::time::{ClockId, clock_gettime};

use crate::{
    contender::{self, Contender, Destination},
    probe::{self, reservation},
    workload::Texts,
};

/// A queue that holds everything that a case makes.
pub const LOSSLESS: usize = 1 << 18;

/// Spans of W1 and traces of W2 that are sent end to end.
pub const SENT_W1: i64 = 200_000;
pub const SENT_W2: i64 = 20_000;

/// Runs a case; prints a name and a number a line.
pub fn run(library: &str, case: &str, host: &str) -> anyhow::Result<()> {
    let texts = Texts::new();
    let nowhere = Destination::Nowhere(host);
    match case.split(' ').collect::<Vec<_>>()[..] {
        ["tight", chunks] => {
            let contender = contender::set_up(library, nowhere)?;
            let chunks = chunks.parse()?;
            tell(
                "w1",
                cpu(chunks, 20_000, |number| contender.w1(&texts, number)),
            );
            tell(
                "w2",
                cpu(chunks, 1_000, |number| contender.w2(&texts, number)),
            );
        }
        ["paced", bursts] => {
            let bursts = bursts.parse()?;
            let contender = contender::set_up(library, Destination::Http { host, gzip: false })?;
            // 64 spans, be they of W1 or of W2.
            let pace = |size| Pace {
                bursts,
                size,
                pause: Duration::from_millis(2),
            };
            latencies(
                "w1",
                &mut pace(64).time(|number| contender.w1(&texts, number)),
            );
            latencies(
                "w2",
                &mut pace(9).time(|number| contender.w2(&texts, number)),
            );
        }
        ["threads", count, each] => {
            let contender = contender::set_up(library, nowhere)?;
            let (count, each) = (count.parse()?, each.parse()?);
            latencies("w1", &mut threads(&*contender, &texts, count, each)?);
        }
        // 10,000 spans a second.
        ["stream", bursts] => {
            let contender = contender::set_up(library, Destination::Http { host, gzip: false })?;
            let pace = Pace {
                bursts: bursts.parse()?,
                size: 20,
                pause: Duration::from_millis(2),
            };
            latencies("w1", &mut pace.time(|number| contender.w1(&texts, number)));
            std::process::exit(0); // without waiting for a sink that does not answer
        }
        ["send", workload, compression] => {
            let gzip = compression == "gzip";
            let contender = contender::set_up(library, Destination::Http { host, gzip })?;
            tell("cpu", send(&*contender, &texts, workload));
        }
        ["calls", chunks] => calls(host, &texts, chunks.parse()?)?,
        _ => bail!("there is no case `{case}`"),
    }
    Ok(())
}

pub fn tell(name: &str, value: f64) {
    println!("{name} {value}");
}

/// CPU nanoseconds of one call on this thread: the median of so many chunks.
pub fn cpu(chunks: usize, calls: i64, mut call: impl FnMut(i64)) -> f64 {
    let mut taken: Vec<_> = (0..chunks)
        .map(|_| {
            let before = cpu_now(ClockId::ThreadCPUTime);
            (0..calls).for_each(&mut call);
            (cpu_now(ClockId::ThreadCPUTime) - before) / calls as f64
        })
        .collect();
    median(&mut taken)
}

/// Nanoseconds of CPU time.
pub fn cpu_now(clock: ClockId) -> f64 {
    let time = clock_gettime(clock);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Bursts with a pause after each: caches are cold, and no queue fills up.
struct Pace {
    bursts: usize,
    size: i64,
    pause: Duration,
}

impl Pace {
    /// The nanoseconds of each call, some 25 of which are the two looks at the clock.
    fn time(&self, mut call: impl FnMut(i64)) -> Vec<u64> {
        let mut times = Vec::with_capacity(self.bursts * self.size as usize);
        for _ in 0..self.bursts {
            for number in 0..self.size {
                times.push(timed(|| call(number)));
            }
            thread::sleep(self.pause);
        }
        times
    }
}

fn timed(call: impl FnOnce()) -> u64 {
    let start = Instant::now();
    call();
    start.elapsed().as_nanos() as u64
}

fn threads(
    contender: &dyn Contender,
    texts: &Texts,
    count: usize,
    each: i64,
) -> anyhow::Result<Vec<u64>> {
    let start = Barrier::new(count);
    thread::scope(|scope| {
        let running: Vec<_> = (0..count)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    let time = |number| timed(|| contender.w1(texts, number));
                    (0..each).map(time).collect::<Vec<_>>()
                })
            })
            .collect();
        let mut times = Vec::new();
        for thread in running {
            times.extend(thread.join().ok().context("a thread panicked")?);
        }
        Ok(times)
    })
}

fn latencies(name: &str, times: &mut [u64]) {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize] as f64;
    for (suffix, share) in [("p50", 0.5), ("p99", 0.99), ("p999", 0.999)] {
        tell(&format!("{name}.{suffix}"), at(share));
    }
}

/// Microseconds of CPU time of this process for each span, from the first to the last that was
/// answered for.
fn send(contender: &dyn Contender, texts: &Texts, workload: &str) -> f64 {
    let before = cpu_now(ClockId::ProcessCPUTime);
    let spans = if workload == "w1" {
        (0..SENT_W1).for_each(|number| contender.w1(texts, number));
        SENT_W1
    } else {
        (0..SENT_W2).for_each(|number| contender.w2(texts, number));
        7 * SENT_W2
    };
    if contender.finish().is_some_and(|lost| lost > 0) {
        return f64::NAN;
    }
    (cpu_now(ClockId::ProcessCPUTime) - before) / spans as f64 / 1e3
}

/// Nanoseconds from call to call of each of two threads that reserve and settle in one budget: the
/// median of so many chunks, waiting for one another included.
fn contended(chunks: usize, calls: usize) -> anyhow::Result<f64> {
    let budget = reservation::plain();
    let start = Barrier::new(2);
    let mut taken = Vec::new();
    for _ in 0..chunks {
        let chunk = || {
            start.wait();
            timed(|| (0..calls).for_each(|_| reservation::reserve_and_settle(&budget)))
        };
        let (here, there) = thread::scope(|scope| {
            let other = scope.spawn(chunk);
            (chunk(), other.join())
        });
        let there = there.ok().context("a thread panicked")?;
        taken.push(here.max(there) as f64 / calls as f64);
    }
    Ok(median(&mut taken))
}

/// What only these crates have.
fn calls(host: &str, texts: &Texts, chunks: usize) -> anyhow::Result<()> {
    tell("off", cpu(chunks, 200_000, |_| probe::off()));
    tell("off_kind", cpu(chunks, 200_000, |_| probe::off_kind()));
    tell("off_spec", cpu(chunks, 100_000, |_| probe::off_spec(texts)));
    tell("off_lazy", cpu(chunks, 200_000, |_| probe::off_lazy(texts)));
    for hearing in [0, 1, 10] {
        let _subscriptions = probe::subscribe(hearing);
        tell(
            &format!("emit_{hearing}"),
            cpu(chunks, 50_000, |_| probe::emit()),
        );
    }
    for (name, budget) in [
        ("reserve", reservation::plain()),
        ("reserve_nested", reservation::nested()),
        ("reserve_window", reservation::window()),
    ] {
        tell(
            name,
            cpu(chunks, 20_000, |_| reservation::reserve_and_settle(&budget)),
        );
    }
    tell("reserve_contended", contended(chunks, 20_000)?);
    let _telemetry = contender::set_up("o11y", Destination::Nowhere(host))?;
    // Until the queue is full, texts come to lie in memory that the system has to hand out first.
    (0..10_000).for_each(|_| probe::call_model(texts));
    tell(
        "generation",
        cpu(chunks, 2_000, |_| probe::call_model(texts)),
    );
    let budget = probe::budget();
    tell(
        "generation_budget",
        cpu(chunks, 2_000, |_| probe::call_model(texts)),
    );
    drop(budget);
    event("bench.done", black_box(o11y_core::Attributes::new()));
    let mut times: Vec<_> = (0..chunks * 5)
        .map(|_| {
            thread::sleep(Duration::from_millis(2));
            timed(|| (0..100).for_each(|number| contender::ours::w1(texts, number))) as f64
        })
        .collect();
    tell("hundred", median(&mut times));
    Ok(())
}
