//! The description that a span is opened from.

use std::{borrow::Cow, fmt};

use compact_str::CompactString;

use crate::{
    key,
    observation::{Level, ObservationType},
    record::{Record, sheet::Sheet},
    text::text,
    value::Value,
};

/// What a span is to be: its name, type and first attributes.
///
/// It takes what it is given at once, also while telemetry is off. Where that is large, give a closure
/// that makes it, `|| SpanSpec::new(..)`: it is called only when telemetry is on.
///
/// ```
/// use o11y_core::{Context, ObservationType, SpanSpec};
///
/// let spec = SpanSpec::new("search").observation(ObservationType::Retriever).input("flat white");
/// let found = Context::with_span(spec, |_span| 3);
/// assert_eq!(found, 3);
/// ```
#[must_use = "give it to `Context::with_span` or one of its siblings"]
pub struct SpanSpec {
    // A record without ids: opening the span fills them in, and nothing is copied over.
    record: Sheet,
}

impl SpanSpec {
    /// A span of type [`ObservationType::Span`] under this name.
    #[inline]
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Self {
            record: Sheet::new(text(name)),
        }
    }

    /// Sets what it is to Langfuse.
    #[inline]
    pub fn observation(mut self, observation: ObservationType) -> Self {
        self.record.observation = observation;
        self
    }

    /// Sets how loudly it speaks.
    #[inline]
    pub fn level(mut self, level: Level) -> Self {
        self.record.level = level;
        self
    }

    /// Adds an attribute.
    #[inline]
    pub fn attribute(mut self, key: impl Into<Cow<'static, str>>, value: impl Into<Value>) -> Self {
        self.record.attributes.set(key, value);
        self
    }

    /// Sets what goes into the operation.
    #[inline]
    pub fn input(mut self, input: impl Into<Value>) -> Self {
        self.record.attributes.put(key::INPUT, input.into());
        self
    }

    /// Sets the model that is asked.
    #[inline]
    pub fn model(mut self, model: impl Into<Value>) -> Self {
        self.record.attributes.put(key::REQUEST_MODEL, model.into());
        self
    }

    #[inline]
    pub(crate) fn record_mut(&mut self) -> &mut Record {
        &mut self.record
    }

    #[inline]
    pub(crate) fn into_sheet(self) -> Sheet {
        self.record
    }
}

impl fmt::Debug for SpanSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpanSpec")
            .field("name", &self.record.name)
            .field("observation", &self.record.observation)
            .field("attributes", &self.record.attributes)
            .finish_non_exhaustive()
    }
}

/// What a span can be opened from: a name, a [`SpanSpec`], or a closure that makes one, which is
/// called only when telemetry is on.
///
/// ```
/// use o11y_core::{Context, IntoSpanSpec, SpanSpec};
///
/// fn twice(one: impl IntoSpanSpec, other: impl IntoSpanSpec) {
///     Context::with_span(one, |_span| Context::with_span(other, |_span| ()));
/// }
///
/// twice("brew", format!("cup {}", 7));
/// twice(SpanSpec::new("brew").attribute("cups", 2), || SpanSpec::new("made if it is needed"));
/// ```
pub trait IntoSpanSpec: sealed::Sealed {
    /// Makes the description.
    fn into_span_spec(self) -> SpanSpec;
}

mod sealed {
    #[expect(unnameable_types, reason = "sealed: only we implement it")]
    pub trait Sealed {
        /// Drops it, because telemetry is off.
        #[inline]
        fn let_go(self)
        where
            Self: Sized,
        {
        }
    }
    impl Sealed for &'static str {}
    impl Sealed for String {}
    impl Sealed for super::SpanSpec {
        #[inline]
        fn let_go(self) {
            self.record.put_back();
        }
    }
    impl<F: FnOnce() -> super::SpanSpec> Sealed for F {}
}

impl IntoSpanSpec for &'static str {
    #[inline]
    fn into_span_spec(self) -> SpanSpec {
        SpanSpec {
            record: Sheet::new(CompactString::const_new(self)),
        }
    }
}

impl IntoSpanSpec for String {
    #[inline]
    fn into_span_spec(self) -> SpanSpec {
        SpanSpec::new(self)
    }
}

impl IntoSpanSpec for SpanSpec {
    #[inline]
    fn into_span_spec(self) -> SpanSpec {
        self
    }
}

impl<F: FnOnce() -> SpanSpec> IntoSpanSpec for F {
    #[inline]
    fn into_span_spec(self) -> SpanSpec {
        self()
    }
}
