//! What must be noticed is said, but not over and over: in the log, and on the event bus.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::{Duration, Instant},
};

use o11y_core::{Event, attributes};

use crate::{
    shared::Shared,
    stats::{LossReason, Losses},
    transport::Reply,
    verdict::Answer,
};

/// The time between two announcements of losses.
const PAUSE: Duration = Duration::from_secs(60);

/// Says what goes wrong, each thing once until it has gone right again.
#[derive(Debug, Default)]
pub(crate) struct Announcer {
    spans: Told,
    scores: Told,
    failing: bool,
    refused: bool,
}

/// What was told of the losses of one lane.
#[derive(Debug, Default)]
struct Told {
    announced: Losses,
    last: Option<Instant>,
}

impl Announcer {
    /// A request came back.
    pub(crate) fn reply(&mut self, reply: &Reply, host: &str) {
        // The host's logger runs here; the worker outlives its panics.
        let _panic = catch_unwind(AssertUnwindSafe(|| self.say(reply, host)));
    }

    fn say(&mut self, reply: &Reply, host: &str) {
        match (&reply.answer, &reply.error) {
            (
                Answer::Status {
                    status: 200..=299, ..
                },
                _,
            ) => {
                if self.failing {
                    log::info!("{host} takes what it is sent again");
                }
                self.failing = false;
                self.refused = false;
            }
            (
                Answer::Status {
                    status: status @ (401 | 403),
                    ..
                },
                _,
            ) => {
                if !std::mem::replace(&mut self.refused, true) {
                    log::warn!(
                        "{host} refused the keys with status {status}; what this request carried is \
                         lost, the next attempt is in five minutes"
                    );
                }
            }
            (Answer::Status { status, .. }, _) => {
                self.failure(&format_args!("{host} answered with status {status}"));
            }
            (Answer::Nothing, Some(error)) => {
                self.failure(&format_args!("{host} did not answer: {error}"));
            }
            (Answer::Nothing, None) => self.failure(&format_args!("{host} did not answer")),
        }
    }

    fn failure(&mut self, what: &std::fmt::Arguments<'_>) {
        if !std::mem::replace(&mut self.failing, true) {
            log::warn!("{what}; this is said once until a request succeeds");
        }
    }

    /// Tells of losses that have not been told of, at most once a minute, and always at the end.
    pub(crate) fn losses(&mut self, shared: &Shared, is_end: bool) {
        self.losses_at(Instant::now(), shared, is_end);
    }

    fn losses_at(&mut self, now: Instant, shared: &Shared, is_end: bool) {
        let stats = shared.stats();
        for (told, lost, kind, event) in [
            (
                &mut self.spans,
                stats.lost,
                "spans",
                "observability.spans_lost",
            ),
            (
                &mut self.scores,
                stats.scores().lost,
                "scores",
                "observability.scores_lost",
            ),
        ] {
            if let Some(new) = told.news(now, lost, is_end) {
                // The host's logger and its subscribers run here; the worker outlives their panics.
                let _panic = catch_unwind(|| tell(kind, event, &new));
            }
        }
    }
}

impl Told {
    /// What is to be told now, and is then taken for told.
    fn news(&mut self, now: Instant, lost: Losses, is_end: bool) -> Option<Losses> {
        let new = lost.since(&self.announced);
        if new.total() == 0 {
            return None;
        }
        let is_due = self
            .last
            .is_none_or(|last| now.duration_since(last) >= PAUSE);
        if !is_due && !is_end {
            return None;
        }
        self.announced = lost;
        self.last = Some(now);
        Some(new)
    }
}

fn tell(kind: &str, event: &'static str, new: &Losses) {
    log::warn!("{} {kind} were lost: {new}", new.total());
    let mut attributes = attributes! { "lost" => new.total() };
    for (reason, count) in new.iter() {
        attributes.set(LossReason::as_str(reason), count);
    }
    // Never an observation: telemetry about the telemetry would feed on itself.
    Event::new(event, attributes).unrecorded().emit();
}

#[cfg(test)]
mod tests;
