//! How modules do: how often they run, how often they fail, and how long they take.

use std::{
    cmp::Reverse,
    fmt, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use o11y_core::{Event, ModuleEvent};

use crate::{
    figure::{Percent, Time, or_dash, share},
    groups::Groups,
    histogram::Histogram,
    subscriber::{BaseSubscriber, Subscriptions},
    table::Table,
};

/// How many modules and how many signatures have a line of their own.
const MAX_GROUPS: usize = 128;

/// Adds up the runs of modules, by module and by signature.
///
/// Attached to the bus it hears `*.complete` and understands what tells of a module, see
/// [`ModuleEvent`]: `module.complete`, and what the mirrored system tells under other names, such as
/// `chain_of_thought.complete`. One that says `success` is false has failed; one that says nothing
/// of it has not. Beyond the 128th module or signature, further ones share `(other)`.
///
/// ```
/// use std::time::Duration;
/// use o11y_core::{ModuleEvent, events};
/// use o11y_events::{BaseSubscriber, ModulePerformance};
///
/// let performance = ModulePerformance::new().attach(events());
/// ModuleEvent::complete("Barista").signature("OrderToDrink").duration(Duration::from_millis(500)).emit();
/// ModuleEvent::complete("Barista").signature("OrderToDrink").success(false).emit();
///
/// let snapshot = performance.snapshot();
/// let barista = snapshot.module("Barista").unwrap();
/// assert_eq!((barista.runs, barista.failures, barista.success_rate()), (2, 1, Some(0.5)));
/// assert_eq!(snapshot.signature("OrderToDrink"), Some(barista));
/// println!("{snapshot}");
/// ```
#[must_use = "attach it to a bus, else it counts nothing"]
#[derive(Default)]
pub struct ModulePerformance {
    books: Mutex<Books>,
}

#[derive(Debug)]
struct Books {
    modules: Groups<ModuleFigures>,
    signatures: Groups<ModuleFigures>,
}

impl Default for Books {
    fn default() -> Self {
        Self {
            modules: Groups::new(MAX_GROUPS),
            signatures: Groups::new(MAX_GROUPS),
        }
    }
}

/// How a module has done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ModuleFigures {
    /// Runs that have ended.
    pub runs: u64,
    /// Those of them that failed.
    pub failures: u64,
    /// How long they took, as far as they said so.
    pub duration: Histogram,
}

impl ModuleFigures {
    /// The part of the runs that succeeded, from 0 to 1. None without runs.
    #[must_use]
    pub fn success_rate(&self) -> Option<f64> {
        share(self.runs - self.failures.min(self.runs), self.runs)
    }

    fn add(&mut self, work: &ModuleEvent) {
        self.runs += 1;
        self.failures += u64::from(work.get_success() == Some(false));
        if let Some(duration) = work.get_duration() {
            self.duration.record(duration);
        }
    }
}

impl ModulePerformance {
    /// Without any run so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// The figures so far, all of one moment.
    #[must_use]
    pub fn snapshot(&self) -> ModulePerformanceSnapshot {
        let books = self.lock();
        ModulePerformanceSnapshot {
            modules: sorted(&books.modules),
            signatures: sorted(&books.signatures),
        }
    }

    /// Begins anew.
    pub fn reset(&self) {
        let before = mem::take(&mut *self.lock());
        drop(before);
    }

    fn on_complete(&self, event: &Event) {
        let Some(work) = ModuleEvent::from_event(event) else {
            return;
        };
        let mut books = self.lock();
        books
            .modules
            .entry(work.module().unwrap_or(crate::call_end::UNKNOWN))
            .add(&work);
        if let Some(signature) = work.get_signature() {
            books.signatures.entry(signature).add(&work);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ModulePerformance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModulePerformance")
            .field("modules", &self.lock().modules.len())
            .finish_non_exhaustive()
    }
}

impl BaseSubscriber for ModulePerformance {
    fn subscribe(self: &Arc<Self>, subscriptions: &mut Subscriptions<Self>) {
        subscriptions.add_subscription("*.complete", Self::on_complete);
    }
}

/// What a [`ModulePerformance`] has added up. Prints as a table.
///
/// Each list has the one with most runs first.
///
/// ```
/// use o11y_core::{ModuleEvent, events};
/// use o11y_events::{BaseSubscriber, ModuleFigures, ModulePerformance, ModulePerformanceSnapshot};
///
/// let performance = ModulePerformance::new().attach(events());
/// ModuleEvent::complete("Barista").emit();
/// let snapshot: ModulePerformanceSnapshot = performance.snapshot();
/// let (name, figures): &(String, ModuleFigures) = &snapshot.modules[0];
/// assert_eq!((name.as_str(), figures.runs), ("Barista", 1));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModulePerformanceSnapshot {
    /// By module.
    pub modules: Vec<(String, ModuleFigures)>,
    /// By signature, of those runs that name one.
    pub signatures: Vec<(String, ModuleFigures)>,
}

impl ModulePerformanceSnapshot {
    /// The figures of a module.
    #[must_use]
    pub fn module(&self, name: &str) -> Option<&ModuleFigures> {
        find(&self.modules, name)
    }

    /// The figures of all modules of a signature.
    #[must_use]
    pub fn signature(&self, name: &str) -> Option<&ModuleFigures> {
        find(&self.signatures, name)
    }
}

fn find<'a>(groups: &'a [(String, ModuleFigures)], wanted: &str) -> Option<&'a ModuleFigures> {
    let mut groups = groups.iter();
    groups.find_map(|(name, figures)| (name == wanted).then_some(figures))
}

fn sorted(groups: &Groups<ModuleFigures>) -> Vec<(String, ModuleFigures)> {
    let groups = groups.iter();
    let mut sorted: Vec<_> = groups
        .map(|(name, figures)| (name.to_owned(), figures.clone()))
        .collect();
    sorted.sort_by_key(|(_, figures)| Reverse(figures.runs));
    sorted
}

impl fmt::Display for ModulePerformanceSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (kind, groups) in [("module", &self.modules), ("signature", &self.signatures)] {
            let mut table = Table::new([kind, "runs", "success", "p50", "p95", "longest"]);
            for (name, figures) in groups {
                table.row([
                    name.clone(),
                    figures.runs.to_string(),
                    or_dash(figures.success_rate().map(Percent)),
                    or_dash(figures.duration.quantile(0.5).map(Time)),
                    or_dash(figures.duration.quantile(0.95).map(Time)),
                    or_dash(figures.duration.max().map(Time)),
                ]);
            }
            if !groups.is_empty() {
                table.fmt(f)?;
            }
        }
        Ok(())
    }
}
