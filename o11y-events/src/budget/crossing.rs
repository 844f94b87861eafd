//! Lines that were crossed, and the events that say so.

use std::{fmt, mem::ManuallyDrop, sync::Arc};

use o11y_core::{Attributes, Event, Value, attributes};

use super::{amount::Amount, limits::Limit};

/// Which line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    /// The soft one.
    Threshold,
    /// What was spent reached the limit.
    Exceeded,
    /// A call was refused, though not all was spent yet.
    Refused,
}

/// What is known of a limit where it was crossed, or where it refused a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(super) budget: Arc<str>,
    pub(super) limit: Limit,
    pub(super) spent: u64,
    pub(super) reserved: u64,
}

impl Standing {
    pub(super) fn amount(&self, count: u64) -> Amount {
        self.limit.measure().amount(count)
    }
}

#[derive(Debug)]
pub(crate) struct Crossing {
    pub(super) line: Line,
    pub(super) standing: Standing,
}

/// Says which lines were crossed: as a rule none. Never called under a lock: whoever hears it may
/// use the budget.
#[inline]
pub(crate) fn tell(crossings: Vec<Crossing>) {
    if crossings.capacity() > 0 {
        tell_all(crossings);
    } else {
        _ = ManuallyDrop::new(crossings); // dropping would ask what there is to drop
    }
}

#[cold]
fn tell_all(crossings: Vec<Crossing>) {
    for Crossing { line, standing } in crossings {
        let (name, reason) = match line {
            Line::Threshold => ("budget.threshold", None),
            Line::Exceeded => ("budget.exceeded", Some("spent")),
            Line::Refused => ("budget.exceeded", Some("refused")),
        };
        let mut told = attributes! {
            "budget.name" => standing.budget.clone(),
            "budget.measure" => standing.limit.measure().name(),
            "budget.limit" => value(standing.limit.most()),
            "budget.spent" => value(standing.amount(standing.spent)),
            "budget.reserved" => value(standing.amount(standing.reserved)),
            "budget.reason" => reason,
        };
        note_window(&mut told, &standing.limit);
        Event::new(name, told).unrecorded().emit();
    }
}

fn note_window(told: &mut Attributes, limit: &Limit) {
    if let Some(window) = limit.window() {
        told.set("budget.window_ms", window.as_secs_f64() * 1_000.0);
    }
}

fn value(amount: Amount) -> Value {
    match amount {
        Amount::Count(count) => count.into(),
        Amount::Cost(cost) => cost.into(),
    }
}

/// `900 of 1000 tokens are spent and 50 reserved`.
impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} are spent", self.amount(self.spent), self.limit)?;
        match self.reserved {
            0 => Ok(()),
            reserved => write!(f, " and {} reserved", self.amount(reserved)),
        }
    }
}
