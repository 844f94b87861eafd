//! One trial of an optimisation.

use std::{fmt, time::Duration};

/// A trial that has ended.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct OptimizationTrial {
    /// Its number; where the event names none, the how many-eth it is.
    pub number: u64,
    /// What it scored; none if it failed.
    pub score: Option<f64>,
    /// The best score up to then, its own included.
    pub best_score: Option<f64>,
    /// How long it took, if that was told.
    pub duration: Option<Duration>,
    /// What was tried, shortened to 200 bytes.
    pub parameters: Option<String>,
}

/// Without what was tried, which may be a prompt.
impl fmt::Debug for OptimizationTrial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OptimizationTrial")
            .field("number", &self.number)
            .field("score", &self.score)
            .field("best_score", &self.best_score)
            .field("duration", &self.duration)
            .finish_non_exhaustive()
    }
}
