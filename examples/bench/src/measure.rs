//! Running the cases: each library in its turn, round by round, and the medians of the rounds.

use std::{collections::BTreeMap, env, process::Command};

use anyhow::{Context as _, bail};

use crate::{
    case::{SENT_W1, SENT_W2, median},
    ending, rate, scale,
    sink::{Mode, Sink, take_count},
};

/// How long everything may take.
#[derive(Clone, Copy)]
pub struct Effort {
    pub rounds: usize,
    pub chunks: usize,
    pub bursts: usize,
    pub each: usize,
    pub stream: usize,
    /// Spans that are made flat out.
    pub flat_out: i64,
    /// Seconds that an exporter is watched at rest.
    pub rest: u64,
    /// Seconds that spans are made at one rate.
    pub rate: f64,
}

pub const FULL: Effort = Effort {
    rounds: 3,
    chunks: 7,
    bursts: 100,
    each: 50_000,
    stream: 1_000,
    flat_out: 1_000_000,
    rest: 10,
    rate: 2.0,
};

pub const QUICK: Effort = Effort {
    rounds: 1,
    chunks: 3,
    bursts: 25,
    each: 10_000,
    stream: 200,
    flat_out: 100_000,
    rest: 3,
    rate: 0.5,
};

/// Figures by library, case and name.
#[derive(Default)]
pub struct Figures(BTreeMap<(String, String), Vec<f64>>);

impl Figures {
    /// The median of the rounds; none if there is no such figure, or it is not a number because
    /// something was lost.
    pub fn get(&self, library: &str, figure: &str) -> Option<f64> {
        let values = self.0.get(&(library.to_owned(), figure.to_owned()))?;
        Some(median(&mut values.clone())).filter(|value| value.is_finite())
    }

    /// The highest value of a figure.
    pub fn most(&self, library: &str, figure: &str) -> Option<f64> {
        let values = self.0.get(&(library.to_owned(), figure.to_owned()))?;
        values.iter().copied().reduce(f64::max)
    }

    fn add(&mut self, library: &str, case: &str, host: &str) -> anyhow::Result<()> {
        for (name, value) in apart(&["case", library, case, host])? {
            let kind = case
                .split(' ')
                .take_while(|word| word.parse::<u64>().is_err() || case.starts_with("threads"));
            let kind = kind.take(if case.starts_with("send") { 3 } else { 2 });
            let figure = format!("{}/{name}", kind.collect::<Vec<_>>().join(" "));
            self.note(library, figure, value);
        }
        Ok(())
    }

    /// One more value of a figure.
    pub fn note(&mut self, library: &str, figure: String, value: f64) {
        let values = self.0.entry((library.to_owned(), figure)).or_default();
        values.push(value);
    }

    /// Sends so many spans to a sink that counts. If not every one of them came, and once, what it
    /// took is no figure.
    fn add_sent(&mut self, library: &str, case: &str, host: &str) -> anyhow::Result<()> {
        let mut found = Self::default();
        found.add(library, case, host)?;
        let sent = if case.starts_with("send w1") {
            SENT_W1
        } else {
            7 * SENT_W2
        } as u64;
        let (spans, distinct) = take_count(host)?;
        let is_whole = (spans, distinct) == (sent, sent);
        if !is_whole {
            eprintln!("{library}, {case}: {distinct} of {sent} spans came, {spans} in all");
        }
        for ((library, figure), values) in found.0 {
            for value in values {
                self.note(
                    &library,
                    figure.clone(),
                    if is_whole { value } else { f64::NAN },
                );
            }
        }
        Ok(())
    }
}

/// What one measurement found, in a process of its own.
pub fn apart(arguments: &[&str]) -> anyhow::Result<Vec<(String, f64)>> {
    let output = Command::new(env::current_exe()?).args(arguments).output()?;
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        bail!("{}: {error}", arguments.join(", "));
    }
    let figure = |line: &str| {
        let (name, value) = line.split_once(' ').context("not a figure")?;
        Ok((name.to_owned(), value.parse()?))
    };
    String::from_utf8(output.stdout)?
        .lines()
        .map(figure)
        .collect()
}

/// Everything, interleaved.
pub fn measure(effort: Effort) -> anyhow::Result<Figures> {
    let mut figures = Figures::default();
    let healthy = Sink::start(Mode::Healthy)?;
    let counting = Sink::start(Mode::Counting)?;
    let libraries = crate::contender::NAMES;
    for round in 1..=effort.rounds {
        eprintln!("round {round} of {}", effort.rounds);
        for library in libraries {
            figures.add(library, &format!("tight {}", effort.chunks), &healthy.host)?;
            figures.add(library, &format!("paced {}", effort.bursts), &healthy.host)?;
            for threads in [1, 2, 8] {
                let case = format!("threads {threads} {}", effort.each);
                figures.add(library, &case, &healthy.host)?;
            }
        }
        figures.add("o11y", &format!("calls {}", effort.chunks), &healthy.host)?;
        for library in ["o11y", "otel", "tracing"] {
            for case in [
                "send w1 plain",
                "send w2 plain",
                "send w1 gzip",
                "send w2 gzip",
            ] {
                if effort.rounds > 1 || !case.ends_with("gzip") {
                    figures.add_sent(library, case, &counting.host)?;
                }
            }
        }
        scale::flat_out(&mut figures, effort, &counting.host)?;
    }
    eprintln!("sinks, and at rest");
    scale::at_rest(&mut figures, effort)?;
    ending::measure(&mut figures, effort)?;
    eprintln!("rates");
    rate::search(&mut figures, effort, &counting.host)?;
    for (name, mode) in [
        ("healthy", Mode::Healthy),
        ("stalled", Mode::Stalled),
        ("refusing", Mode::Refusing),
    ] {
        let sink = Sink::start(mode)?;
        for library in ["o11y", "otel", "tracing"] {
            for _ in 0..effort.rounds.min(3) {
                let mut found = Figures::default();
                found.add(library, &format!("stream {}", effort.stream), &sink.host)?;
                for ((library, figure), values) in found.0 {
                    let figure = figure.replace("stream", name);
                    figures
                        .0
                        .entry((library, figure))
                        .or_default()
                        .extend(values);
                }
            }
        }
    }
    Ok(figures)
}
