//! Metadata under first-level keys, which is what Langfuse filters by.

use std::borrow::Cow;

use super::trim::cut;

/// The prefix of an observation's metadata.
pub(crate) const METADATA: &str = "langfuse.observation.metadata.";

/// The prefix of a trace's.
pub(super) const TRACE_METADATA: &str = "langfuse.trace.metadata.";

/// The most bytes of one value. When the server's database refuses a row for its size, the server
/// cuts input and output to so many and tries again, but loses a row whose metadata is too large.
const MAX_BYTES: usize = 500 * 1024;

/// The name below the prefix. JavaScript, in which the server is written, takes `__proto__` for
/// something else and forgets the value. Three names the server takes for what they say of the
/// trace, which is said by its attributes or not at all.
#[inline]
pub(super) fn name_of(key: &str) -> &str {
    match key {
        "" => "_",
        "__proto__" => "_proto_",
        "langfuse_user_id" => "langfuse.user_id",
        "langfuse_session_id" => "langfuse.session_id",
        "langfuse_tags" => "langfuse.tags",
        key => key,
    }
}

/// Whether a value is not too large.
pub(super) fn is_within_limit(text: &str) -> bool {
    text.len() <= MAX_BYTES
}

/// A value that is not too large, cut at a character and marked if it was.
#[inline]
pub(super) fn within_limit(text: &str) -> Cow<'_, str> {
    if is_within_limit(text) {
        return text.into();
    }
    cut(text, MAX_BYTES).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_giant_is_cut_at_a_character_and_says_how_large_it_was() {
        let giant = "ü".repeat(300_000);

        let cut = within_limit(&giant);

        assert!(cut.ends_with("ü…[cut: 88000 bytes left out]"));
        assert!(cut.len() < MAX_BYTES + 40);
        assert_eq!(within_limit("grumpy"), "grumpy");
    }

    #[test]
    fn a_name_that_javascript_would_swallow_is_changed() {
        assert_eq!(name_of("__proto__"), "_proto_");
        assert_eq!(name_of(""), "_");
        assert_eq!(name_of("customer.mood"), "customer.mood");
    }
}
