//! A trace drawn for people: a line of facts about the whole, then a line for each observation,
//! in columns.

mod text;

use std::fmt;

use self::text::{count, duration, money, shorten};
use super::{
    forest::{Branch, Forest, Mark},
    observation::Observation,
    trace::{Trace, by_start},
};

/// Characters of a trace id that are shown; more than enough to tell a few traces apart.
const SHOWN_ID_CHARS: usize = 8;
const MAX_NAME_CHARS: usize = 48;
const MAX_MESSAGE_CHARS: usize = 72;

/// A drawing of a trace, made by [`Trace::tree`]; to be printed with `{}`.
#[derive(Debug, Clone, Copy)]
pub struct Tree<'a> {
    trace: &'a Trace,
    is_coloured: bool,
}

impl<'a> Tree<'a> {
    pub(crate) fn new(trace: &'a Trace) -> Self {
        Self { trace, is_coloured: false }
    }

    /// Uses colours, as escape codes that nearly every terminal knows. Defaults to plain text.
    #[must_use]
    pub fn coloured(mut self, coloured: bool) -> Self {
        self.is_coloured = coloured;
        self
    }
}

impl fmt::Display for Tree<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut pen = Pen { formatter, is_coloured: self.is_coloured, column: 0 };
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

/// How a piece of text looks in colour: the parameters of an SGR escape code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Style(&'static str);

const PLAIN: Style = Style("");
const BOLD: Style = Style("1");
const FAINT: Style = Style("2");
const RED: Style = Style("31");
const GREEN: Style = Style("32");
const YELLOW: Style = Style("33");
const BLUE: Style = Style("34");
const MAGENTA: Style = Style("35");
const CYAN: Style = Style("36");

/// Writes styled text and knows in which column it is, so that padding is written only in front
/// of something: no line ends in blanks, coloured or not.
struct Pen<'a, 'b> {
    formatter: &'a mut fmt::Formatter<'b>,
    is_coloured: bool,
    column: usize,
}

impl Pen<'_, '_> {
    fn write(&mut self, style: Style, text: &str) -> fmt::Result {
        self.column += text.chars().count();
        if self.is_coloured && style != PLAIN && !text.is_empty() {
            write!(self.formatter, "\x1b[{}m{text}\x1b[0m", style.0)
        } else {
            self.formatter.write_str(text)
        }
    }

    /// Writes at a column, or where it is when that is further; nothing for nothing.
    fn write_at(&mut self, column: usize, style: Style, text: &str) -> fmt::Result {
        if text.is_empty() {
            return Ok(());
        }
        let blanks = column.saturating_sub(self.column);
        self.write(PLAIN, &" ".repeat(blanks))?;
        self.write(style, text)
    }

    fn end_line(&mut self) -> fmt::Result {
        self.column = 0;
        self.formatter.write_str("\n")
    }
}

fn write_headline(pen: &mut Pen<'_, '_>, trace: &Trace) -> fmt::Result {
    let name = trace.name.as_deref().unwrap_or("(no name)");
    pen.write(BOLD, &shorten(name, MAX_NAME_CHARS))?;

    let labelled = |label: &str, text: &str| format!("{label} {}", shorten(text, MAX_NAME_CHARS));
    let tokens = trace.total_tokens();
    let cost = trace.total_cost();
    let facts = [
        Some(shorten(&trace.id, SHOWN_ID_CHARS)),
        trace.user_id().map(|user| labelled("user", user)),
        trace.session_id().map(|session| labelled("session", session)),
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

/// One line, cell by cell; an empty cell is not known or not worth saying.
#[derive(Debug)]
struct Row<'a> {
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
    forest.branches().map(|branch| Row::new(branch, place(branch, &mut stems))).collect()
}

impl<'a> Row<'a> {
    fn new(branch: &Branch<'a>, drawing: String) -> Self {
        let observation = branch.observation;
        let total = observation.total_tokens();
        let (tokens_in, tokens_out, tokens_rest) =
            match (observation.tokens_of("input"), observation.tokens_of("output")) {
                (None, None) if total == 0 => <_>::default(),
                (None, None) => (String::new(), String::new(), format!("{} tok", count(total))),
                (input, output) => {
                    let cached = observation.tokens_of("cached").filter(|cached| *cached > 0);
                    let cached = cached.map(|cached| format!(", {} cached", count(cached)));
                    let rest = format!(" tok{}", cached.unwrap_or_default());
                    (count(input.unwrap_or(0)), count(output.unwrap_or(0)), rest)
                }
            };
        let message = observation.status_message.as_deref().filter(|text| !text.is_empty());
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
            name: shorten(&observation.name, MAX_NAME_CHARS),
            mark: match branch.mark {
                Some(Mark::Orphan) => " (parent not received)",
                Some(Mark::Duplicate) => " (received again)",
                None => "",
            },
            duration: if is_moment { String::new() } else { duration(observation.duration()) },
            model: shorten(observation.model.as_deref().unwrap_or_default(), MAX_NAME_CHARS),
            tokens_in,
            tokens_out,
            tokens_rest,
            cost: observation.total_cost().map(money).unwrap_or_default(),
            alert,
        }
    }

    fn write(&self, pen: &mut Pen<'_, '_>, widths: &Widths) -> fmt::Result {
        pen.write(FAINT, &self.branch)?;
        let name_column = pen.column + widths.kind + 2;
        pen.write(kind_style(&self.observation.kind), &self.observation.kind)?;
        pen.write_at(name_column, PLAIN, &self.name)?;
        pen.write(FAINT, self.mark)?;

        let mut column = widths.label + 3;
        let right = |text: &str, column: usize, width: usize| column + width - chars(text);
        pen.write_at(right(&self.duration, column, widths.duration), FAINT, &self.duration)?;
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
struct Widths {
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
    fn of(rows: &[Row<'_>]) -> Self {
        let widest = |cell: &dyn Fn(&Row<'_>) -> usize| rows.iter().map(cell).max().unwrap_or(0);
        let kind = widest(&|row| chars(&row.observation.kind));
        let has_numbers = |row: &Row<'_>| !row.tokens_in.is_empty();
        let rest = |row: &Row<'_>| chars(&row.tokens_rest);

        Self {
            kind,
            label: widest(&|row| chars(&row.branch) + kind + 2 + chars(&row.name) + chars(row.mark)),
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
    if width == 0 { column } else { column + width + 3 }
}

fn chars(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests;
