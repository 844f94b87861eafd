//! Trace attributes: what is said of a whole trace, within the limits that Langfuse has.

use std::{borrow::Cow, fmt};

use compact_str::CompactString;

use crate::limit::{self, MAX_ENVIRONMENT_CHARS, MAX_TRACE_ENTRIES, MAX_TRACE_TEXT_CHARS};

/// What is said of a whole trace. Every span below a [`Context::with_trace`] carries it.
///
/// Nested ones are merged: tags unite in their order, metadata merges key by key, everything else
/// is overwritten by the inner one.
///
/// Text of more than 200 characters, which is what Langfuse's SDKs accept, is cut there and ends
/// with `…`; empty text says nothing; of tags and of metadata the first 64 are kept. What is beyond
/// a limit is counted, see [`Observability::limited`](crate::Observability::limited).
///
/// ```
/// use o11y_core::{Context, TraceAttributes};
///
/// let visit = TraceAttributes::new().name("visit").user("gus").tag("coffee").metadata("shop", "7");
/// Context::with_trace(visit, || {
///     Context::with_span("order", |_span| { /* carries name, user, tag and metadata */ });
/// });
/// ```
///
/// [`Context::with_trace`]: crate::Context::with_trace
#[must_use = "give it to `Context::with_trace`"]
#[derive(Clone, Default, PartialEq, Eq)]
pub struct TraceAttributes {
    name: Option<CompactString>,
    user: Option<CompactString>,
    session: Option<CompactString>,
    tags: Vec<CompactString>,
    metadata: Vec<(CompactString, CompactString)>,
    version: Option<CompactString>,
    release: Option<CompactString>,
    environment: Option<CompactString>,
    public: Option<bool>,
}

/// The setter and the getter of a text field.
macro_rules! texts {
    ($($(#[$doc:meta])+ $field:ident / $getter:ident: $text:ident),+ $(,)?) => {$(
        $(#[$doc])+
        pub fn $field(mut self, $field: impl Into<Cow<'static, str>>) -> Self {
            self.$field = $text($field.into()).or(self.$field);
            self
        }

        #[doc = concat!("What [`", stringify!($field), "`](Self::", stringify!($field), ") was set to.")]
        #[must_use]
        pub fn $getter(&self) -> Option<&str> {
            self.$field.as_deref()
        }
    )+};
}

impl TraceAttributes {
    /// Says nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    texts! {
        /// The trace's name. Langfuse shows the root's name where none is given.
        name / get_name: short,
        /// Whom it was done for.
        user / get_user: short,
        /// The conversation that it belongs to: a conversation's id is said here, and Langfuse shows
        /// the traces of one conversation as one session.
        session / get_session: short,
        /// The version of the code or prompt.
        version / get_version: short,
        /// The release of the application.
        release / get_release: short,
        /// `production`, `staging`: lower-case letters, digits, `-` and `_`, at most 40. Another name is
        /// brought into that form (`Prod EU` becomes `prod-eu`), because Langfuse would make
        /// `default` of it, and a leading `langfuse`, which is reserved, is left out.
        environment / get_environment: accepted_environment,
    }

    /// Adds a tag; one that is there already is not repeated.
    pub fn tag(mut self, tag: impl Into<Cow<'static, str>>) -> Self {
        if let Some(tag) = short(tag.into()) {
            self.put_tag(tag);
        }
        self
    }

    /// Adds an entry to the metadata.
    pub fn metadata(
        mut self,
        key: impl Into<Cow<'static, str>>,
        value: impl Into<Cow<'static, str>>,
    ) -> Self {
        if let (Some(key), Some(value)) = (short(key.into()), short(value.into())) {
            self.put_metadata(key, value);
        }
        self
    }

    /// Whether anybody with the link may see the trace.
    pub fn public(mut self, public: bool) -> Self {
        self.public = Some(public);
        self
    }

    /// What [`public`](Self::public) was set to.
    #[must_use]
    pub fn get_public(&self) -> Option<bool> {
        self.public
    }

    /// The tags, in the order in which they were first given.
    #[must_use]
    pub fn tags(&self) -> impl ExactSizeIterator<Item = &str> {
        self.tags.iter().map(CompactString::as_str)
    }

    /// The metadata, in the order in which the keys were first given.
    ///
    /// ```
    /// use o11y_core::TraceAttributes;
    ///
    /// let visit = TraceAttributes::new().metadata("shop", "7").metadata("shop", "8").public(true);
    /// assert_eq!(visit.metadata_entries().collect::<Vec<_>>(), [("shop", "8")]);
    /// assert_eq!(visit.get_public(), Some(true));
    /// ```
    #[must_use]
    pub fn metadata_entries(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.metadata
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    fn put_metadata(&mut self, key: CompactString, value: CompactString) {
        let known = self.metadata.iter().position(|(known, _)| *known == key);
        match known {
            Some(place) => self.metadata[place].1 = value,
            None if self.metadata.len() < MAX_TRACE_ENTRIES => self.metadata.push((key, value)),
            None => limit::count_trace_attribute(),
        }
    }

    fn put_tag(&mut self, tag: CompactString) {
        if self.tags.contains(&tag) {
            return;
        }
        if self.tags.len() < MAX_TRACE_ENTRIES {
            self.tags.push(tag);
        } else {
            limit::count_trace_attribute();
        }
    }

    /// `self` with everything that `inner` says put over it.
    pub(super) fn overlaid_with(&self, inner: &Self) -> Self {
        let mut merged = self.clone();
        for (slot, value) in [
            (&mut merged.name, &inner.name),
            (&mut merged.user, &inner.user),
            (&mut merged.session, &inner.session),
            (&mut merged.version, &inner.version),
            (&mut merged.release, &inner.release),
            (&mut merged.environment, &inner.environment),
        ] {
            if value.is_some() {
                slot.clone_from(value);
            }
        }
        for tag in &inner.tags {
            merged.put_tag(tag.clone());
        }
        for (key, value) in &inner.metadata {
            merged.put_metadata(key.clone(), value.clone());
        }
        merged.public = inner.public.or(merged.public);
        merged
    }
}

/// Shows the name, the tags and the keys of the metadata, and nothing of the user.
impl fmt::Debug for TraceAttributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<_> = self.metadata.iter().map(|(key, _)| key).collect();
        f.debug_struct("TraceAttributes")
            .field("name", &self.name)
            .field("tags", &self.tags)
            .field("metadata", &keys)
            .finish_non_exhaustive()
    }
}

/// Text that is no longer than the limit; none if it is empty.
fn short(text: Cow<'static, str>) -> Option<CompactString> {
    if text.is_empty() {
        return None;
    }
    // Bytes are counted faster than characters, and there are no more characters than bytes.
    let is_long = text.len() > MAX_TRACE_TEXT_CHARS;
    if is_long && let Some(cut) = cut(&text) {
        limit::count_trace_attribute();
        return Some(cut);
    }
    Some(crate::text::text(text))
}

/// The text up to the limit, its last character given up for the mark; none if it is within.
fn cut(text: &str) -> Option<CompactString> {
    text.chars().nth(MAX_TRACE_TEXT_CHARS)?;
    let kept = text.chars().take(MAX_TRACE_TEXT_CHARS - 1);
    Some(kept.chain(['…']).collect())
}

/// A name that Langfuse takes for an environment; none if nothing is left of it.
fn accepted_environment(name: Cow<'static, str>) -> Option<CompactString> {
    if is_environment(&name) {
        return Some(crate::text::text(name));
    }
    if name.is_empty() {
        return None;
    }
    limit::count_trace_attribute();
    let lower = name.to_lowercase();
    let mut rest = lower.trim();
    while let Some(stripped) = rest.strip_prefix("langfuse") {
        rest = stripped.trim_start_matches(['-', '_']);
    }
    let allowed = |character: char| {
        if is_of_environment(character) {
            character
        } else {
            '-'
        }
    };
    let name: CompactString = rest
        .chars()
        .map(allowed)
        .take(MAX_ENVIRONMENT_CHARS)
        .collect();
    (!name.is_empty()).then_some(name)
}

/// As Langfuse's SDKs check it.
pub(crate) fn is_environment(name: &str) -> bool {
    (1..=MAX_ENVIRONMENT_CHARS).contains(&name.len())
        && name.chars().all(is_of_environment)
        && !name.starts_with("langfuse")
}

fn is_of_environment(character: char) -> bool {
    character.is_ascii_lowercase() || character.is_ascii_digit() || matches!(character, '-' | '_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::Limited;

    #[test]
    fn an_inner_scope_is_merged_over_the_outer_one() {
        let outer = TraceAttributes::new()
            .name("visit")
            .user("gus")
            .tag("a")
            .tag("b")
            .metadata("shop", "7")
            .metadata("till", "1")
            .public(false);
        let inner = TraceAttributes::new()
            .user("ada")
            .tag("b")
            .tag("c")
            .metadata("till", "2")
            .public(true);

        let merged = outer.overlaid_with(&inner);

        assert_eq!(merged.get_name(), Some("visit"));
        assert_eq!(merged.get_user(), Some("ada"));
        assert_eq!(merged.tags().collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(
            merged.metadata_entries().collect::<Vec<_>>(),
            [("shop", "7"), ("till", "2")]
        );
        assert_eq!(merged.get_public(), Some(true));
    }

    #[test]
    fn long_text_is_cut_at_a_character_and_marked() {
        let (longest, longer) = ("é".repeat(200), "é".repeat(201));

        let attributes = TraceAttributes::new()
            .user(longest.clone())
            .session(longer.clone())
            .tag(longer.clone())
            .metadata("shop", longer);

        assert_eq!(attributes.get_user(), Some(&*longest));
        let cut = "é".repeat(199) + "…";
        assert_eq!(attributes.get_session(), Some(&*cut));
        assert_eq!(attributes.tags().next(), Some(&*cut));
        assert_eq!(attributes.metadata_entries().next(), Some(("shop", &*cut)));
    }

    #[test]
    fn empty_text_says_nothing() {
        let attributes = TraceAttributes::new()
            .user("gus")
            .user("")
            .tag("")
            .metadata("", "v")
            .environment("");

        assert_eq!(attributes, TraceAttributes::new().user("gus"));
    }

    #[test]
    fn the_environment_is_one_that_langfuse_takes() {
        for (name, taken) in [
            ("staging", Some("staging")),
            ("Prod EU", Some("prod-eu")),
            ("prod.eu", Some("prod-eu")),
            ("langfuse-Langfuse_x", Some("x")),
            ("langfuse", None),
            ("ÄÖ", Some("--")),
        ] {
            let attributes = TraceAttributes::new().environment(name);
            assert_eq!(attributes.get_environment(), taken, "{name}");
        }
        let long = TraceAttributes::new().environment("e".repeat(41));
        assert_eq!(long.get_environment(), Some(&*"e".repeat(40)));
    }

    #[test]
    fn a_trace_takes_so_many_tags_and_no_more() {
        let numbered = |tags: TraceAttributes, number: usize| tags.tag(number.to_string());
        let (outer, inner) = (
            (0..50).fold(TraceAttributes::new(), numbered),
            (25..100).fold(TraceAttributes::new(), numbered),
        );

        let merged = outer.overlaid_with(&inner);

        assert_eq!((inner.tags().len(), merged.tags().len()), (64, 64));
        assert_eq!(merged.tags().last(), Some("63"));
    }

    #[test]
    fn what_was_beyond_a_limit_is_counted() {
        let before = Limited::now().trace_attributes_cut;

        drop(
            TraceAttributes::new()
                .user("x".repeat(201))
                .environment("A"),
        );

        assert!(Limited::now().trace_attributes_cut >= before + 2);
    }
}
