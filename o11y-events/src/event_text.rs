//! An event as a line of a log, and how loud it is.

use std::{cell::Cell, fmt};

use o11y_core::{Event, Value, key};

use crate::{content::hidden, table::one_line};

/// The name that all lines are logged under.
pub(crate) const TARGET: &str = "o11y";

/// How loud an event is, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loudness {
    Error,
    Warn,
    Info,
    Debug,
}

impl Loudness {
    /// What failed is an error; what was refused, exceeded, lost or raised a warning; what another
    /// event says as well is for debugging.
    pub(crate) fn of(event: &Event) -> Self {
        let name = event.name();
        let last = name.rsplit('.').next().unwrap_or(name);
        let is_mirror = event.attribute(key::MIRROR).and_then(Value::as_bool) == Some(true);
        match last {
            "error" | "failed" => Self::Error,
            "vetoed" | "exceeded" | "raised" => Self::Warn,
            _ if name.starts_with("observability.") => Self::Warn,
            "request" | "start" => Self::Debug,
            _ if is_mirror => Self::Debug,
            _ => Self::Info,
        }
    }
}

/// The attributes as `key=value key="two words"`, without content unless it is wanted.
pub(crate) struct AttributesText<'a> {
    pub(crate) event: &'a Event,
    pub(crate) with_content: bool,
}

impl fmt::Display for AttributesText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (key, value)) in self.event.attributes().iter().enumerate() {
            let space = if place == 0 { "" } else { " " };
            write!(f, "{space}{}=", one_line(key))?;
            match (
                hidden(key, value).filter(|_| !self.with_content),
                value.as_str(),
            ) {
                (Some(hidden), _) => hidden.fmt(f)?,
                (None, Some(text)) if is_word(text) => f.write_str(text)?,
                // With escapes, so that nobody writes lines of their own into a log.
                (None, Some(text)) => write!(f, "{text:?}")?,
                (None, None) => value.fmt(f)?,
            }
        }
        Ok(())
    }
}

fn is_word(text: &str) -> bool {
    let needs_quotes =
        |letter: char| letter.is_whitespace() || letter.is_control() || "\"=".contains(letter);
    !text.is_empty() && !text.contains(needs_quotes)
}

/// Keeps a logger that emits events from being told of them: it would go round for ever.
pub(crate) struct Writing;

thread_local! {
    static WRITING: Cell<bool> = const { Cell::new(false) };
}

impl Writing {
    pub(crate) fn begin() -> Option<Self> {
        (!WRITING.replace(true)).then_some(Self)
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        WRITING.set(false);
    }
}

#[cfg(test)]
mod tests {
    use o11y_core::attributes;

    use super::*;

    #[test]
    fn an_event_cannot_forge_lines_and_shows_no_content() {
        let told = attributes! {
            "model" => "gpt-4o", "note" => "two\nlines", key::INPUT => "secret", "tokens" => 7,
        };
        let event = Event::new("llm.generate", told);

        let text = |with_content| {
            AttributesText {
                event: &event,
                with_content,
            }
            .to_string()
        };

        let quiet =
            r#"model=gpt-4o note="two\nlines" langfuse.observation.input=<6 bytes> tokens=7"#;
        assert_eq!(text(false), quiet);
        assert!(text(true).contains("input=secret"));
    }

    #[test]
    fn what_went_wrong_is_louder() {
        let of = |name: &'static str| Loudness::of(&Event::new(name, attributes! {}));

        assert_eq!(of("llm.error"), Loudness::Error);
        assert_eq!(of("token_budget.exceeded"), Loudness::Warn);
        assert_eq!(of("observability.spans_lost"), Loudness::Warn);
        assert_eq!(of("llm.generate"), Loudness::Info);
        assert_eq!(of("llm.request"), Loudness::Debug);
        let mirror = Event::new("lm.tokens", attributes! { key::MIRROR => true });
        assert_eq!(Loudness::of(&mirror), Loudness::Debug);
    }

    #[test]
    fn whoever_writes_is_not_told_again() {
        let writing = Writing::begin();
        assert!(writing.is_some());
        assert!(Writing::begin().is_none());

        drop(writing);

        assert!(Writing::begin().is_some());
    }
}
