//! A receiver and an exporter that sends to it. The switch is the process's, so tests of one
//! binary take turns.
#![expect(clippy::unwrap_used, reason = "only tests use it")]
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use o11y_core::Context;
use o11y_langfuse::{
    Langfuse, LangfuseBuilder, LossReason, Stats, Telemetry,
    local::{Fault, Receiver},
};

/// More than anything here takes: reaching it is a failure, not a measurement.
pub(crate) const LONG: Duration = Duration::from_secs(20);

static TURN: Mutex<()> = Mutex::new(());

pub(crate) struct Rig {
    // In this order: the exporter ends before its receiver does.
    pub(crate) telemetry: Telemetry,
    pub(crate) receiver: Receiver,
    pub(crate) turn: MutexGuard<'static, ()>,
}

impl Rig {
    /// Sends on flush only, unless `configure` says otherwise.
    pub(crate) fn new(configure: impl FnOnce(LangfuseBuilder) -> LangfuseBuilder) -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let receiver = Receiver::start().unwrap();
        let builder = Langfuse::builder()
            .public_key(receiver.public_key())
            .secret_key(receiver.secret_key())
            .host(receiver.base_url())
            .batch_size(100_000)
            .export_interval(Duration::ZERO)
            .timeout(LONG); // a request that the receiver holds is not sent again meanwhile
        let telemetry = configure(builder).spawn().unwrap();
        Self {
            telemetry,
            receiver,
            turn,
        }
    }

    /// Has the worker hang in a request of one span until the receiver is released: whatever is
    /// handed over meanwhile stays in the queue.
    pub(crate) fn hold(&self) {
        let before = self.receiver.requests().len();
        self.receiver.script([Fault::Stall]);
        make(1);
        assert!(self.telemetry.flush(Duration::ZERO).is_err());
        assert!(self.receiver.wait_for_requests(before + 1, LONG));
    }

    /// The figures, after checking that they add up and agree with what the receiver saw.
    pub(crate) fn stats(&self) -> Stats {
        let stats = self.telemetry.stats();
        assert!(stats.is_balanced(), "{stats}");
        let arrived: BTreeSet<_> = self
            .receiver
            .observations()
            .into_iter()
            .map(|observation| (observation.trace_id, observation.id))
            .collect();
        assert!(
            stats.delivered <= arrived.len() as u64,
            "{stats}; arrived: {}",
            arrived.len()
        );
        let requests = self.receiver.requests();
        let of_spans = requests
            .iter()
            .filter(|request| request.path.ends_with("/traces"));
        let of_spans = of_spans.count() as u64;
        let of_scores = requests.len() as u64 - of_spans;
        // One that the end has cut may have come without being counted, or the other way round.
        let cut =
            [stats.lost, stats.scores().lost].map(|lost| lost.get(LossReason::ShutdownDeadline));
        let in_doubt = u64::from(cut != [0, 0]);
        let differing =
            stats.requests.abs_diff(of_spans) + stats.scores().requests.abs_diff(of_scores);
        assert!(
            differing <= in_doubt,
            "{stats}; came: {of_spans} and {of_scores}"
        );
        stats
    }

    /// Everything was delivered, exactly once.
    pub(crate) fn assert_all_delivered(&self, count: usize) {
        let stats = self.stats();
        assert_eq!(stats.accepted, count as u64, "{stats}");
        assert_eq!(stats.delivered, count as u64, "{stats}");
        assert_eq!(self.receiver.observation_count(), count);
    }
}

/// Makes root spans `span 0`, `span 1`, ..
pub(crate) fn make(count: usize) {
    for number in 0..count {
        Context::with_span(format!("span {number}"), |span| {
            span.set_attribute("number", number);
        });
    }
}
