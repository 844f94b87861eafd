//! The request that a program is serving: its id, and since when.

use std::time::Duration;

use compact_str::CompactString;

use crate::{attribute::Attributes, clock::Ticks, key};

#[derive(Debug)]
pub(crate) struct Request {
    id: CompactString,
    start: Ticks,
}

impl Request {
    /// A request that begins now.
    pub(super) fn new(id: CompactString) -> Self {
        Self {
            id,
            start: Ticks::now(),
        }
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn elapsed(&self) -> Duration {
        Ticks::now().since(self.start)
    }

    /// Says in `attributes` what is served, and for how long.
    pub(crate) fn note(&self, attributes: &mut Attributes) {
        let milliseconds = self.elapsed().as_secs_f64() * 1_000.0;
        attributes.put(key::REQUEST_ID, self.id().into());
        attributes.put(key::REQUEST_ELAPSED_MS, milliseconds.into());
    }
}
