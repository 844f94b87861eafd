//! Who spent what: one line for each model, provider or user.

use std::cmp::Reverse;

use super::amount::{Amounts, Tally};

/// How many names have a line of their own. They come from whoever emits, so their number has to be
/// bounded; no program uses as many models on purpose, and users are better given budgets of
/// their own.
const MAX_LINES: usize = 64;

const OTHERS: &str = "(other)";
const UNKNOWN: &str = "(unknown)";

/// What was spent under one name.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Share {
    /// The model, provider or user. Those beyond the 64th are summed up under `(other)`, calls
    /// that name none under `(unknown)`.
    pub name: String,
    /// What was spent.
    pub spent: Tally,
}

#[derive(Debug, Default)]
pub(super) struct Shares {
    /// By name; calls that name none have one, too.
    lines: Vec<(Option<String>, Amounts)>,
}

impl Shares {
    #[inline]
    pub(super) fn add(&mut self, name: Option<&str>, amounts: &Amounts) {
        match self.line(name) {
            Some(sum) => sum.add(amounts),
            None => self.add_new(name, amounts),
        }
    }

    #[inline]
    fn line(&mut self, name: Option<&str>) -> Option<&mut Amounts> {
        let mut lines = self.lines.iter_mut();
        let line = lines.find(|(line, _)| line.as_deref() == name);
        line.map(|(_, sum)| sum)
    }

    /// A name that has no line yet gets one if there is room, or else counts among all others.
    #[cold]
    fn add_new(&mut self, name: Option<&str>, amounts: &Amounts) {
        let is_full = self.lines.len() >= MAX_LINES;
        let name = if is_full { Some(OTHERS) } else { name };
        let name = name.filter(|name| *name != UNKNOWN);
        match self.line(name) {
            Some(sum) => sum.add(amounts),
            None => self.lines.push((name.map(str::to_owned), *amounts)),
        }
    }

    /// The lines, the largest first: by money, then by tokens.
    pub(super) fn list(&self) -> Vec<Share> {
        let share = |(name, amounts): &(Option<String>, Amounts)| Share {
            name: name.as_deref().unwrap_or(UNKNOWN).to_owned(),
            spent: amounts.tally(),
        };
        let mut shares: Vec<_> = self.lines.iter().map(share).collect();
        shares.sort_by_key(|share| Reverse((share.spent.cost, share.spent.tokens)));
        shares
    }
}

/// Model, provider and user of a call.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Names<'a> {
    pub(crate) model: Option<&'a str>,
    pub(crate) provider: Option<&'a str>,
    pub(crate) user: Option<&'a str>,
}

#[cfg(test)]
mod tests {
    use o11y_core::Usage;

    use super::*;

    #[test]
    fn calls_without_a_name_and_those_that_are_named_so_share_a_line() {
        let mut shares = Shares::default();
        let one = Amounts::of_call(Usage::new().input(1), None);

        for name in [Some(UNKNOWN), None, Some("gpt-4o"), Some(UNKNOWN), None] {
            shares.add(name, &one);
        }

        let list = shares.list();
        let lines: Vec<_> = list.iter().map(|share| &*share.name).collect();
        assert_eq!(lines, [UNKNOWN, "gpt-4o"]);
        assert_eq!(list[0].spent.calls, 4);
    }

    #[test]
    fn the_list_of_names_is_bounded() {
        let mut shares = Shares::default();
        let one = Amounts::of_call(Usage::new().input(1), None);

        for model in 0..1_000 {
            shares.add(Some(&format!("model-{model}")), &one);
        }

        let list = shares.list();
        assert_eq!(list.len(), MAX_LINES + 1);
        assert_eq!(list[0].name, OTHERS);
        assert_eq!(
            list.iter().map(|share| share.spent.tokens).sum::<u64>(),
            1_000
        );
    }
}
