//! One limit and where it stands: whether a call fits, and when a line is crossed.

use std::time::Duration;

use super::{
    amount::{Amounts, Measure, Reserved, clamped},
    ask::Asked,
    crossing::Line,
    limits::{Limit, Limits},
    window::Window,
};

/// The state of one limit.
#[derive(Debug)]
pub(super) struct Gauge {
    pub(super) limit: Limit,
    soft: Option<u64>,
    window: Option<Window>,
    threshold: Alarm,
    exceeded: Alarm,
}

impl Gauge {
    pub(super) fn all_of(limits: &Limits) -> Vec<Self> {
        let gauge = |limit: &Limit| Self {
            limit: *limit,
            soft: limits.soft(limit),
            window: limit.window().map(Window::new),
            threshold: Alarm::default(),
            exceeded: Alarm::default(),
        };
        limits.iter().map(gauge).collect()
    }

    /// Whether a call that asks for that much fits beside what was spent and is reserved.
    pub(super) fn admits(
        &mut self,
        asked: &Asked,
        spent: &Amounts,
        reserved: &Reserved,
        now: u64,
    ) -> bool {
        let measure = self.limit.measure();
        if asked.is_none_of(measure) {
            return true;
        }
        let taken = self.spent(spent, now) + self.held(reserved);
        let most = u128::from(self.limit.count());
        // A call that does not say what it will use needs at least something to be left.
        taken < most && taken + u128::from(asked.amounts[measure]) <= most
    }

    /// What was spent of it, in all or in the window.
    pub(super) fn spent(&mut self, spent: &Amounts, now: u64) -> u128 {
        match &mut self.window {
            Some(window) => window.sum(now),
            None => spent[self.limit.measure()].into(),
        }
    }

    /// What is reserved of it. A call counts in a window from when it begins, so one that is open
    /// is already among those that were spent.
    pub(super) fn held(&self, reserved: &Reserved) -> u128 {
        if self.books_at_the_start() {
            return 0;
        }
        reserved.of(self.limit.measure())
    }

    /// A call begins; true if more is spent by that.
    pub(super) fn begin(&mut self, now: u64) -> bool {
        if self.limit.measure() != Measure::Calls {
            return false;
        }
        let Some(window) = &mut self.window else {
            return false;
        };
        window.book(now, 1);
        true
    }

    /// Sets the alarms anew that are due, before more is booked: what is booked at once may cross
    /// a line that was left in the meantime.
    #[inline]
    pub(super) fn rearm(&mut self, now: u64) {
        if self.window.is_some() {
            self.rearm_window(now); // what counts for good never falls
        }
    }

    fn rearm_window(&mut self, now: u64) {
        let Some(window) = &mut self.window else {
            return;
        };
        let spent = window.sum(now);
        if self.soft.is_some_and(|soft| !reaches(spent, soft)) {
            self.threshold.rearm(window.length(), now);
        }
        if !reaches(spent, self.limit.count()) {
            self.exceeded.rearm(window.length(), now);
        }
    }

    /// A call that began then was not made.
    pub(super) fn undo(&mut self, then: u64) {
        if self.books_at_the_start()
            && let Some(window) = &mut self.window
        {
            window.unbook(then, 1);
        }
    }

    /// A call has ended; `began` if its beginning was booked.
    pub(super) fn book(&mut self, used: &Amounts, began: bool, now: u64) {
        if began && self.books_at_the_start() {
            return;
        }
        if let Some(window) = &mut self.window {
            window.book(now, used[self.limit.measure()]);
        }
    }

    /// Whether so much crosses a line: as a rule none.
    #[inline]
    pub(super) fn crosses(&self, spent: u128) -> bool {
        let limit = self.limit.count();
        reaches(spent, self.soft.map_or(limit, |soft| soft.min(limit)))
    }

    /// The lines that what was spent has newly crossed.
    #[cold]
    pub(super) fn crossed(&mut self, spent: u128, now: u64) -> impl Iterator<Item = Line> + use<> {
        let threshold = self.soft.is_some_and(|soft| reaches(spent, soft));
        let exceeded = reaches(spent, self.limit.count());
        let lines = [
            (threshold && self.threshold.rings(now)).then_some(Line::Threshold),
            (exceeded && self.exceeded.rings(now)).then_some(Line::Exceeded),
        ];
        lines.into_iter().flatten()
    }

    /// Whether a refusal is to be told.
    pub(super) fn tells_refusal(&mut self, now: u64) -> bool {
        self.rearm(now);
        self.exceeded.rings(now)
    }

    /// How long until a call fits as far as what was spent stands in its way; none if waiting
    /// does not help.
    pub(super) fn frees_in(&self, asked: u64, reserved: &Reserved, now: u64) -> Option<Duration> {
        let window = self.window.as_ref()?;
        let needed = u128::from(asked.max(1)) + self.held(reserved);
        let left = u128::from(self.limit.count()).checked_sub(needed)?;
        Some(window.falls_to(now, clamped(left)))
    }

    pub(super) fn reset(&mut self) {
        self.threshold = Alarm::default();
        self.exceeded = Alarm::default();
        if let Some(window) = &mut self.window {
            window.clear();
        }
    }

    fn books_at_the_start(&self) -> bool {
        self.window.is_some() && self.limit.measure() == Measure::Calls
    }
}

/// Whether so much crosses a line. Nothing crosses none, not even that of a limit of 0, which is
/// told when it refuses a call, or when one uses something all the same.
fn reaches(spent: u128, line: u64) -> bool {
    spent >= u128::from(line.max(1))
}

/// Rings once for each time that a line is crossed.
#[derive(Debug, Default)]
struct Alarm {
    rang: Option<u64>,
}

impl Alarm {
    /// The line is passed: whether that is news.
    fn rings(&mut self, now: u64) -> bool {
        let is_news = self.rang.is_none();
        self.rang.get_or_insert(now);
        is_news
    }

    /// The line is no longer passed. Refusals ring, too, and may do so with little spent, so there
    /// is at least one length between two times.
    fn rearm(&mut self, length: u64, now: u64) {
        self.rang
            .take_if(|rang| now.saturating_sub(*rang) >= length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_rings_again_only_after_the_line_was_left_and_a_length_has_passed() {
        let mut alarm = Alarm::default();

        assert!(alarm.rings(0));
        assert!(!alarm.rings(5));
        alarm.rearm(10, 9);
        assert!(!alarm.rings(20));
        alarm.rearm(10, 21);
        assert!(alarm.rings(22));
    }
}
