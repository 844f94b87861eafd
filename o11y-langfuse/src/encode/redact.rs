//! Content on its way into the request: through the program's mask, once.

use o11y_core::ValueRef;

use super::key::is_content;
use crate::mask::{Content, FAILED, Privacy};

/// Looks at every piece of content before it is written.
#[derive(Debug)]
pub(crate) struct Redactor {
    privacy: Privacy,
    failures: u64,
}

impl Redactor {
    pub(crate) fn new(privacy: Privacy) -> Self {
        Self {
            privacy,
            failures: 0,
        }
    }

    /// Whether an attribute of this key is left out, because content is not captured.
    pub(crate) fn hides(&self, key: &str) -> bool {
        !self.privacy.captures_content && is_content(key)
    }

    /// Whether input and output are sent.
    pub(crate) fn captures_content(&self) -> bool {
        self.privacy.captures_content
    }

    /// What to send in place of content; none if it is to be sent as it is.
    #[inline]
    pub(crate) fn change(&mut self, key: &str, value: ValueRef<'_>) -> Option<String> {
        self.change_below("", key, value)
    }

    /// The same for an attribute whose key has a prefix.
    #[inline]
    pub(crate) fn change_below(
        &mut self,
        prefix: &str,
        key: &str,
        value: ValueRef<'_>,
    ) -> Option<String> {
        self.privacy.mask.as_ref()?;
        self.masked(&format!("{prefix}{key}"), value)
    }

    pub(super) fn take_failures(&mut self) -> u64 {
        std::mem::take(&mut self.failures)
    }

    #[cold]
    fn masked(&mut self, key: &str, value: ValueRef<'_>) -> Option<String> {
        let mask = self.privacy.mask.as_ref()?;
        let number;
        let text = match value {
            ValueRef::Text(text) => text,
            ValueRef::Int(_) | ValueRef::Float(_) | ValueRef::Bool(_) => {
                number = text_of(value);
                &number
            }
            // Tokens and money are no content.
            _ => return None,
        };
        match mask.change(Content::new(key, text)) {
            Ok(changed) => changed,
            Err(_failed) => {
                self.failures += 1;
                Some(FAILED.to_owned())
            }
        }
    }
}

/// A value where only text will do.
pub(super) fn text_of(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Text(text) => text.to_owned(),
        ValueRef::Int(number) => number.to_string(),
        ValueRef::Float(number) => number.to_string(),
        ValueRef::Bool(yes) => yes.to_string(),
        ValueRef::Usage(usage) => super::tokens::usage_json(usage, None),
        ValueRef::Cost(cost) => cost.to_usd().to_string(),
        _ => String::new(),
    }
}
