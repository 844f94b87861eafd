//! What each natural type becomes.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use proptest::prelude::*;
use serde::{Serialize, Serializer, ser::Error as _};
use serde_json::Value as Json;

use super::*;

#[derive(Serialize)]
struct Order {
    drink: &'static str,
    shots: u8,
}

#[derive(Serialize)]
struct Model(&'static str);

#[derive(Serialize)]
enum Mood {
    #[serde(rename = "grumpy")]
    Grumpy,
    Mixed(u8),
}

struct Stubborn;

impl Serialize for Stubborn {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(S::Error::custom("the secret prompt"))
    }
}

fn text(value: impl Into<Value>) -> String {
    value.into().as_str().expect("text").to_owned()
}

#[test]
fn a_value_is_as_large_as_its_inline_text() {
    assert_eq!(size_of::<Value>(), 24);
}

#[test]
fn scalars_stay_what_they_are() {
    assert_eq!(Value::from(7_u8).as_ref(), ValueRef::Int(7));
    assert_eq!(Value::from(-7_i64).as_ref(), ValueRef::Int(-7));
    assert_eq!(Value::from(0.25).as_ref(), ValueRef::Float(0.25));
    assert_eq!(Value::from(true).as_ref(), ValueRef::Bool(true));
    assert_eq!(Value::from(&7_u8).as_ref(), ValueRef::Int(7));
    assert_eq!(Value::from(&true).as_ref(), ValueRef::Bool(true));
    assert_eq!(text('é'), "é");
}

#[test]
fn integers_beyond_i64_become_their_digits() {
    assert_eq!(text(u64::MAX), "18446744073709551615");
    assert_eq!(text(i128::MIN), i128::MIN.to_string());
    assert_eq!(
        Value::from(u64::from(u32::MAX)).as_i64(),
        Some(4_294_967_295)
    );
}

#[test]
fn floats_without_a_number_become_text() {
    assert_eq!(text(f64::NAN), "NaN");
    assert_eq!(text(f32::INFINITY), "inf");
    assert_eq!(text(f64::NEG_INFINITY), "-inf");
}

#[test]
fn a_small_float_is_the_number_that_it_is_written_as() {
    for (small, number) in [
        (0.7_f32, 0.7),
        (1.0, 1.0),
        (-0.1, -0.1),
        (1e-40, 1e-40),
        (f32::MAX, 3.402_823_5e38),
    ] {
        assert_eq!(Value::from(small).as_f64(), Some(number));
        assert_eq!(Value::from(&small).as_f64(), Some(number));
    }
}

#[test]
fn text_is_moved_when_it_is_owned_and_long() {
    let prompt = "x".repeat(2_000);
    let address = prompt.as_ptr();
    let shared: Arc<str> = Arc::from("y".repeat(2_000));

    assert_eq!(Value::from(prompt).as_str().map(str::as_ptr), Some(address));
    assert_eq!(
        Value::from(Arc::clone(&shared)).as_str().map(str::as_ptr),
        Some(shared.as_ptr())
    );
}

#[test]
fn short_text_holds_nothing_outside_of_itself() {
    assert_eq!(Value::from("exactly 24 bytes of text").heap_bytes(), 0);
    assert_eq!(Value::from("exactly 25 bytes of text!").heap_bytes(), 25);
}

#[test]
fn a_moved_text_counts_with_its_whole_buffer() {
    let mut text = String::with_capacity(1_000);
    text.push_str("short");
    let address = text.as_ptr();

    let value = Value::from(text);

    assert_eq!(value.as_str().map(str::as_ptr), Some(address));
    assert_eq!((value.heap_bytes(), value.long_text_bytes()), (1_000, 5));
}

#[test]
fn nothing_is_null() {
    assert!(Value::from(None::<&str>).is_null());
    assert!(Value::from(&()).is_null());
    assert!(Value::from(&None::<u8>).is_null());
    assert_eq!(Value::from(Some(3)).as_i64(), Some(3));
}

#[test]
fn what_is_empty_is_said_and_what_is_missing_inside_is_null() {
    #[derive(Serialize)]
    struct Unit;

    assert_eq!(text(&Vec::<u8>::new()), "[]");
    assert_eq!(text(&BTreeMap::<u8, u8>::new()), "{}");
    assert_eq!(text(""), "");
    assert_eq!(text(&[Some(1), None]), "[1,null]");
    assert_eq!(text(b"\x00\xff"), "[0,255]");
    assert!(Value::from(&Unit).is_null());
    assert!(Value::from(&serde_json::Value::Null).is_null());
}

#[test]
fn numbers_inside_of_compounds_keep_their_digits_or_are_null() {
    let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 1e300];

    assert_eq!(text(&odd), "[null,null,null,-0.0,1e+300]");
    assert_eq!(text(&[f32::NAN]), "[null]");
    assert_eq!(text(&[u64::MAX]), "[18446744073709551615]");
    assert_eq!(text(&[i128::MIN]), format!("[{}]", i128::MIN));
    assert_eq!(text(&[(1_u64 << 53) + 1]), "[9007199254740993]");
}

#[test]
fn compounds_become_json_text_and_a_text_at_the_top_stays_unquoted() {
    let order = Order {
        drink: "latte",
        shots: 2,
    };

    assert_eq!(text(&order), r#"{"drink":"latte","shots":2}"#);
    assert_eq!(text(&[1, 2][..]), "[1,2]");
    assert_eq!(text(&BTreeMap::from([("k", "v")])), r#"{"k":"v"}"#);
    assert_eq!(text(&serde_json::json!("plain")), "plain");
    assert_eq!(text(&Model("gpt-4o")), "gpt-4o");
    assert_eq!(text(&Mood::Grumpy), "grumpy");
    assert_eq!(text(&Mood::Mixed(3)), r#"{"Mixed":3}"#);
    assert_eq!(text("plain"), "plain");
    assert_eq!(text(String::from("plain")), "plain");
}

#[test]
fn times_become_what_serde_makes_of_them() {
    let moment = SystemTime::UNIX_EPOCH + Duration::new(1_700_000_000, 5);

    assert_eq!(
        text(&moment),
        r#"{"secs_since_epoch":1700000000,"nanos_since_epoch":5}"#
    );
    assert_eq!(
        text(&Duration::from_millis(1_500)),
        r#"{"secs":1,"nanos":500000000}"#
    );
    assert_eq!(
        text(&(SystemTime::UNIX_EPOCH - Duration::from_secs(1))),
        "<value could not be serialised>"
    );
}

#[test]
fn what_cannot_be_serialised_leaves_a_mark_and_no_content() {
    assert_eq!(text(&Stubborn), "<value could not be serialised>");
    assert_eq!(
        text(&BTreeMap::from([((1, 2), 3)])),
        "<value could not be serialised>"
    );
}

#[test]
fn debug_output_shows_no_content() {
    let shown = format!("{:?}", Value::from("my card number is 4711"));

    assert_eq!(shown, "Text(22 bytes)");
}

/// Any JSON, floats included, a few levels deep.
fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        "\\PC{0,20}".prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Json::from),
            prop::collection::btree_map("\\PC{0,9}", inner, 0..6)
                .prop_map(|map| map.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn any_json_reads_back_as_it_was(json in any_json()) {
        let value = Value::from(&json);

        match value.as_ref() {
            ValueRef::Null => prop_assert_eq!(json, Json::Null),
            ValueRef::Bool(yes) => prop_assert_eq!(json, Json::from(yes)),
            ValueRef::Int(number) => prop_assert_eq!(json, Json::from(number)),
            ValueRef::Float(number) => prop_assert_eq!(json, Json::from(number)),
            ValueRef::Text(text) => match &json {
                Json::String(said) => prop_assert_eq!(said, text),
                Json::Number(large) => prop_assert_eq!(large.to_string(), text),
                compound => prop_assert_eq!(text, compound.to_string()),
            },
            other => prop_assert!(false, "{:?}", other),
        }
    }

    #[test]
    fn a_number_is_the_same_by_value_and_by_reference(whole: i128, float: f64, small: f32) {
        let same = |one: Value, other: Value| one.to_string() == other.to_string();

        prop_assert!(same(whole.into(), (&whole).into()));
        prop_assert!(same(float.into(), (&float).into()));
        prop_assert!(same(small.into(), (&small).into()));
    }

    #[test]
    fn what_is_cut_is_a_beginning_and_says_how_much_is_missing(text in "\\PC{0,80}", bytes in 0_usize..120) {
        let mut value = Value::from(text.clone());

        value.cut(bytes);

        let cut = value.as_str().unwrap_or_default();
        let (kept, mark) = cut.rsplit_once("…[cut: ").unwrap_or((cut, ""));
        prop_assert!(text.starts_with(kept) && kept.len() <= bytes);
        let missing = mark.strip_suffix(" bytes left out]").and_then(|count| count.parse().ok());
        prop_assert_eq!(missing, Some(text.len() - kept.len()));
    }
}
