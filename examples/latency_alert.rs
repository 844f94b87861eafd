//! How do I hear that my model has become slow, once and not with every call?
//!
//! An alert looks at the last calls of a model. What it tells is an event like any other, so a
//! subscriber of one line pages whoever is on duty. The same calls are added up, and compared with a
//! stored baseline at the end. `cargo run --example latency_alert` works offline: the calls are made
//! up.

use std::time::Duration;

use o11y_core::{Event, LlmEvent, Usage, events};
use o11y_events::{Alert, Alerts, BaseSubscriber, Baseline, LlmUsage, Tolerance};

/// What a program does: a call of a model, told with the time that it took.
fn call(milliseconds: u64) {
    LlmEvent::new("openai", "gpt-4o-mini")
        .usage(Usage::new().input(700).cached(100).output(200))
        .duration(Duration::from_millis(milliseconds))
        .emit();
}

fn main() -> anyhow::Result<()> {
    let slow = Alert::latency("slow answers", 0.95, Duration::from_secs(2))
        .of_model("gpt-4o-mini")
        .over(50);
    println!("watching {slow}\n");
    let alerts = Alerts::new([slow, Alert::error_rate("failing", 0.05)]).attach(events());
    let usage = LlmUsage::new().attach(events());

    let _pager = events().subscribe("alert.*", |event: &Event| {
        let told = |key| {
            let value = event.attribute(key).map(ToString::to_string);
            value.unwrap_or_default()
        };
        let (name, measure) = (told("alert.name"), told("alert.measure"));
        let (value, limit) = (told("alert.value"), told("alert.limit"));
        println!(
            "{:13} {name}: {measure} is {value} s, the limit is {limit} s",
            event.name()
        );
    });

    // A good day, of which the figures are stored.
    (0..100).for_each(|number| call(600 + number * 5));
    let stored = Baseline::of(&usage.snapshot()).to_json();

    // A bad hour, and its end.
    (0..20).for_each(|number| call(2_500 + number * 10));
    (0..60).for_each(|number| call(700 + number * 5));

    println!();
    for state in alerts.states() {
        println!("{state}");
    }
    println!("\n{}", usage.snapshot());

    let worse = Baseline::from_json(&stored)?
        .regressions(&Baseline::of(&usage.snapshot()), Tolerance::new());
    println!("worse than the stored day:");
    for regression in worse {
        println!("  {regression}");
    }
    Ok(())
}
