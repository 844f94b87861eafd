//! An alert and the last calls that it looks at.

use std::collections::VecDeque;

use o11y_core::Cost;

use super::rule::{Alert, AlertState, Measure, line};
use crate::{
    call_end::CallEnd,
    figure::{share, to_f64},
    histogram::rank,
    pricing::Pricing,
};

/// How many crossings wait while somebody takes long to hear of one.
const MAX_UNTOLD: usize = 64;

#[derive(Debug)]
pub(super) struct Watch {
    alert: Alert,
    /// The newest last.
    last: VecDeque<f64>,
    is_raised: bool,
    raised: u64,
    /// Whether somebody is telling of a crossing. What comes in the meantime, from another thread or
    /// from whoever hears of it, is told after it.
    is_telling: bool,
    untold: VecDeque<Crossing>,
}

/// The figure has come to the other side.
#[derive(Debug)]
pub(super) struct Crossing {
    pub(super) state: AlertState,
    pub(super) model: Option<String>,
}

impl Watch {
    pub(super) fn new(alert: Alert) -> Self {
        Self {
            alert,
            last: VecDeque::new(),
            is_raised: false,
            raised: 0,
            is_telling: false,
            untold: VecDeque::new(),
        }
    }

    /// Looks at an ended call. Whoever is given a crossing has to tell of it, and then of what
    /// [`next_untold`](Self::next_untold) gives.
    pub(super) fn look(&mut self, call: &CallEnd, prices: &Pricing) -> Option<Crossing> {
        let crossing = self.crossing(call, prices)?;
        if self.is_telling {
            if self.untold.len() < MAX_UNTOLD {
                self.untold.push_back(crossing);
            } else {
                drop(self.untold.pop_back()); // the two undo each other
            }
            return None;
        }
        self.is_telling = true;
        Some(crossing)
    }

    /// What has come while the crossing before was told.
    pub(super) fn next_untold(&mut self) -> Option<Crossing> {
        let next = self.untold.pop_front();
        self.is_telling = next.is_some();
        next
    }

    /// Under the lock: one pass over what is kept.
    fn crossing(&mut self, call: &CallEnd, prices: &Pricing) -> Option<Crossing> {
        if self
            .alert
            .model
            .as_ref()
            .is_some_and(|model| *model != call.model())
        {
            return None;
        }
        let value = sample(self.alert.measure, call, prices)?;
        if self.last.len() >= self.alert.calls {
            self.last.pop_front();
        }
        self.last.push_back(value);
        let mark = if self.is_raised {
            self.alert.clear
        } else {
            self.alert.limit
        };
        if self.exceeds(mark)? == self.is_raised {
            return None;
        }
        self.is_raised = !self.is_raised;
        self.raised += u64::from(self.is_raised);
        Some(Crossing {
            state: self.state(),
            model: self.alert.model.as_deref().map(str::to_owned),
        })
    }

    pub(super) fn state(&self) -> AlertState {
        let value = self.value();
        AlertState {
            name: self.alert.name.clone().into_owned(),
            measure: self.alert.measure.name(),
            value,
            limit: self.alert.limit,
            calls: self.last.len(),
            is_raised: self.is_raised,
            raised: self.raised,
            shown: line(&self.alert, value),
        }
    }

    /// None while there are too few calls.
    fn exceeds(&self, mark: f64) -> Option<bool> {
        match self.quantile() {
            // Without sorting: the figure is above the mark if too few are at or below it.
            Some(quantile) => {
                let rank = self.rank(quantile)?;
                let within = self.last.iter().filter(|value| **value <= mark).count();
                Some(to_f64(within as u64) < to_f64(rank))
            }
            None => Some(self.value()? > mark),
        }
    }

    fn value(&self) -> Option<f64> {
        match self.quantile() {
            Some(quantile) => {
                let rank = usize::try_from(self.rank(quantile)?).ok()?;
                let mut sorted: Vec<_> = self.last.iter().copied().collect();
                sorted.sort_unstable_by(f64::total_cmp);
                sorted.get(rank - 1).copied()
            }
            None if self.is_silent() => None,
            None => Some(self.last.iter().sum::<f64>() / to_f64(self.last.len() as u64)),
        }
    }

    fn quantile(&self) -> Option<f64> {
        match self.alert.measure {
            Measure::Latency(quantile) | Measure::FirstToken(quantile) => Some(quantile),
            Measure::ErrorRate | Measure::CostPerCall | Measure::TokensPerCall => None,
        }
    }

    fn rank(&self, quantile: f64) -> Option<u64> {
        if self.is_silent() {
            return None;
        }
        rank(quantile, self.last.len() as u64)
    }

    fn is_silent(&self) -> bool {
        self.last.is_empty() || self.last.len() < self.alert.after.min(self.alert.calls)
    }
}

/// What a call says of the figure; none if it says nothing, and does not count then.
fn sample(measure: Measure, call: &CallEnd, prices: &Pricing) -> Option<f64> {
    match measure {
        Measure::Latency(_) if call.failed => None,
        Measure::Latency(_) => call.duration().map(|duration| duration.as_secs_f64()),
        Measure::FirstToken(_) => call.first_token.map(|time| time.as_secs_f64()),
        Measure::ErrorRate => share(u64::from(call.failed), 1),
        Measure::CostPerCall => call.cost(prices).map(Cost::to_usd),
        Measure::TokensPerCall => Some(to_f64(call.tokens())),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use o11y_core::{Event, LlmEvent};
    use proptest::prelude::*;

    use super::*;

    fn end(milliseconds: u64) -> CallEnd {
        let call = LlmEvent::new("openai", "gpt-4o").duration(Duration::from_millis(milliseconds));
        CallEnd::from_event(&Event::from(call)).unwrap()
    }

    fn watch(calls: usize) -> Watch {
        let alert = Alert::latency("slow", 0.9, Duration::from_secs(1));
        Watch::new(alert.over(calls).after(1))
    }

    proptest! {
        #[test]
        fn the_quick_comparison_agrees_with_the_figure(
            times in prop::collection::vec(800..1_200_u64, 1..60),
            calls in 1..20_usize,
        ) {
            let mut watch = watch(calls);

            for time in times {
                watch.look(&end(time), &Pricing::new());

                let value = watch.value().unwrap();
                prop_assert_eq!(watch.exceeds(1.0), Some(value > 1.0));
                prop_assert!(watch.last.len() <= calls);
            }
        }
    }

    #[test]
    fn between_the_two_marks_nothing_is_told() {
        let mut watch = watch(1);
        let mut told = |milliseconds| {
            let crossing = watch.look(&end(milliseconds), &Pricing::new());
            assert!(watch.next_untold().is_none());
            crossing.map(|crossing| crossing.state.is_raised)
        };

        assert_eq!(told(1_000), None); // at the limit, not above it
        assert_eq!(told(1_001), Some(true));
        assert_eq!(told(950), None);
        assert_eq!(told(1_500), None);
        assert_eq!(told(901), None);
        assert_eq!(told(900), Some(false));
        assert_eq!(told(950), None);
    }

    #[test]
    fn what_waits_to_be_told_is_bounded_and_ends_as_things_stand() {
        let mut watch = watch(1);
        let mut look = |milliseconds| watch.look(&end(milliseconds), &Pricing::new());
        assert!(look(2_000).is_some());

        for _ in 0..100 {
            assert!(look(100).is_none() && look(2_000).is_none());
        }
        assert!(look(100).is_none());

        assert_eq!(watch.untold.len(), MAX_UNTOLD - 1);
        let told = std::iter::from_fn(|| watch.next_untold());
        assert_eq!(told.last().map(|last| last.state.is_raised), Some(false));
    }
}
