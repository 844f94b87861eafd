//! Names and other short text: a static one is pointed at, a made one is moved.

use std::borrow::Cow;

use compact_str::CompactString;

#[inline]
pub(crate) fn text(text: impl Into<Cow<'static, str>>) -> CompactString {
    match text.into() {
        Cow::Borrowed(text) => CompactString::const_new(text),
        Cow::Owned(text) => CompactString::from(text),
    }
}
