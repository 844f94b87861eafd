//! What every tracker does when a model call begins and ends.

use std::{
    any::Any,
    borrow::Cow,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use o11y_core::{Event, Veto};

use super::{prices::Prices, reading::Said, unpriced::UnpricedCalls};
use crate::{
    budget::{Ask, Bounds, Budget, BudgetExceeded, Caller, Ended, KeyedBudgets},
    pricing::Unpriced,
    scope::Scope,
};

/// Chooses the key of a call.
type KeyOf = Arc<dyn Fn(&Event) -> Option<String> + Send + Sync>;

/// Judges what a call may use, where the call itself does not say.
type Estimate = Arc<dyn Fn(&Event) -> Ask + Send + Sync>;

/// Which budget a call is held to.
enum Route {
    One(Budget),
    Keyed(KeyedBudgets, KeyOf),
}

/// Watches model calls for a budget: what all trackers share.
pub(crate) struct Watch {
    /// Tells trackers apart that hold the same call.
    id: u64,
    route: Route,
    pub(crate) settings: Settings,
    unpriced: UnpricedCalls,
}

/// How calls are judged.
#[derive(Clone, Default)]
pub(crate) struct Settings {
    pub(crate) scope: Option<Scope>,
    pub(crate) estimate: Option<Estimate>,
    pub(crate) prices: Option<Prices>,
    pub(crate) expiry: Option<Duration>,
    pub(crate) charge_unmetered: bool,
    pub(crate) refuse_unpriced: bool,
    pub(crate) assume_maximum: bool,
}

/// Why a call was refused.
#[derive(Debug)]
pub(crate) enum Refusal {
    Exceeded(BudgetExceeded),
    Unpriced(Unpriced),
}

impl From<Refusal> for Veto {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Exceeded(exceeded) => Self::new(exceeded),
            Refusal::Unpriced(unpriced) => Self::new(unpriced),
        }
    }
}

impl Watch {
    pub(crate) fn new(budget: Budget) -> Self {
        Self::of(Route::One(budget))
    }

    pub(super) fn keyed(budgets: KeyedBudgets, key_of: KeyOf) -> Self {
        Self::of(Route::Keyed(budgets, key_of))
    }

    fn of(route: Route) -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        Self {
            id: LAST.fetch_add(1, Ordering::Relaxed), // an id
            route,
            settings: Settings::default(),
            unpriced: UnpricedCalls::default(),
        }
    }

    /// Watches for another budget, judging calls as before.
    pub(crate) fn instead(mut self, budget: Budget) -> Self {
        self.give_back();
        self.route = Route::One(budget);
        self
    }

    /// The budget, or the one around those of all keys.
    pub(crate) fn budget(&self) -> &Budget {
        match &self.route {
            Route::One(budget) => budget,
            Route::Keyed(budgets, _) => budgets.outer(),
        }
    }

    pub(crate) fn unpriced_calls(&self) -> u64 {
        self.unpriced.calls()
    }

    pub(crate) fn unpriced_models(&self) -> Vec<String> {
        self.unpriced.models()
    }

    pub(crate) fn reset(&self) {
        self.budget().reset();
        self.unpriced.clear();
    }

    /// Hears an event of a call.
    pub(crate) fn hear(&self, event: &Event) -> Result<(), Refusal> {
        let answered = match event.name() {
            "llm.request" => return self.begin(event),
            "llm.vetoed" => {
                self.vetoed(event);
                return Ok(());
            }
            "llm.generate" => true,
            "llm.error" => false,
            _ => return Ok(()),
        };
        self.end(event, answered);
        Ok(())
    }

    fn begin(&self, request: &Event) -> Result<(), Refusal> {
        let said = Said::by_request(request);
        if said.is_mirror || !self.covers(request) {
            return Ok(());
        }
        let prices = self.prices();
        let budget = self.budget_of(request);
        let bounds = caught(|| self.bounds(request, &said, prices));
        // An estimate or a price that panics has said nothing; the call is judged all the same.
        let (bounds, panic) = match bounds {
            Ok(bounds) => (bounds.inspect_err(|_| budget.note_refused())?, None),
            Err(panic) => (said.estimate().unwrap_or_default(), Some(panic)),
        };
        budget
            .begin(self.caller(&said), &bounds, self.settings.expiry)
            .map_err(Refusal::Exceeded)?;
        go_on(panic);
        Ok(())
    }

    /// What a call asks for, its money included.
    fn bounds(
        &self,
        request: &Event,
        said: &Said<'_>,
        prices: Option<&Prices>,
    ) -> Result<Bounds, Refusal> {
        let Settings {
            estimate,
            refuse_unpriced,
            assume_maximum,
            ..
        } = &self.settings;
        let bounds = said
            .estimate()
            .or_else(|| Some(estimate.as_ref()?(request).bounds))
            .or_else(|| {
                let prices = prices.filter(|_| *assume_maximum)?;
                said.model_maximum(prices)
            })
            .unwrap_or_default();
        let Some(prices) = prices else {
            return Ok(bounds);
        };
        if *refuse_unpriced && let Some(unpriced) = said.unpriced(prices) {
            return Err(Refusal::Unpriced(unpriced));
        }
        Ok(said.price(bounds, prices))
    }

    /// What prices the calls: nothing, if nobody limits money.
    fn prices(&self) -> Option<&Prices> {
        let given = self.settings.prices.as_ref();
        given.or_else(|| {
            let needed = self.settings.refuse_unpriced
                || self.settings.assume_maximum
                || self.budget().tree_limits_cost();
            needed.then(Prices::builtin)
        })
    }

    fn vetoed(&self, event: &Event) {
        let said = Said::by_request(event);
        if let Some(caller) = self.caller(&said).filter(|_| !said.is_mirror) {
            self.budget().give_back(caller);
        }
    }

    fn end(&self, end: &Event, answered: bool) {
        let said = Said::by_end(end);
        if said.is_mirror {
            return;
        }
        let prices = self.prices();
        // A price that panics is none, and must not leave the call held.
        let (used, panic) = match caught(|| said.used(prices)) {
            Ok(used) => (used, None),
            Err(panic) => (said.used(None), Some(panic)),
        };
        let unmetered = !used.metered && answered;
        let ended = Ended {
            used: used.amounts,
            names: said.names(),
            metered: !unmetered,
            as_asked: unmetered && self.settings.charge_unmetered,
        };
        // A call that began is ended whatever the scope says now.
        let caller = self.caller(&said);
        let was_held = caller.is_some_and(|caller| self.budget().end(caller, &ended));
        if !was_held {
            if !self.covers(end) {
                return;
            }
            self.budget_of(end).add(&ended);
        }
        if !used.priced && self.budget_of(end).limits_cost() {
            self.unpriced.note(ended.names);
        }
        go_on(panic);
    }

    fn covers(&self, event: &Event) -> bool {
        let scope = self.settings.scope.as_ref();
        scope.is_none_or(|scope| scope.covers(event))
    }

    /// The budget that a call is held to; the one around all, if it has no key.
    fn budget_of(&self, event: &Event) -> Cow<'_, Budget> {
        match &self.route {
            Route::One(budget) => Cow::Borrowed(budget),
            Route::Keyed(budgets, key_of) => match key_of(event) {
                Some(key) => Cow::Owned(budgets.get(&key)),
                None => Cow::Borrowed(budgets.outer()),
            },
        }
    }

    fn caller<'a>(&self, said: &Said<'a>) -> Option<Caller<'a>> {
        Some(Caller {
            tracker: self.id,
            call: said.call?,
        })
    }

    fn give_back(&self) {
        self.budget().give_back_all_of(self.id);
    }
}

/// Runs code of the user's.
fn caught<R>(f: impl FnOnce() -> R) -> thread::Result<R> {
    catch_unwind(AssertUnwindSafe(f))
}

/// A panic of the user's code goes on to the bus, which counts it.
fn go_on(panic: Option<Box<dyn Any + Send>>) {
    if let Some(panic) = panic {
        resume_unwind(panic);
    }
}

/// Who hears no end holds nothing.
impl Drop for Watch {
    fn drop(&mut self) {
        self.give_back();
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("budget", self.budget())
            .finish_non_exhaustive()
    }
}
