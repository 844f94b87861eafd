//! A baseline: how model calls did once, kept as JSON, to see what has become worse.

use std::{collections::BTreeMap, fs, io, path::Path};

use serde_json::{Map, Value};

pub use self::{
    error::BaselineError,
    regression::{Regression, Tolerance},
};
use crate::{
    figure::to_f64,
    llm_usage::{LlmFigures, LlmUsageSnapshot},
};

mod error;
mod regression;

/// The version of the file. One that says another is refused.
const VERSION: u64 = 1;

/// What the figures of all calls stand under; no model has such a name.
const ALL: &str = "(all)";

/// The key that says over how many calls the figures were taken.
const CALLS: &str = "calls";

/// How a figure is read.
type Read = fn(&LlmFigures) -> Option<f64>;

/// The figures that a baseline keeps: seconds, shares, dollars or tokens; more is worse.
const FIGURES: [(&str, Read); 7] = [
    ("latency_p50_s", |of| seconds(of.latency.quantile(0.5))),
    ("latency_p95_s", |of| seconds(of.latency.quantile(0.95))),
    ("first_token_p50_s", |of| {
        seconds(of.first_token.quantile(0.5))
    }),
    ("first_token_p95_s", |of| {
        seconds(of.first_token.quantile(0.95))
    }),
    ("error_rate", LlmFigures::error_rate),
    ("cost_per_call_usd", |of| Some(of.cost_per_call()?.to_usd())),
    ("tokens_per_call", LlmFigures::tokens_per_call),
];

fn seconds(time: Option<std::time::Duration>) -> Option<f64> {
    Some(time?.as_secs_f64())
}

/// How the calls of each model did: a few figures, to be stored and compared with later.
///
/// ```
/// use std::time::Duration;
/// use o11y_core::{LlmEvent, events};
/// use o11y_events::{Baseline, BaseSubscriber, LlmUsage, Tolerance};
///
/// let usage = LlmUsage::new().attach(events());
/// let run = |milliseconds| for _ in 0..30 {
///     LlmEvent::new("openai", "gpt-4o").duration(Duration::from_millis(milliseconds)).emit();
/// };
///
/// run(800);
/// let stored = Baseline::of(&usage.snapshot()).to_json(); // into a file of the repository
///
/// usage.reset();
/// run(1_200);
/// let baseline = Baseline::from_json(&stored)?;
/// let worse = baseline.regressions(&Baseline::of(&usage.snapshot()), Tolerance::new());
/// let first = worse.iter().find(|regression| regression.model == "gpt-4o").unwrap();
/// assert_eq!(first.figure, "latency_p50_s");
/// assert_eq!(first.to_string(), "gpt-4o: latency_p50_s is 1.200, was 0.800 (+50.0 %)");
/// # Ok::<(), o11y_events::BaselineError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Baseline {
    models: BTreeMap<String, BTreeMap<String, f64>>,
}

impl Baseline {
    /// The figures of each model, and of all calls together under `(all)`.
    #[must_use]
    pub fn of(snapshot: &LlmUsageSnapshot) -> Self {
        let models = snapshot
            .models
            .iter()
            .map(|(name, figures)| (name.as_str(), figures));
        let groups = models.chain([(ALL, &snapshot.total)]);
        let kept = groups.filter(|(_, figures)| figures.calls > 0);
        Self {
            models: kept
                .map(|(name, figures)| (name.to_owned(), figures_of(figures)))
                .collect(),
        }
    }

    /// As JSON, with sorted keys, so that a change shows as few lines.
    #[must_use]
    pub fn to_json(&self) -> String {
        let models = self.models.iter().map(|(model, figures)| {
            let figures = figures
                .iter()
                .map(|(name, figure)| (name.clone(), Value::from(*figure)));
            (model.clone(), Value::Object(figures.collect()))
        });
        let mut file = Map::new();
        file.insert("version".to_owned(), VERSION.into());
        file.insert("models".to_owned(), Value::Object(models.collect()));
        format!("{:#}\n", Value::Object(file))
    }

    /// Reads what [`to_json`](Self::to_json) wrote. Figures of unknown names are kept.
    ///
    /// # Errors
    ///
    /// [`BaselineError`] if it is no JSON, of another version, or something in it is no number.
    pub fn from_json(json: &str) -> Result<Self, BaselineError> {
        let file: Value = serde_json::from_str(json).map_err(BaselineError::json)?;
        match file.get("version").and_then(Value::as_u64) {
            Some(VERSION) => {}
            version => return Err(BaselineError::Version { version }),
        }
        let models = file.get("models").and_then(Value::as_object);
        let models = models.ok_or_else(|| BaselineError::field("models", "an object"))?;
        let models = models.iter().map(|(model, figures)| {
            let at = |figure: &str| format!("models.{model}{figure}");
            let figures = figures
                .as_object()
                .ok_or_else(|| BaselineError::field(at(""), "an object"))?;
            let figures = figures.iter().map(|(name, figure)| {
                let number = figure.as_f64().filter(|number| *number >= 0.0);
                let number = number.ok_or_else(|| {
                    BaselineError::field(at(&format!(".{name}")), "a number from 0")
                })?;
                Ok((name.clone(), number))
            });
            Ok((
                model.clone(),
                figures.collect::<Result<_, BaselineError>>()?,
            ))
        });
        Ok(Self {
            models: models.collect::<Result<_, BaselineError>>()?,
        })
    }

    /// Writes it to a file, by way of another one beside it, so that nobody reads half of it.
    ///
    /// # Errors
    ///
    /// [`BaselineError::Io`] if that cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), BaselineError> {
        let path = path.as_ref();
        let mut beside = path.as_os_str().to_owned();
        beside.push(".new");
        let written = fs::write(&beside, self.to_json()).and_then(|()| fs::rename(&beside, path));
        written.map_err(|error| io_error(path, error))
    }

    /// Reads it from a file.
    ///
    /// # Errors
    ///
    /// [`BaselineError`] if there is no such file, or it is not one of [`save`](Self::save).
    ///
    /// ```
    /// use o11y_events::{Baseline, LlmUsage};
    ///
    /// let path = std::env::temp_dir().join(format!("baseline-{}.json", std::process::id()));
    /// Baseline::of(&LlmUsage::new().snapshot()).save(&path)?;
    /// let stored = Baseline::load(&path)?;
    /// # std::fs::remove_file(&path).ok();
    /// # assert_eq!(stored.to_json(), Baseline::of(&LlmUsage::new().snapshot()).to_json());
    /// # Ok::<_, o11y_events::BaselineError>(())
    /// ```
    pub fn load(path: impl AsRef<Path>) -> Result<Self, BaselineError> {
        let path = path.as_ref();
        let json = fs::read_to_string(path).map_err(|error| io_error(path, error))?;
        Self::from_json(&json)
    }

    /// What is worse in `now` by more than `tolerance` allows, the worst change of each model first.
    /// Models that are in one of the two only are not compared.
    #[must_use]
    pub fn regressions(&self, now: &Self, tolerance: Tolerance) -> Vec<Regression> {
        let mut found = Vec::new();
        for (model, before) in &self.models {
            let Some(after) = now.models.get(model) else {
                continue;
            };
            let mut of_model = Regression::between(model, before, after, tolerance);
            of_model.sort_by(|left, right| right.change.total_cmp(&left.change));
            found.append(&mut of_model);
        }
        found
    }
}

fn figures_of(figures: &LlmFigures) -> BTreeMap<String, f64> {
    let known = FIGURES
        .iter()
        .filter_map(|(name, read)| Some(((*name).to_owned(), rounded(read(figures)?))));
    known
        .chain([(CALLS.to_owned(), to_f64(figures.calls))])
        .collect()
}

/// To six digits, as much as a figure says; a file is easier to read so. They count from the first
/// that is not 0: a call of a small model may cost a millionth of a dollar.
fn rounded(figure: f64) -> f64 {
    format!("{figure:.5e}").parse().unwrap_or(figure) // what is written so can be read
}

fn io_error(path: &Path, source: io::Error) -> BaselineError {
    BaselineError::Io {
        path: path.to_owned(),
        source,
    }
}
