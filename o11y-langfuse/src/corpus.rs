//! Hand-picked hostile inputs for tests, kept in text files: one a line, with the escapes of Rust's
//! strings.

/// The lines that are no comment: the word before the first blank, and the bytes after it.
pub(crate) fn cases(file: &str) -> Vec<(&str, Vec<u8>)> {
    let split = |line| str::split_once(line, ' ').unwrap_or((line, ""));
    lines(file)
        .map(split)
        .map(|(word, text)| (word, unescaped(text)))
        .collect()
}

/// The lines that are no comment, as text.
pub(crate) fn texts(file: &str) -> Vec<String> {
    let text = |line| String::from_utf8(unescaped(line)).unwrap();
    lines(file).map(text).collect()
}

/// The first lines up to one that is no comment say what the file is.
fn lines(file: &str) -> impl Iterator<Item = &str> {
    file.lines().skip_while(|line| line.starts_with("# "))
}

/// `\xNN` is a byte and `\u{N}` a character; what is no escape of ours stays as it is, as JSON's own
/// `\u0065` does.
fn unescaped(line: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('\\') {
        bytes.extend_from_slice(before.as_bytes());
        let (escaped, length) = escape(after).unwrap_or_else(|| (b"\\".to_vec(), 0));
        bytes.extend(escaped);
        rest = &after[length..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

/// What stands after a backslash, and how long that is.
fn escape(text: &str) -> Option<(Vec<u8>, usize)> {
    let simple = |byte| Some((vec![byte], 1));
    match text.as_bytes() {
        [b'n', ..] => simple(b'\n'),
        [b'r', ..] => simple(b'\r'),
        [b't', ..] => simple(b'\t'),
        [b'0', ..] => simple(0),
        [b'\\', ..] => simple(b'\\'),
        [b'x', ..] => Some((vec![u8::from_str_radix(text.get(1..3)?, 16).ok()?], 3)),
        [b'u', b'{', ..] => {
            let (digits, _) = text[2..].split_once('}')?;
            let character = char::from_u32(u32::from_str_radix(digits, 16).ok()?)?;
            Some((character.to_string().into_bytes(), digits.len() + 3))
        }
        _ => None,
    }
}
