//! What each natural type becomes.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use serde::{Serialize, Serializer, ser::Error as _};

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
fn nothing_is_null() {
    assert!(Value::from(None::<&str>).is_null());
    assert!(Value::from(&()).is_null());
    assert!(Value::from(&None::<u8>).is_null());
    assert_eq!(Value::from(Some(3)).as_i64(), Some(3));
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
