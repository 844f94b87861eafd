//! Content before it leaves: whether it is sent at all, and the program's mask over it.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

/// What stands in place of content whose mask failed.
pub(crate) const FAILED: &str = "<masking failed>";

/// One piece of content, as a mask is shown it: see [`LangfuseBuilder::mask`].
///
/// [`LangfuseBuilder::mask`]: crate::LangfuseBuilder::mask
#[derive(Clone, Copy)]
pub struct Content<'a> {
    key: &'a str,
    text: &'a str,
}

impl<'a> Content<'a> {
    pub(crate) fn new(key: &'a str, text: &'a str) -> Self {
        Self { key, text }
    }

    /// The key of the attribute: `langfuse.observation.input`, `langfuse.observation.output`,
    /// `langfuse.observation.status_message`, one of the user's own, or for metadata of the trace
    /// `langfuse.trace.metadata.` and its key.
    #[must_use]
    pub fn key(&self) -> &'a str {
        self.key
    }

    /// The content; a number or truth value as its text.
    #[must_use]
    pub fn text(&self) -> &'a str {
        self.text
    }
}

/// Shows no content.
impl fmt::Debug for Content<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Content")
            .field("key", &self.key)
            .field("bytes", &self.text.len())
            .finish_non_exhaustive()
    }
}

/// What a mask may return: `String` for new text, `Option<String>` with `None` for "leave it", or a
/// `Result` of either, whose error hides the content.
///
/// ```
/// use o11y_langfuse::Langfuse;
///
/// /// Asks a library that may fail; what failed is hidden, and its reason is not kept.
/// fn mask(text: &str) -> Result<Option<String>, std::fmt::Error> {
///     if text.len() > 100_000 { Err(std::fmt::Error) } else { Ok(text.contains('@').then(|| "***".into())) }
/// }
///
/// let builder = Langfuse::builder().mask(|content| mask(content.text()));
/// ```
pub trait Masked: sealed::Sealed {
    #[doc(hidden)]
    fn into_text(self) -> Result<Option<String>, Failed>;
}

/// A mask could not do its work. What it says about that is not kept: it may quote content.
#[doc(hidden)]
#[derive(Debug)]
#[expect(unnameable_types, reason = "only we make or look at one")]
pub struct Failed;

impl Masked for String {
    fn into_text(self) -> Result<Option<String>, Failed> {
        Ok(Some(self))
    }
}

impl Masked for Option<String> {
    fn into_text(self) -> Result<Option<String>, Failed> {
        Ok(self)
    }
}

impl<T: Masked, E> Masked for Result<T, E> {
    fn into_text(self) -> Result<Option<String>, Failed> {
        self.map_or(Err(Failed), T::into_text)
    }
}

mod sealed {
    #[expect(unnameable_types, reason = "sealed: only we implement it")]
    pub trait Sealed {}

    impl Sealed for String {}
    impl Sealed for Option<String> {}
    impl<T: super::Masked, E> Sealed for Result<T, E> {}
}

type Change = dyn Fn(Content<'_>) -> Result<Option<String>, Failed> + Send + Sync;

/// The program's mask.
#[derive(Clone)]
pub(crate) struct Mask(Arc<Change>);

impl Mask {
    pub(crate) fn new<M: Masked>(mask: impl Fn(Content<'_>) -> M + Send + Sync + 'static) -> Self {
        Self(Arc::new(move |content| mask(content).into_text()))
    }

    /// The text to send instead; none if the content may be sent as it is. Code of the program runs
    /// here, so a panic is caught.
    pub(crate) fn change(&self, content: Content<'_>) -> Result<Option<String>, Failed> {
        catch_unwind(AssertUnwindSafe(|| (self.0)(content))).unwrap_or(Err(Failed))
    }
}

impl fmt::Debug for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mask(..)")
    }
}

/// What may leave of the content.
#[derive(Debug, Clone)]
pub(crate) struct Privacy {
    pub(crate) captures_content: bool,
    pub(crate) mask: Option<Mask>,
}

impl Default for Privacy {
    /// Everything, as it is.
    fn default() -> Self {
        Self {
            captures_content: true,
            mask: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(mask: &Mask) -> Result<Option<String>, Failed> {
        mask.change(Content::new("key", "text"))
    }

    #[test]
    fn a_mask_says_new_text_or_leaves_it_or_fails() {
        let upper = Mask::new(|content| content.text().to_uppercase());
        let lazy = Mask::new(|content| (content.key() != "key").then(String::new));
        let failing = Mask::new(|content| content.text().parse::<u8>().map(|_| None::<String>));
        let panicking = Mask::new(|content: Content<'_>| -> String { panic!("{content:?}") });

        assert_eq!(changed(&upper).unwrap().as_deref(), Some("TEXT"));
        assert_eq!(changed(&lazy).unwrap(), None);
        assert!(changed(&failing).is_err());
        assert!(changed(&panicking).is_err());
    }

    #[test]
    fn debug_output_shows_no_content() {
        let shown = format!("{:?}", Content::new("key", "the secret"));

        assert!(
            shown.contains("key") && !shown.contains("secret"),
            "{shown}"
        );
    }
}
