//! Who is below whom: observations in the order in which a tree is drawn.
//!
//! What arrives need not be a tree. A parent may be missing, an observation may come twice, and
//! ids may run in circles; still every observation appears exactly once.

use std::{cmp::Ordering, collections::HashMap};

use super::observation::Observation;

/// Why a branch does not stand where it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Its parent has not arrived, or is below itself.
    Orphan,
    /// The same id has arrived before, and what is below it hangs there.
    Duplicate,
}

/// One observation in its place.
#[derive(Debug)]
pub(crate) struct Branch<'a> {
    pub(crate) observation: &'a Observation,
    pub(crate) depth: usize,
    pub(crate) is_last: bool,
    pub(crate) mark: Option<Mark>,
}

/// All observations of a trace, parents before children.
#[derive(Debug)]
pub(crate) struct Forest<'a> {
    branches: Vec<Branch<'a>>,
}

impl<'a> Forest<'a> {
    /// Puts every observation in its place, siblings in the given order.
    pub(crate) fn grow(
        observations: &'a [Observation],
        order: impl Fn(&Observation, &Observation) -> Ordering,
    ) -> Self {
        let mut first_with_id = HashMap::new();
        for (index, observation) in observations.iter().enumerate() {
            first_with_id
                .entry(observation.id.as_str())
                .or_insert(index);
        }
        let parent_of = |index: usize| {
            let parent = observations[index].parent_id.as_deref()?;
            first_with_id.get(parent).copied()
        };

        let mut is_top = vec![false; observations.len()];
        for index in entrances_of_circles(observations.len(), parent_of) {
            is_top[index] = true;
        }

        let mut tops = Vec::new();
        let mut children = vec![Vec::new(); observations.len()];
        for (index, is_top) in is_top.iter_mut().enumerate() {
            match parent_of(index) {
                Some(parent) if !*is_top => children[parent].push(index),
                _ => {
                    *is_top = true;
                    tops.push(index);
                }
            }
        }
        for siblings in children.iter_mut().chain([&mut tops]) {
            siblings.sort_by(|left, right| order(&observations[*left], &observations[*right]));
        }

        let mark_of = |index: usize| {
            let observation = &observations[index];
            let wants_parent = observation.parent_id.is_some() && !observation.app_root;
            if first_with_id[observation.id.as_str()] != index {
                Some(Mark::Duplicate)
            } else if is_top[index] && wants_parent {
                Some(Mark::Orphan)
            } else {
                None
            }
        };
        let branches = walk(&tops, &children)
            .map(|(index, depth, is_last)| Branch {
                observation: &observations[index],
                depth,
                is_last,
                mark: mark_of(index),
            })
            .collect();
        Self { branches }
    }

    pub(crate) fn branches(&self) -> impl Iterator<Item = &Branch<'a>> {
        self.branches.iter()
    }
}

/// One member of every circle of parents; with these cut off, what is left is a forest.
fn entrances_of_circles(count: usize, parent_of: impl Fn(usize) -> Option<usize>) -> Vec<usize> {
    let mut entrances = Vec::new();
    let mut seen_from: Vec<Option<usize>> = vec![None; count];

    for start in 0..count {
        let mut current = Some(start);
        while let Some(index) = current {
            if seen_from[index] == Some(start) {
                entrances.push(index);
            }
            if seen_from[index].is_some() {
                break;
            }
            seen_from[index] = Some(start);
            current = parent_of(index);
        }
    }
    entrances
}

/// Visits parents before children, with depth and whether it is the last of its siblings. A stack
/// of our own instead of recursion: a chain of calls may be as deep as it likes.
fn walk(tops: &[usize], children: &[Vec<usize>]) -> impl Iterator<Item = (usize, usize, bool)> {
    let in_reverse = |siblings: &[usize], depth: usize| -> Vec<_> {
        let last = siblings.last().copied();
        siblings
            .iter()
            .rev()
            .map(|index| (*index, depth, Some(*index) == last))
            .collect()
    };
    let mut stack = in_reverse(tops, 0);

    std::iter::from_fn(move || {
        let next = stack.pop()?;
        stack.extend(in_reverse(&children[next.0], next.1 + 1));
        Some(next)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::trace::{by_start, tests::observation};

    fn shape(observations: &[Observation]) -> Vec<(&str, usize, Option<Mark>)> {
        let forest = Forest::grow(observations, by_start);
        let shape = forest.branches.iter();
        shape
            .map(|branch| (branch.observation.name.as_str(), branch.depth, branch.mark))
            .collect()
    }

    #[test]
    fn an_orphan_and_what_is_below_it_stand_at_the_top() {
        let arrived = [
            observation("2", "gone", "orphan", 1),
            observation("3", "2", "below", 2),
        ];

        assert_eq!(
            shape(&arrived),
            [("orphan", 0, Some(Mark::Orphan)), ("below", 1, None)]
        );
    }

    #[test]
    fn children_hang_below_the_first_of_two_duplicates() {
        let arrived = [
            observation("1", "", "root", 0),
            observation("1", "", "again", 0),
            observation("2", "1", "child", 1),
        ];

        assert_eq!(
            shape(&arrived),
            [
                ("root", 0, None),
                ("child", 1, None),
                ("again", 0, Some(Mark::Duplicate))
            ]
        );
    }

    #[test]
    fn a_circle_is_cut_and_nothing_is_lost() {
        let arrived = [
            observation("1", "2", "a", 0),
            observation("2", "1", "b", 0),
            observation("3", "3", "own parent", 1),
            observation("4", "2", "beside", 2),
        ];

        assert_eq!(
            shape(&arrived),
            [
                ("a", 0, Some(Mark::Orphan)),
                ("b", 1, None),
                ("beside", 2, None),
                ("own parent", 0, Some(Mark::Orphan)),
            ]
        );
    }

    #[test]
    fn a_very_deep_chain_is_walked() {
        let chain: Vec<_> = (0..50_000_u64)
            .map(|index| {
                let parent = index.checked_sub(1).map(|parent| parent.to_string());
                observation(
                    &index.to_string(),
                    &parent.unwrap_or_default(),
                    "link",
                    index,
                )
            })
            .collect();

        assert_eq!(shape(&chain).last().map(|branch| branch.1), Some(49_999));
    }
}
