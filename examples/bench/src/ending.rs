//! The end of a program whose server does not answer: how long it takes, and what is said of the
//! spans that are lost.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use anyhow::Context as _;

use crate::{
    case::tell,
    contender::{self, Destination, Ending},
    measure::{Effort, Figures, apart},
    page::{head, row, whole},
    scale::SENDERS,
    sink::{Mode, Sink},
    workload::Texts,
};

/// Spans that have ended when the program does.
const SPANS: u32 = 500;

/// The time that the end is given.
const DEADLINE: Duration = Duration::from_secs(1);

/// Ends each library in its turn.
pub fn measure(figures: &mut Figures, effort: Effort) -> anyhow::Result<()> {
    let stalled = Sink::start(Mode::Stalled)?;
    for _ in 0..effort.rounds {
        for library in SENDERS {
            for (name, value) in apart(&["ending", library, &stalled.host])? {
                figures.note(library, format!("ending/{name}"), value);
            }
        }
    }
    Ok(())
}

/// Makes spans, and ends; prints a name and a number a line.
pub fn run(library: &str, host: &str) -> anyhow::Result<()> {
    let texts = Texts::new();
    let contender = contender::set_up(library, Destination::Usual { host, gzip: false })?;
    (0..SPANS).for_each(|number| contender.w1(&texts, number.into()));

    let start = Instant::now();
    let ending = contender.end(DEADLINE);
    tell("took", start.elapsed().as_secs_f64() * 1e3);
    let Ending { is_error, lost } = ending.context("it takes no deadline")?;
    tell("is_error", f64::from(u8::from(is_error)));
    if let Some(lost) = lost {
        tell("lost", lost as f64);
    }
    std::process::exit(0); // without another end when things are dropped
}

/// The table.
pub fn write(page: &mut String, figures: &Figures) -> anyhow::Result<()> {
    writeln!(
        page,
        "\n### The end before a stalled server: {SPANS} spans of W1, a deadline of {} ms\n",
        DEADLINE.as_millis()
    )?;
    head(
        page,
        "",
        &["took", "longest", "its answer", "says that are lost"],
    )?;
    for library in SENDERS {
        let get = |name: &str| figures.get(library, &format!("ending/{name}"));
        let time = |time: Option<f64>| time.map_or_else(dash, |time| format!("{time:.0} ms"));
        let answer = get("is_error").map(|is_error| if is_error > 0.0 { "error" } else { "ok" });
        let lost = get("lost").map(|lost| format!("{} of {SPANS}", whole(lost)));
        let cells = [
            time(get("took")),
            time(figures.most(library, "ending/took")),
            answer.map_or_else(dash, str::to_owned),
            lost.unwrap_or_else(|| "no number".into()),
        ];
        row(page, library, &cells)?;
    }
    Ok(())
}

fn dash() -> String {
    "–".into()
}
