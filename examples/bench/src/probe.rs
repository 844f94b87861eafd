//! What callgrind counts: one thing in a loop, run in a process of its own.

use std::{hint::black_box, net::TcpListener, thread, time::Duration};

use anyhow::bail;
use o11y_core::{
    Context, Event, Generation, ObservationType, SpanSpec, Vetoed, attributes, event, events,
};
use o11y_events::{Attached, BaseSubscriber as _, Budget, TokenBudgetTracker};
use o11y_langfuse::{Langfuse, LangfuseBuilder, Telemetry};

use crate::{
    contender::{self, Destination, ours},
    encoding::records,
    workload::Texts,
};

use self::encode::Encoder;

mod encode;
pub mod reservation;

/// One thing to count.
pub struct Probe {
    pub name: &'static str,
    /// What it is, for readers of the table.
    pub what: &'static str,
    /// How often it is done in the shorter of the two runs; in the longer one twice as often.
    pub times: usize,
    run: fn(&Texts, usize) -> anyhow::Result<()>,
}

/// What the gate watches, in the order of the table.
pub const PROBES: &[Probe] = &[
    probe(
        "w1",
        "W1: one span, four attributes",
        500,
        |texts, times| {
            let _telemetry = to_nowhere()?;
            measured(times, |number| ours::w1(texts, number));
            leave()
        },
    ),
    probe("w2", "W2: seven spans, texts copied", 60, |texts, times| {
        let _telemetry = to_nowhere()?;
        measured(times, |number| ours::w2(texts, number));
        leave()
    }),
    probe(
        "w2_moved",
        "W2: seven spans, texts moved in",
        60,
        |texts, times| {
            let _telemetry = to_nowhere()?;
            let owned: Vec<_> = (0..3 * MOST).map(|_| texts.owned()).collect();
            let mut owned = owned.into_iter();
            measured(times, |number| ours::w2_moved(&mut owned, number));
            leave()
        },
    ),
    probe(
        "w1_full",
        "W1 while the queue is full",
        500,
        |texts, times| {
            let _stalled = full(|number| ours::w1(texts, number))?;
            measured(times, |number| ours::w1(texts, number));
            leave()
        },
    ),
    probe(
        "w2_full",
        "W2 while the queue is full",
        60,
        |texts, times| {
            let _stalled = full(|number| ours::w2(texts, number))?;
            measured(times, |number| ours::w2(texts, number));
            leave()
        },
    ),
    probe("encode_w1", "the worker: W1 encoded", 500, |_, times| {
        encode(times, "w1", 1)
    }),
    probe(
        "encode_w2",
        "the worker: W2 encoded, seven spans",
        60,
        |_, times| encode(times, "w2", 7),
    ),
    probe("off", "disabled: a span by its name", 2_000, |_, times| {
        measured(times, |_| off());
        Ok(())
    }),
    probe("off_w1", "disabled: W1", 2_000, |texts, times| {
        measured(times, |number| ours::w1(texts, number));
        Ok(())
    }),
    probe(
        "off_kind",
        "disabled: an eager description, a name and a type",
        2_000,
        |_, times| {
            measured(times, |_| off_kind());
            Ok(())
        },
    ),
    probe(
        "off_spec",
        "disabled: an eager description with a text and a number",
        2_000,
        |texts, times| {
            measured(times, |_| off_spec(texts));
            Ok(())
        },
    ),
    probe(
        "off_lazy",
        "disabled: a lazy description",
        2_000,
        |texts, times| {
            measured(times, |_| off_lazy(texts));
            Ok(())
        },
    ),
    probe(
        "emit_0",
        "an event that none of 1,000 subscriptions hears",
        1_000,
        |_, times| {
            let _subscriptions = subscribe(0);
            measured(times, |_| emit());
            Ok(())
        },
    ),
    probe(
        "emit_1",
        "an event that one of them hears",
        1_000,
        |_, times| {
            let _subscriptions = subscribe(1);
            measured(times, |_| emit());
            Ok(())
        },
    ),
    probe(
        "emit_10",
        "an event that ten of them hear",
        1_000,
        |_, times| {
            let _subscriptions = subscribe(10);
            measured(times, |_| emit());
            Ok(())
        },
    ),
    probe(
        "generation",
        "a model call that nobody hears of",
        200,
        |texts, times| {
            let _telemetry = to_nowhere()?;
            measured(times, |_| call_model(texts));
            leave()
        },
    ),
    probe(
        "generation_budget",
        "a model call with one token budget",
        200,
        |texts, times| {
            let _telemetry = to_nowhere()?;
            let _budget = budget();
            measured(times, |_| call_model(texts));
            leave()
        },
    ),
    probe(
        "reserve",
        "a budget reserved and settled by hand",
        500,
        |_, times| reserve(times, &reservation::plain()),
    ),
    probe(
        "reserve_nested",
        "the same of a budget in a budget in a budget",
        500,
        |_, times| reserve(times, &reservation::nested()),
    ),
    probe(
        "reserve_window",
        "the same of a budget per minute",
        500,
        |_, times| reserve(times, &reservation::window()),
    ),
];

/// The same of the others, for the table.
pub const PEERS: &[Probe] = &[
    probe("otel_w1", "", 300, |texts, times| {
        peer("otel", times, texts, true)
    }),
    probe("otel_w2", "", 40, |texts, times| {
        peer("otel", times, texts, false)
    }),
    probe("tracing_w1", "", 300, |texts, times| {
        peer("tracing", times, texts, true)
    }),
    probe("tracing_w2", "", 40, |texts, times| {
        peer("tracing", times, texts, false)
    }),
    probe("fastrace_w1", "", 300, |texts, times| {
        peer("fastrace", times, texts, true)
    }),
    probe("fastrace_w2", "", 40, |texts, times| {
        peer("fastrace", times, texts, false)
    }),
    probe("copies_w1", "", 300, |texts, times| {
        peer("copies", times, texts, true)
    }),
    probe("copies_w2", "", 40, |texts, times| {
        peer("copies", times, texts, false)
    }),
];

fn peer(name: &str, times: usize, texts: &Texts, is_w1: bool) -> anyhow::Result<()> {
    let contender = contender::set_up(name, Destination::Nowhere("http://127.0.0.1:9"))?;
    if is_w1 {
        measured(times, |number| contender.w1(texts, number));
    } else {
        measured(times, |number| contender.w2(texts, number));
    }
    leave()
}

fn reserve(times: usize, budget: &Budget) -> anyhow::Result<()> {
    reservation::reserve_and_settle(budget); // the model's line is there from then on
    measured(times, |_| reservation::reserve_and_settle(budget));
    Ok(())
}

/// Encodes the first so many spans of a workload, again and again.
fn encode(times: usize, workload: &str, spans: usize) -> anyhow::Result<()> {
    let mut records = records(workload);
    records.truncate(spans);
    let mut encoder = Encoder::of(records);
    measured(times, |_| encoder.encode());
    Ok(())
}

const fn probe(
    name: &'static str,
    what: &'static str,
    times: usize,
    run: fn(&Texts, usize) -> anyhow::Result<()>,
) -> Probe {
    Probe {
        name,
        what,
        times,
        run,
    }
}

/// Texts are made ready for so many of W2 in both runs, so that making them cancels out.
const MOST: usize = 120;

/// Runs the probe of that name, so often.
pub fn run(name: &str, times: usize) -> anyhow::Result<()> {
    let Some(probe) = PROBES.iter().chain(PEERS).find(|probe| probe.name == name) else {
        bail!("there is no probe `{name}`");
    };
    (probe.run)(&Texts::new(), times)
}

/// The loop whose instructions are counted: callgrind is told to count while it is inside.
#[inline(never)]
fn measured(times: usize, mut body: impl FnMut(i64)) {
    for number in (0..).take(times) {
        body(number);
    }
}

/// The end of the process, without a last delivery.
fn leave() -> anyhow::Result<()> {
    std::process::exit(0);
}

/// An exporter whose worker rests: nothing is due, and nothing that a caller does depends on what
/// the worker is just doing.
fn to_nowhere() -> anyhow::Result<Telemetry> {
    let builder = exporter("http://127.0.0.1:9")
        .queue_size(16_384)
        .batch_size(16_384)
        .queue_bytes(1 << 30)
        .request_bytes(1 << 29)
        .export_interval(Duration::ZERO);
    let telemetry = builder.spawn()?;
    thread::sleep(Duration::from_millis(30)); // until it rests
    Ok(telemetry)
}

/// An exporter whose worker waits for an answer that never comes, with a queue that is full. The
/// numbers are fixed, so that two runs have done the same before they are counted.
fn full(fill: impl Fn(i64)) -> anyhow::Result<(TcpListener, Telemetry)> {
    const DUE: i64 = 100;
    const ROOM: usize = 256;
    let silent = TcpListener::bind("127.0.0.1:0")?;
    let host = format!("http://{}", silent.local_addr()?);
    let telemetry = exporter(&host)
        .queue_size(ROOM)
        .timeout(Duration::from_secs(600))
        .spawn()?;
    (0..DUE).for_each(&fill);
    thread::sleep(Duration::from_millis(300)); // until it has taken them
    (0..2 * ROOM as i64).for_each(&fill);
    if telemetry.stats().lost.total() == 0 {
        bail!("the queue is not full");
    }
    Ok((silent, telemetry))
}

fn exporter(host: &str) -> LangfuseBuilder {
    Langfuse::builder()
        .public_key("pk-lf-bench")
        .secret_key("sk-lf-bench")
        .host(host)
}

#[inline(always)] // the loop is what is counted
pub fn off() {
    Context::with_span("off", |span| {
        black_box(span.is_recording());
    });
}

#[inline(always)] // the loop is what is counted
pub fn off_kind() {
    let spec = SpanSpec::new("off").observation(ObservationType::Tool);
    Context::with_span(spec, |span| {
        black_box(span.is_recording());
    });
}

#[inline(always)] // the loop is what is counted
pub fn off_spec(texts: &Texts) {
    Context::with_span(spec(texts), |span| {
        black_box(span.is_recording());
    });
}

#[inline(always)] // the loop is what is counted
pub fn off_lazy(texts: &Texts) {
    Context::with_span(
        || spec(texts),
        |span| {
            black_box(span.is_recording());
        },
    );
}

/// A budget that is never used up.
pub fn budget() -> Attached<TokenBudgetTracker> {
    TokenBudgetTracker::new(u64::MAX).attach(events())
}

fn spec(texts: &Texts) -> SpanSpec {
    SpanSpec::new("off")
        .attribute("s1", &*texts.s1)
        .attribute("i", 1)
}

pub fn emit() {
    event(
        "llm.generate",
        attributes! { "gen_ai.usage.total_tokens" => 150 },
    );
}

/// A thousand subscriptions of all kinds; so many of them hear `llm.generate`.
pub fn subscribe(hearing: usize) -> Vec<o11y_core::Subscription> {
    let hear = |event: &Event| {
        black_box(event.name().len());
    };
    (0..1_000)
        .map(|number| {
            let pattern = match number {
                _ if number < hearing => ["llm.generate", "llm.*"][number % 2].to_owned(),
                _ if number % 3 == 0 => format!("service{number}.*"),
                _ if number % 3 == 1 => format!("*.done{number}"),
                _ => format!("service{number}.started"),
            };
            events().subscribe(pattern, hear)
        })
        .collect()
}

pub fn call_model(texts: &Texts) {
    let generation = Generation::new("openai", "gpt-4o-mini")
        .input(&*texts.input)
        .estimate(400);
    let answer: Result<(), Vetoed> = Context::generation_blocking(generation, |call| {
        call.set_output(&*texts.output);
        call.set_usage(o11y_core::Usage::new().input(512).output(256));
        Ok(())
    });
    _ = black_box(answer);
}
