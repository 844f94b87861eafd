//! A randomised soak over real sockets: exporters of all sizes, threads that hand over, flush and
//! shut down at any moment, and servers that do everything wrong. At every step the figures add up,
//! and at the end every span and score is where the figures say.
//!
//! `O11Y_SOAK_SECONDS` says how long it runs (3 unless told), `O11Y_SOAK_SEED` what chance starts
//! from (the time unless told). A failure names the seed and the round: the same plan is drawn from
//! them again, although threads meet differently each time.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests; how long to run is told by the environment"
)]

use std::{
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

#[path = "soak/chance.rs"]
mod chance;
#[path = "soak/law.rs"]
mod law;
#[path = "soak/outcome.rs"]
mod outcome;
#[path = "soak/plan.rs"]
mod plan;
#[path = "soak/play.rs"]
mod play;

use chance::Chance;
use plan::Plan;

/// By then something has been delivered, or never will be.
const LONG: Duration = Duration::from_secs(60);

/// The exporters that work side by side in a round, at most.
const EXPORTERS: u64 = 3;

#[test]
fn nothing_is_lost_uncounted_or_delivered_twice_whatever_happens() {
    let time = Duration::from_secs(variable("O11Y_SOAK_SECONDS").unwrap_or(3));
    let seed = variable("O11Y_SOAK_SEED").unwrap_or_else(now);
    println!("O11Y_SOAK_SEED={seed}");
    let start = Instant::now();
    let mut report = play::Report::default();
    let mut round = 0;

    // A busy machine may need all of the time for one round, of which nothing is delivered.
    let is_over = |report: &play::Report| {
        let least = if report.spans_delivered > 0 {
            time
        } else {
            time.max(LONG)
        };
        start.elapsed() >= least
    };
    while !is_over(&report) {
        let mut chance = Chance::new(seed.wrapping_add(round));
        let plans: Vec<_> = (0..chance.between(1, EXPORTERS))
            .map(|number| Plan::draw(&format!("seed {seed} round {round}.{number}"), &mut chance))
            .collect();
        let of_round = thread::scope(|scope| {
            let playing: Vec<_> = plans
                .iter()
                .map(|plan| scope.spawn(|| play::play(plan)))
                .collect();
            playing
                .into_iter()
                .map(|one| one.join().unwrap())
                .collect::<Vec<_>>()
        });
        for one in &of_round {
            report.add(one);
        }
        round += 1;
    }

    println!("{round} rounds: {report:?}");
    assert!(report.spans_delivered > 0, "{report:?}");
}

fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap())
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}
