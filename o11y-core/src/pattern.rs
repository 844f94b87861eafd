//! Patterns over dotted event names.

use std::{borrow::Cow, fmt};

/// Which event names a subscription hears.
///
/// A name is made of segments with dots between them. In a pattern `*` stands for one whole
/// segment or for a part of one, and `**` for any number of segments; `*` alone hears everything.
/// Without a star a pattern is a name and hears that one alone: `llm` is not short for what begins
/// so, and neither is `llm.`, whose last segment is empty.
///
/// | pattern | hears | does not hear |
/// |---|---|---|
/// | `llm` | `llm` | `llm.generate`, `llm.`, `llms` |
/// | `llm.` | `llm.` | `llm`, `llm.generate` |
/// | `llm.generate` | `llm.generate` | `llm.generate.chunk` |
/// | `llm.*` | `llm.generate`, `llm.error`, `llm.` | `llm`, `llm.generate.chunk` |
/// | `llm.**` | `llm.generate`, `llm.generate.chunk` | `llm`, `llmx.generate` |
/// | `*.complete` | `tool.complete` | `tool.call.complete` |
/// | `react.*_complete` | `react.iteration_complete` | `react.complete` |
/// | `*` | everything | |
///
/// Made by `into()` from text; every text is a pattern.
///
/// ```
/// use o11y_core::Pattern;
///
/// let pattern = Pattern::from("llm.*");
/// assert!(pattern.matches("llm.generate"));
/// assert!(!pattern.matches("llm") && !pattern.matches("llm.generate.chunk"));
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Pattern {
    text: Cow<'static, str>,
}

/// Where a pattern is filed, so that an event looks at few of them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Shelf<'a> {
    /// Hears exactly this name.
    Exact(&'a str),
    /// Hears every name with this before its last dot.
    Parent(&'a str),
    /// Hears every two-segment name with this after its dot.
    Last(&'a str),
    /// Has to be compared with names whose first segment is this; hears no other.
    First(&'a str),
    /// Has to be compared with names whose last segment is this; hears no other.
    Ending(&'a str),
    /// Hears everything.
    All,
    /// Has to be compared with every name.
    Other,
}

impl Pattern {
    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether a subscription with this pattern hears an event of that name.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        match self.shelf() {
            Shelf::All => true,
            Shelf::Exact(exact) => exact == name,
            _ => segments_match(&self.text, name),
        }
    }

    pub(crate) fn shelf(&self) -> Shelf<'_> {
        let text = &*self.text;
        if text == "*" || text == "**" {
            return Shelf::All;
        }
        if !text.contains('*') {
            return Shelf::Exact(text);
        }
        match text.strip_suffix(".*") {
            Some(parent) if !parent.contains('*') => return Shelf::Parent(parent),
            _ => {}
        }
        match text.strip_prefix("*.") {
            Some(last) if !last.contains(['*', '.']) => return Shelf::Last(last),
            _ => {}
        }
        let has_no_star = |segment: &&str| !segment.contains('*');
        let ending = || text.rsplit('.').next().filter(has_no_star);
        match text.split('.').next().filter(has_no_star) {
            Some(first) => Shelf::First(first),
            None => ending().map_or(Shelf::Other, Shelf::Ending),
        }
    }
}

/// Compares segment by segment. When it gets stuck it goes back to the last `**` and lets that stand
/// for one segment more; going back to an earlier one could find nothing else. So the work is
/// bounded by the product of the lengths.
fn segments_match(pattern: &str, name: &str) -> bool {
    let (mut pattern, mut name) = (Some(pattern), Some(name));
    let mut last_stars = None;
    loop {
        match (pattern, name) {
            (None, None) => return true,
            (Some(wanted), Some(rest)) => {
                let (first, others) = split(wanted);
                if first == "**" {
                    let Some(others) = others else {
                        return true;
                    };
                    last_stars = Some((others, rest));
                    pattern = Some(others);
                    continue;
                }
                let (segment, name_rest) = split(rest);
                if segment_matches(first.as_bytes(), segment.as_bytes()) {
                    (pattern, name) = (others, name_rest);
                    continue;
                }
            }
            _ => {}
        }
        let Some((others, tried)) = last_stars else {
            return false;
        };
        let Some(next) = split(tried).1 else {
            return false;
        };
        last_stars = Some((others, next));
        (pattern, name) = (Some(others), Some(next));
    }
}

fn split(text: &str) -> (&str, Option<&str>) {
    match text.split_once('.') {
        Some((first, rest)) => (first, Some(rest)),
        None => (text, None),
    }
}

/// One segment against one: the usual walk that goes back to the last `*` when it gets stuck, so
/// that its work is bounded by the product of the lengths.
fn segment_matches(pattern: &[u8], segment: &[u8]) -> bool {
    let (mut at, mut in_pattern) = (0, 0);
    let mut last_star = None;
    while at < segment.len() {
        match pattern.get(in_pattern) {
            Some(b'*') => {
                last_star = Some((in_pattern, at));
                in_pattern += 1;
            }
            Some(byte) if *byte == segment[at] => {
                in_pattern += 1;
                at += 1;
            }
            _ => match &mut last_star {
                Some((star, resume)) => {
                    *resume += 1;
                    at = *resume;
                    in_pattern = *star + 1;
                }
                None => return false,
            },
        }
    }
    pattern[in_pattern..].iter().all(|byte| *byte == b'*')
}

impl From<&'static str> for Pattern {
    fn from(text: &'static str) -> Self {
        Self { text: text.into() }
    }
}

impl From<String> for Pattern {
    fn from(text: String) -> Self {
        Self { text: text.into() }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({:?})", self.text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_table_of_the_documentation_holds() {
        for (pattern, heard, not_heard) in [
            (
                "llm.generate",
                &["llm.generate"][..],
                &["llm.generate.chunk", "llm"][..],
            ),
            ("llm", &["llm"], &["llm.generate", "llm.", "llms", ""]),
            ("llm.", &["llm."], &["llm", "llm.generate", "llm.."]),
            ("", &[""], &["llm", "."]),
            (
                "llm.*",
                &["llm.generate", "llm.error", "llm."],
                &["llm", "llm.generate.chunk", "xllm.a"],
            ),
            (
                "llm.**",
                &["llm.generate", "llm.generate.chunk"],
                &["llm", "llmx.generate"],
            ),
            (
                "*.complete",
                &["tool.complete"],
                &["tool.call.complete", "complete"],
            ),
            (
                "**.complete",
                &["tool.complete", "tool.call.complete", "complete"],
                &["tool.completed"],
            ),
            (
                "react.*_complete",
                &["react.iteration_complete"],
                &["react.complete"],
            ),
            ("a.**.z", &["a.z", "a.b.z", "a.b.c.z"], &["a.b", "z"]),
            ("*", &["llm", "llm.generate", "a.b.c", ""], &[]),
            (
                "a*b*c.x",
                &["abc.x", "a1b2c.x", "abbc.x"],
                &["acb.x", "abc.y"],
            ),
        ] {
            let pattern = Pattern::from(pattern);
            for name in heard {
                assert!(pattern.matches(name), "{pattern} should hear {name:?}");
            }
            for name in not_heard {
                assert!(!pattern.matches(name), "{pattern} should not hear {name:?}");
            }
        }
    }

    #[test]
    fn common_patterns_are_filed_where_they_are_found_by_hashing() {
        let shelf = |text: &'static str| format!("{:?}", Pattern::from(text).shelf());

        assert_eq!(shelf("llm.generate"), r#"Exact("llm.generate")"#);
        assert_eq!(shelf("a.b.*"), r#"Parent("a.b")"#);
        assert_eq!(shelf("*.complete"), r#"Last("complete")"#);
        assert_eq!(shelf("*"), "All");
        assert_eq!(shelf("llm.**"), r#"First("llm")"#);
        assert_eq!(shelf("react.*_complete"), r#"First("react")"#);
        assert_eq!(shelf("a.*.b"), r#"First("a")"#);
        assert_eq!(shelf("**.complete"), r#"Ending("complete")"#);
        assert_eq!(shelf("*.a.b"), r#"Ending("b")"#);
        assert_eq!(shelf("*.a.*"), "Other");
        assert_eq!(shelf("a*"), "Other");
    }

    /// The rules as they are said: every way to read the stars is tried.
    fn in_some_way(pattern: &str, name: &str) -> bool {
        let (first, rest) = split(pattern);
        let tails = std::iter::successors(Some(name), |tail| split(tail).1);
        match (first, rest) {
            ("**", None) => true,
            ("**", Some(rest)) => tails.into_iter().any(|tail| in_some_way(rest, tail)),
            _ => {
                let (segment, name_rest) = split(name);
                in_a_segment(first, segment)
                    && match (rest, name_rest) {
                        (None, None) => true,
                        (Some(rest), Some(tail)) => in_some_way(rest, tail),
                        _ => false,
                    }
            }
        }
    }

    fn in_a_segment(pattern: &str, segment: &str) -> bool {
        match pattern.split_at_checked(1) {
            None => segment.is_empty(),
            Some(("*", rest)) => {
                (0..=segment.len()).any(|length| in_a_segment(rest, &segment[length..]))
            }
            Some((letter, rest)) => segment
                .strip_prefix(letter)
                .is_some_and(|tail| in_a_segment(rest, tail)),
        }
    }

    #[test]
    fn stars_that_find_nothing_in_a_long_name_are_soon_given_up() {
        let pattern = Pattern::from("**.a.".repeat(30) + "b");
        let name = "a.".repeat(3_000) + "c";

        // In every way that there is this would take longer than anybody has.
        assert!(!pattern.matches(&name));
    }

    proptest! {
        #[test]
        fn a_name_matches_itself_and_its_generalisations(
            segments in proptest::collection::vec("[a-z_]{0,5}", 1..5),
            at in 0_usize..5,
        ) {
            let name = segments.join(".");
            let mut general = segments.clone();
            general[at % segments.len()] = "*".into();

            prop_assert!(segments_match(&name, &name));
            prop_assert!(Pattern::from(general.join(".")).matches(&name));
            let below = Pattern::from(format!("**.{name}"));
            prop_assert!(below.matches(&name));
        }

        #[test]
        fn a_name_is_heard_exactly_if_there_is_a_way_to_read_the_pattern(
            pattern in "[ab*]{0,3}(\\.([ab*]{0,2}|\\*\\*)){0,4}", name in "[ab]{0,2}(\\.[ab]{0,2}){0,5}",
        ) {
            let expected = pattern == "*" || in_some_way(&pattern, &name);

            prop_assert_eq!(Pattern::from(pattern).matches(&name), expected);
        }

        #[test]
        fn no_pattern_makes_matching_fail_to_end(pattern in "[a*.]{0,16}", name in "[a.]{0,16}") {
            let _heard = Pattern::from(pattern).matches(&name);
        }
    }
}
