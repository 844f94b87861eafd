//! Alerts: what model calls do is compared with a limit, and a crossing is told once.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use o11y_core::{Event, attributes};

pub use self::rule::{Alert, AlertState};
use self::watch::{Crossing, Watch};
use crate::{
    call_end::CallEnd,
    pricing::Pricing,
    subscriber::{BaseSubscriber, Subscriptions},
};

mod rule;
mod watch;

/// Watches model calls, and tells when a limit is crossed.
///
/// Attached to the bus it hears the ends of calls, `llm.*` and unmarked `lm.tokens`, and emits
///
/// | event | when |
/// |---|---|
/// | `alert.raised` | a figure rose above its limit |
/// | `alert.cleared` | it fell back below the mark to clear, which is lower, so that a figure near its limit does not tell and tell again |
///
/// with `alert.name`, `alert.measure`, `alert.value`, `alert.limit` (in seconds, dollars or as a
/// share), `alert.model` if the alert is for one, and `alert.calls`, over how many calls. Each
/// crossing is told once, in the order in which they happened, by whichever thread sees it, and never
/// becomes an observation.
///
/// ```
/// use std::{sync::{Arc, Mutex}, time::Duration};
/// use o11y_core::{Event, LlmEvent, events};
/// use o11y_events::{Alert, Alerts, BaseSubscriber};
///
/// let alerts = Alerts::new([
///     Alert::latency("slow", 0.95, Duration::from_secs(2)).over(20).after(5),
///     Alert::error_rate("failing", 0.1),
/// ])
/// .attach(events());
///
/// let told = Arc::new(Mutex::new(Vec::new()));
/// let pager = events().subscribe("alert.*", {
///     let told = Arc::clone(&told);
///     move |event: &Event| told.lock().unwrap().push(event.name().to_owned())
/// });
///
/// for seconds in [1, 1, 1, 1, 3, 3, 3] {
///     LlmEvent::new("openai", "gpt-4o").duration(Duration::from_secs(seconds)).emit();
/// }
/// assert_eq!(*told.lock().unwrap(), ["alert.raised"]); // once
/// assert!(alerts.states()[0].is_raised);
/// # drop(pager);
/// ```
#[must_use = "attach it to a bus, else it watches nothing"]
pub struct Alerts {
    prices: Pricing,
    watches: Vec<Mutex<Watch>>,
}

impl Alerts {
    /// Watches for all of these.
    pub fn new(alerts: impl IntoIterator<Item = Alert>) -> Self {
        let watches = alerts.into_iter().map(Watch::new).map(Mutex::new);
        Self {
            prices: Pricing::builtin().clone(),
            watches: watches.collect(),
        }
    }

    /// Prices the calls that do not say what they cost by this table. Defaults to
    /// [`Pricing::builtin`].
    pub fn priced_by(mut self, prices: Pricing) -> Self {
        self.prices = prices;
        self
    }

    /// How each of them stands, in the order in which they were given. Prints as a line each.
    #[must_use]
    pub fn states(&self) -> Vec<AlertState> {
        let watches = self.watches.iter();
        let states =
            watches.map(|watch| watch.lock().unwrap_or_else(PoisonError::into_inner).state());
        states.collect()
    }

    fn on_llm(&self, event: &Event) {
        let Some(call) = CallEnd::from_event(event) else {
            return;
        };
        for watch in &self.watches {
            let lock = || watch.lock().unwrap_or_else(PoisonError::into_inner);
            let mut next = lock().look(&call, &self.prices);
            while let Some(crossing) = next {
                tell(crossing);
                next = lock().next_untold();
            }
        }
    }
}

/// With no lock held: whoever hears it may make calls.
fn tell(crossing: Crossing) {
    let name = if crossing.state.is_raised {
        "alert.raised"
    } else {
        "alert.cleared"
    };
    let state = crossing.state;
    let told = attributes! {
        "alert.name" => state.name,
        "alert.measure" => state.measure,
        "alert.value" => state.value,
        "alert.limit" => state.limit,
        "alert.calls" => state.calls,
        "alert.model" => crossing.model,
    };
    Event::new(name, told).unrecorded().emit();
}

impl BaseSubscriber for Alerts {
    fn subscribe(self: &Arc<Self>, subscriptions: &mut Subscriptions<Self>) {
        subscriptions.add_subscription("llm.*", Self::on_llm);
        subscriptions.add_subscription("lm.tokens", Self::on_llm);
    }
}

impl fmt::Debug for Alerts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Alerts").field(&self.states()).finish()
    }
}
