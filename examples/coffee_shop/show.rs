//! What the program prints. Colours are left out where nobody would see them.

use std::{
    fmt,
    io::Write as _,
    time::{Duration, Instant},
};

use anstream::{print, println};
use anstyle::{AnsiColor, Style};
use o11y_core::{Event, TraceId};
use o11y_langfuse::local::Trace;

use crate::{
    destination::Destination,
    error::ShopError,
    llm::Llm,
    overhead::Overhead,
    run::Run,
    shop::{CUSTOMERS, Visit},
};

const BOLD: Style = Style::new().bold();
const FAINT: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();

/// A trace keeps its colour, so that concurrent ones can be told apart.
const OF_TRACES: [AnsiColor; 6] = [
    AnsiColor::Cyan,
    AnsiColor::Yellow,
    AnsiColor::Magenta,
    AnsiColor::Green,
    AnsiColor::Blue,
    AnsiColor::BrightRed,
];

pub fn opening(llm: &Llm, destination: &Destination) {
    let script = if llm.is_scripted() { ", scripted" } else { "" };
    println!(
        "{BOLD}The coffee shop{BOLD:#}, {} customers",
        CUSTOMERS.len()
    );
    println!("  model   {} at {}{script}", llm.model(), llm.base_url());
    println!("  traces  to {}", destination.describe());
}

pub fn title(text: &str) {
    println!(
        "\n{BOLD}── {text} {}{BOLD:#}\n",
        "─".repeat(74 - text.chars().count())
    );
}

/// One line of the live stream.
pub fn event(start: Instant, event: &Event, details: &str) {
    let trace = short(event.trace_id());
    let colour = event.trace_id().map_or(FAINT, colour_of);
    let style = match event.name() {
        "llm.error" | "llm.retry" | "llm.vetoed" => BAD,
        _ => Style::new(),
    };
    // Locked before the time is read, so that lines come in its order.
    let mut out = anstream::stdout().lock();
    let time = format!("{:.3} s", start.elapsed().as_secs_f64());
    // Nobody to tell if nobody reads it any more.
    _ = writeln!(
        out,
        "  {FAINT}{time:>7}{FAINT:#}  {colour}{trace}{colour:#}  {style}{name:<35}{style:#}  \
         {FAINT}{details}{FAINT:#}",
        name = event.name(),
    );
}

/// The outcome of the run that a veto ended.
pub fn stopped(run: &Run, error: &ShopError, budget: &str) {
    let served = run.served().count();
    println!(
        "\n  {BAD}The run was stopped{BAD:#} after {served} of {} customers:",
        CUSTOMERS.len()
    );
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    let mut before = "error";
    while let Some(error) = cause {
        println!("    {FAINT}{before:>9}{FAINT:#}  {error}");
        cause = error.source();
        before = "caused by";
    }
    println!("    {FAINT}{:>9}{FAINT:#}  {budget}", "budget");
}

pub fn not_stopped(budget: &str) {
    println!("\n  This model is so terse that the budget was enough: {budget}");
}

/// What became of the three runs' traces, as it arrived.
pub fn traces(destination: &Destination, sequential: &Run, concurrent: &Run, on_a_budget: &Run) {
    if destination.is_langfuse() {
        title("In Langfuse");
        let runs = [
            ("one after the other", sequential),
            ("all at once", concurrent),
            ("on a small budget", on_a_budget),
        ];
        for (name, run) in runs {
            links(destination, name, run);
        }
        return;
    }
    title("Two traces of the sequential run, as they arrived");
    for (place, visit) in interesting(sequential).enumerate() {
        if place > 0 {
            println!();
        }
        tree(destination, visit);
    }
    title("The concurrent run: every trace holds its own customer and nobody else");
    for visit in &concurrent.visits {
        isolation(destination, visit);
    }
    title("The trace that the budget stopped");
    for visit in on_a_budget
        .visits
        .iter()
        .filter(|visit| visit.outcome.is_err())
    {
        tree(destination, visit);
    }
}

pub fn summary(destination: &Destination, sequential: &Run, concurrent: &Run, overhead: &Overhead) {
    title("Summary");
    let speed_up = sequential.took.as_secs_f64() / concurrent.took.as_secs_f64();
    for (name, run) in [("sequential", sequential), ("concurrent", concurrent)] {
        let usage = run.usage();
        println!(
            "  {name:<12} {:>7.2} s   {} customers   {} → {} tokens",
            run.took.as_secs_f64(),
            run.served().count(),
            grouped(usage.input_total()),
            grouped(usage.output_total()),
        );
    }
    println!("  {:<12} {GOOD}{speed_up:>8.1}×{GOOD:#}", "speed-up");
    let microseconds = |time: Duration| time.as_secs_f64() * 1e6;
    println!(
        "  {:<12} {GOOD}{:>6.1} µs{GOOD:#}   inside our calls, {:.4} % of the sequential run",
        "telemetry",
        microseconds(overhead.quietest),
        overhead.quietest.as_secs_f64() / sequential.took.as_secs_f64() * 100.0,
    );
    println!(
        "  {:25}{FAINT}a run's {} spans and {} events, replayed with empty bodies, undisturbed;",
        "", overhead.spans, overhead.events,
    );
    println!(
        "  {:25}median of all replays {:.1} µs, right after a pause {:.1} µs{FAINT:#}",
        "",
        microseconds(overhead.median),
        microseconds(overhead.cold),
    );
    println!("  {:<12} {}\n", "exporter", destination.stats());
}

/// The longest text that fits, on one line.
pub fn shortened(text: &str, width: usize) -> String {
    match text.char_indices().nth(width) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn links(destination: &Destination, name: &str, run: &Run) {
    println!("  {BOLD}{name}{BOLD:#}");
    for visit in &run.visits {
        let Some(id) = visit.trace_id else { continue };
        match destination.link(id) {
            Ok(link) => println!("  {:<8} {link}", visit.customer.name),
            Err(error) => println!(
                "  {:<8} {id}  {FAINT}{error:#}{FAINT:#}",
                visit.customer.name
            ),
        }
    }
}

/// One without a retry and one with.
fn interesting(run: &Run) -> impl Iterator<Item = &Visit> {
    let plain = run.visits.iter().find(|visit| !is_retried(visit));
    plain.into_iter().chain(retried(run))
}

/// The first visit in which a call was retried.
pub fn retried(run: &Run) -> Option<&Visit> {
    run.visits.iter().find(|visit| is_retried(visit))
}

fn is_retried(visit: &Visit) -> bool {
    let served = visit.outcome.as_ref().ok();
    served.is_some_and(|served| served.attempts != [1, 1])
}

fn tree(destination: &Destination, visit: &Visit) {
    match visit.trace_id.and_then(|id| destination.trace(id)) {
        Some(trace) => print!("{}", Indented(&trace)),
        None => println!(
            "  {BAD}the trace of {} did not arrive{BAD:#}\n",
            visit.customer.name
        ),
    }
}

fn isolation(destination: &Destination, visit: &Visit) {
    let name = visit.customer.name;
    let Some(trace) = visit.trace_id.and_then(|id| destination.trace(id)) else {
        println!("  {BAD}the trace of {name} did not arrive{BAD:#}");
        return;
    };
    let is_own = |user: Option<&str>| user == Some(name);
    let all = trace.observations.len();
    let own = trace
        .observations
        .iter()
        .filter(|one| is_own(one.user_id.as_deref()))
        .count();
    let is_isolated = own == all && trace.roots().len() == 1 && trace.orphan_count() == 0;
    let (style, mark) = if is_isolated {
        (GOOD, "✓")
    } else {
        (BAD, "✗")
    };
    let colour = visit.trace_id.map_or(FAINT, colour_of);
    println!(
        "  {style}{mark}{style:#} {colour}{}{colour:#}  {name:<8} {all:>2} observations, {own:>2} of \
         {name:<8} {} root, {} orphans, {} generations, {:>4} tokens",
        short(visit.trace_id),
        trace.roots().len(),
        trace.orphan_count(),
        trace.generation_count(),
        trace.total_tokens(),
    );
}

fn short(id: Option<TraceId>) -> String {
    id.map_or_else(|| "·".repeat(8), |id| id.to_string()[..8].to_owned())
}

fn colour_of(id: TraceId) -> Style {
    let place = usize::from(id.to_bytes()[15]) % OF_TRACES.len();
    OF_TRACES[place].on_default()
}

/// `12345` as `12,345`.
fn grouped(number: u64) -> String {
    match number {
        0..1_000 => number.to_string(),
        _ => format!("{},{:03}", grouped(number / 1_000), number % 1_000),
    }
}

/// A tree, a little to the right.
struct Indented<'a>(&'a Trace);

impl fmt::Display for Indented<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.0.tree().coloured(true).to_string().lines() {
            fmt::Write::write_fmt(f, format_args!("  {line}\n"))?;
        }
        Ok(())
    }
}
