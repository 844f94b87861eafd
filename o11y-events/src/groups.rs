//! Figures by name, for a bounded number of names.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::figure::beginning;

/// The group of all names for which there is no more room.
pub(crate) const OTHER: &str = "(other)";

/// Names are told apart by so many bytes of their beginning.
const MAX_NAME_BYTES: usize = 200;

/// A `T` for each name, in the order in which they came up. Names come from whoever emits, so their
/// number has to be bounded: those beyond the first so many share the group `(other)`.
#[derive(Debug)]
pub(crate) struct Groups<T> {
    named: Vec<(Box<str>, T)>,
    places: HashMap<Box<str>, usize, RandomState>,
    most: usize,
}

impl<T: Default> Groups<T> {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            named: Vec::new(),
            places: HashMap::default(),
            most,
        }
    }

    pub(crate) fn entry(&mut self, name: &str) -> &mut T {
        let name = beginning(name, MAX_NAME_BYTES);
        let is_full = self.named.len() >= self.most;
        let place = match self.places.get(name) {
            Some(place) => *place,
            None if is_full => self.add(OTHER),
            None => self.add(name),
        };
        &mut self.named[place].1
    }

    /// The place of a group, which is made if there is none of that name.
    fn add(&mut self, name: &str) -> usize {
        let next = self.named.len();
        let place = *self.places.entry(name.into()).or_insert(next);
        if place == next {
            self.named.push((name.into(), T::default()));
        }
        place
    }

    pub(crate) fn len(&self) -> usize {
        self.named.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.named.iter().map(|(name, group)| (&**name, group))
    }

    /// Forgets all, and returns it to be dropped where no lock is held.
    pub(crate) fn clear(&mut self) -> Self {
        std::mem::replace(self, Self::new(self.most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_beyond_the_most_share_one_group_and_nothing_is_lost() {
        let mut groups = Groups::<u64>::new(3);

        for name in ["a", "b", "c", "d", "e", "a", "d"] {
            *groups.entry(name) += 1;
        }

        let seen: Vec<_> = groups.iter().map(|(name, count)| (name, *count)).collect();
        assert_eq!(seen, [("a", 2), ("b", 1), ("c", 1), (OTHER, 3)]);
    }

    #[test]
    fn a_long_name_is_cut() {
        let mut groups = Groups::<u64>::new(3);

        *groups.entry(&"x".repeat(1_000_000)) += 1;

        assert_eq!(
            groups.iter().map(|(name, _)| name.len()).sum::<usize>(),
            MAX_NAME_BYTES
        );
    }
}
