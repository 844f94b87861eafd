//! How optimisations go: their trials, what they scored, and a report.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use o11y_core::{Event, OptimizationEvent, OptimizationPhase};

use self::run::Run;
pub use self::{report::OptimizationReport, trial::OptimizationTrial};
use crate::{
    call_end::UNKNOWN,
    subscriber::{BaseSubscriber, Subscriptions},
};

mod report;
mod run;
mod trial;

/// How many optimisations are kept; the oldest give way.
const MAX_RUNS: usize = 16;

/// Follows optimisations and reports on them.
///
/// Attached to the bus it hears `optimization.*`, under the names of the mirrored system as well,
/// see [`OptimizationEvent`]. A start begins a new report for that optimiser, and so does a trial
/// that comes after its end. The reports of the last 16 are kept, each with its first 1,000 trials;
/// later ones still count in its figures.
///
/// What was tried is part of the report: the parameters that the events name, up to 200 bytes of
/// each trial's.
///
/// ```
/// use o11y_core::{OptimizationEvent, events};
/// use o11y_events::{BaseSubscriber, OptimizationProgress};
///
/// let progress = OptimizationProgress::new().attach(events());
/// OptimizationEvent::started("MIPROv2").emit();
/// OptimizationEvent::trial_completed("MIPROv2", 1).score(0.75).parameters("temperature 0.7").emit();
/// OptimizationEvent::trial_completed("MIPROv2", 2).score(0.85).parameters("temperature 0.2").emit();
/// OptimizationEvent::trial_completed("MIPROv2", 3).emit(); // failed: it has no score
/// OptimizationEvent::completed("MIPROv2").emit();
///
/// let report = progress.report("MIPROv2").unwrap();
/// assert_eq!((report.trials_completed, report.best_score), (3, Some(0.85)));
/// assert_eq!(report.best_trial().map(|trial| trial.number), Some(2));
/// assert!(report.to_markdown().starts_with("# Optimisation by MIPROv2\n"));
/// ```
#[must_use = "attach it to a bus, else it follows nothing"]
#[derive(Default)]
pub struct OptimizationProgress {
    /// The oldest first.
    runs: Mutex<VecDeque<Run>>,
}

impl OptimizationProgress {
    /// One that has seen nothing so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// The report of the latest optimisation by that optimiser.
    #[must_use]
    pub fn report(&self, optimizer: &str) -> Option<OptimizationReport> {
        let runs = self.lock();
        let run = runs.iter().rfind(|run| run.is_of(optimizer))?;
        Some(run.report())
    }

    /// All reports, the oldest first.
    #[must_use]
    pub fn reports(&self) -> Vec<OptimizationReport> {
        self.lock().iter().map(Run::report).collect()
    }

    fn on_step(&self, event: &Event) {
        let Some(step) = OptimizationEvent::from_event(event) else {
            return;
        };
        let Some(phase) = step.phase() else {
            return;
        };
        let optimizer = step.optimizer().unwrap_or(UNKNOWN);
        let mut runs = self.lock();
        let open = runs
            .iter()
            .rposition(|run| run.is_of(optimizer) && !run.is_complete());
        let place = open.filter(|_| phase != OptimizationPhase::Started);
        let place = place.unwrap_or_else(|| {
            runs.push_back(Run::new(optimizer));
            runs.len() - 1
        });
        if let Some(run) = runs.get_mut(place) {
            run.take(phase, &step);
        }
        let oldest = if runs.len() > MAX_RUNS {
            runs.pop_front()
        } else {
            None
        };
        drop(runs);
        drop(oldest);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Run>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BaseSubscriber for OptimizationProgress {
    fn subscribe(self: &Arc<Self>, subscriptions: &mut Subscriptions<Self>) {
        subscriptions.add_subscription("optimization.*", Self::on_step);
    }
}

impl fmt::Debug for OptimizationProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OptimizationProgress")
            .field("runs", &self.lock().len())
            .finish()
    }
}
