//! One line of the drawing: what stands in its columns, and how wide these are.

use std::fmt;

use super::{
    MAX_NAME_CHARS,
    pen::{BLUE, CYAN, FAINT, GREEN, MAGENTA, PLAIN, Pen, RED, Style, YELLOW},
    shown_name,
    text::{count, duration, money, shorten},
};
use crate::local::{
    forest::{Branch, Mark},
    observation::Observation,
};

const MAX_MESSAGE_CHARS: usize = 72;

/// One line, cell by cell; an empty cell is not known or not worth saying.
#[derive(Debug)]
pub(super) struct Row<'a> {
    observation: &'a Observation,
    branch: String,
    name: String,
    mark: &'static str,
    duration: String,
    model: String,
    tokens_in: String,
    tokens_out: String,
    /// What follows the two numbers, or all there is to say when there are none.
    tokens_rest: String,
    cost: String,
    alert: String,
}

impl<'a> Row<'a> {
    pub(super) fn new(branch: &Branch<'a>, drawing: String) -> Self {
        let observation = branch.observation;
        let total = observation.total_tokens();
        let (tokens_in, tokens_out, tokens_rest) = match (
            observation.tokens_of("input"),
            observation.tokens_of("output"),
        ) {
            (None, None) if total == 0 => <_>::default(),
            (None, None) => (
                String::new(),
                String::new(),
                format!("{} tok", count(total)),
            ),
            (input, output) => {
                let cached = observation.tokens_of("cached").filter(|cached| *cached > 0);
                let cached = cached.map(|cached| format!(", {} cached", count(cached)));
                let rest = format!(" tok{}", cached.unwrap_or_default());
                (count(input.unwrap_or(0)), count(output.unwrap_or(0)), rest)
            }
        };
        let message = observation
            .status_message
            .as_deref()
            .filter(|text| !text.is_empty());
        let alert = match (observation.level.as_str(), message) {
            ("DEFAULT", _) => String::new(),
            (level, None) => level.to_owned(),
            (level, Some(text)) => format!("{level}: {}", shorten(text, MAX_MESSAGE_CHARS)),
        };
        // An event is a moment: to say that it took no time would be noise.
        let is_moment = observation.kind == "event" && observation.duration().is_zero();

        Self {
            observation,
            branch: drawing,
            name: shown_name(&observation.name),
            mark: match branch.mark {
                Some(Mark::Orphan) => " (parent not received)",
                Some(Mark::Duplicate) => " (received again)",
                None => "",
            },
            duration: if is_moment {
                String::new()
            } else {
                duration(observation.duration())
            },
            model: shorten(
                observation.model.as_deref().unwrap_or_default(),
                MAX_NAME_CHARS,
            ),
            tokens_in,
            tokens_out,
            tokens_rest,
            cost: observation.total_cost().map(money).unwrap_or_default(),
            alert,
        }
    }

    pub(super) fn write(&self, pen: &mut Pen<'_, '_>, widths: &Widths) -> fmt::Result {
        pen.write(FAINT, &self.branch)?;
        let name_column = pen.column() + widths.kind + 2;
        pen.write(kind_style(&self.observation.kind), &self.observation.kind)?;
        pen.write_at(name_column, PLAIN, &self.name)?;
        pen.write(FAINT, self.mark)?;

        let mut column = widths.label + 3;
        let right = |text: &str, column: usize, width: usize| column + width - chars(text);
        pen.write_at(
            right(&self.duration, column, widths.duration),
            FAINT,
            &self.duration,
        )?;
        column = next(column, widths.duration);
        pen.write_at(column, BLUE, &self.model)?;
        column = next(column, widths.model);
        self.write_tokens(pen, widths, column)?;
        column = next(column, widths.tokens());
        pen.write_at(right(&self.cost, column, widths.cost), GREEN, &self.cost)?;
        column = next(column, widths.cost);
        pen.write_at(column, level_style(&self.observation.level), &self.alert)
    }

    fn write_tokens(&self, pen: &mut Pen<'_, '_>, widths: &Widths, column: usize) -> fmt::Result {
        if self.tokens_in.is_empty() {
            return pen.write_at(column, PLAIN, &self.tokens_rest);
        }
        let numbers = format!(
            "{:>input$} → {:>output$}",
            self.tokens_in,
            self.tokens_out,
            input = widths.tokens_in,
            output = widths.tokens_out
        );
        // The padding goes outside of the styled text.
        let number_column = column + chars(&numbers) - chars(numbers.trim_start());
        pen.write_at(number_column, PLAIN, numbers.trim_start())?;
        pen.write(PLAIN, &self.tokens_rest)
    }
}

fn kind_style(kind: &str) -> Style {
    match kind {
        "generation" | "embedding" => MAGENTA,
        "agent" => CYAN,
        "tool" | "retriever" => YELLOW,
        "evaluator" | "guardrail" => GREEN,
        "chain" => BLUE,
        _ => FAINT,
    }
}

fn level_style(level: &str) -> Style {
    match level {
        "ERROR" => RED,
        "WARNING" => YELLOW,
        _ => FAINT,
    }
}

/// How wide each column is; zero when nobody has anything in it.
#[derive(Debug)]
pub(super) struct Widths {
    kind: usize,
    label: usize,
    duration: usize,
    model: usize,
    tokens_in: usize,
    tokens_out: usize,
    tokens_rest: usize,
    tokens_alone: usize,
    cost: usize,
}

impl Widths {
    pub(super) fn of(rows: &[Row<'_>]) -> Self {
        let widest = |cell: &dyn Fn(&Row<'_>) -> usize| rows.iter().map(cell).max().unwrap_or(0);
        let kind = widest(&|row| chars(&row.observation.kind));
        let has_numbers = |row: &Row<'_>| !row.tokens_in.is_empty();
        let rest = |row: &Row<'_>| chars(&row.tokens_rest);

        Self {
            kind,
            label: widest(&|row| {
                chars(&row.branch) + kind + 2 + chars(&row.name) + chars(row.mark)
            }),
            duration: widest(&|row| chars(&row.duration)),
            model: widest(&|row| chars(&row.model)),
            tokens_in: widest(&|row| chars(&row.tokens_in)),
            tokens_out: widest(&|row| chars(&row.tokens_out)),
            tokens_rest: widest(&|row| if has_numbers(row) { rest(row) } else { 0 }),
            tokens_alone: widest(&|row| if has_numbers(row) { 0 } else { rest(row) }),
            cost: widest(&|row| chars(&row.cost)),
        }
    }

    fn tokens(&self) -> usize {
        let arrow = if self.tokens_in == 0 { 0 } else { 3 };
        (self.tokens_in + arrow + self.tokens_out + self.tokens_rest).max(self.tokens_alone)
    }
}

/// Where the next column begins; an empty column takes no room.
fn next(column: usize, width: usize) -> usize {
    if width == 0 {
        column
    } else {
        column + width + 3
    }
}

fn chars(text: &str) -> usize {
    text.chars().count()
}
