//! `Serialize` to a value: scalars stay what they are, all else becomes JSON text.

use std::{
    fmt,
    mem::{self, ManuallyDrop},
};

use compact_str::CompactString;
use serde::ser::{self, Impossible, Serialize};

use super::{Repr, Value, text};

/// What stands in place of a value that could not be serialised.
const NOT_SERIALISABLE: &str = "<value could not be serialised>";

/// Turns anything serialisable into a value.
///
/// A scalar is taken as it is. Whatever else there is stops the first attempt at its first step
/// and is written as JSON from the start, so nothing is built twice.
#[inline]
pub(super) fn value_of<T: Serialize + ?Sized>(value: &T) -> Value {
    let mut scalar = Value::null();
    match value.serialize(Scalar(&mut scalar)) {
        Ok(()) => scalar,
        Err(NotScalar) => as_json(value),
    }
}

/// Apart, so that taking a scalar needs no more than that takes.
#[inline(never)]
fn as_json<T: Serialize + ?Sized>(value: &T) -> Value {
    match text::json_text(value) {
        // What is short does not stay in the buffer that it was written to.
        Some(text) => Value(Repr::Text(CompactString::from(text))),
        None => Value::of_static(NOT_SERIALISABLE),
    }
}

/// The longest text that lies in a value itself.
const MAX_INLINE: usize = size_of::<CompactString>();

#[inline(never)]
fn copy_of_long(text: &str) -> Value {
    Value::from(text.to_owned())
}

/// A serializer that takes scalars only, and puts them where there is nothing yet: whether one was
/// taken is known apart from it, mostly when the program is compiled.
struct Scalar<'a>(&'a mut Value);

impl Scalar<'_> {
    #[expect(clippy::unnecessary_wraps, reason = "what a serializer returns")]
    #[inline]
    fn take(self, scalar: Value) -> Result<(), NotScalar> {
        let nothing = mem::replace(self.0, scalar);
        _ = ManuallyDrop::new(nothing); // told so, the compiler need not look for a value to drop
        Ok(())
    }
}

/// Says that a value is not a scalar.
#[derive(Debug)]
struct NotScalar;

impl fmt::Display for NotScalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a scalar")
    }
}

impl std::error::Error for NotScalar {}

impl ser::Error for NotScalar {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// A method for each kind of number, all of them `From` in the parent module.
macro_rules! scalars {
    ($($method:ident: $scalar:ty),+ $(,)?) => {$(
        #[inline]
        fn $method(self, v: $scalar) -> Result<(), NotScalar> {
            self.take(Value::from(v))
        }
    )+};
}

impl ser::Serializer for Scalar<'_> {
    type Ok = ();
    type Error = NotScalar;
    type SerializeSeq = Impossible<(), NotScalar>;
    type SerializeTuple = Impossible<(), NotScalar>;
    type SerializeTupleStruct = Impossible<(), NotScalar>;
    type SerializeTupleVariant = Impossible<(), NotScalar>;
    type SerializeMap = Impossible<(), NotScalar>;
    type SerializeStruct = Impossible<(), NotScalar>;
    type SerializeStructVariant = Impossible<(), NotScalar>;

    scalars! {
        serialize_bool: bool, serialize_char: char, serialize_f32: f32, serialize_f64: f64,
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64,
        serialize_i128: i128, serialize_u128: u128,
    }

    #[inline] // into the user's code, where the kind of the value is known
    fn serialize_str(self, v: &str) -> Result<(), NotScalar> {
        if v.len() > MAX_INLINE {
            return self.take(copy_of_long(v));
        }
        self.take(Value(Repr::Text(CompactString::new(v))))
    }

    fn serialize_none(self) -> Result<(), NotScalar> {
        self.take(Value::null())
    }

    fn serialize_unit(self) -> Result<(), NotScalar> {
        self.take(Value::null())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), NotScalar> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), NotScalar> {
        value.serialize(self)
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), NotScalar> {
        self.take(Value(Repr::Text(CompactString::const_new(variant))))
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), NotScalar> {
        Err(NotScalar)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), NotScalar> {
        self.take(Value::null())
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), NotScalar> {
        Err(NotScalar)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, NotScalar> {
        Err(NotScalar)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, NotScalar> {
        Err(NotScalar)
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, NotScalar> {
        Err(NotScalar)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, NotScalar> {
        Err(NotScalar)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, NotScalar> {
        Err(NotScalar)
    }

    fn serialize_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStruct, NotScalar> {
        Err(NotScalar)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, NotScalar> {
        Err(NotScalar)
    }
}
