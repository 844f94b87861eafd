//! The `baggage` header: its members, its limits, and the percent-encoding of values.
//!
//! The grammar and the limits are those of <https://www.w3.org/TR/baggage/>. What the members mean
//! is decided elsewhere.

use super::trim;

/// The members that W3C wants carried at least; more are neither read nor written.
const MAX_MEMBERS: usize = 64;

/// The bytes that W3C wants carried at least; more are neither read nor written.
const MAX_BYTES: usize = 8192;

/// One member of a header, well-formed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Member<'a> {
    /// All of it, with its properties, as it came.
    pub(super) text: &'a str,
    key: &'a str,
    value: &'a str,
}

impl<'a> Member<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let text = trim(text);
        let mut parts = text.split(';');
        let (key, value) = parts.next()?.split_once('=')?;
        let (key, value) = (trim(key), trim(value));
        (is_token(key) && is_value(value) && parts.all(is_property)).then_some(Self {
            text,
            key,
            value,
        })
    }

    /// The key as it was before it was encoded; W3C encodes values only, OpenTelemetry both.
    pub(super) fn key(&self) -> String {
        decoded(self.key)
    }

    /// The value as it was before it was encoded.
    pub(super) fn value(&self) -> String {
        decoded(self.value)
    }
}

/// The well-formed members within the limits, in their order; the others are skipped.
pub(super) fn members(header: &str) -> impl Iterator<Item = Member<'_>> {
    let whole = if header.len() <= MAX_BYTES {
        header
    } else {
        // No member is cut in two.
        let within = &header.as_bytes()[..=MAX_BYTES];
        let end = within.iter().rposition(|byte| *byte == b',');
        end.and_then(|end| header.get(..end)).unwrap_or_default()
    };
    whole.split(',').filter_map(Member::parse).take(MAX_MEMBERS)
}

/// A header under construction. A member that does not fit is left out whole.
#[derive(Debug, Default)]
pub(super) struct Header {
    text: String,
    members: usize,
}

impl Header {
    /// Adds a member of ours: the key is a token followed by any text.
    pub(super) fn put(&mut self, token: &str, key: &str, value: &str) {
        self.add(|text| {
            text.push_str(token);
            encode(key, text);
            text.push('=');
            encode(value, text);
        });
    }

    /// Adds a member that is well-formed already.
    pub(super) fn pass(&mut self, member: &str) {
        self.add(|text| text.push_str(member));
    }

    fn add(&mut self, write: impl FnOnce(&mut String)) {
        if self.members == MAX_MEMBERS {
            return;
        }
        let end = self.text.len();
        if end > 0 {
            self.text.push(',');
        }
        write(&mut self.text);
        if self.text.len() > MAX_BYTES {
            self.text.truncate(end);
        } else {
            self.members += 1;
        }
    }

    /// The text, if there is any: an empty header is not written.
    pub(super) fn finish(self) -> Option<String> {
        (self.members > 0).then_some(self.text)
    }
}

/// RFC 7230, section 3.2.6.
fn is_token(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(allowed)
}

/// Printable, without blank, quote, comma, semicolon and backslash.
fn is_value(text: &str) -> bool {
    let allowed = |byte| matches!(byte, b'!'..=b'~') && !matches!(byte, b'"' | b',' | b';' | b'\\');
    text.bytes().all(allowed)
}

fn is_property(text: &str) -> bool {
    match text.split_once('=') {
        Some((key, value)) => is_token(trim(key)) && is_value(trim(value)),
        None => is_token(trim(text)),
    }
}

/// Everything that RFC 3986 does not call unreserved is encoded: `+` too, because Python's
/// propagator reads it as a blank.
fn encode(plain: &str, text: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";

    for byte in plain.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            text.push(char::from(byte));
        } else {
            let digits = [byte >> 4, byte & 0xf].map(|digit| DIGITS[usize::from(digit)]);
            text.push('%');
            text.extend(digits.map(char::from));
        }
    }
}

/// Undoes `encode`. As W3C says, what is not UTF-8 becomes U+FFFD; a `%` without two digits stands
/// for itself. A `+` is a blank, against W3C: Python's propagator writes it so, and no SDK of
/// Langfuse writes it for itself.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        let mut byte = *first;
        if byte == b'+' {
            byte = b' ';
        } else if byte == b'%'
            && let [high, low, after @ ..] = tail
            && let (Some(high), Some(low)) = (digit(*high), digit(*low))
        {
            byte = high << 4 | low;
            rest = after;
        }
        bytes.push(byte);
    }
    match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    }
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &str) -> Vec<(String, String)> {
        members(header)
            .map(|member| (member.key(), member.value()))
            .collect()
    }

    fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
        let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        pairs.map(owned).into()
    }

    #[test]
    fn blanks_properties_and_equals_signs_are_read_as_w3c_says() {
        let header = "a = 1 ,b=x=y==,\tc=;p;q=1; r = 2 ,d=DF%2028";

        assert_eq!(
            read(header),
            pairs([("a", "1"), ("b", "x=y=="), ("c", ""), ("d", "DF 28")])
        );
        let texts: Vec<_> = members(header).map(|member| member.text).collect();
        assert_eq!(texts[2], "c=;p;q=1; r = 2");
    }

    #[test]
    fn malformed_members_are_skipped_and_the_others_kept() {
        let header = "=1,novalue,,a b=1,k=a b,k=\"q\",k=a\\b,k=\u{e9},k(=1,k=1;,k=1;p q,good=1";

        assert_eq!(read(header), pairs([("good", "1")]));
    }

    #[test]
    fn odd_escapes_are_read_without_loss_of_the_rest() {
        assert_eq!(
            read("a=%C3%A9%c3%a9,b=100%,c=%zz%4,d=x%FFy,e=a+b%2Bc"),
            pairs([
                ("a", "éé"),
                ("b", "100%"),
                ("c", "%zz%4"),
                ("d", "x\u{fffd}y"),
                ("e", "a b+c")
            ])
        );
    }

    #[test]
    fn more_than_the_limits_is_not_read_and_no_member_is_cut() {
        let many: Vec<_> = (0..70).map(|index| format!("k{index}=v")).collect();
        assert_eq!(read(&many.join(",")).len(), MAX_MEMBERS);

        let first = format!("a={}", "x".repeat(MAX_BYTES - 2));
        assert_eq!(read(&format!("{first},b=1")).len(), 1);
        assert_eq!(read(&format!("{first}x,b=1")).len(), 0);
        assert_eq!(read(&format!("b=1,{first}")), pairs([("b", "1")]));
        assert_eq!(read(&"é".repeat(MAX_BYTES)), []);
    }

    #[test]
    fn more_than_the_limits_is_not_written_but_what_fits_after_is() {
        let mut header = Header::default();
        header.put("a", "", &"x".repeat(MAX_BYTES - 10));
        header.put("b", "", "does not fit");
        header.put("c", "", "fits");
        assert!(header.finish().unwrap().ends_with("x,c=fits"));

        let mut header = Header::default();
        (0..70).for_each(|_| header.pass("k=v"));
        assert_eq!(header.finish().unwrap().split(',').count(), MAX_MEMBERS);
        assert_eq!(Header::default().finish(), None);
    }
}
