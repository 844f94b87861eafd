//! What is inherited: trace attributes, the modules around a point, the request that is served.

use std::{borrow::Cow, fmt, sync::Arc};

use compact_str::CompactString;

use self::request::Request;
use crate::{
    module::{Module, Modules},
    text::text,
};

mod request;

/// What is said of a whole trace. Every span below a [`Context::with_trace`] carries it.
///
/// Nested ones are merged: tags unite in their order, metadata merges key by key, everything else
/// is overwritten by the inner one.
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
    ($($(#[$doc:meta])+ $field:ident / $getter:ident),+ $(,)?) => {$(
        $(#[$doc])+
        pub fn $field(mut self, $field: impl Into<Cow<'static, str>>) -> Self {
            self.$field = Some(text($field));
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
        name / get_name,
        /// Whom it was done for.
        user / get_user,
        /// The conversation that it belongs to: a conversation's id is said here, and Langfuse shows
        /// the traces of one conversation as one session.
        session / get_session,
        /// The version of the code or prompt.
        version / get_version,
        /// The release of the application.
        release / get_release,
        /// `production`, `staging`: lower-case letters, digits, `-` and `_`, at most 40.
        environment / get_environment,
    }

    /// Adds a tag; one that is there already is not repeated.
    pub fn tag(mut self, tag: impl Into<Cow<'static, str>>) -> Self {
        let tag = text(tag);
        if !self.tags.contains(&tag) {
            self.tags.push(tag);
        }
        self
    }

    /// Adds an entry to the metadata.
    pub fn metadata(
        mut self,
        key: impl Into<Cow<'static, str>>,
        value: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.put_metadata(text(key), text(value));
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
    #[must_use]
    pub fn metadata_entries(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.metadata
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    fn put_metadata(&mut self, key: CompactString, value: CompactString) {
        match self.metadata.iter_mut().find(|(known, _)| *known == key) {
            Some((_, slot)) => *slot = value,
            None => self.metadata.push((key, value)),
        }
    }

    /// `self` with everything that `inner` says put over it.
    fn overlaid_with(&self, inner: &Self) -> Self {
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
            if !merged.tags.contains(tag) {
                merged.tags.push(tag.clone());
            }
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

/// What spans below a point of the program inherit; shared by all of them and never changed.
///
/// Its parts are shared one by one, so that saying more of one copies none of the others.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope {
    trace: Option<Arc<TraceAttributes>>,
    modules: Option<Arc<Modules>>,
    request: Option<Arc<Request>>,
}

impl Scope {
    pub(crate) fn trace(&self) -> Option<&TraceAttributes> {
        self.trace.as_deref()
    }

    pub(crate) fn modules(&self) -> Option<&Modules> {
        self.modules.as_deref()
    }

    pub(crate) fn request(&self) -> Option<&Request> {
        self.request.as_deref()
    }

    /// A scope with `inner` put over `outer`.
    pub(crate) fn nested(outer: Option<&Self>, inner: &TraceAttributes) -> Arc<Self> {
        let outer = outer.cloned().unwrap_or_default();
        let trace = match &outer.trace {
            Some(trace) => trace.overlaid_with(inner),
            None => inner.clone(),
        };
        Arc::new(Self {
            trace: Some(Arc::new(trace)),
            ..outer
        })
    }

    /// `outer`, one module further in.
    pub(crate) fn in_module(outer: Option<&Self>, module: Module) -> Arc<Self> {
        let outer = outer.cloned().unwrap_or_default();
        Arc::new(Self {
            modules: Some(Modules::nested(outer.modules(), module)),
            ..outer
        })
    }

    /// `outer`, while serving the request of that id, which begins now.
    pub(crate) fn in_request(outer: Option<&Self>, id: CompactString) -> Arc<Self> {
        Arc::new(Self {
            request: Some(Arc::new(Request::new(id))),
            ..outer.cloned().unwrap_or_default()
        })
    }

    /// `place` with what `other` says of the trace.
    pub(crate) fn with_trace_of(place: Option<&Self>, other: &Self) -> Arc<Self> {
        Arc::new(Self {
            trace: other.trace.clone(),
            ..place.cloned().unwrap_or_default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
