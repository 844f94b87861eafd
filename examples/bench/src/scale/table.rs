//! The tables of what there is much of, and of the worker's work by itself.

use std::fmt::Write as _;

use super::SENDERS;
use crate::{
    encoding::WHAT,
    measure::Figures,
    page::{head, nanoseconds, row, whole},
};

/// Bytes of a place in the queue: a record and what says whose turn it is.
const PLACE: f64 = 264.0;

pub fn write(page: &mut String, figures: &Figures) -> anyhow::Result<()> {
    flat_out(page, figures)?;
    memory(page, figures)?;
    rest(page, figures)?;
    encoding(page, figures)
}

fn flat_out(page: &mut String, figures: &Figures) -> anyhow::Result<()> {
    let spans = figures.get("o11y", "flat_out/spans").unwrap_or(f64::NAN);
    writeln!(
        page,
        "\n### Flat out: {} spans of W1 into a queue that holds them\n",
        whole(spans)
    )?;
    head(
        page,
        "",
        &[
            "made in",
            "arrived in",
            "CPU, caller",
            "CPU, all",
            "memory, queue",
            "memory, peak",
            "lost",
            "twice",
        ],
    )?;
    for library in SENDERS {
        let get = |name: &str| figures.get(library, &format!("flat_out/{name}"));
        let time = |name| get(name).map_or_else(dash, milliseconds);
        let memory = |name| get(name).map_or_else(dash, mebibytes);
        let count = |name| get(name).map_or_else(dash, whole);
        let cells = [
            time("caller"),
            time("all"),
            time("caller_cpu"),
            time("all_cpu"),
            memory("queue"),
            memory("peak"),
            count("lost"),
            count("twice"),
        ];
        row(page, library, &cells)?;
    }
    Ok(())
}

fn memory(page: &mut String, figures: &Figures) -> anyhow::Result<()> {
    let get = |figure: &str| figures.get("o11y", figure).unwrap_or(f64::NAN);
    writeln!(
        page,
        "\n### Memory of the exporter with its usual settings\n"
    )?;
    head(
        page,
        "",
        &["resident", "beyond rest, a record", "on paper, a record"],
    )?;
    let at_rest = get("rest/exporter");
    let cells = [mebibytes(at_rest), dash(), dash()];
    row(page, "at rest, its queue empty", &cells)?;
    for (workload, title) in [
        ("full_w1", "8,192 spans of W1 wait"),
        ("full_w2", "8,192 spans of W2 wait"),
    ] {
        let get = |name: &str| get(&format!("{workload}/{name}"));
        let (full, sending, spans) = (get("full"), get("sending"), get("spans"));
        let cells = [
            mebibytes(full),
            format!("{} B", whole((full - sending).max(0.0) / spans)),
            format!(
                "{PLACE} B of the queue + {} B",
                whole(get("content") / spans)
            ),
        ];
        row(page, title, &cells)?;
    }
    writeln!(
        page,
        "\nThe program itself, before there is an exporter: {}.",
        mebibytes(get("rest/program"))
    )?;
    Ok(())
}

fn rest(page: &mut String, figures: &Figures) -> anyhow::Result<()> {
    let get = |figure: &str| figures.get("o11y", figure).unwrap_or(f64::NAN);
    writeln!(page, "\n### The worker at rest, and a line of memory\n")?;
    head(page, "", &["measured"])?;
    for (title, value) in [
        (
            "the worker at rest wakes up",
            format!("{:.1} times a second", get("rest/wakes")),
        ),
        (
            "CPU of the worker at rest, in a second",
            nanoseconds(get("rest/cpu")),
        ),
        (
            "an atomic addition, the line this processor's own",
            nanoseconds(get("line/alone")),
        ),
        (
            "the same for each of two processors that add to one line",
            nanoseconds(get("line/shared")),
        ),
    ] {
        row(page, title, &[value])?;
    }
    Ok(())
}

fn encoding(page: &mut String, figures: &Figures) -> anyhow::Result<()> {
    writeln!(
        page,
        "\n### Encoding and compressing alone, CPU for a span\n"
    )?;
    head(
        page,
        "",
        &[
            "encoded",
            "encoding",
            "for a KiB",
            "compressed",
            "compressing",
            "for a KiB",
        ],
    )?;
    for (what, title) in WHAT {
        let get = |name: &str| {
            let figure = format!("encoding/{what}.{name}");
            figures.get("o11y", &figure).unwrap_or(f64::NAN)
        };
        let bytes = get("bytes");
        let timed = |name| {
            let time = get(name);
            [nanoseconds(time), nanoseconds(time * 1_024.0 / bytes)]
        };
        let ([encode, encode_kib], [compress, compress_kib]) = (timed("encode"), timed("compress"));
        let size = |bytes| format!("{} B", whole(bytes));
        let cells = [
            size(bytes),
            encode,
            encode_kib,
            size(get("compressed")),
            compress,
            compress_kib,
        ];
        row(page, title, &cells)?;
    }
    Ok(())
}

fn dash() -> String {
    "–".into()
}

fn milliseconds(nanoseconds: f64) -> String {
    format!("{} ms", whole(nanoseconds / 1e6))
}

fn mebibytes(bytes: f64) -> String {
    format!("{:.1} MiB", bytes / 1_048_576.0)
}
