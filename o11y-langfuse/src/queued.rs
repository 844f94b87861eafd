//! What waits in the lane of spans: a record, or what becomes one on the worker.

use o11y_core::Record;

#[cfg(feature = "otel")]
use crate::otel::Foreign;
use crate::queue::Item;

/// A span that was handed over. It takes no more room than a record.
#[derive(Debug)]
#[cfg_attr(
    feature = "otel",
    expect(clippy::large_enum_variant, reason = "records are moved, never boxed")
)]
pub(crate) enum Queued {
    Record(Record),
    /// A span of OpenTelemetry's SDK, which the worker reads: that takes longer than the caller's
    /// thread has.
    #[cfg(feature = "otel")]
    Foreign(Box<Foreign>),
}

impl Queued {
    /// The record, or the one that it becomes; none if it cannot become one.
    #[cfg_attr(
        not(feature = "otel"),
        expect(clippy::unnecessary_wraps, reason = "a span of the SDK may be none")
    )]
    pub(crate) fn into_record(self) -> Option<Record> {
        match self {
            Self::Record(record) => Some(record),
            #[cfg(feature = "otel")]
            Self::Foreign(foreign) => foreign.into_record(),
        }
    }
}

impl From<Record> for Queued {
    fn from(record: Record) -> Self {
        Self::Record(record)
    }
}

impl Item for Queued {
    fn content_bytes(&self) -> usize {
        match self {
            Self::Record(record) => record.content_bytes(),
            #[cfg(feature = "otel")]
            Self::Foreign(foreign) => foreign.content_bytes(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_takes_no_more_room_than_a_record() {
        assert_eq!(size_of::<Queued>(), size_of::<Record>());
    }
}
