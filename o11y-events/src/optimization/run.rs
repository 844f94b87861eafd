//! One optimisation while it goes on.

use o11y_core::{OptimizationEvent, OptimizationPhase, Value};

use super::{report::OptimizationReport, trial::OptimizationTrial};
use crate::figure::{beginning, share, to_f64};

/// How many trials of a run are kept one by one.
const MAX_TRIALS: usize = 1_000;

/// How much is kept of what was tried in one.
const MAX_PARAMETER_BYTES: usize = 200;

/// How much is kept of the optimiser's name.
const MAX_NAME_BYTES: usize = 200;

#[derive(Debug)]
pub(super) struct Run {
    report: OptimizationReport,
    sum: f64,
}

impl Run {
    pub(super) fn new(optimizer: &str) -> Self {
        Self {
            report: OptimizationReport::new(beginning(optimizer, MAX_NAME_BYTES)),
            sum: 0.0,
        }
    }

    pub(super) fn is_of(&self, optimizer: &str) -> bool {
        self.report.optimizer == beginning(optimizer, MAX_NAME_BYTES)
    }

    pub(super) fn is_complete(&self) -> bool {
        self.report.is_complete
    }

    pub(super) fn report(&self) -> OptimizationReport {
        self.report.clone()
    }

    pub(super) fn take(&mut self, phase: OptimizationPhase, step: &OptimizationEvent) {
        let report = &mut self.report;
        match phase {
            OptimizationPhase::TrialStarted => report.trials_started += 1,
            OptimizationPhase::TrialCompleted => self.end_trial(step),
            OptimizationPhase::Completed => {
                report.is_complete = true;
                report.duration = step.get_duration();
                report.best_score = better(report.best_score, step.get_best_score());
            }
            _ => {}
        }
    }

    fn end_trial(&mut self, step: &OptimizationEvent) {
        let report = &mut self.report;
        report.trials_completed += 1;
        let score = step.get_score();
        if let Some(score) = score {
            report.trials_scored += 1;
            self.sum += score;
            report.average_score = Some(self.sum / to_f64(report.trials_scored));
        }
        report.success_rate = share(report.trials_scored, report.trials_completed);
        report.best_score = better(better(report.best_score, score), step.get_best_score());
        let trial = OptimizationTrial {
            number: step.get_trial().unwrap_or(report.trials_completed),
            score,
            best_score: report.best_score,
            duration: step.get_duration(),
            parameters: step.get_parameters().map(shortened),
        };
        if report.trials.len() < MAX_TRIALS {
            report.trials.push(trial);
        } else if score > report.best_trial().and_then(|best| best.score)
            && let Some(last) = report.trials.last_mut()
        {
            *last = trial; // the best one is always among those that are kept
        }
    }
}

fn better(best: Option<f64>, score: Option<f64>) -> Option<f64> {
    match (best, score) {
        (Some(best), Some(score)) => Some(best.max(score)),
        _ => best.or(score),
    }
}

fn shortened(parameters: &Value) -> String {
    let text = parameters.to_string();
    let kept = beginning(&text, MAX_PARAMETER_BYTES);
    if kept.len() < text.len() {
        format!("{kept}…")
    } else {
        text
    }
}
