//! The law: what is accepted is delivered, lost or waiting. Checked from outside while everything
//! moves.

use std::{
    sync::{PoisonError, RwLock, RwLockReadGuard},
    time::Duration,
};

use o11y_langfuse::{LossReason, Losses, Stats};

/// What an exporter may take longer than it was told to, on a machine that has better to do: less
/// than a request that nobody cuts.
pub(crate) const SLACK: Duration = Duration::from_secs(5);

/// Lets a reader look at a moment at which no thread is just handing over. The worker, flushes and
/// the end go on.
#[derive(Default)]
pub(crate) struct Gate(RwLock<()>);

impl Gate {
    /// Held while something is handed over.
    pub(crate) fn pass(&self) -> RwLockReadGuard<'_, ()> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks while nobody passes.
    pub(crate) fn close<R>(&self, look: impl FnOnce() -> R) -> R {
        let closed = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let seen = look();
        drop(closed);
        seen
    }
}

/// One lane's figures.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lane {
    pub(crate) accepted: u64,
    pub(crate) delivered: u64,
    pub(crate) lost: Losses,
    pub(crate) waiting: u64,
    requests: u64,
}

impl Lane {
    pub(crate) fn spans(stats: &Stats) -> Self {
        Self {
            accepted: stats.accepted,
            delivered: stats.delivered,
            lost: stats.lost,
            waiting: stats.waiting,
            requests: stats.requests,
        }
    }

    pub(crate) fn scores(stats: &Stats) -> Self {
        let stats = stats.scores();
        Self {
            accepted: stats.accepted,
            delivered: stats.delivered,
            lost: stats.lost,
            waiting: stats.waiting,
            requests: stats.requests,
        }
    }

    pub(crate) fn settled(&self) -> u64 {
        self.delivered + self.lost.total()
    }

    fn accounted(&self) -> u64 {
        self.settled() + self.waiting
    }

    /// What leaves the ring on the threads that hand over, counted a moment later.
    fn pushed_out(&self) -> u64 {
        self.lost.get(LossReason::QueueFull) + self.lost.get(LossReason::AfterShutdown)
    }
}

/// While nobody hands over, the law holds exactly, whatever the worker is doing.
pub(crate) fn check_exactly(name: &str, stats: &Stats) {
    assert!(
        stats.is_balanced() && stats.scores().is_balanced(),
        "{name}: {stats}"
    );
}

/// Three looks in a row, while up to `hands` threads hand over: figures only grow, nothing is
/// counted twice, and nothing is missing but what is in those hands.
pub(crate) fn check_roughly(name: &str, looks: &[Stats; 3], hands: u64) {
    for lane in [Lane::spans, Lane::scores] {
        let [first, middle, last] = looks.each_ref().map(lane);
        let context = || format!("{name}: {first:?} {middle:?} {last:?}");
        for (earlier, later) in [(first, middle), (middle, last)] {
            assert!(earlier.accepted <= later.accepted, "{}", context());
            assert!(earlier.delivered <= later.delivered, "{}", context());
            assert!(earlier.requests <= later.requests, "{}", context());
            for reason in LossReason::ALL {
                let (before, after) = (earlier.lost.get(reason), later.lost.get(reason));
                assert!(before <= after, "{}", context());
            }
        }
        assert!(
            middle.accounted() <= last.accepted,
            "counted twice: {}",
            context()
        );
        // A thread may hold the item that it brings and the one that has to leave.
        let in_hands = 2 * hands + last.pushed_out() - middle.pushed_out();
        assert!(
            middle.accounted() + in_hands >= first.accepted,
            "missing: {}",
            context()
        );
    }
}
