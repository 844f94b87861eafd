//! What a score says.

use std::time::SystemTime;

use super::{Score, ScoreDataType, ScoreValue, timestamp};
use crate::{
    id::{SpanId, TraceId},
    value::Value,
};

macro_rules! getters {
    ($($(#[$doc:meta])+ $getter:ident / $field:ident),+ $(,)?) => {$(
        $(#[$doc])+
        #[must_use]
        pub fn $getter(&self) -> Option<&str> {
            self.$field.as_deref()
        }
    )+};
}

/// What it says. Ids, target and environment that were not set are known once it was given to
/// [`score()`](super::score()), which returns it with them.
impl Score {
    /// What is judged about the target.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The judgement.
    #[must_use]
    pub fn value(&self) -> ScoreValue<'_> {
        self.value.look()
    }

    /// What kind of value it is.
    #[must_use]
    pub fn data_type(&self) -> ScoreDataType {
        self.value.data_type()
    }

    /// The trace that it judges, or that the observation belongs to.
    #[must_use]
    pub fn trace_id(&self) -> Option<TraceId> {
        self.trace
    }

    /// The observation that it judges.
    #[must_use]
    pub fn observation_id(&self) -> Option<SpanId> {
        self.observation
    }

    getters! {
        /// The session that it judges.
        session_id / session,
        /// The dataset run that it judges.
        dataset_run_id / dataset_run,
        /// Its id.
        get_id / id,
        /// Why it is as it is.
        get_comment / comment,
        /// The environment.
        get_environment / environment,
        /// The score config.
        get_config_id / config_id,
        /// The annotation queue.
        get_queue_id / queue_id,
    }

    /// The metadata, in the order in which the keys were first given.
    #[must_use]
    pub fn metadata_entries(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.metadata
            .iter()
            .map(|(key, value)| (key.as_str(), value))
    }

    /// When it was judged.
    #[must_use]
    pub fn get_timestamp(&self) -> SystemTime {
        self.timestamp
    }

    /// When it was judged, as text: RFC 3339 in UTC, such as `2026-01-31T23:59:59.123Z`.
    #[must_use]
    pub fn timestamp_text(&self) -> String {
        timestamp::format(self.timestamp)
    }

    /// Whether its trace is recorded, as far as that was known where it was given: none for another
    /// trace than the current one.
    #[must_use]
    pub fn is_sampled(&self) -> Option<bool> {
        self.sampled
    }
}
