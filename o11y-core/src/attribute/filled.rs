//! Going through a list of attributes, from its inline places into its blocks.

use std::slice;

use super::{Attribute, Attributes, Block, place::Place};

/// The attributes of a list, one after the other; at the first empty place it ends.
///
/// Chained iterators do the same and ask at every step which of them it is.
pub(super) struct Filled<'a> {
    places: slice::Iter<'a, Place>,
    more: Option<&'a Block>,
}

impl<'a> Filled<'a> {
    #[inline]
    pub(super) fn of(list: &'a Attributes) -> Self {
        Self {
            places: list.inline.iter(),
            more: list.more.as_deref(),
        }
    }
}

impl<'a> Iterator for Filled<'a> {
    type Item = &'a Attribute;

    #[inline]
    fn next(&mut self) -> Option<&'a Attribute> {
        if let Some(place) = self.places.next() {
            return place.as_ref();
        }
        let block = self.more?;
        self.places = block.places.iter();
        self.more = block.next.as_deref();
        self.places.next()?.as_ref()
    }
}
