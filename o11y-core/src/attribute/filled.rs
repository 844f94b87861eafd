//! Going through a list of attributes, from its inline slots into its blocks.

use std::slice;

use super::{Attribute, Attributes, Block, place::Place};

/// The attributes of a list, one after the other; at the first empty slot it ends.
///
/// Chained iterators do the same and ask at every step which of them it is.
pub(super) struct Filled<'a> {
    slots: slice::Iter<'a, Place>,
    more: Option<&'a Block>,
}

impl<'a> Filled<'a> {
    #[inline]
    pub(super) fn of(list: &'a Attributes) -> Self {
        Self {
            slots: list.inline.iter(),
            more: list.more.as_deref(),
        }
    }
}

impl<'a> Iterator for Filled<'a> {
    type Item = &'a Attribute;

    #[inline]
    fn next(&mut self) -> Option<&'a Attribute> {
        if let Some(slot) = self.slots.next() {
            return slot.as_ref();
        }
        let block = self.more?;
        self.slots = block.slots.iter();
        self.more = block.next.as_deref();
        self.slots.next()?.as_ref()
    }
}
