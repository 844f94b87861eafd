//! What is known of one optimisation, as data and as Markdown.

use std::{fmt, time::Duration};

use super::trial::OptimizationTrial;
use crate::figure::{Percent, Time, or_dash};

/// How one optimisation goes, or went. Prints as one line.
///
/// ```
/// use o11y_core::{OptimizationEvent, events};
/// use o11y_events::{BaseSubscriber, OptimizationProgress, OptimizationReport, OptimizationTrial};
///
/// let progress = OptimizationProgress::new().attach(events());
/// OptimizationEvent::trial_completed("MIPROv2", 7).score(0.85).emit();
///
/// let reports: Vec<OptimizationReport> = progress.reports();
/// let best: &OptimizationTrial = reports[0].best_trial().unwrap();
/// assert_eq!((best.number, best.score), (7, Some(0.85)));
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct OptimizationReport {
    /// Who optimises.
    pub optimizer: String,
    /// Trials that have begun, as far as that was told.
    pub trials_started: u64,
    /// Trials that have ended.
    pub trials_completed: u64,
    /// Those of them that have a score; the others failed.
    pub trials_scored: u64,
    /// The best score.
    pub best_score: Option<f64>,
    /// The mean of the scores.
    pub average_score: Option<f64>,
    /// The part of the ended trials that have a score, from 0 to 1.
    pub success_rate: Option<f64>,
    /// How long all of it took, once the end has told.
    pub duration: Option<Duration>,
    /// Whether it has ended.
    pub is_complete: bool,
    /// The first 1,000 trials in the order in which they ended. If a later one is the best, it
    /// stands in the place of the last.
    pub trials: Vec<OptimizationTrial>,
}

impl OptimizationReport {
    pub(super) fn new(optimizer: &str) -> Self {
        Self {
            optimizer: optimizer.to_owned(),
            trials_started: 0,
            trials_completed: 0,
            trials_scored: 0,
            best_score: None,
            average_score: None,
            success_rate: None,
            duration: None,
            is_complete: false,
            trials: Vec::new(),
        }
    }

    /// The trial with the best score, the first of several. None while none has a score.
    #[must_use]
    pub fn best_trial(&self) -> Option<&OptimizationTrial> {
        let scored = self.trials.iter().filter(|trial| trial.score.is_some());
        scored.reduce(|best, trial| {
            if trial.score > best.score {
                trial
            } else {
                best
            }
        })
    }

    /// A report to put in a pull request: the figures, the best trial, and a table of all that are
    /// kept.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        Markdown(self).to_string()
    }
}

/// `MIPROv2: 3 trials, best 0.8500, average 0.8000, 66.7 % succeeded`.
impl fmt::Display for OptimizationReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} trials, best {}, average {}, {} succeeded",
            self.optimizer,
            self.trials_completed,
            score(self.best_score),
            score(self.average_score),
            or_dash(self.success_rate.map(Percent)),
        )
    }
}

fn score(score: Option<f64>) -> String {
    or_dash(score.map(|score| format!("{score:.4}")))
}

struct Markdown<'a>(&'a OptimizationReport);

impl fmt::Display for Markdown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.0;
        let state = if report.is_complete {
            "complete"
        } else {
            "running"
        };
        writeln!(f, "# Optimisation by {}\n", cell(&report.optimizer))?;
        writeln!(f, "| state | trials | succeeded | best | average | took |")?;
        writeln!(f, "|---|---:|---:|---:|---:|---:|")?;
        writeln!(
            f,
            "| {state} | {} | {} | {} | {} | {} |",
            report.trials_completed,
            or_dash(report.success_rate.map(Percent)),
            score(report.best_score),
            score(report.average_score),
            or_dash(report.duration.map(Time)),
        )?;
        if let Some(best) = report.best_trial() {
            write!(
                f,
                "\nBest: trial {} with {}",
                best.number,
                score(best.score)
            )?;
            match &best.parameters {
                Some(parameters) => writeln!(f, ", by {}", code(parameters))?,
                None => writeln!(f)?,
            }
        }
        if report.trials.is_empty() {
            return Ok(());
        }
        writeln!(f, "\n## Trials\n")?;
        writeln!(f, "| trial | score | best so far | took | parameters |")?;
        writeln!(f, "|---:|---:|---:|---:|---|")?;
        for trial in &report.trials {
            writeln!(
                f,
                "| {} | {} | {} | {} | {} |",
                trial.number,
                trial
                    .score
                    .map_or_else(|| "failed".to_owned(), |it| score(Some(it))),
                score(trial.best_score),
                or_dash(trial.duration.map(Time)),
                or_dash(trial.parameters.as_deref().map(code)),
            )?;
        }
        Ok(())
    }
}

/// Text that cannot end a cell or a line.
fn cell(text: &str) -> String {
    text.replace(char::is_control, " ").replace('|', "\\|")
}

/// As code, which shows the text as it is. A fence is longer than any run of backticks inside.
fn code(text: &str) -> String {
    let text = cell(text);
    let longest = text
        .split(|letter| letter != '`')
        .map(str::len)
        .max()
        .unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let space = if longest > 0 { " " } else { "" };
    format!("{fence}{space}{text}{space}{fence}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_tried_cannot_break_the_table() {
        assert_eq!(code("a|b\nc"), "`a\\|b c`");
        assert_eq!(code("use `x`"), "`` use `x` ``");
        assert_eq!(cell("MIPRO\nv2"), "MIPRO v2");
    }
}
