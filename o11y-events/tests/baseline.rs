//! What is worse than a stored run is named, and noise is not.

use o11y_core::{Cost, EventBus, attributes, key};
use o11y_events::{BaseSubscriber as _, Baseline, BaselineError, LlmUsage, Pricing, Tolerance};

fn baseline_of(latency: u64, failing: u64, calls: u64) -> Baseline {
    let bus = EventBus::new();
    let usage = LlmUsage::new().priced_by(Pricing::new()).attach(&bus);
    for number in 0..calls {
        let name = if number < failing {
            "llm.error"
        } else {
            "llm.generate"
        };
        let told = attributes! {
            key::REQUEST_MODEL => "gpt-4o", key::DURATION_MS => latency, key::TOTAL_TOKENS => 100,
        };
        bus.event(name, told);
    }
    Baseline::of(&usage.snapshot())
}

#[test]
fn what_is_worse_than_the_baseline_is_named_and_noise_is_not() {
    let stored = baseline_of(1_000, 1, 100);
    let stored = Baseline::from_json(&stored.to_json()).unwrap();

    let same = stored.regressions(&baseline_of(1_050, 2, 100), Tolerance::new());
    let worse = stored.regressions(&baseline_of(2_000, 10, 100), Tolerance::new());
    let few = stored.regressions(&baseline_of(9_000, 10, 19), Tolerance::new());

    assert!(same.is_empty() && few.is_empty(), "{same:?} {few:?}");
    let named: Vec<_> = worse
        .iter()
        .filter(|it| it.model == "gpt-4o")
        .map(|it| &*it.figure)
        .collect();
    assert_eq!(named, ["error_rate", "latency_p50_s", "latency_p95_s"]);
    assert!((worse[0].change - 9.0).abs() < 0.01);
}

#[test]
fn a_call_that_costs_less_than_a_millionth_of_a_dollar_is_compared_too() {
    let baseline = |picodollars: u64| {
        let bus = EventBus::new();
        let usage = LlmUsage::new().attach(&bus);
        for _ in 0..20 {
            let cost = Cost::from_picodollars(picodollars);
            bus.event(
                "llm.generate",
                attributes! { key::REQUEST_MODEL => "embed", key::COST => cost },
            );
        }
        Baseline::of(&usage.snapshot())
    };
    let stored = Baseline::from_json(&baseline(400_000).to_json()).unwrap();

    let same = stored.regressions(&baseline(420_000), Tolerance::new());
    let worse = stored.regressions(&baseline(600_000), Tolerance::new());

    assert!(same.is_empty(), "{same:?}");
    assert_eq!(
        worse[0].to_string(),
        "(all): cost_per_call_usd is 0.000000600000, was 0.000000400000 (+50.0 %)"
    );
}

#[test]
fn a_stored_baseline_survives_its_file_and_says_what_is_wrong_with_one() {
    let path = std::env::temp_dir().join(format!("o11y-baseline-{}.json", std::process::id()));
    let baseline = baseline_of(1_000, 1, 100);

    baseline.save(&path).unwrap();
    assert_eq!(Baseline::load(&path).unwrap(), baseline);
    std::fs::remove_file(&path).unwrap();

    assert!(matches!(
        Baseline::load(&path),
        Err(BaselineError::Io { .. })
    ));
    let wrong = |json: &str| Baseline::from_json(json).unwrap_err().to_string();
    assert_eq!(wrong("no"), "the baseline is not JSON");
    assert_eq!(
        wrong(r#"{"version":2}"#),
        "the baseline is not of version 1: make it anew"
    );
    let json = r#"{"version":1,"models":{"gpt-4o":{"error_rate":"high"}}}"#;
    assert_eq!(
        wrong(json),
        "`models.gpt-4o.error_rate` of the baseline is not a number from 0"
    );
}
