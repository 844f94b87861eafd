//! The page: the figures as tables, between two marks in docs/performance.md.

use std::{fmt::Write as _, fs, path::PathBuf, time::Instant};

use anyhow::Context as _;

use crate::{
    baseline::tools,
    callgrind::Count,
    contender::NAMES,
    ending,
    gate::count_all,
    measure::{FULL, Figures, QUICK, measure},
    plain, plot,
    probe::{PEERS, PROBES},
    rate, scale,
    sink::{Mode, Sink},
};

const BEGIN: &str = "<!-- measured: begin -->\n";
const END: &str = "<!-- measured: end -->";

/// Measures everything and writes it into docs/.
pub fn write() -> anyhow::Result<()> {
    let begin = Instant::now();
    eprintln!("instructions");
    let mut counts = count_all(PROBES)?;
    counts.extend(count_all(PEERS)?);
    eprintln!("instructions, in a build with the default profile");
    let plain = plain::count()?;
    let figures = measure(FULL)?;
    let docs: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../../docs"].iter().collect();
    fs::write(docs.join("images/performance.svg"), plot::draw(&figures))?;
    let page = docs.join("performance.md");
    let text = fs::read_to_string(&page)?;
    let (before, rest) = text
        .split_once(BEGIN)
        .context("the page has no place for it")?;
    let (_, after) = rest
        .split_once(END)
        .context("the page's place has no end")?;
    let tables = tables(&figures, &counts, &plain)?;
    fs::write(page, format!("{before}{BEGIN}{tables}{END}{after}"))?;
    eprintln!("all of it took {} s", begin.elapsed().as_secs());
    Ok(())
}

/// A quick look, to the screen.
pub fn show() -> anyhow::Result<()> {
    println!("{}", tables(&measure(QUICK)?, &[], &[])?);
    Ok(())
}

/// Memory, rest, a million spans, rates and the end alone, to the screen.
pub fn show_scale() -> anyhow::Result<()> {
    let mut figures = Figures::default();
    let counting = Sink::start(Mode::Counting)?;
    scale::flat_out(&mut figures, FULL, &counting.host)?;
    scale::at_rest(&mut figures, FULL)?;
    ending::measure(&mut figures, FULL)?;
    rate::search(&mut figures, FULL, &counting.host)?;
    let mut page = String::new();
    at_scale(&mut page, &figures)?;
    println!("{page}");
    Ok(())
}

/// What was counted, by the names of the probes.
type Counts = [(&'static str, Count)];

fn find<'a>(counts: &'a Counts, probe: &str) -> Option<&'a Count> {
    let found = counts.iter().find(|(name, _)| *name == probe);
    found.map(|(_, count)| count)
}

fn tables(figures: &Figures, counts: &Counts, plain: &Counts) -> anyhow::Result<String> {
    let mut page = String::new();
    if !counts.is_empty() {
        writeln!(page, "\nCounted with {}; timed on {}.", tools()?, machine())?;
    }
    for (workload, title) in [("w1", "W1, one span"), ("w2", "W2, seven spans")] {
        writeln!(page, "\n### {title}\n")?;
        head(
            &mut page,
            "",
            &[
                "instructions",
                "allocations",
                "CPU, tight loop",
                "paced p50",
                "paced p99",
            ],
        )?;
        for library in NAMES {
            let probe = match library {
                "o11y" => workload.to_owned(),
                other => format!("{other}_{workload}"),
            };
            let count = find(counts, &probe);
            let of_otel = |figure: &str| figures.get("otel", figure);
            let cells = [
                count.map_or_else(|| "–".into(), |count| whole(count.instructions)),
                count.map_or_else(|| "–".into(), |count| count.allocations.to_string()),
                ratio(
                    figures.get(library, &format!("tight/{workload}")),
                    of_otel(&format!("tight/{workload}")),
                ),
                ratio(
                    figures.get(library, &format!("paced/{workload}.p50")),
                    of_otel(&format!("paced/{workload}.p50")),
                ),
                ratio(
                    figures.get(library, &format!("paced/{workload}.p99")),
                    of_otel(&format!("paced/{workload}.p99")),
                ),
            ];
            row(&mut page, library, &cells)?;
        }
    }

    writeln!(page, "\n### Threads: W1, p50 / p99 / p99.9\n")?;
    head(&mut page, "", &["1 thread", "2 threads", "8 threads"])?;
    for library in NAMES {
        let cells =
            [1, 2, 8].map(|threads| spread(figures, library, &format!("threads {threads}/w1")));
        row(&mut page, library, &cells)?;
    }

    writeln!(
        page,
        "\n### The sink: W1 at 10,000 a second, p50 / p99 / p99.9\n"
    )?;
    head(&mut page, "", &["healthy", "stalled", "refusing"])?;
    for library in ["o11y", "otel", "tracing"] {
        let cells = ["healthy", "stalled", "refusing"]
            .map(|sink| spread(figures, library, &format!("{sink}/w1")));
        row(&mut page, library, &cells)?;
    }

    writeln!(
        page,
        "\n### End to end: CPU of the whole process for a span, until it is answered for\n"
    )?;
    head(&mut page, "", &["W1", "W2", "W1, gzip", "W2, gzip"])?;
    for library in ["o11y", "otel", "tracing"] {
        let cells = ["w1 plain", "w2 plain", "w1 gzip", "w2 gzip"].map(|case| {
            let figure = format!("send {case}/cpu");
            let (own, otel) = (figures.get(library, &figure), figures.get("otel", &figure));
            let relative = own.zip(otel).map_or(String::new(), |(own, otel)| {
                format!(" ({:.2}×)", own / otel)
            });
            own.map_or_else(|| "–".into(), |own| format!("{own:.2} µs{relative}"))
        });
        row(&mut page, library, &cells)?;
    }

    writeln!(page, "\n### Calls that only these crates have\n")?;
    head(
        &mut page,
        "",
        &[
            "instructions",
            "default profile",
            "allocations",
            "CPU, tight loop",
        ],
    )?;
    for probe in PROBES {
        let count = find(counts, probe.name);
        let time = figures.get("o11y", &format!("calls/{}", probe.name));
        if count.is_none() && time.is_none() {
            continue;
        }
        let cells = [
            count.map_or_else(|| "–".into(), |count| whole(count.instructions)),
            find(plain, probe.name).map_or_else(|| "–".into(), |count| whole(count.instructions)),
            count.map_or_else(|| "–".into(), |count| count.allocations.to_string()),
            time.map_or_else(|| "–".into(), nanoseconds),
        ];
        row(&mut page, probe.what, &cells)?;
    }
    if let Some(contended) = figures.get("o11y", "calls/reserve_contended") {
        writeln!(
            page,
            "\nA budget that two threads reserve and settle as fast as they can: {} for each of \
             them.",
            nanoseconds(contended)
        )?;
    }
    if let Some(hundred) = figures.get("o11y", "calls/hundred") {
        writeln!(
            page,
            "\nA hundred spans of W1 in a row, after a pause: {}.",
            nanoseconds(hundred)
        )?;
    }
    at_scale(&mut page, figures)?;
    Ok(page + "\n")
}

/// What `-- scale` prints.
fn at_scale(page: &mut String, figures: &Figures) -> anyhow::Result<()> {
    scale::table::write(page, figures)?;
    rate::table::write(page, figures)?;
    ending::write(page, figures)
}

pub fn head(page: &mut String, first: &str, others: &[&str]) -> anyhow::Result<()> {
    writeln!(page, "| {first} | {} |", others.join(" | "))?;
    writeln!(page, "|---|{}", "---:|".repeat(others.len()))?;
    Ok(())
}

pub fn row(page: &mut String, first: &str, cells: &[String]) -> anyhow::Result<()> {
    let bold = if first == "o11y" { "**" } else { "" };
    writeln!(page, "| {bold}{first}{bold} | {} |", cells.join(" | "))?;
    Ok(())
}

/// A time, and what it is of OpenTelemetry's.
fn ratio(own: Option<f64>, otel: Option<f64>) -> String {
    let Some(own) = own else {
        return "–".into();
    };
    let relative = otel.map_or(String::new(), |otel| format!(" ({:.2}×)", own / otel));
    nanoseconds(own) + &relative
}

fn spread(figures: &Figures, library: &str, figure: &str) -> String {
    let [p50, p99, p999] = ["p50", "p99", "p999"].map(|share| {
        let time = figures.get(library, &format!("{figure}.{share}"));
        time.map_or_else(|| "–".into(), nanoseconds)
    });
    format!("{p50} / {p99} / {p999}")
}

pub fn nanoseconds(time: f64) -> String {
    match time {
        ..10.0 => format!("{time:.1} ns"),
        ..10_000.0 => format!("{} ns", whole(time)),
        _ => format!("{:.1} µs", time / 1e3),
    }
}

/// A number in groups of three.
pub fn whole(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The processor, as far as the system says.
fn machine() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("an unknown processor", |(_, model)| model.trim());
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{processors} × {model}")
}
