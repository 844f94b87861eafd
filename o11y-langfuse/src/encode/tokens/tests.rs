//! Counts that overlap are made disjoint, and what cannot be counted is not.

use o11y_core::Value;
use proptest::prelude::*;

use super::*;

fn told(pairs: &[(&str, i64)]) -> String {
    let mut told = Told::default();
    for (name, count) in pairs {
        told.note(&format!("{RAW}{name}"), Value::from(*count).as_ref());
    }
    told.usage_json().unwrap_or_default()
}

#[test]
fn special_classes_are_taken_out_of_the_counts_that_include_them() {
    assert_eq!(
        told(&[
            ("input_tokens", 100),
            ("output_tokens", 50),
            ("cache_read.input_tokens", 60),
            ("cache_creation.input_tokens", 10),
            ("reasoning.output_tokens", 20),
            ("reasoning_tokens", 20),
        ]),
        r#"{"input":30,"input_cached_tokens":60,"input_cache_creation":10,"output":30,"output_reasoning_tokens":20,"total":150}"#
    );
}

#[test]
fn classes_counted_beside_the_input_are_seen_by_the_total_or_by_their_size() {
    let with_total = told(&[
        ("input_tokens", 100),
        ("cache_read_input_tokens", 60),
        ("output_tokens", 5),
        ("total_tokens", 165),
    ]);
    let larger = told(&[("input_tokens", 3), ("cache_read_input_tokens", 60)]);

    assert_eq!(
        with_total,
        r#"{"input":100,"input_cached_tokens":60,"output":5,"total":165}"#
    );
    assert_eq!(larger, r#"{"input":3,"input_cached_tokens":60,"total":63}"#);
}

#[test]
fn old_and_new_names_of_one_class_count_once() {
    assert_eq!(
        told(&[
            ("prompt_tokens", 7),
            ("input_tokens", 7),
            ("completion_tokens", 2),
            ("output_tokens", 2),
            ("total_tokens", 9),
        ]),
        r#"{"input":7,"output":2,"total":9}"#
    );
    assert_eq!(told(&[("total_tokens", 9)]), r#"{"total":9}"#);
    assert_eq!(told(&[("input_tokens", -1), ("kittens", 3)]), "");
}

#[test]
fn a_larger_total_than_the_classes_make_up_is_believed() {
    let usage = told(&[
        ("input_tokens", 10),
        ("output_tokens", 5),
        ("total_tokens", 40),
    ]);

    assert_eq!(usage, r#"{"input":10,"output":5,"total":40}"#);
}

#[test]
fn a_providers_usage_object_is_understood_whole_or_not() {
    let openai = r#"{"prompt_tokens":10,"completion_tokens":5,
        "prompt_tokens_details":{"cached_tokens":4},"service_tier":"flex"}"#;
    let anthropic = r#"{"input_tokens":10,"cache_read_input_tokens":4,"output_tokens":5}"#;

    assert_eq!(
        usage_of_text(openai).as_deref(),
        Some(r#"{"input":6,"input_cached_tokens":4,"output":5,"total":15}"#)
    );
    assert_eq!(
        usage_of_text(anthropic).as_deref(),
        Some(r#"{"input":10,"input_cached_tokens":4,"output":5,"total":19}"#)
    );
}

#[test]
fn langfuses_own_classes_are_taken_as_they_are() {
    let usage = r#"{"input":1,"output":"2","input_images":3.0,"a":1.5,"b":-1,"c":{}}"#;

    assert_eq!(
        usage_of_text(usage).as_deref(),
        Some(r#"{"input":1,"input_images":3,"output":2}"#)
    );
    for nothing in ["{}", "12", "[]", "many", r#"{"a":-1}"#] {
        assert_eq!(usage_of_text(nothing), None, "{nothing}");
    }
}

#[test]
fn a_cost_always_has_a_total() {
    let cost = |text: &str| cost_of(Value::from(text).as_ref());

    assert_eq!(cost("0.5").as_deref(), Some(r#"{"total":0.5}"#));
    assert_eq!(
        cost(r#"{"input":0.25,"audio":"0.5"}"#).as_deref(),
        Some(r#"{"audio":0.5,"input":0.25,"total":0.75}"#)
    );
    assert_eq!(
        cost(r#"{"total_cost":1}"#).as_deref(),
        Some(r#"{"total":1.0}"#)
    );
    for nothing in [
        "{}",
        "-1",
        "NaN",
        "dear",
        r#"{"total":-1}"#,
        r#"{"total":null}"#,
    ] {
        assert_eq!(cost(nothing), None, "{nothing}");
    }
}

#[test]
fn money_is_exact_to_its_last_place() {
    for (picodollars, json) in [
        (0, r#"{"total":0}"#),
        (1, r#"{"total":0.000000000001}"#),
        (12_500_000, r#"{"total":0.0000125}"#),
        (1_000_000_000_000, r#"{"total":1}"#),
        (2_030_000_000_000, r#"{"total":2.03}"#),
    ] {
        assert_eq!(cost_json(Cost::from_picodollars(picodollars)), json);
    }
}

proptest! {
    #[test]
    fn what_is_told_of_usage_is_never_counted_twice(
        input in 0_i64..1 << 40, cached in 0_i64..1 << 40,
        output in 0_i64..1 << 40, reasoning in 0_i64..1 << 40,
    ) {
        let json = told(&[
            ("input_tokens", input), ("cache_read.input_tokens", cached),
            ("output_tokens", output), ("reasoning_tokens", reasoning),
        ]);

        let classes: serde_json::Value = serde_json::from_str(&json).unwrap();
        let total = classes["total"].as_i64().unwrap();
        let part = |whole: i64, part: i64| if part <= whole { whole } else { whole + part };
        prop_assert_eq!(total, part(input, cached) + part(output, reasoning));
        let sum: i64 = classes.as_object().unwrap().values().filter_map(serde_json::Value::as_i64).sum();
        prop_assert_eq!(sum, 2 * total);
    }

    #[test]
    fn any_money_is_json_of_the_same_value(picodollars in 0_u64..1 << 50) {
        let json: serde_json::Value =
            serde_json::from_str(&cost_json(Cost::from_picodollars(picodollars))).unwrap();

        let read = Cost::usd(json["total"].as_f64().unwrap());
        prop_assert_eq!(read.picodollars(), picodollars);
    }
}
