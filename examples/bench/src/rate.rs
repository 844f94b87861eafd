//! How many spans a second a library takes with its usual settings and loses none: rate by rate,
//! until it loses some.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;

use crate::{
    case::tell,
    contender::{self, Destination},
    measure::{Effort, Figures, apart},
    scale::SENDERS,
    sink::take_count,
    workload::Texts,
};

pub mod table;

/// Spans a second. The search goes up from [`FIRST`], or down from it if that is too much.
const RATES: [u64; 9] = [
    25_000, 50_000, 100_000, 150_000, 200_000, 300_000, 500_000, 750_000, 1_000_000,
];

/// Where the search begins, in [`RATES`].
const FIRST: usize = 2;

/// Bursts in a second: one every millisecond.
const TICKS: u64 = 1_000;

/// The part of a rate that the program has to reach for it to be that rate.
const REACHED: f64 = 0.99;

/// In the order of the table, with how they are headed.
const COMPRESSIONS: [(&str, &str); 2] = [("plain", "without gzip"), ("gzip", "with gzip")];

/// What one rate came to.
#[derive(Clone, Copy)]
struct Found {
    rate: u64,
    /// Spans a second that the program did make.
    made: f64,
    /// The part of them that did not arrive.
    lost: f64,
}

impl Found {
    fn is_whole(&self) -> bool {
        self.lost == 0.0 && self.is_reached()
    }

    fn is_reached(&self) -> bool {
        self.made >= REACHED * self.rate as f64
    }
}

/// Searches for each library, with gzip and without.
pub fn search(figures: &mut Figures, effort: Effort, counting: &str) -> anyhow::Result<()> {
    for (compression, _) in COMPRESSIONS {
        for library in SENDERS {
            let attempt = |rate| attempt(library, compression, rate, effort, counting);
            let (best, beyond) = climb(attempt)?;
            let mut note = |name: &str, value| {
                figures.note(library, format!("rate {compression}/{name}"), value);
            };
            note("best", best.map_or(0.0, |best| best.rate as f64));
            if let Some(beyond) = beyond {
                note("beyond", beyond.rate as f64);
                note("made", beyond.made);
                note("lost", beyond.lost);
            }
        }
    }
    Ok(())
}

/// The highest rate at which nothing is lost, and what came of the next one.
fn climb(
    mut attempt: impl FnMut(u64) -> anyhow::Result<Found>,
) -> anyhow::Result<(Option<Found>, Option<Found>)> {
    // A hiccup of the machine shall not decide: what fails is tried once more.
    let mut attempt = |rate| match attempt(rate)? {
        found if found.is_whole() => anyhow::Ok(found),
        _ => attempt(rate),
    };
    let (lower, higher) = RATES.split_at(FIRST);
    let (mut best, mut beyond) = (None, None);
    for rate in higher {
        let found = attempt(*rate)?;
        if !found.is_whole() {
            beyond = Some(found);
            break;
        }
        best = Some(found);
    }
    for rate in lower.iter().rev().take_while(|_| best.is_none()) {
        let found = attempt(*rate)?;
        if found.is_whole() {
            return Ok((Some(found), beyond));
        }
        beyond = Some(found);
    }
    Ok((best, beyond))
}

fn attempt(
    library: &str,
    compression: &str,
    rate: u64,
    effort: Effort,
    host: &str,
) -> anyhow::Result<Found> {
    let ticks = (effort.rate * TICKS as f64).round();
    let arguments = [
        "rate",
        library,
        compression,
        &rate.to_string(),
        &ticks.to_string(),
        host,
    ];
    let figures = apart(&arguments)?;
    let get = |wanted| {
        let found = figures.iter().find(|(name, _)| name == wanted);
        found
            .map(|(_, value)| *value)
            .context("a figure is missing")
    };
    Ok(Found {
        rate,
        made: get("made")?,
        lost: get("lost")?,
    })
}

/// Makes spans of W1 at that rate for so many ticks, each tick's together; prints a name and a number
/// a line.
pub fn run(
    library: &str,
    compression: &str,
    rate: u64,
    ticks: u64,
    host: &str,
) -> anyhow::Result<()> {
    let texts = Texts::new();
    take_count(host)?;
    let gzip = compression == "gzip";
    let contender = contender::set_up(library, Destination::Usual { host, gzip })?;
    let burst = rate / TICKS;
    let start = Instant::now();
    for tick in 0..ticks {
        let numbers = tick * burst..(tick + 1) * burst;
        numbers.for_each(|number| contender.w1(&texts, number as i64));
        let next = start + Duration::from_secs(1) * (tick as u32 + 1) / TICKS as u32;
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    let spans = (ticks * burst) as f64;
    tell("made", spans / start.elapsed().as_secs_f64());

    contender.finish();
    let (_, different) = take_count(host)?;
    tell("lost", (spans - different as f64) / spans);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of a climb with a library that loses nothing up to that rate.
    fn climbed(bound: u64) -> (Option<u64>, Option<u64>) {
        let (best, beyond) = climb(|rate| {
            Ok(Found {
                rate,
                made: rate as f64,
                lost: if rate <= bound { 0.0 } else { 0.5 },
            })
        })
        .unwrap();
        (best.map(|found| found.rate), beyond.map(|found| found.rate))
    }

    #[test]
    fn the_search_ends_between_what_is_whole_and_what_is_not() {
        assert_eq!(climbed(10_000), (None, Some(25_000)));
        assert_eq!(climbed(30_000), (Some(25_000), Some(50_000)));
        assert_eq!(climbed(60_000), (Some(50_000), Some(100_000)));
        assert_eq!(climbed(100_000), (Some(100_000), Some(150_000)));
        assert_eq!(climbed(700_000), (Some(500_000), Some(750_000)));
        assert_eq!(climbed(u64::MAX), (Some(1_000_000), None));
    }

    #[test]
    fn what_fails_once_is_tried_once_more() {
        let mut failures = 0;

        let (best, _) = climb(|rate| {
            let lost = if rate == 150_000 && failures == 0 {
                0.1
            } else {
                0.0
            };
            failures += u32::from(lost > 0.0);
            Ok(Found {
                rate,
                made: rate as f64,
                lost,
            })
        })
        .unwrap();

        assert_eq!(best.map(|found| found.rate), Some(1_000_000));
    }

    #[test]
    fn a_program_that_does_not_keep_up_is_not_taken_for_a_library_that_does() {
        let (best, beyond) = climb(|rate| {
            Ok(Found {
                rate,
                made: rate.min(400_000) as f64,
                lost: 0.0,
            })
        })
        .unwrap();

        assert_eq!(best.map(|found| found.rate), Some(300_000));
        assert_eq!(beyond.map(|found| found.is_reached()), Some(false));
    }
}
