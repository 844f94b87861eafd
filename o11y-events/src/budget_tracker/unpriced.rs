//! Calls that have no price: told once for each model, never taken for free.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use o11y_core::{Event, attributes, key};

use crate::budget::Names;

/// How many models without a price are known by name; names come from whoever emits.
const MAX_MODELS: usize = 64;

const UNKNOWN_MODEL: &str = "(unknown)";

/// What was spent without a price.
#[derive(Debug, Default)]
pub(super) struct UnpricedCalls {
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    calls: u64,
    models: BTreeSet<String>,
}

impl UnpricedCalls {
    /// Counts a call, and says which model it was if that is news.
    pub(super) fn note(&self, names: Names<'_>) {
        let model = names.model.unwrap_or(UNKNOWN_MODEL);
        let mut seen = self.lock();
        seen.calls += 1;
        let is_news = seen.models.len() < MAX_MODELS && !seen.models.contains(model);
        if is_news {
            seen.models.insert(model.to_owned());
        }
        drop(seen);
        if is_news {
            let told = attributes! {
                key::REQUEST_MODEL => model,
                key::PROVIDER_NAME => names.provider,
            };
            Event::new("budget.unpriced", told).unrecorded().emit();
        }
    }

    pub(super) fn calls(&self) -> u64 {
        self.lock().calls
    }

    pub(super) fn models(&self) -> Vec<String> {
        self.lock().models.iter().cloned().collect()
    }

    pub(super) fn clear(&self) {
        let before = std::mem::take(&mut *self.lock());
        drop(before);
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
