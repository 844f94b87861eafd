//! What an alert watches, and where its limit is.

use std::{borrow::Cow, fmt, time::Duration};

use o11y_core::Cost;

use crate::figure::{Percent, Time};

/// Calls that are looked at if nothing else is said.
const DEFAULT_CALLS: usize = 100;

/// Every call looks at all of them.
const MAX_CALLS: usize = 1_000;

/// Calls before which nothing is said, if nothing else is said: fewer make no 95 of a hundred.
const DEFAULT_AFTER: usize = 20;

/// How far below the limit a figure has to fall to be in order again.
const DEFAULT_CLEAR: f64 = 0.9;

/// A limit for what the last calls do, see [`Alerts`](crate::Alerts).
///
/// By default it looks at the last 100 calls of all models, says nothing before the 20th, and is
/// cleared when the figure has fallen to 90 % of the limit.
///
/// ```
/// use std::time::Duration;
/// use o11y_events::Alert;
///
/// let alert = Alert::latency("slow planner", 0.95, Duration::from_secs(2)).of_model("gpt-4o").over(50);
/// assert_eq!(alert.to_string(), "slow planner: p95 latency of gpt-4o > 2.00 s over the last 50 calls");
/// ```
#[must_use = "give it to `Alerts::new`"]
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    pub(super) name: Cow<'static, str>,
    pub(super) measure: Measure,
    pub(super) limit: f64,
    pub(super) model: Option<Cow<'static, str>>,
    pub(super) calls: usize,
    pub(super) after: usize,
    pub(super) clear: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Measure {
    /// The latency in seconds that this share of the calls stays within.
    Latency(f64),
    /// The same of the first token.
    FirstToken(f64),
    /// The share of calls that failed.
    ErrorRate,
    /// Dollars for a call, on average.
    CostPerCall,
    /// Tokens of a call, on average.
    TokensPerCall,
}

impl Alert {
    /// The latency that `quantile` of the answered calls stay within is more than `limit`; 0.95 for
    /// p95.
    pub fn latency(name: impl Into<Cow<'static, str>>, quantile: f64, limit: Duration) -> Self {
        Self::new(name, Measure::Latency(quantile), limit.as_secs_f64())
    }

    /// The time to the first token that `quantile` of the streamed calls stay within is more than
    /// `limit`.
    pub fn first_token(name: impl Into<Cow<'static, str>>, quantile: f64, limit: Duration) -> Self {
        Self::new(name, Measure::FirstToken(quantile), limit.as_secs_f64())
    }

    /// The share of calls that fail is more than `limit`, from 0 to 1.
    pub fn error_rate(name: impl Into<Cow<'static, str>>, limit: f64) -> Self {
        Self::new(name, Measure::ErrorRate, limit)
    }

    /// A call costs more than `limit` on average, of those whose cost is known.
    pub fn cost_per_call(name: impl Into<Cow<'static, str>>, limit: Cost) -> Self {
        Self::new(name, Measure::CostPerCall, limit.to_usd())
    }

    /// A call uses more than `limit` tokens on average.
    pub fn tokens_per_call(name: impl Into<Cow<'static, str>>, limit: u64) -> Self {
        Self::new(name, Measure::TokensPerCall, crate::figure::to_f64(limit))
    }

    fn new(name: impl Into<Cow<'static, str>>, measure: Measure, limit: f64) -> Self {
        Self {
            name: name.into(),
            measure,
            limit,
            model: None,
            calls: DEFAULT_CALLS,
            after: DEFAULT_AFTER,
            clear: limit * DEFAULT_CLEAR,
        }
    }

    /// Looks at calls that ask for this model only. Defaults to all models together.
    pub fn of_model(mut self, model: impl Into<Cow<'static, str>>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// Looks at the last so many calls, from 1 to 1,000. Defaults to 100.
    pub fn over(mut self, calls: usize) -> Self {
        self.calls = calls.clamp(1, MAX_CALLS);
        self
    }

    /// Says nothing before there were so many. Defaults to 20; never more than it looks at.
    pub fn after(mut self, calls: usize) -> Self {
        self.after = calls;
        self
    }

    /// Is cleared when the figure has fallen to this share of the limit, from 0 to 1. Defaults to
    /// 0.9.
    pub fn clear_at(mut self, share: f64) -> Self {
        self.clear = self.limit * share.clamp(0.0, 1.0);
        self
    }
}

impl Measure {
    /// What the figure is and how it prints.
    pub(super) fn name(self) -> String {
        let percent = |quantile: f64| format!("p{}", (quantile * 1e4).round() / 1e2);
        match self {
            Self::Latency(quantile) => format!("{} latency", percent(quantile)),
            Self::FirstToken(quantile) => format!("{} first token", percent(quantile)),
            Self::ErrorRate => "error rate".to_owned(),
            Self::CostPerCall => "cost per call".to_owned(),
            Self::TokensPerCall => "tokens per call".to_owned(),
        }
    }

    fn shown(self, figure: f64) -> String {
        match self {
            Self::Latency(_) | Self::FirstToken(_) => {
                Time(Duration::try_from_secs_f64(figure).unwrap_or_default()).to_string()
            }
            Self::ErrorRate => Percent(figure).to_string(),
            Self::CostPerCall => Cost::usd(figure).to_string(),
            Self::TokensPerCall => format!("{figure:.0}"),
        }
    }
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.measure.name())?;
        if let Some(model) = &self.model {
            write!(f, " of {model}")?;
        }
        let limit = self.measure.shown(self.limit);
        write!(f, " > {limit} over the last {} calls", self.calls)
    }
}

/// How an alert stands. Prints as a line.
///
/// ```
/// use std::time::Duration;
/// use o11y_core::{Cost, LlmEvent, events};
/// use o11y_events::{Alert, AlertState, Alerts, BaseSubscriber};
///
/// let alerts = Alerts::new([
///     Alert::first_token("slow to begin", 0.95, Duration::from_secs(1)),
///     Alert::cost_per_call("dear", Cost::usd(0.05)),
///     Alert::tokens_per_call("long", 8_000).over(10).after(2).clear_at(0.8),
/// ])
/// .attach(events());
/// for _ in 0..2 {
///     LlmEvent::new("openai", "gpt-4o").total_tokens(9_000).emit();
/// }
///
/// let states: Vec<AlertState> = alerts.states();
/// let raised: Vec<_> = states.iter().filter(|state| state.is_raised).map(|state| &*state.name).collect();
/// assert_eq!(raised, ["long"]);
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct AlertState {
    /// The alert's name.
    pub name: String,
    /// What it watches: `p95 latency`.
    pub measure: String,
    /// Its figure over the last calls: seconds, dollars, tokens or a share. None while there are too
    /// few.
    pub value: Option<f64>,
    /// The limit, in the same unit.
    pub limit: f64,
    /// Over how many calls.
    pub calls: usize,
    /// Whether it was raised and not cleared since.
    pub is_raised: bool,
    /// How often it was raised.
    pub raised: u64,
    pub(super) shown: String,
}

/// `slow: p95 latency 3.00 s, limit 2.00 s: RAISED`.
impl fmt::Display for AlertState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)?;
        f.write_str(if self.is_raised {
            ": RAISED"
        } else {
            ": in order"
        })
    }
}

pub(super) fn line(alert: &Alert, value: Option<f64>) -> String {
    let measure = alert.measure;
    let value = crate::figure::or_dash(value.map(|value| measure.shown(value)));
    let limit = measure.shown(alert.limit);
    format!("{}: {} {value}, limit {limit}", alert.name, measure.name())
}
