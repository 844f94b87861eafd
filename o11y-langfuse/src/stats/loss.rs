//! What did not arrive, and why.

use std::fmt;

/// Why a span or a score did not arrive.
///
/// ```
/// use o11y_langfuse::{LossReason, Losses, Stats, Telemetry};
///
/// let telemetry = Telemetry::off("an example");
/// let stats: Stats = telemetry.stats();
/// assert!(stats.is_balanced());
///
/// let lost: &Losses = &stats.lost;
/// assert_eq!(lost.get(LossReason::QueueFull), 0);
/// for (reason, spans) in lost.iter() {
///     println!("{spans} spans were lost: {}", reason.as_str());
/// }
/// assert_eq!(stats.scores().lost.total(), 0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum LossReason {
    /// The queue was full of newer spans, by count or by bytes; the oldest make room.
    QueueFull,
    /// It ended, or was given, after the exporter was shut down.
    AfterShutdown,
    /// The time given to the shutdown was up.
    ShutdownDeadline,
    /// The server did not accept it (status 400 and the like).
    Rejected,
    /// The server did not accept the keys (status 401 or 403).
    Unauthorized,
    /// It is larger than the server takes (status 413), alone in its request and with its texts cut.
    TooLarge,
    /// The server failed on it (status 500) as often as we try.
    RetriesExhausted,
    /// It could not be encoded, or was no score.
    Unencodable,
}

impl LossReason {
    /// Every reason.
    pub const ALL: [Self; 8] = [
        Self::QueueFull,
        Self::AfterShutdown,
        Self::ShutdownDeadline,
        Self::Rejected,
        Self::Unauthorized,
        Self::TooLarge,
        Self::RetriesExhausted,
        Self::Unencodable,
    ];

    /// The name in figures and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::AfterShutdown => "after_shutdown",
            Self::ShutdownDeadline => "shutdown_deadline",
            Self::Rejected => "rejected",
            Self::Unauthorized => "unauthorized",
            Self::TooLarge => "too_large",
            Self::RetriesExhausted => "retries_exhausted",
            Self::Unencodable => "unencodable",
        }
    }
}

impl fmt::Display for LossReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How many spans or scores were lost, by reason.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Losses {
    by_reason: [u64; LossReason::ALL.len()],
}

impl Losses {
    /// Those lost for `reason`.
    #[must_use]
    pub fn get(&self, reason: LossReason) -> u64 {
        self.by_reason[reason as usize]
    }

    /// All that were lost.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.by_reason.iter().sum()
    }

    /// The reasons for which there were losses, and how many.
    pub fn iter(&self) -> impl Iterator<Item = (LossReason, u64)> {
        LossReason::ALL
            .into_iter()
            .map(|reason| (reason, self.get(reason)))
            .filter(|(_, count)| *count > 0)
    }

    pub(crate) fn add(&mut self, reason: LossReason, count: u64) {
        self.by_reason[reason as usize] += count;
    }

    /// These and `others`.
    pub(crate) fn and(&self, others: &Self) -> Self {
        let mut by_reason = self.by_reason;
        for (count, other) in by_reason.iter_mut().zip(others.by_reason) {
            *count += other;
        }
        Self { by_reason }
    }

    /// What was lost since `earlier`.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        let mut by_reason = self.by_reason;
        for (count, before) in by_reason.iter_mut().zip(earlier.by_reason) {
            *count -= before;
        }
        Self { by_reason }
    }
}

impl fmt::Display for Losses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for (reason, count) in self.iter() {
            write!(f, "{}{count} {reason}", if first { "" } else { ", " })?;
            first = false;
        }
        if first {
            f.write_str("none")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Losses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
