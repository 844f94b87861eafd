//! What cannot work, refused by name and with the accepted form.

use crate::error::ConfigError;

/// A key goes into a header, as `public:secret`, so it must be visible ASCII without a colon. It
/// is never shown.
pub(crate) fn check_key(name: &'static str, key: &str) -> Result<(), ConfigError> {
    let problem = if key.is_empty() {
        "is empty".to_owned()
    } else if let Some(at) = key.bytes().position(|byte| !byte.is_ascii_graphic()) {
        let what = match key.as_bytes()[at] {
            b'\n' | b'\r' => "a line break",
            b' ' | b'\t' => "a blank",
            _ => "a character that is not visible ASCII",
        };
        format!("has {what} at position {}", at + 1)
    } else if key.contains(':') {
        "has a colon".to_owned()
    } else {
        return Ok(());
    };
    Err(ConfigError::Invalid {
        name: name.into(),
        problem,
        expected: "a key as Langfuse shows it, such as `pk-lf-…` or `sk-lf-…`, in one line",
    })
}

/// The server would take an environment that it does not like for `default`.
pub(crate) fn check_environment(name: &'static str, text: &str) -> Result<(), ConfigError> {
    let is_allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    if (1..=40).contains(&text.len())
        && text.bytes().all(is_allowed)
        && !text.starts_with("langfuse")
    {
        return Ok(());
    }
    Err(ConfigError::Invalid {
        name: name.into(),
        problem: format!("is {text:?}"),
        expected: "1 to 40 lower-case letters, digits, `-` or `_`, not starting with `langfuse`, \
                   such as `production`",
    })
}
