//! How often which event happens.

use std::{
    cmp::Reverse,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use o11y_core::{Event, Pattern};

use crate::{
    groups::Groups,
    subscriber::{BaseSubscriber, Subscriptions},
    table::Table,
};

/// How many names have a line of their own.
const MAX_NAMES: usize = 256;

/// How many categories have one.
const MAX_CATEGORIES: usize = 64;

/// Counts events by name and by category, which is what a name has before its first dot.
///
/// It hears everything, or what matches a [`pattern`](Self::matching). The names beyond the 256th
/// are counted together as `(other)`, and so are the categories beyond the 64th. What only repeats
/// another event, such as `lm.tokens` after `llm.generate`, is an event here like any other.
///
/// ```
/// use o11y_core::{attributes, event, events};
/// use o11y_events::{BaseSubscriber, EventCounter};
///
/// let counter = EventCounter::new().attach(events());
/// event("tool.search", attributes! {});
/// event("tool.search", attributes! {});
/// event("cup.filled", attributes! {});
///
/// let counts = counter.snapshot();
/// assert_eq!((counts.total, counts.of("tool.search"), counts.of_category("cup")), (3, 2, 1));
/// # assert_eq!(counts.to_string(), "event        count\ntool.search      2\ncup.filled       1\n3 events in 2 categories: tool 2, cup 1\n");
/// println!("{counts}");
/// ```
///
/// prints
///
/// ```text
/// event        count
/// tool.search      2
/// cup.filled       1
/// 3 events in 2 categories: tool 2, cup 1
/// ```
#[must_use = "attach it to a bus, else it counts nothing"]
pub struct EventCounter {
    pattern: Pattern,
    counted: Mutex<Counted>,
}

#[derive(Debug)]
struct Counted {
    total: u64,
    names: Groups<u64>,
    categories: Groups<u64>,
}

impl EventCounter {
    /// Counts every event.
    pub fn new() -> Self {
        Self::matching("*")
    }

    /// Counts the events whose name matches.
    ///
    /// ```
    /// use o11y_core::{attributes, event, events};
    /// use o11y_events::{BaseSubscriber, EventCounter, EventCounts};
    ///
    /// let counter = EventCounter::matching("tool.*").attach(events());
    /// event("tool.search", attributes! {});
    /// event("cup.filled", attributes! {});
    /// let counts: EventCounts = counter.snapshot();
    /// assert_eq!(counts.names, [("tool.search".to_owned(), 1)]);
    /// ```
    pub fn matching(pattern: impl Into<Pattern>) -> Self {
        Self {
            pattern: pattern.into(),
            counted: Mutex::new(Counted {
                total: 0,
                names: Groups::new(MAX_NAMES),
                categories: Groups::new(MAX_CATEGORIES),
            }),
        }
    }

    /// What was counted so far.
    #[must_use]
    pub fn snapshot(&self) -> EventCounts {
        let counted = self.lock();
        EventCounts {
            total: counted.total,
            names: counts_of(&counted.names),
            categories: counts_of(&counted.categories),
        }
    }

    /// Begins anew with nothing counted.
    pub fn reset(&self) {
        let mut counted = self.lock();
        counted.total = 0;
        let before = (counted.names.clear(), counted.categories.clear());
        drop(counted);
        drop(before);
    }

    fn on_event(&self, event: &Event) {
        let name = event.name();
        let category = name.split('.').next().unwrap_or(name);
        let mut counted = self.lock();
        counted.total += 1;
        *counted.names.entry(name) += 1;
        *counted.categories.entry(category) += 1;
    }

    fn lock(&self) -> MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for EventCounter {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for EventCounter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventCounter")
            .field("pattern", &self.pattern)
            .field("total", &self.lock().total)
            .finish_non_exhaustive()
    }
}

impl BaseSubscriber for EventCounter {
    fn subscribe(self: &Arc<Self>, subscriptions: &mut Subscriptions<Self>) {
        subscriptions.add_subscription(self.pattern.clone(), Self::on_event);
    }
}

/// The most frequent first, those of equal count by name.
fn counts_of(groups: &Groups<u64>) -> Vec<(String, u64)> {
    let mut counts: Vec<_> = groups
        .iter()
        .map(|(name, count)| (name.to_owned(), *count))
        .collect();
    counts.sort_by(|(left, a), (right, b)| (Reverse(a), left).cmp(&(Reverse(b), right)));
    counts
}

/// What an [`EventCounter`] has counted. Prints as a table.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventCounts {
    /// All events.
    pub total: u64,
    /// Each name and how often it was heard, the most frequent first.
    pub names: Vec<(String, u64)>,
    /// Each category and how often one of its names was heard, the most frequent first.
    pub categories: Vec<(String, u64)>,
}

impl EventCounts {
    /// How often that name was heard.
    #[must_use]
    pub fn of(&self, name: &str) -> u64 {
        find(&self.names, name)
    }

    /// How often a name of that category was heard.
    #[must_use]
    pub fn of_category(&self, category: &str) -> u64 {
        find(&self.categories, category)
    }
}

fn find(counts: &[(String, u64)], wanted: &str) -> u64 {
    let mut counts = counts.iter();
    counts
        .find_map(|(name, count)| (name == wanted).then_some(*count))
        .unwrap_or(0)
}

impl fmt::Display for EventCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new(["event", "count"]);
        for (name, count) in &self.names {
            table.row([name.clone(), count.to_string()]);
        }
        let categories = self.categories.iter();
        let categories: Vec<_> = categories
            .map(|(name, count)| format!("{name} {count}"))
            .collect();
        write!(
            f,
            "{table}{} events in {} categories",
            self.total,
            categories.len()
        )?;
        if !categories.is_empty() {
            write!(f, ": {}", crate::table::one_line(&categories.join(", ")))?;
        }
        writeln!(f)
    }
}
