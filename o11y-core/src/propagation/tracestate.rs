//! The `tracestate` header: what other tracing systems send along, checked and passed on unread.
//!
//! The grammar is that of <https://www.w3.org/TR/trace-context-2/#tracestate-header>, whose keys
//! are a superset of those of level 1.

use super::trim;

/// The most entries that W3C allows.
const MAX_MEMBERS: usize = 32;

/// W3C wants at least so much carried; what is longer is not.
const MAX_BYTES: usize = 512;

/// The most bytes of a key, and of a value.
const MAX_WORD_BYTES: usize = 256;

/// The header as it came, without blanks around it. None if it is empty, longer than 512 bytes or
/// wrong in any entry: half of a state could mean anything to the system that reads it.
pub(crate) fn checked(header: &str) -> Option<&str> {
    let text = trim(header);
    if text.len() > MAX_BYTES {
        return None;
    }
    let mut members = 0;
    // W3C allows empty entries; they come from empty headers that were joined.
    for member in text.split(',').map(trim).filter(|text| !text.is_empty()) {
        let (key, value) = member.split_once('=')?;
        members += 1;
        if members > MAX_MEMBERS || !is_key(key) || !is_value(value) {
            return None;
        }
    }
    (members > 0).then_some(text)
}

fn is_key(text: &str) -> bool {
    let first = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let other = |byte| first(byte) || matches!(byte, b'_' | b'-' | b'*' | b'/' | b'@');
    text.len() <= MAX_WORD_BYTES
        && text.bytes().next().is_some_and(first)
        && text.bytes().all(other)
}

/// Printable, and not ending in a blank; the caller has trimmed it.
fn is_value(text: &str) -> bool {
    let allowed = |byte| matches!(byte, b' '..=b'~') && byte != b'=';
    (1..=MAX_WORD_BYTES).contains(&text.len()) && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_valid_state_is_passed_on_as_it_came() {
        for text in [
            "foo=1",
            "foo=1,bar=2",
            "foo=1 \t , \t bar=2, \t baz=3",
            "foo=1,,bar=2,",
            "foo=1,foo=1",
            "t-*/_9@vendor=a b",
            "0tenant=!~",
            &format!("{}=1", "z".repeat(256)),
            &format!("a={}", "v".repeat(256)),
        ] {
            assert_eq!(checked(text), Some(text));
        }
        assert_eq!(checked(" \tfoo=1\t "), Some("foo=1"));
    }

    #[test]
    fn an_invalid_state_is_dropped_whole() {
        for text in [
            "",
            " , ,",
            "foo",
            "foo=",
            "foo= ",
            "=1",
            "foo =1",
            "FOO=1",
            "@foo=1",
            "foo.bar=1",
            "foo=1=2",
            "foo=bar\tbaz",
            "foo=é",
            "good=1,foo",
            &format!("{}=1", "z".repeat(257)),
            &format!("a={}", "v".repeat(257)),
            &format!("a={},b={}", "v".repeat(254), "v".repeat(254)),
        ] {
            assert_eq!(checked(text), None, "{text:?}");
        }
    }

    #[test]
    fn thirty_two_members_are_carried_and_one_more_is_not() {
        let of = |members| vec!["a=1"; members].join(",");

        assert!(checked(&of(32)).is_some());
        assert!(checked(&of(33)).is_none());
    }
}
