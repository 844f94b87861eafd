//! The evaluators: what passes, what is said of it, and what always holds between them.

#![cfg(feature = "evaluators")]

use std::error::Error as _;

use o11y_core::{
    Context, Event, Score, ScoreDataType, ScoreValue,
    evaluators::{
        RegexMatch, contains, contains_ignore_case, exact_match, exact_match_ignore_case,
        json_valid, length_check, regex_match, similarity, similarity_ignore_case,
    },
    events, score,
};
use proptest::prelude::*;

fn passes(score: &Score) -> bool {
    score.value() == ScoreValue::Boolean(true)
}

fn figure(score: &Score) -> f64 {
    match score.value() {
        ScoreValue::Number(figure) => figure,
        other => panic!("not a number: {other:?}"),
    }
}

#[test]
fn each_has_the_mirrored_name_and_a_comment_of_figures() {
    let outcomes = [
        (exact_match("a", "a"), "exact_match", "equal"),
        (
            exact_match("ab", "a"),
            "exact_match",
            "begins as expected, and goes on",
        ),
        (
            exact_match("a", "ab"),
            "exact_match",
            "begins as expected, and breaks off",
        ),
        (
            exact_match("äb", "äc"),
            "exact_match",
            "differs from character 2 on",
        ),
        (contains("äöü", "ü"), "contains", "found at character 3"),
        (contains("äöü", "u"), "contains", "not found"),
        (
            regex_match("äöü", "ü|u").unwrap(),
            "regex_match",
            "matched at character 3",
        ),
        (regex_match("äöü", "u").unwrap(), "regex_match", "no match"),
        (
            length_check("äöü", 2..),
            "length_check",
            "3 characters, expected at least 2",
        ),
        (
            length_check("äöü", 1..=2),
            "length_check",
            "3 characters, expected at least 1 and at most 2",
        ),
        (
            length_check("äöü", ..),
            "length_check",
            "3 characters, expected any number",
        ),
        (
            similarity("äöü", "äou"),
            "similarity",
            "2 edits apart, of 3 characters",
        ),
        (
            similarity("a", "b"),
            "similarity",
            "1 edit apart, of 1 characters",
        ),
        (json_valid("[]"), "json_valid", "valid"),
        (
            json_valid("[1,"),
            "json_valid",
            "EOF while parsing a value at line 1 column 3",
        ),
    ];

    for (outcome, name, comment) in outcomes {
        assert_eq!(
            (outcome.name(), outcome.get_comment()),
            (name, Some(comment))
        );
    }
}

#[test]
fn pass_or_fail_is_a_boolean_and_similarity_a_number() {
    assert_eq!(json_valid("1").data_type(), ScoreDataType::Boolean);
    assert_eq!(similarity("a", "a").data_type(), ScoreDataType::Numeric);
}

#[test]
fn empty_texts_have_an_outcome() {
    assert!(passes(&exact_match("", "")));
    assert!(passes(&contains("", "")));
    assert!(passes(&contains("a", "")));
    assert!(!passes(&contains("", "a")));
    assert!(passes(&regex_match("", "").unwrap()));
    assert!(passes(&length_check("", ..1)));
    assert!(!passes(&length_check("", ..0)));
    assert!(!passes(&json_valid("")));
    assert_eq!(similarity("", "").value(), ScoreValue::Number(1.0));
    assert_eq!(similarity("", "abc").value(), ScoreValue::Number(0.0));
}

#[test]
fn case_is_ignored_character_by_character() {
    assert!(passes(&exact_match_ignore_case("ÄRGER", "ärger")));
    assert!(!passes(&exact_match_ignore_case("ß", "SS")));
    assert!(passes(&contains_ignore_case("ΟΔΟΣ ΜΟΥ", "οδοσ")));
    assert!(passes(&contains_ignore_case("ΑΣΑ", "ΑΣ"))); // no final sigma in between
    let alike = similarity_ignore_case("ABC", "abd");
    assert_eq!(alike.value(), ScoreValue::Number(0.6667));
}

#[test]
fn a_length_is_in_characters_and_within_any_kind_of_range() {
    use std::ops::Bound::{Excluded, Unbounded};

    let nine = "größenmaß";

    assert!(passes(&length_check(nine, 9..10)));
    assert!(passes(&length_check(nine, ..=9)));
    assert!(!passes(&length_check(nine, 10..)));
    let above = length_check(nine, (Excluded(9), Unbounded));
    assert!(!passes(&above));
    assert_eq!(
        above.get_comment(),
        Some("9 characters, expected more than 9")
    );
}

#[test]
fn json_is_judged_by_its_grammar_alone() {
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    for valid in [
        "null",
        "\"a\"",
        "1e999",
        " {\"a\": 1, \"a\": 2}\n",
        deep.as_str(),
    ] {
        assert!(passes(&json_valid(valid)));
    }
    for invalid in [
        "{} {}",
        "{'a': 1}",
        "[1,]",
        "NaN",
        "```json\n{}\n```",
        "\u{feff}{}",
    ] {
        assert!(!passes(&json_valid(invalid)), "{invalid}");
    }
}

#[test]
fn a_wrong_pattern_is_told_with_its_place() {
    for (pattern, position) in [("a(b", 1), ("ä[b", 2), (r"ab\", 2), (r"\p{Nothing}", 0)] {
        let wrong = RegexMatch::new(pattern).unwrap_err();

        assert_eq!(wrong.position(), Some(position), "{pattern}");
        assert!(!wrong.to_string().contains(pattern));
        assert!(wrong.source().is_some());
    }
}

#[test]
fn a_pattern_too_large_to_compile_is_refused() {
    let wrong = RegexMatch::new(r"(\w{99}){99}").unwrap_err();

    assert_eq!(wrong.position(), None);
    assert_eq!(
        wrong.to_string(),
        "the pattern is larger than 10485760 bytes once compiled"
    );
}

#[test]
fn an_evaluator_emits_nothing_until_its_score_is_given() {
    let heard = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let hearing = std::sync::Arc::clone(&heard);
    let _subscription = events().subscribe(Score::EVENT, move |event: &Event| {
        hearing
            .lock()
            .unwrap()
            .push(Score::from_event(event).unwrap());
    });

    let outcome = exact_match("a", "a").named("the letter");
    assert!(heard.lock().unwrap().is_empty());
    let given = Context::with_span("answer", |_span| score(outcome.session("s-1")).unwrap());

    assert_eq!(given.name(), "the letter");
    assert_eq!(*heard.lock().unwrap(), [given]);
}

proptest! {
    #[test]
    fn similarity_is_a_symmetric_figure_and_one_only_for_equals(
        one in "[aäΣσ]{0,8}", other in "[aäΣσ]{0,8}",
    ) {
        let alike = similarity(&one, &other);

        prop_assert!((0.0..=1.0).contains(&figure(&alike)));
        prop_assert_eq!(alike.value() == ScoreValue::Number(1.0), one == other);
        let rounded = (figure(&alike) * 10_000.0).round() / 10_000.0;
        prop_assert_eq!(alike.value(), ScoreValue::Number(rounded));
        let mirrored = similarity(&other, &one);
        prop_assert_eq!(alike.value(), mirrored.value());
    }

    #[test]
    fn an_exact_match_contains_and_is_wholly_similar(text in ".*") {
        prop_assert!(passes(&exact_match(&text, &text)));
        prop_assert!(passes(&contains(&text, &text)));
        prop_assert!(similarity(&text, &text).value() == ScoreValue::Number(1.0));
    }

    #[test]
    fn what_passes_passes_with_case_ignored_too(before in ".*", part in ".*", after in ".*") {
        let whole = format!("{before}{part}{after}");

        prop_assert!(passes(&contains(&whole, &part)));
        prop_assert!(passes(&contains_ignore_case(&whole, &part)));
        prop_assert!(passes(&exact_match_ignore_case(&whole, &whole)));
    }

    #[test]
    fn a_range_is_kept(text in ".*", least in 0..20_usize, most in 0..20_usize) {
        let length = text.chars().count();

        prop_assert_eq!(passes(&length_check(&text, least..=most)), least <= length && length <= most);
    }

    #[test]
    fn any_pattern_compiles_or_is_refused_at_a_character(pattern in r"[a(\[\\{}ä*)|?]{0,8}") {
        match regex_match("aä", &pattern) {
            Ok(score) => prop_assert_eq!(score.data_type(), ScoreDataType::Boolean),
            Err(wrong) => prop_assert!(wrong.position().is_none_or(|place| pattern.is_char_boundary(place))),
        }
    }
}
