//! How does my optimisation go, and how do I put it into a pull request?
//!
//! An optimiser tells of its trials; a subscriber follows them and writes a report in Markdown.
//! `cargo run --example optimization_report` works offline: the scores are made up.

use std::time::Duration;

use o11y_core::{OptimizationEvent, events};
use o11y_events::{BaseSubscriber, OptimizationProgress};

/// What an optimiser does: it tries temperatures, and some of its trials fail.
fn optimise() {
    OptimizationEvent::started("MIPROv2").emit();
    for (number, temperature) in (1..).zip([0.0, 0.2, 0.4, 0.6, 0.8, 1.0]) {
        let trial = OptimizationEvent::trial_completed("MIPROv2", number)
            .parameters(format!("temperature {temperature:.1}"))
            .duration(Duration::from_millis(800 + number * 120));
        if number == 5 {
            trial.emit(); // without a score: it failed
        } else {
            let distance: f64 = temperature - 0.4;
            trial.score(0.9 - distance * distance).emit();
        }
    }
    OptimizationEvent::completed("MIPROv2")
        .duration(Duration::from_secs(8))
        .emit();
}

fn main() {
    let progress = OptimizationProgress::new().attach(events());

    optimise();

    for report in progress.reports() {
        eprintln!("{report}\n");
        println!("{}", report.to_markdown());
    }
}
