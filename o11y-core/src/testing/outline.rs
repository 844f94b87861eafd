//! A recording as an indented tree: text that is the same at every run of the same program.

use std::{
    collections::HashSet,
    fmt::{self, Write as _},
};

use crate::{
    id::SpanId,
    observation::Level,
    record::{Record, Status},
};

/// Traces as text, a line for each span and event: `generation llm.generate [ERROR: no answer]`.
///
/// Compare it with a text, or keep it as a snapshot: it holds no ids and no times. Siblings stand in
/// the order in which they started; where that differs from run to run, because they are
/// concurrent, ask for [`by_name`](Self::by_name).
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
/// ```
#[must_use = "compare it with the tree that you expect"]
#[derive(Clone)]
pub struct Outline {
    records: Vec<Record>,
    keys: Keys,
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

    /// Lines below a parent; roots are those whose parent is not in the recording.
    fn write_level(
        &self,
        f: &mut fmt::Formatter<'_>,
        is_here: &dyn Fn(&Record) -> bool,
        depth: usize,
    ) -> fmt::Result {
        for record in self.records.iter().filter(|record| is_here(record)) {
            write!(f, "{:indent$}", "", indent = 2 * depth)?;
            self.write_line(f, record)?;
            let below = Some(record.span_id());
            self.write_level(f, &|record| record.parent_id() == below, depth + 1)?;
        }
        Ok(())
    }

    fn write_line(&self, f: &mut fmt::Formatter<'_>, record: &Record) -> fmt::Result {
        write!(f, "{} {}", record.observation(), record.name())?;
        if record.level() != Level::Default || record.status() == Status::Error {
            write!(f, " [{}", record.level())?;
            if let Some(message) = record.status_message() {
                write!(f, ": {message}")?;
            }
            f.write_char(']')?;
        }
        for (key, value) in record.attributes().iter() {
            let is_shown = match &self.keys {
                Keys::These(keys) => keys.iter().any(|shown| shown == key),
                Keys::All => true,
            };
            if is_shown {
                write!(f, " {key}={value}")?;
            }
        }
        f.write_char('\n')
    }
}

impl fmt::Display for Outline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known: HashSet<SpanId> = self.records.iter().map(Record::span_id).collect();
        let is_root = |record: &Record| record.parent_id().is_none_or(|id| !known.contains(&id));
        self.write_level(f, &is_root, 0)
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
