//! An optimisation is followed in a bounded memory, and reported in Markdown.

use std::time::Duration;

use o11y_core::{EventBus, OptimizationEvent, Telemetry};
use o11y_events::{BaseSubscriber as _, OptimizationProgress};

fn bus() -> (EventBus, Telemetry) {
    let bus = EventBus::new();
    (bus.clone(), Telemetry::events_only(bus))
}

#[test]
fn an_optimisation_is_reported_in_markdown() {
    let (bus, telemetry) = bus();
    let progress = OptimizationProgress::new().attach(&bus);

    telemetry.run(|| {
        OptimizationEvent::started("MIPROv2").emit();
        for (number, score) in [(1, Some(0.5)), (2, Some(0.75)), (3, None)] {
            OptimizationEvent::trial_started("MIPROv2", number).emit();
            let trial = OptimizationEvent::trial_completed("MIPROv2", number)
                .duration(Duration::from_secs(2));
            let trial = trial.parameters(&[("temperature", number)]);
            score
                .map_or(trial.clone(), |score| trial.score(score))
                .emit();
        }
        OptimizationEvent::completed("MIPROv2")
            .duration(Duration::from_secs(6))
            .emit();
    });

    let report = progress.report("MIPROv2").unwrap();
    assert_eq!(
        report.to_string(),
        "MIPROv2: 3 trials, best 0.7500, average 0.6250, 66.7 % succeeded"
    );
    assert_eq!(
        report.to_markdown(),
        "\
# Optimisation by MIPROv2

| state | trials | succeeded | best | average | took |
|---|---:|---:|---:|---:|---:|
| complete | 3 | 66.7 % | 0.7500 | 0.6250 | 6.00 s |

Best: trial 2 with 0.7500, by `[[\"temperature\",2]]`

## Trials

| trial | score | best so far | took | parameters |
|---:|---:|---:|---:|---|
| 1 | 0.5000 | 0.5000 | 2.00 s | `[[\"temperature\",1]]` |
| 2 | 0.7500 | 0.7500 | 2.00 s | `[[\"temperature\",2]]` |
| 3 | failed | 0.7500 | 2.00 s | `[[\"temperature\",3]]` |
"
    );
}

#[test]
fn an_optimisation_keeps_a_bounded_number_of_trials_and_always_the_best() {
    let (bus, telemetry) = bus();
    let progress = OptimizationProgress::new().attach(&bus);

    telemetry.run(|| {
        for number in 1..=1_500_u32 {
            let score = if number == 1_200 { 0.9 } else { 0.1 };
            OptimizationEvent::trial_completed("random", number.into())
                .score(score)
                .emit();
        }
        for run in 0..40 {
            OptimizationEvent::started(format!("other {run}")).emit();
        }
        OptimizationEvent::started("random").emit();
    });

    let reports = progress.reports();
    assert_eq!(reports.len(), 16);
    assert_eq!(
        progress.report("random").unwrap().trials_completed,
        0,
        "the new one"
    );
    assert!(progress.report("other 0").is_none());

    let progress = OptimizationProgress::new().attach(&bus);
    telemetry.run(|| {
        for number in 1..=1_500_u32 {
            let score = if number == 1_200 { 0.9 } else { 0.1 };
            OptimizationEvent::trial_completed("random", number.into())
                .score(score)
                .emit();
        }
    });
    let report = progress.report("random").unwrap();
    assert_eq!(
        (report.trials.len(), report.trials_completed),
        (1_000, 1_500)
    );
    assert_eq!(report.best_trial().map(|trial| trial.number), Some(1_200));
}
