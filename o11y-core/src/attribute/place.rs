//! Room for one attribute, which asks once whether there is anything to free, and rows of such places.

use std::{
    mem::{self, ManuallyDrop},
    ops::{Deref, DerefMut},
};

use super::slot::{Attribute, Slot, bit};

/// Room for one attribute. Whoever has places [empties](empty) them when it is dropped.
///
/// Left to the compiler, dropping would ask each of them one by one what kind of value it holds. Most
/// hold nothing outside of themselves, which is [one test](Self::is_heavy) of a bit.
#[derive(Clone, Default, PartialEq)]
pub(super) struct Place(ManuallyDrop<Option<Attribute>>);

impl Place {
    pub(super) const EMPTY: Self = Self(ManuallyDrop::new(None));

    /// Whether what is in there holds something outside of itself. All of it shows in the byte by which
    /// variants are told apart; asked without branches, it is one test of a bit.
    #[inline]
    pub(super) fn is_heavy(&self) -> bool {
        match &*self.0 {
            Some(Attribute {
                value: Slot::Value(value),
                ..
            }) => value.is_heavy(),
            Some(Attribute {
                value: Slot::Keyed(_),
                ..
            }) => true,
            None => false,
        }
    }

    /// Puts an attribute where there is none; told so, the compiler need not look for an old one to
    /// drop.
    #[inline]
    pub(super) fn fill(&mut self, attribute: Attribute) {
        if let Some(old) = self.0.replace(attribute) {
            drop_unexpected(old);
        }
    }

    /// Moves the attribute out.
    #[inline]
    pub(super) fn take(&mut self) -> Option<Attribute> {
        ManuallyDrop::into_inner(mem::take(&mut self.0))
    }
}

impl Deref for Place {
    type Target = Option<Attribute>;

    #[inline]
    fn deref(&self) -> &Option<Attribute> {
        &self.0
    }
}

impl DerefMut for Place {
    #[inline]
    fn deref_mut(&mut self) -> &mut Option<Attribute> {
        &mut self.0
    }
}

#[cold]
fn drop_unexpected(old: Attribute) {
    drop(old);
}

/// Empties these places; they are filled from the front, as everywhere.
#[inline]
pub(super) fn empty(places: &mut [Place]) {
    for place in places {
        if place.is_heavy() {
            free(place);
        } else if place.is_none() {
            break;
        } else {
            place.0 = ManuallyDrop::new(None);
        }
    }
}

#[inline(never)]
fn free(place: &mut Place) {
    drop(place.take());
}

/// The bytes that these hold outside of themselves.
pub(super) fn sum_heap_bytes(places: &[Place]) -> usize {
    let mut bytes = 0;
    for place in places {
        let Some(attribute) = &**place else {
            break;
        };
        if place.is_heavy() {
            bytes += attribute.heap_bytes();
        }
    }
    bytes
}

/// The bits of all keys in there.
pub(super) fn bits(places: &[Place]) -> u64 {
    let attributes = places.iter().filter_map(|place| place.as_ref());
    let names = attributes.map(|one| one.as_pair().0);
    names.map(bit).fold(0, |keys, key| keys | key)
}
