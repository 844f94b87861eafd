//! What was written to a provider's cache. An hour there costs more than five minutes.

use serde_json::Value as Json;

use super::number::count_or_zero;
use crate::usage::Usage;

/// Tokens written to a cache, by how long they stay there.
#[derive(Clone, Copy)]
pub(super) struct CacheWrites {
    pub(super) unknown: u64,
    pub(super) five_minutes: u64,
    pub(super) hour: u64,
}

impl CacheWrites {
    /// All that was written, and the first of these objects that says for how long.
    pub(super) fn new(total: u64, lives: &[&Json]) -> Self {
        let lives = lives.iter().find(|lives| lives.is_object());
        let tokens = |life| lives.map_or(0, |lives| count_or_zero(&lives[life]));
        Self::of(
            total,
            tokens("ephemeral_5m_input_tokens"),
            tokens("ephemeral_1h_input_tokens"),
        )
    }

    /// All that was written, and the parts of it whose life is known.
    pub(super) fn of(total: u64, five_minutes: u64, hour: u64) -> Self {
        Self {
            unknown: total.saturating_sub(five_minutes).saturating_sub(hour),
            five_minutes,
            hour,
        }
    }

    /// A usage to which these are added.
    pub(super) fn beside(self, usage: Usage) -> Usage {
        usage
            .cache_creation(self.unknown)
            .cache_creation_5m(self.five_minutes)
            .cache_creation_1h(self.hour)
    }

    pub(super) fn total(self) -> u64 {
        self.unknown
            .saturating_add(self.five_minutes)
            .saturating_add(self.hour)
    }
}
