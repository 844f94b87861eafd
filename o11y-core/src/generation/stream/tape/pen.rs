//! The serializer that writes a tape.

use std::fmt;

use serde::ser::{self, Serialize};

use super::{Field, Leaf, MAX_DEPTH, Tape};
use crate::value::Value;

/// Writes one value into one place of a tape.
pub(super) struct Pen<'t> {
    tape: &'t mut Tape,
    depth: u8,
    field: Field,
}

/// A value of a chunk's could not be serialised; its reason may quote content.
#[derive(Debug)]
pub(super) struct Unwritten;

impl fmt::Display for Unwritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the chunk could not be serialised")
    }
}

impl std::error::Error for Unwritten {}

impl ser::Error for Unwritten {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

impl<'t> Pen<'t> {
    pub(super) fn new(tape: &'t mut Tape) -> Self {
        Self {
            tape,
            depth: 0,
            field: Field::Root,
        }
    }

    /// Fields or items follow.
    fn open(self) -> Inside<'t> {
        self.tape.push(self.depth, self.field, Leaf::Open);
        Inside {
            tape: self.tape,
            depth: self.depth + 1,
            field: None,
        }
    }

    /// A variant with a value is an object with that one field.
    fn variant(self, name: &str) -> Inside<'t> {
        let mut outer = self.open();
        let depth = outer.depth;
        let field = Field::named(name).filter(|_| depth < MAX_DEPTH);
        if let Some(field) = field {
            outer.tape.push(depth, field, Leaf::Open);
        }
        outer.depth = if field.is_some() {
            depth + 1
        } else {
            MAX_DEPTH // nobody asks for what is in it
        };
        outer
    }

    fn number(self, number: Option<u64>) {
        if let Some(number) = number {
            self.tape.push(self.depth, self.field, Leaf::Number(number));
        }
    }
}

/// A method for each kind of whole number. Negative ones are not kept: counts and places are not.
macro_rules! numbers {
    ($($method:ident: $number:ty),+ $(,)?) => {$(
        fn $method(self, v: $number) -> Result<(), Unwritten> {
            self.number(u64::try_from(v).ok());
            Ok(())
        }
    )+};
}

impl<'t> ser::Serializer for Pen<'t> {
    type Ok = ();
    type Error = Unwritten;
    type SerializeSeq = Inside<'t>;
    type SerializeTuple = Inside<'t>;
    type SerializeTupleStruct = Inside<'t>;
    type SerializeTupleVariant = Inside<'t>;
    type SerializeMap = Inside<'t>;
    type SerializeStruct = Inside<'t>;
    type SerializeStructVariant = Inside<'t>;

    numbers! {
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64,
        serialize_i128: i128, serialize_u128: u128,
    }

    fn serialize_bool(self, v: bool) -> Result<(), Unwritten> {
        if v {
            self.tape.push(self.depth, self.field, Leaf::True);
        }
        Ok(())
    }

    fn serialize_f32(self, v: f32) -> Result<(), Unwritten> {
        self.serialize_f64(v.into())
    }

    /// Some clients keep every number as a float.
    fn serialize_f64(self, v: f64) -> Result<(), Unwritten> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the cast saturates, and a place or a count is a small whole number"
        )]
        self.number(Some(v as u64));
        Ok(())
    }

    fn serialize_char(self, v: char) -> Result<(), Unwritten> {
        self.serialize_str(v.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, v: &str) -> Result<(), Unwritten> {
        self.tape.push_text(self.depth, self.field, v);
        Ok(())
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), Unwritten> {
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Unwritten> {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Unwritten> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Unwritten> {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Unwritten> {
        Ok(())
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), Unwritten> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Unwritten> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Unwritten> {
        self.open().put(Field::named(variant), value)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Inside<'t>, Unwritten> {
        Ok(self.open())
    }

    fn serialize_tuple(self, _: usize) -> Result<Inside<'t>, Unwritten> {
        Ok(self.open())
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Inside<'t>, Unwritten> {
        Ok(self.open())
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Inside<'t>, Unwritten> {
        Ok(self.variant(variant))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Inside<'t>, Unwritten> {
        Ok(self.open())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Inside<'t>, Unwritten> {
        Ok(self.open())
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Inside<'t>, Unwritten> {
        Ok(self.variant(variant))
    }
}

/// Writes the fields of an object, or the items of a list.
pub(super) struct Inside<'t> {
    tape: &'t mut Tape,
    depth: u8,
    /// The key of a map whose value comes next.
    field: Option<Field>,
}

impl Inside<'_> {
    fn put<T: Serialize + ?Sized>(
        &mut self,
        field: Option<Field>,
        value: &T,
    ) -> Result<(), Unwritten> {
        let Some(field) = field.filter(|_| self.depth < MAX_DEPTH) else {
            return Ok(());
        };
        if field == Field::Arguments {
            // Whole, however they come: what is in them is nobody's business here.
            if let Some(text) = Value::from(value).as_str() {
                self.tape.push_text(self.depth, field, text);
            }
            return Ok(());
        }
        value.serialize(Pen {
            tape: self.tape,
            depth: self.depth,
            field,
        })
    }
}

/// The kinds of lists.
macro_rules! lists {
    ($($kind:ident::$method:ident),+ $(,)?) => {$(
        impl ser::$kind for Inside<'_> {
            type Ok = ();
            type Error = Unwritten;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unwritten> {
                self.put(Some(Field::Element), value)
            }

            fn end(self) -> Result<(), Unwritten> {
                Ok(())
            }
        }
    )+};
}

lists! {
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field,
}

/// The kinds of objects whose fields have names in the program.
macro_rules! objects {
    ($($kind:ident),+ $(,)?) => {$(
        impl ser::$kind for Inside<'_> {
            type Ok = ();
            type Error = Unwritten;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), Unwritten> {
                self.put(Field::named(key), value)
            }

            fn end(self) -> Result<(), Unwritten> {
                Ok(())
            }
        }
    )+};
}

objects! { SerializeStruct, SerializeStructVariant }

impl ser::SerializeMap for Inside<'_> {
    type Ok = ();
    type Error = Unwritten;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Unwritten> {
        // The key is written as a text at the tape's end, read, and taken off again.
        let (entries, text) = (self.tape.entries.len(), self.tape.text.len());
        let written = key.serialize(Pen {
            tape: self.tape,
            depth: self.depth,
            field: Field::Element,
        });
        self.field = self.tape.text.get(text..).and_then(Field::named);
        self.tape.entries.truncate(entries);
        self.tape.text.truncate(text);
        written
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unwritten> {
        let field = self.field.take();
        self.put(field, value)
    }

    fn end(self) -> Result<(), Unwritten> {
        Ok(())
    }
}
