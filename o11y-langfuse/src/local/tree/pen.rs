//! Writing in colour or not, and knowing where on the line one is.

use std::fmt;

/// How a piece of text looks in colour: the parameters of an SGR escape code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Style(&'static str);

pub(super) const PLAIN: Style = Style("");
pub(super) const BOLD: Style = Style("1");
pub(super) const FAINT: Style = Style("2");
pub(super) const RED: Style = Style("31");
pub(super) const GREEN: Style = Style("32");
pub(super) const YELLOW: Style = Style("33");
pub(super) const BLUE: Style = Style("34");
pub(super) const MAGENTA: Style = Style("35");
pub(super) const CYAN: Style = Style("36");

/// Writes styled text and knows in which column it is, so that padding is written only in front
/// of something: no line ends in blanks, coloured or not.
pub(super) struct Pen<'a, 'b> {
    formatter: &'a mut fmt::Formatter<'b>,
    is_coloured: bool,
    column: usize,
}

impl<'a, 'b> Pen<'a, 'b> {
    pub(super) fn new(formatter: &'a mut fmt::Formatter<'b>, is_coloured: bool) -> Self {
        Self {
            formatter,
            is_coloured,
            column: 0,
        }
    }

    /// How many characters the line has so far.
    pub(super) fn column(&self) -> usize {
        self.column
    }

    pub(super) fn write(&mut self, style: Style, text: &str) -> fmt::Result {
        self.column += text.chars().count();
        if self.is_coloured && style != PLAIN && !text.is_empty() {
            write!(self.formatter, "\x1b[{}m{text}\x1b[0m", style.0)
        } else {
            self.formatter.write_str(text)
        }
    }

    /// Writes at a column, or where it is when that is further; nothing for nothing.
    pub(super) fn write_at(&mut self, column: usize, style: Style, text: &str) -> fmt::Result {
        if text.is_empty() {
            return Ok(());
        }
        let blanks = column.saturating_sub(self.column);
        self.write(PLAIN, &" ".repeat(blanks))?;
        self.write(style, text)
    }

    pub(super) fn end_line(&mut self) -> fmt::Result {
        self.column = 0;
        self.formatter.write_str("\n")
    }
}
