//! A recording as an indented tree: text that is the same at every run of the same program.

use std::{
    collections::HashSet,
    fmt::{self, Write as _},
};

use self::line::{Ids, Line, times};
use crate::{
    id::SpanId,
    observation::Level,
    record::{Record, Status},
};

mod line;

/// Traces as text, a line for each span and event: `generation llm.generate [ERROR: no answer]`.
///
/// Compare it with a text, or keep it as a snapshot: it holds no ids and no times, or on request
/// ones that are the same at every run. Siblings stand in the order in which they started; where
/// that differs from run to run, because they are concurrent, ask for [`by_name`](Self::by_name).
///
/// ```
/// use o11y_core::{Context, testing::{Outline, Recording}};
///
/// let recording = Recording::new();
/// recording.run(|| {
///     Context::with_span("serve", |_span| {
///         Context::with_span("grind", |span| span.set_attribute("grams", 18));
///         Context::with_span("brew", |span| span.record_error("no water"));
///     });
/// });
///
/// let tree: Outline = recording.outline().by_name().with_all();
/// assert_eq!(
///     tree,
///     "span serve\n\
///     \x20 span brew [ERROR: no water] error.type=str langfuse.observation.status_message=no water\n\
///     \x20 span grind grams=18\n"
/// );
/// assert_eq!(
///     recording.outline().with_ids().with_times(),
///     "#1 1..6 span serve\n\
///     \x20 #2 2..3 span grind\n\
///     \x20 #3 4..5 span brew [ERROR: no water]\n"
/// );
/// ```
#[must_use = "compare it with the tree that you expect"]
#[derive(Clone)]
pub struct Outline {
    records: Vec<Record>,
    keys: Keys,
    ids: bool,
    times: bool,
}

/// Which attributes are shown.
#[derive(Clone)]
enum Keys {
    These(Vec<String>),
    All,
}

impl Outline {
    pub(super) fn of(mut records: Vec<Record>) -> Self {
        // Stable, so that what began in the same tick stays in the order of the ends.
        records.sort_by_key(|record| record.start);
        Self {
            records,
            keys: Keys::These(Vec::new()),
            ids: false,
            times: false,
        }
    }

    /// Shows these attributes, too, where a span has them: `order=latte`.
    pub fn with<K: Into<String>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        self.keys = Keys::These(keys.into_iter().map(Into::into).collect());
        self
    }

    /// Shows all attributes, in the order in which they were first set.
    pub fn with_all(mut self) -> Self {
        self.keys = Keys::All;
        self
    }

    /// Orders siblings by name, and those of one name by their start.
    pub fn by_name(mut self) -> Self {
        self.records
            .sort_by(|one, other| one.name().cmp(other.name()));
        self
    }

    /// Numbers the lines: `#1`. Where an attribute that is shown holds the id of a span or a trace
    /// of the recording, the number stands in its place: `#1`, `trace 1`.
    pub fn with_ids(mut self) -> Self {
        self.ids = true;
        self
    }

    /// Shows when each began and ended, as numbers in the order of all these moments: `2..5`. What
    /// is concurrent overlaps.
    pub fn with_times(mut self) -> Self {
        self.times = true;
        self
    }

    /// The lines in their order. Roots are those whose parent is not in the recording.
    fn lines(&self) -> Vec<Line<'_>> {
        let known: HashSet<SpanId> = self.records.iter().map(Record::span_id).collect();
        let is_root = |record: &Record| record.parent_id().is_none_or(|id| !known.contains(&id));
        let mut lines = Vec::new();
        let mut turn = 0;
        self.add_level(&mut lines, &is_root, 0, &mut turn);
        lines
    }

    fn add_level<'a>(
        &'a self,
        lines: &mut Vec<Line<'a>>,
        is_here: &dyn Fn(&Record) -> bool,
        depth: usize,
        turn: &mut usize,
    ) {
        for record in self.records.iter().filter(|record| is_here(record)) {
            let place = lines.len();
            lines.push(Line {
                record,
                depth,
                began: next(turn),
                ended: 0,
            });
            let below = Some(record.span_id());
            self.add_level(
                lines,
                &|record| record.parent_id() == below,
                depth + 1,
                turn,
            );
            lines[place].ended = next(turn);
        }
    }

    fn write_line(&self, f: &mut fmt::Formatter<'_>, record: &Record, ids: &Ids) -> fmt::Result {
        write!(f, "{} {}", record.observation(), record.name())?;
        if record.level() != Level::Default || record.status() == Status::Error {
            write!(f, " [{}", record.level())?;
            if let Some(message) = record.status_message() {
                write!(f, ": {}", ids.instead(message))?;
            }
            f.write_char(']')?;
        }
        for (key, value) in record.attributes().iter() {
            let is_shown = match &self.keys {
                Keys::These(keys) => keys.iter().any(|shown| shown == key),
                Keys::All => true,
            };
            if is_shown {
                write!(f, " {key}={}", ids.instead(&value.to_string()))?;
            }
        }
        f.write_char('\n')
    }
}

fn next(turn: &mut usize) -> usize {
    *turn += 1;
    *turn
}

impl fmt::Display for Outline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.lines();
        let times = times(&lines);
        let ids = if self.ids {
            Ids::of(&lines)
        } else {
            Ids::default()
        };
        for ((number, line), [began, ended]) in (1..).zip(&lines).zip(times) {
            write!(f, "{:indent$}", "", indent = 2 * line.depth)?;
            if self.ids {
                write!(f, "#{number} ")?;
            }
            if self.times {
                write!(f, "{began}..{ended} ")?;
            }
            self.write_line(f, line.record, &ids)?;
        }
        Ok(())
    }
}

/// The text itself, so that a failed `assert_eq!` can be read.
impl fmt::Debug for Outline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{self}")
    }
}

impl PartialEq<str> for Outline {
    fn eq(&self, other: &str) -> bool {
        let shown = self.to_string();
        shown == other
    }
}

impl PartialEq<&str> for Outline {
    fn eq(&self, other: &&str) -> bool {
        *self == **other
    }
}
