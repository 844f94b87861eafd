//! Names and ids in the form that the server keeps.

use std::borrow::Cow;

/// The most that the server's older write path takes of a name, counted as JavaScript does.
const MAX_NAME_UNITS: usize = 1_000;

const BLANKS: u64 = u64::from_ne_bytes([b' '; 8]);
const HIGH_BITS: u64 = u64::from_ne_bytes([0x80; 8]);

/// What stands at the end of a name that was cut.
const CUT: char = '…';

/// The most characters that the server keeps of an environment.
const MAX_ENVIRONMENT: usize = 40;

/// A name of at most 1,000 UTF-16 units: a trace of a longer one would not be kept.
#[inline]
pub(super) fn short(name: &str) -> Cow<'_, str> {
    // A unit takes a byte or more.
    if name.len() <= MAX_NAME_UNITS {
        return name.into();
    }
    shortened(name)
}

#[cold]
fn shortened(name: &str) -> Cow<'_, str> {
    let mut units = 0;
    let end = name.char_indices().find_map(|(at, character)| {
        units += character.len_utf16();
        (units >= MAX_NAME_UNITS).then_some(at)
    });
    match end {
        Some(end) if units > MAX_NAME_UNITS || name[end..].chars().nth(1).is_some() => {
            format!("{}{CUT}", &name[..end]).into()
        }
        _ => name.into(),
    }
}

/// A name or id without control characters: a NUL is more than the server's database can hold, and
/// none of them is ever meant.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    // Eight bytes at a time, as this is asked for every span: the high bit of a byte is set in the
    // difference if it was less than a blank, and in the text itself if it is no ASCII.
    let (eights, rest) = text.as_bytes().as_chunks::<8>();
    let lows = eights.iter().fold(0, |lows, eight| {
        let eight = u64::from_ne_bytes(*eight);
        lows | (eight.wrapping_sub(BLANKS) & !eight & HIGH_BITS)
    });
    if lows == 0 && rest.iter().all(|byte| *byte >= b' ') {
        text.into()
    } else {
        let kept = text
            .chars()
            .filter(|character| !character.is_ascii_control());
        kept.collect::<String>().into()
    }
}

/// An environment that the server keeps. It would take `Prod EU` for `default`; that becomes
/// `prod-eu` here. None if nothing is left of it.
pub(crate) fn environment(name: &str) -> Option<Cow<'_, str>> {
    let is_allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    if (1..=MAX_ENVIRONMENT).contains(&name.len())
        && name.bytes().all(is_allowed)
        && !name.starts_with("langfuse")
    {
        return Some(name.into());
    }
    let lower = name.trim().to_lowercase();
    let mut rest = lower.as_str();
    while let Some(own) = rest.strip_prefix("langfuse") {
        rest = own.trim_start_matches(['-', '_']);
    }
    let kept: String = rest
        .chars()
        .take(MAX_ENVIRONMENT)
        .map(|character| match u8::try_from(character) {
            Ok(byte) if is_allowed(byte) => character,
            _ => '-',
        })
        .collect();
    (!kept.is_empty()).then_some(kept.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_cut_where_javascript_counts_a_thousand() {
        let units = |name: &str| short(name).encode_utf16().count();

        assert_eq!(short("answer"), "answer");
        for fitting in ["x".repeat(1_000), "ü".repeat(1_000), "👋".repeat(500)] {
            assert_eq!(short(&fitting), fitting);
        }
        for (long, left) in [
            ("x".repeat(1_001), 1_000),
            ("ü".repeat(5_000), 1_000),
            ("👋".repeat(501), 999),
            ("x".repeat(999) + "👋", 1_000),
        ] {
            assert_eq!(units(&long), left);
            assert!(short(&long).ends_with(CUT));
        }
    }

    #[test]
    fn control_characters_are_taken_out_of_names_and_ids() {
        assert_eq!(plain("gus\0\r\n ü"), "gus ü");
        for place in 0..20 {
            let mut text = "grüße aus der Küche".to_owned();
            if text.is_char_boundary(place) {
                text.insert(place, '\u{1f}');
                assert_eq!(plain(&text), "grüße aus der Küche");
            }
        }
        assert!(matches!(plain("grüße 👋 aus der Küche"), Cow::Borrowed(_)));
    }

    #[test]
    fn an_environment_is_brought_into_the_form_that_is_kept() {
        for (name, kept) in [
            ("production", "production"),
            ("Prod EU", "prod-eu"),
            ("prod.eu", "prod-eu"),
            ("langfuse-langfuse_x", "x"),
            ("grün", "gr-n"),
        ] {
            assert_eq!(environment(name).as_deref(), Some(kept));
        }
        assert_eq!(environment(&"A".repeat(50)).unwrap(), "a".repeat(40));
        assert_eq!(environment("langfuse"), None);
        assert_eq!(environment(""), None);
    }
}
