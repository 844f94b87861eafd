//! A value of an attribute, and the conversions into it from every natural Rust type.

use std::{borrow::Cow, fmt, mem, sync::Arc};

use compact_str::{CompactString, ToCompactString as _};
use serde::Serialize;

use crate::{
    limit,
    usage::{Cost, Usage},
};

mod json;
mod text;

#[cfg(feature = "macros")]
pub(crate) use self::text::json_text;

/// The value of an attribute, an input or an output.
///
/// Made by `into()` from text, numbers, `bool`, `Option` (`None` is left out) and from a reference
/// to anything [`Serialize`], which becomes JSON text (a text at the top stays unquoted).
/// A `String` and an `Arc<str>` are moved, not copied; of borrowed text up to 24 bytes are kept
/// inline, and what is longer is copied.
///
/// | from | becomes |
/// |---|---|
/// | `&str`, `String`, `Cow<str>`, `Arc<str>`, `char` | text |
/// | integers that fit `i64` | integer |
/// | larger integers | text of their digits |
/// | `f32`, `f64` | number, an `f32` the one that it is written as; NaN and infinities the text `NaN`, `inf`, `-inf` |
/// | `Option<T>` | what `T` becomes; `None` leaves the attribute out |
/// | `&T` where `T: Serialize` | numbers, `bool` and text as above, everything else JSON text |
/// | empty lists and maps | the JSON text `[]`, `{}` |
/// | `()`, unit structs, JSON's `null` | left out, as `None` |
/// | bytes | a JSON list of numbers |
///
/// In JSON text NaN and infinities are `null`, a `None` inside is `null` too, and integers keep all
/// their digits. The exporter to Langfuse writes an integer beyond 2^53 - 1 as the text of its
/// digits, because JavaScript, in which the server is written, would round it. JSON text of more
/// than 4 MiB and what is nested deeper than 128 is cut there, with a mark that says so; a value
/// that cannot be serialised becomes `<value could not be serialised>`.
///
/// ```
/// use o11y_core::{Value, ValueRef};
///
/// assert_eq!(Value::from(1).as_ref(), ValueRef::Int(1));
/// assert_eq!(Value::from(&vec!["a", "b"]).as_ref(), ValueRef::Text(r#"["a","b"]"#));
/// assert_eq!(Value::from(None::<bool>).as_ref(), ValueRef::Null);
/// ```
#[derive(Clone, PartialEq)]
pub struct Value(Repr);

/// The 24 bytes of a value: every variant lies beside the inline text's unused last byte.
#[derive(Clone, PartialEq)]
enum Repr {
    Text(CompactString),
    Shared(Arc<str>),
    Usage(Box<Usage>),
    Int(i64),
    Float(f64),
    Bool(bool),
    Cost(Cost),
    Null,
}

/// A look at a [`Value`].
///
/// ```
/// use o11y_core::{Value, ValueRef};
///
/// let values: [Value; 5] = ["latte".into(), 2.into(), 0.5.into(), true.into(), None::<&str>.into()];
/// assert_eq!(values[0].as_ref(), ValueRef::Text("latte"));
/// assert_eq!(values[1].as_f64(), Some(2.0));
/// assert_eq!(values[2].as_f64(), Some(0.5));
/// assert_eq!(values[3].as_bool(), Some(true));
/// assert!(values[4].is_null()); // an attribute that is not kept
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum ValueRef<'a> {
    /// Nothing; such an attribute is not kept.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A finite number.
    Float(f64),
    /// Text, or JSON as text.
    Text(&'a str),
    /// Tokens by class.
    Usage(&'a Usage),
    /// An amount of money.
    Cost(Cost),
}

impl Value {
    /// Looks at the value.
    #[must_use]
    #[inline]
    pub fn as_ref(&self) -> ValueRef<'_> {
        match &self.0 {
            Repr::Text(text) => ValueRef::Text(text),
            Repr::Shared(text) => ValueRef::Text(text),
            Repr::Int(number) => ValueRef::Int(*number),
            Repr::Float(number) => ValueRef::Float(*number),
            Repr::Bool(yes) => ValueRef::Bool(*yes),
            Repr::Usage(usage) => ValueRef::Usage(usage),
            Repr::Cost(cost) => ValueRef::Cost(*cost),
            Repr::Null => ValueRef::Null,
        }
    }

    /// The text, if it is one.
    #[must_use]
    #[inline]
    pub fn as_str(&self) -> Option<&str> {
        match self.as_ref() {
            ValueRef::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The whole number, if it is one.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        match self.0 {
            Repr::Int(number) => Some(number),
            _ => None,
        }
    }

    /// The whole number, if it is one and not negative: a count of tokens, a size.
    #[must_use]
    pub fn as_u64(&self) -> Option<u64> {
        self.as_i64().and_then(|number| number.try_into().ok())
    }

    /// The number, whole or not.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        match self.0 {
            Repr::Float(number) => Some(number),
            #[expect(clippy::cast_precision_loss, reason = "a reader of f64 asked for it")]
            Repr::Int(number) => Some(number as f64),
            _ => None,
        }
    }

    /// The truth value, if it is one.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self.0 {
            Repr::Bool(yes) => Some(yes),
            _ => None,
        }
    }

    /// Whether there is nothing to keep.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self.0, Repr::Null)
    }

    /// Whether it holds something outside of itself: asked of the variant at once, it is one test of a
    /// bit.
    #[inline]
    pub(crate) fn is_heavy(&self) -> bool {
        let is_long = matches!(&self.0, Repr::Text(text) if text.is_heap_allocated());
        is_long | matches!(self.0, Repr::Shared(_) | Repr::Usage(_))
    }

    /// The bytes that it holds outside of itself; inline text counts as none, and a `String` with all
    /// of its buffer.
    #[inline]
    pub(crate) fn heap_bytes(&self) -> usize {
        match &self.0 {
            Repr::Text(text) if text.is_heap_allocated() => text.capacity(),
            Repr::Shared(text) => text.len(),
            Repr::Usage(usage) => size_of_val(&**usage),
            _ => 0,
        }
    }

    /// The bytes of a text that is held outside, as could be gained by cutting it.
    pub(crate) fn long_text_bytes(&self) -> usize {
        match self.as_str() {
            Some(text) if self.is_heavy() => text.len(),
            _ => 0,
        }
    }

    /// Cuts text to so many bytes, and says how many are missing.
    pub(crate) fn cut(&mut self, bytes: usize) {
        let Some(text) = self.as_str() else {
            return;
        };
        let kept = limit::beginning(text, bytes);
        let marker = limit::marker(text.len() - kept.len());
        let cut = [kept, &marker].concat();
        *self = Self::from(cut);
        limit::count_value();
    }

    /// Text that lives as long as the program, which is pointed at.
    pub(crate) const fn of_static(text: &'static str) -> Self {
        Self(Repr::Text(CompactString::const_new(text)))
    }

    /// Nothing, which is not kept.
    pub(crate) const fn null() -> Self {
        Self(Repr::Null)
    }

    /// Moves it out; nothing stays.
    #[inline]
    pub(crate) fn take(&mut self) -> Self {
        mem::replace(self, Self::null())
    }

    /// Text for a float that JSON and OTLP have no number for.
    #[inline]
    fn from_float(number: f64) -> Self {
        if number.is_finite() {
            Self(Repr::Float(number))
        } else {
            Self::from_no_number(number)
        }
    }

    #[cold]
    fn from_no_number(number: f64) -> Self {
        Self(Repr::Text(number.to_compact_string()))
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Text may be a prompt or an answer, which no log should show.
        match self.as_ref() {
            ValueRef::Text(text) => write!(f, "Text({} bytes)", text.len()),
            other => other.fmt(f),
        }
    }
}

/// Shows the content: for whoever prints an event on purpose.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_ref() {
            ValueRef::Null => Ok(()),
            ValueRef::Bool(yes) => yes.fmt(f),
            ValueRef::Int(number) => number.fmt(f),
            ValueRef::Float(number) => number.fmt(f),
            ValueRef::Text(text) => f.pad(text),
            ValueRef::Usage(usage) => write!(f, "{} tokens", usage.total()),
            ValueRef::Cost(cost) => cost.fmt(f),
        }
    }
}

impl From<String> for Value {
    #[inline]
    fn from(text: String) -> Self {
        Self(Repr::Text(CompactString::from_string_buffer(text)))
    }
}

impl From<Arc<str>> for Value {
    fn from(text: Arc<str>) -> Self {
        Self(Repr::Shared(text))
    }
}

impl From<Cow<'_, str>> for Value {
    fn from(text: Cow<'_, str>) -> Self {
        match text {
            Cow::Borrowed(text) => Self::from(text),
            Cow::Owned(text) => Self::from(text),
        }
    }
}

impl From<char> for Value {
    fn from(character: char) -> Self {
        Self(Repr::Text(character.to_compact_string()))
    }
}

impl From<bool> for Value {
    #[inline]
    fn from(yes: bool) -> Self {
        Self(Repr::Bool(yes))
    }
}

impl From<f64> for Value {
    #[inline]
    fn from(number: f64) -> Self {
        Self::from_float(number)
    }
}

impl From<f32> for Value {
    /// The number that it is written as: widened, 0.7 would become 0.699999988079071.
    fn from(number: f32) -> Self {
        let written = number.to_compact_string().parse();
        Self::from_float(written.unwrap_or_else(|_| number.into()))
    }
}

impl From<Usage> for Value {
    fn from(usage: Usage) -> Self {
        Self(Repr::Usage(Box::new(usage)))
    }
}

impl From<Cost> for Value {
    fn from(cost: Cost) -> Self {
        Self(Repr::Cost(cost))
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::null(), Into::into)
    }
}

/// Also the way of `&str`: its `Serialize` calls `serialize_str`, which copies the text.
impl<T: Serialize + ?Sized> From<&T> for Value {
    #[inline]
    fn from(value: &T) -> Self {
        json::value_of(value)
    }
}

macro_rules! from_small_integers {
    ($($integer:ty),+) => {$(
        impl From<$integer> for Value {
            #[inline]
            fn from(number: $integer) -> Self {
                Self(Repr::Int(i64::from(number)))
            }
        }
    )+};
}

macro_rules! from_large_integers {
    ($($integer:ty),+) => {$(
        impl From<$integer> for Value {
            #[inline]
            fn from(number: $integer) -> Self {
                i64::try_from(number).map_or_else(
                    |_| Self(Repr::Text(number.to_compact_string())),
                    |number| Self(Repr::Int(number)),
                )
            }
        }
    )+};
}

from_small_integers!(i8, i16, i32, i64, u8, u16, u32);
from_large_integers!(i128, isize, u64, u128, usize);

#[cfg(test)]
mod tests;
