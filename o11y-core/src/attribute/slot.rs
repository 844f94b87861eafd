//! One attribute: its key and value.

use compact_str::CompactString;

use crate::value::Value;

/// The key and value of one attribute, 40 bytes for the usual static key.
#[derive(Clone, PartialEq)]
pub(super) struct Attribute {
    pub(super) key: &'static str,
    pub(super) value: Slot,
}

/// A value, or for a key made at run time, both on the heap (`Attribute::key` is then empty).
#[derive(Clone, PartialEq)]
pub(super) enum Slot {
    Value(Value),
    Keyed(Box<(CompactString, Value)>),
}

impl Attribute {
    #[inline]
    pub(super) fn new(key: &'static str, value: Value) -> Self {
        Self {
            key,
            value: Slot::Value(value),
        }
    }

    /// False if it has another key, which mostly shows in its length or its last byte. A key made at
    /// run time is not known here.
    #[inline]
    pub(super) fn may_have(&self, key: &str) -> bool {
        match self.key.as_bytes().last() {
            Some(last) => self.key.len() == key.len() && key.as_bytes().last() == Some(last),
            None => true,
        }
    }

    pub(super) fn has(&self, key: &str) -> bool {
        match &self.value {
            Slot::Value(_) => self.key == key,
            Slot::Keyed(keyed) => keyed.0 == key,
        }
    }

    pub(super) fn replace(&mut self, value: Value) {
        *self.value_mut() = value;
    }

    pub(super) fn value_mut(&mut self) -> &mut Value {
        match &mut self.value {
            Slot::Value(value) => value,
            Slot::Keyed(keyed) => &mut keyed.1,
        }
    }

    #[inline]
    pub(super) fn heap_bytes(&self) -> usize {
        match &self.value {
            Slot::Value(value) => value.heap_bytes(),
            Slot::Keyed(keyed) => keyed.0.len() + size_of_val(&**keyed) + keyed.1.heap_bytes(),
        }
    }

    #[inline]
    pub(super) fn as_pair(&self) -> (&str, &Value) {
        match &self.value {
            Slot::Value(value) => (self.key, value),
            Slot::Keyed(keyed) => (&keyed.0, &keyed.1),
        }
    }
}

/// One of 64 bits for a key, by its length and one of its bytes: a key with another bit is another key.
/// The place of the byte and the factor were chosen so that of 19 keys of a generation two share a bit,
/// and of the 21 that an event of a call may have none.
#[inline]
pub(super) fn bit(key: &str) -> u64 {
    let length = key.len();
    let byte = key.as_bytes().get(length * 11 / 16).copied();
    1 << ((usize::from(byte.unwrap_or_default()) + length * 27) % 64)
}
