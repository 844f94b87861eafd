//! What was spent in the last minute, or in the last of whatever length.

use std::{collections::VecDeque, time::Duration};

use super::amount::clamped;

/// How many steps a window moves by. What was spent is forgotten up to one step late: a second,
/// if the window is a minute.
const STEPS: u64 = 60;

/// Amounts by when they were spent, for as long as the window looks back.
///
/// Times are nanoseconds since any fixed moment. Nothing that lies in the window is ever left out;
/// what has just left it may still be counted, for up to one step.
#[derive(Debug)]
pub(super) struct Window {
    length: u64,
    step: u64,
    /// Steps in which something was spent, in order; at most one more than there are in a window.
    booked: VecDeque<(u64, u128)>,
    sum: u128,
    /// The latest step that was seen. Time does not go back, whatever the clock says.
    latest: u64,
}

impl Window {
    pub(super) fn new(length: Duration) -> Self {
        let length = nanoseconds(length).max(STEPS);
        Self {
            length,
            step: length.div_ceil(STEPS),
            booked: VecDeque::new(),
            sum: 0,
            latest: 0,
        }
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// What was spent in the window that ends now.
    pub(super) fn sum(&mut self, now: u64) -> u128 {
        self.latest = self.latest.max(now / self.step);
        while let Some((step, amount)) = self.booked.front().copied()
            && self.latest - step > STEPS
        {
            self.sum -= amount;
            self.booked.pop_front();
        }
        self.sum
    }

    pub(super) fn book(&mut self, now: u64, amount: u64) {
        self.sum(now);
        if amount == 0 {
            return;
        }
        match self.booked.back_mut() {
            Some((step, booked)) if *step == self.latest => *booked += u128::from(amount),
            _ => self.booked.push_back((self.latest, amount.into())),
        }
        self.sum += u128::from(amount);
    }

    /// Takes back what was booked at `then`, if the window still holds it.
    pub(super) fn unbook(&mut self, then: u64, amount: u64) {
        let then = then / self.step;
        let place = self.booked.binary_search_by_key(&then, |(step, _)| *step);
        if let Ok(place) = place {
            let booked = &mut self.booked[place].1;
            let amount = u128::from(amount).min(*booked);
            *booked -= amount;
            self.sum -= amount;
        }
    }

    /// How long until no more than `most` of what was spent is left in the window.
    pub(super) fn falls_to(&self, now: u64, most: u64) -> Duration {
        let mut left = self.sum;
        let mut at = now;
        for (step, amount) in &self.booked {
            if left <= u128::from(most) {
                break;
            }
            left -= amount;
            at = step.saturating_add(STEPS + 1).saturating_mul(self.step);
        }
        Duration::from_nanos(at.saturating_sub(now))
    }

    pub(super) fn clear(&mut self) {
        self.booked.clear();
        self.sum = 0;
    }
}

pub(super) fn nanoseconds(duration: Duration) -> u64 {
    clamped(duration.as_nanos())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn what_was_spent_is_forgotten_after_the_window_and_at_most_one_step_late() {
        let mut window = Window::new(Duration::from_secs(60));
        window.book(SECOND / 2, 7);

        assert_eq!(window.sum(60 * SECOND + SECOND / 2), 7);
        assert_eq!(window.sum(61 * SECOND - 1), 7);
        assert_eq!(window.sum(61 * SECOND), 0);
    }

    #[test]
    fn it_says_when_enough_will_be_free() {
        let mut window = Window::new(Duration::from_secs(60));
        window.book(0, 5);
        window.book(10 * SECOND, 5);

        assert_eq!(window.falls_to(20 * SECOND, 10), Duration::ZERO);
        assert_eq!(window.falls_to(20 * SECOND, 9), Duration::from_secs(41));
        assert_eq!(window.falls_to(20 * SECOND, 4), Duration::from_secs(51));
    }

    #[test]
    fn what_is_taken_back_is_not_taken_from_others() {
        let mut window = Window::new(Duration::from_secs(60));
        window.book(0, 1);
        window.book(30 * SECOND, 1);

        assert_eq!(window.sum(61 * SECOND), 1);
        window.unbook(0, 1); // long gone
        assert_eq!(window.sum(61 * SECOND), 1);
        window.unbook(30 * SECOND, 1);
        assert_eq!(window.sum(61 * SECOND), 0);
    }

    #[test]
    fn a_window_of_no_length_and_the_longest_one_work() {
        for length in [Duration::ZERO, Duration::MAX] {
            let mut window = Window::new(length);
            window.book(0, 1);
            window.book(u64::MAX, 1);
            assert!(window.sum(u64::MAX) >= 1);
        }
    }

    proptest! {
        /// At any moment all of the last window is counted, and nothing that is a step older.
        #[test]
        fn it_counts_what_lies_in_it(spent in prop::collection::vec((0..90_u64, 1..50_u64), 0..200)) {
            let mut window = Window::new(Duration::from_secs(60));
            let mut all = Vec::new();
            let mut now = 0;

            for (pause, amount) in spent {
                now += pause * SECOND / 7;
                window.book(now, amount);
                all.push((now, u128::from(amount)));
                let since = |age: u64| {
                    let lies_in = |(at, _): &&(u64, u128)| at + age > now;
                    all.iter().filter(lies_in).map(|(_, amount)| amount).sum::<u128>()
                };

                let counted = window.sum(now);

                prop_assert!(counted >= since(60 * SECOND));
                prop_assert!(counted <= since(61 * SECOND));
            }
        }
    }
}
