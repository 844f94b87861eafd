//! A list of attributes against what it promises, and against a plain list.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::{attributes, limit::Limited, usage::Usage};

#[test]
fn an_attribute_with_a_static_key_takes_40_bytes() {
    assert_eq!(size_of::<Attribute>(), 40);
}

#[test]
fn a_key_set_again_keeps_its_place_and_takes_the_new_value() {
    let mut attributes = attributes! { "a" => 1, "b" => 2 };

    attributes.set("a", 3);
    attributes.set(String::from("b"), 4);
    attributes.set(String::from("c"), 5);
    attributes.set("c", 6);

    let seen: Vec<_> = attributes
        .iter()
        .map(|(key, value)| (key.to_owned(), value.as_i64()))
        .collect();
    assert_eq!(
        seen,
        [("a", 3), ("b", 4), ("c", 6)].map(|(key, value)| (key.to_owned(), Some(value)))
    );
}

#[test]
fn a_list_is_light_only_if_there_is_nothing_to_free() {
    let light = |attributes: Attributes| attributes.is_light();
    let shared = Arc::<str>::from("a text");

    assert!(light(attributes! {}));
    assert!(light(
        attributes! { "a" => "short", "b" => 1, "c" => true, "d" => 0.5 }
    ));
    assert!(!light(attributes! { "a" => 1, "b" => "x".repeat(100) }));
    assert!(!light(attributes! { "a" => 1, "b" => shared }));
    assert!(!light(attributes! { "a" => 1, "b" => Usage::new() }));
    assert!(!light(
        attributes! { String::from("made at run time") => 1 }
    ));
    assert!(!light(
        attributes! { "a" => 1, "b" => 2, "c" => 3, "d" => 4, "e" => 5 }
    ));
}

#[test]
fn all_that_a_list_holds_is_freed_with_it() {
    let text = Arc::<str>::from("x".repeat(100));
    let list = |number: usize| {
        (0..number).fold(Attributes::new(), |mut attributes, number| {
            attributes.set(format!("key {number}"), number);
            attributes.set(
                ["a", "bb", "ccc", "dddd", "eeeee"][number % 5],
                Arc::clone(&text),
            );
            attributes
        })
    };
    for number in 0..70 {
        let mut cleared = list(number);
        cleared.clear();
        assert_eq!(cleared, Attributes::new());
        let mut replaced = list(number);
        replaced.set("a", 1);
        let mut overlaid = list(number);
        overlaid.overlay(list(number / 2));
        drop((list(number), replaced, overlaid.clone()));
        drop(overlaid);

        assert_eq!(Arc::strong_count(&text), 1, "of a list of {number}");
    }
}

#[test]
fn nothing_is_left_out() {
    let attributes = attributes! { "a" => None::<i64>, "b" => Some(1) };

    assert_eq!(attributes.len(), 1);
}

#[test]
fn many_attributes_keep_their_order_and_can_be_replaced() {
    let mut attributes = Attributes::new();

    for round in 0..2 {
        for number in 0..50 {
            attributes.set(format!("key {number}"), number + round);
        }
    }

    let seen: Vec<_> = attributes.iter().map(|(_, value)| value.as_i64()).collect();
    let expected: Vec<_> = (1..51).map(Some).collect();
    assert_eq!(seen, expected);
    assert_eq!(attributes.len(), 50);
}

#[test]
fn keys_that_share_a_bit_are_told_apart_at_every_place() {
    // One length and one last byte: all of them have the same bit.
    let keys: Vec<String> = (b'a'..=b'z')
        .map(|letter| format!("{}x", letter as char))
        .collect();
    let mut attributes = Attributes::new();
    for round in 0..2 {
        for (number, key) in keys.iter().enumerate() {
            attributes.set(key.clone(), 100 * round + number);
        }
        attributes.set("bx", 7);
    }

    let shown: Vec<_> = attributes.iter().map(|(key, _)| key.to_owned()).collect();
    assert_eq!(shown, keys);
    assert_eq!(attributes.get("bx").and_then(Value::as_i64), Some(7));
    assert_eq!(attributes.get("zx").and_then(Value::as_i64), Some(125));
}

proptest! {
    #[test]
    fn a_list_is_what_a_plain_list_would_be(
        steps in prop::collection::vec((0..160_usize, any::<bool>()), 0..300),
    ) {
        let names: Vec<&'static str> = (0..160)
            .map(|number| &*format!("{}{number}", "k".repeat(number % 5)).leak())
            .collect();
        let mut attributes = Attributes::new();
        let mut plain: Vec<(&str, usize)> = Vec::new();
        let mut left_out = 0;

        for (value, (number, is_static)) in steps.into_iter().enumerate() {
            let name = names[number];
            if is_static {
                attributes.set(name, value);
            } else {
                attributes.set(name.to_owned(), value);
            }
            let place = plain.iter().position(|(known, _)| *known == name);
            match place {
                Some(place) => plain[place].1 = value,
                None if plain.len() < 124 => plain.push((name, value)),
                None => left_out += 1,
            }
        }

        let shown: Vec<_> = attributes
            .iter()
            .map(|(key, value)| (key, value.as_u64()))
            .collect();
        let expected: Vec<_> = plain.iter().map(|(key, value)| (*key, Some(*value as u64))).collect();
        prop_assert_eq!(shown, expected);
        prop_assert_eq!(attributes.left_out(), left_out);
    }
}

#[test]
fn what_there_is_no_room_for_is_counted() {
    let mut attributes = Attributes::new();

    for number in 0..1_000 {
        attributes.set(format!("key {number}"), number);
    }
    attributes.set("key 7", "replaced");
    attributes.set("key 900", 0);

    assert_eq!((attributes.len(), attributes.left_out()), (124, 877));
    assert_eq!(
        attributes.get("key 7").and_then(Value::as_str),
        Some("replaced")
    );
    assert!(Limited::now().attributes_left_out >= 877);
}

#[test]
fn four_attributes_hold_nothing_outside_of_the_list() {
    let mut attributes = attributes! { "a" => 1, "b" => "short", "c" => true, "d" => 0.5 };
    assert_eq!(attributes.heap_bytes(), 0);

    attributes.set("e", 1);

    assert_eq!(attributes.heap_bytes(), size_of::<Block>());
}
