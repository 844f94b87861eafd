//! A trace drawn for people: a line of facts about the whole, then a line for each observation,
//! in columns.

mod pen;
mod row;
mod text;

use std::fmt;

use self::{
    pen::{BOLD, FAINT, PLAIN, Pen},
    row::{Row, Widths},
    text::{count, duration, money, shorten},
};
use super::{
    forest::{Branch, Forest},
    trace::{Trace, by_start},
};

/// Characters of a trace id that are shown; more than enough to tell a few traces apart.
const SHOWN_ID_CHARS: usize = 8;
const MAX_NAME_CHARS: usize = 48;

/// A drawing of a trace, made by [`Trace::tree`]; to be printed with `{}`.
#[derive(Debug, Clone, Copy)]
pub struct Tree<'a> {
    trace: &'a Trace,
    is_coloured: bool,
}

impl<'a> Tree<'a> {
    pub(crate) fn new(trace: &'a Trace) -> Self {
        Self {
            trace,
            is_coloured: false,
        }
    }

    /// Uses colours, as escape codes that nearly every terminal knows. Defaults to plain text.
    #[must_use]
    pub fn coloured(mut self, coloured: bool) -> Self {
        self.is_coloured = coloured;
        self
    }
}

impl fmt::Display for Tree<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut pen = Pen::new(f, self.is_coloured);
        write_headline(&mut pen, self.trace)?;

        let rows = rows(self.trace);
        let widths = Widths::of(&rows);
        for row in &rows {
            pen.end_line()?;
            row.write(&mut pen, &widths)?;
        }
        Ok(())
    }
}

fn write_headline(pen: &mut Pen<'_, '_>, trace: &Trace) -> fmt::Result {
    pen.write(BOLD, &shown_name(trace.name.as_deref().unwrap_or_default()))?;

    let labelled = |label: &str, text: &str| format!("{label} {}", shorten(text, MAX_NAME_CHARS));
    let tokens = trace.total_tokens();
    let cost = trace.total_cost();
    let facts = [
        Some(shorten(&trace.id, SHOWN_ID_CHARS)),
        trace.user_id().map(|user| labelled("user", user)),
        trace
            .session_id()
            .map(|session| labelled("session", session)),
        (!trace.tags().is_empty()).then(|| labelled("tags", &trace.tags().join(", "))),
        Some(duration(trace.duration())),
        (tokens > 0).then(|| format!("{} tokens", count(tokens))),
        (cost > 0.0).then(|| money(cost)),
    ];
    for fact in facts.into_iter().flatten() {
        pen.write(FAINT, " · ")?;
        pen.write(PLAIN, &fact)?;
    }
    Ok(())
}

fn rows(trace: &Trace) -> Vec<Row<'_>> {
    let forest = Forest::grow(&trace.observations, by_start);
    // For every level above the current line, what is drawn there: a bar while more siblings
    // follow, else nothing.
    let mut stems: Vec<&str> = Vec::new();

    let place = |branch: &Branch<'_>, stems: &mut Vec<&str>| {
        stems.truncate(branch.depth);
        let mut drawing = stems.concat();
        drawing.push_str(if branch.is_last { "└─ " } else { "├─ " });
        stems.push(if branch.is_last { "   " } else { "│  " });
        drawing
    };
    forest
        .branches()
        .map(|branch| Row::new(branch, place(branch, &mut stems)))
        .collect()
}

fn shown_name(name: &str) -> String {
    let shown = shorten(name, MAX_NAME_CHARS);
    if shown.is_empty() {
        "(no name)".to_owned()
    } else {
        shown
    }
}

#[cfg(test)]
mod tests;
