//! What is told of an optimisation: its trials and what they scored.

use compact_str::CompactString;

use super::{declaration::typed_event, field};
use crate::{event::Event, key, value::Value};

const FAMILY: &str = "optimization.";

/// Where an optimisation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OptimizationPhase {
    /// It begins.
    Started,
    /// A trial begins.
    TrialStarted,
    /// A trial has ended. One without a score failed.
    TrialCompleted,
    /// It has ended.
    Completed,
}

typed_event! {
    /// A step of an optimisation.
    ///
    /// ```
    /// use o11y_core::{Event, OptimizationEvent, OptimizationPhase, events};
    ///
    /// let reader = events().subscribe("optimization.*", |event: &Event| {
    ///     let Some(step) = OptimizationEvent::from_event(event) else { return };
    ///     if step.phase() == Some(OptimizationPhase::TrialCompleted) {
    ///         assert_eq!((step.get_trial(), step.get_score()), (Some(5), Some(0.85)));
    ///     }
    /// });
    ///
    /// OptimizationEvent::started("MIPROv2").emit();
    /// OptimizationEvent::trial_completed("MIPROv2", 5)
    ///     .score(0.85)
    ///     .best_score(0.92)
    ///     .parameters(&[("temperature", 0.7)])
    ///     .emit();
    /// OptimizationEvent::completed("MIPROv2").best_score(0.92).emit();
    /// # drop(reader);
    /// # assert_eq!(events().panics(), 0);
    /// ```
    OptimizationEvent {}

    /// Who optimises.
    optimizer / optimizer: subject = key::OPTIMIZER, "optimizer_name";
    /// The number of the trial.
    trial / get_trial: count = key::OPTIMIZATION_TRIAL, "trial_number";
    /// What the trial scored. A number that is not finite is not said.
    score / get_score: number = key::OPTIMIZATION_SCORE, "score";
    /// The best score so far.
    best_score / get_best_score: number = key::OPTIMIZATION_BEST_SCORE, "best_score";
    /// What was tried: a reference to a map becomes JSON text.
    parameters / get_parameters: any = key::OPTIMIZATION_PARAMETERS, "parameters";
    /// How long it took. Kept as milliseconds.
    duration / get_duration: duration = key::DURATION_MS, "duration_ms";
}

impl OptimizationEvent {
    /// An optimisation that begins: `optimization.start`.
    pub fn started(optimizer: impl Into<Value>) -> Self {
        Self::told("optimization.start", optimizer.into())
    }

    /// A trial that begins: `optimization.trial_start`.
    ///
    /// ```
    /// use o11y_core::{OptimizationEvent, OptimizationPhase};
    ///
    /// let step = OptimizationEvent::trial_started("MIPROv2", 5);
    /// assert_eq!(step.phase(), Some(OptimizationPhase::TrialStarted));
    /// step.emit();
    /// ```
    pub fn trial_started(optimizer: impl Into<Value>, trial: u64) -> Self {
        Self::told("optimization.trial_start", optimizer.into()).trial(trial)
    }

    /// A trial that has ended, with a score or without: `optimization.trial_complete`.
    pub fn trial_completed(optimizer: impl Into<Value>, trial: u64) -> Self {
        Self::told("optimization.trial_complete", optimizer.into()).trial(trial)
    }

    /// An optimisation that has ended: `optimization.complete`.
    pub fn completed(optimizer: impl Into<Value>) -> Self {
        Self::told("optimization.complete", optimizer.into())
    }

    fn told(name: &'static str, optimizer: Value) -> Self {
        let mut event = Self::silent(CompactString::const_new(name));
        event.optimizer = field::into_text(optimizer);
        event
    }

    /// Where the optimisation is, by the name of the event; none if it says nothing of that.
    #[must_use]
    pub fn phase(&self) -> Option<OptimizationPhase> {
        match self.name.strip_prefix(FAMILY)? {
            "start" | "session_start" => Some(OptimizationPhase::Started),
            "trial_start" => Some(OptimizationPhase::TrialStarted),
            "trial_complete" | "trial_end" => Some(OptimizationPhase::TrialCompleted),
            "complete" | "session_complete" => Some(OptimizationPhase::Completed),
            _ => None,
        }
    }

    /// Reads what `event` tells of an optimisation.
    ///
    /// None if it is about something else: its name is not `optimization.*`, and it names no
    /// optimiser. All that is said is copied.
    #[must_use]
    pub fn from_event(event: &Event) -> Option<Self> {
        let step = Self::read(event);
        (event.name().starts_with(FAMILY) || !step.optimizer.is_null()).then_some(step)
    }
}
