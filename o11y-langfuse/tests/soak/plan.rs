//! What one exporter goes through in a round: its settings, its program, its server's faults and its
//! end.

use std::time::Duration;

use o11y_langfuse::{
    Langfuse, LangfuseBuilder,
    local::{Fault, Receiver},
};

use crate::chance::Chance;

/// More requests than a round can have.
const SCRIPT: usize = 3_000;

/// A request time so long that only a server that stalls exceeds it, however busy the machine is.
pub(crate) const PATIENT: Duration = Duration::from_secs(12);

/// Longer than any request may take.
const FOR_EVER: Duration = Duration::from_secs(3_600);

#[derive(Debug)]
pub(crate) struct Plan {
    /// Says in every failure where it came from.
    pub(crate) name: String,
    pub(crate) seed: u64,
    /// The server does nothing wrong and the queue has room for all: nothing may be lost.
    pub(crate) is_calm: bool,
    pub(crate) queue_size: usize,
    pub(crate) queue_bytes: usize,
    pub(crate) batch_size: Option<usize>,
    pub(crate) request_bytes: usize,
    pub(crate) interval: Duration,
    pub(crate) timeout: Duration,
    pub(crate) gzip: bool,
    pub(crate) producers: usize,
    pub(crate) spans: usize,
    pub(crate) scores: usize,
    pub(crate) longest_text: usize,
    pub(crate) faults: Vec<Fault>,
    pub(crate) end: End,
}

/// When and how the exporter ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct End {
    /// So long after the start; none: when everything has been handed over.
    pub(crate) after: Option<Duration>,
    pub(crate) timeout: Duration,
    /// Somebody else shuts down at the same time, with this time-out.
    pub(crate) rival: Option<Duration>,
}

impl Plan {
    pub(crate) fn draw(name: &str, chance: &mut Chance) -> Self {
        let is_calm = chance.percent(20);
        let producers = chance.size(1, 4);
        let share = chance.pick(&[5, 25, 60, 95]);
        let timeout = chance.pick(&[Duration::from_millis(150), PATIENT, PATIENT]);
        let script = (0..SCRIPT)
            .map(|_| {
                if !is_calm && chance.percent(share) {
                    fault(chance)
                } else {
                    Fault::Healthy
                }
            })
            .collect();
        let after = chance.percent(40).then(|| chance.millis(0, 400));
        let end_within = chance.pick(&[0, 1, 40, 300, 2_000]);
        Self {
            name: name.to_owned(),
            seed: chance.between(0, u64::MAX - 1),
            is_calm,
            queue_size: if is_calm {
                8_192
            } else {
                chance.pick(&[1, 4, 50, 300, 8_192])
            },
            queue_bytes: if is_calm {
                64 << 20
            } else {
                chance.pick(&[10_000, 200_000, 64 << 20])
            },
            batch_size: chance.pick(&[None, Some(1), Some(7), Some(50), Some(1_000)]),
            request_bytes: chance.pick(&[2_000, 20_000, 3_500_000]),
            interval: chance.millis(0, 30),
            timeout: if is_calm { PATIENT } else { timeout },
            gzip: chance.percent(30),
            producers,
            spans: chance.size(0, 300),
            scores: chance.size(0, 60),
            longest_text: chance.pick(&[10, 1_000, 8_000]),
            faults: script,
            end: End {
                after: after.filter(|_| !is_calm),
                timeout: if is_calm {
                    Duration::from_secs(60)
                } else {
                    Duration::from_millis(end_within)
                },
                rival: (!is_calm && chance.percent(20)).then(|| chance.millis(0, 300)),
            },
        }
    }

    pub(crate) fn builder(&self, receiver: &Receiver) -> LangfuseBuilder {
        let builder = Langfuse::builder()
            .public_key(receiver.public_key())
            .secret_key(receiver.secret_key())
            .host(receiver.base_url())
            .queue_size(self.queue_size)
            .queue_bytes(self.queue_bytes)
            .request_bytes(self.request_bytes)
            .export_interval(self.interval)
            .timeout(self.timeout)
            .shutdown_timeout(self.end.timeout)
            .gzip(self.gzip);
        match self.batch_size {
            Some(spans) => builder.batch_size(spans),
            None => builder,
        }
    }

    /// The most spans of a request, by the batch size that was set or the queue's.
    pub(crate) fn cap(&self) -> usize {
        self.batch_size.unwrap_or(usize::MAX)
    }

    /// Whether the server holds this request until it is let go.
    pub(crate) fn is_held(&self, request: usize) -> bool {
        matches!(self.faults.get(request), Some(Fault::Delay(_)))
    }

    /// Whether the server may have stored what this request brought without the client knowing.
    /// Whoever has no patience knows nothing for certain.
    pub(crate) fn is_in_doubt(&self, request: usize) -> bool {
        let fault = self.faults.get(request).unwrap_or(&Fault::Healthy);
        self.timeout < PATIENT
            || matches!(fault, Fault::ResetAfterStoring)
            || matches!(fault, Fault::Delay(time) if *time >= PATIENT / 4)
    }
}

/// One of everything that a server, or what stands before it, was seen to do.
fn fault(chance: &mut Chance) -> Fault {
    let text = |text: &str| text.to_owned();
    let span = format!("{} {}", chance.between(0, 3), chance.between(0, 300));
    let score = format!("{} {}", chance.between(0, 3), chance.between(0, 60));
    match chance.between(0, 17) {
        0 => Fault::Status(chance.pick(&[408, 429, 502, 503, 504])),
        1 => Fault::Status(chance.pick(&[500, 507])),
        2 => Fault::Status(chance.pick(&[400, 422, 413])),
        3 => Fault::Status(chance.pick(&[401, 403, 404, 418])),
        4 => Fault::RetryAfter {
            status: chance.pick(&[429, 503]),
            after: text(chance.pick(&[
                "0",
                "1",
                "soon",
                "-1",
                "",
                "Sun, 06 Nov 1994 08:49:37 GMT",
                "99999999999999999999",
            ])),
        },
        5 => Fault::TooLarge {
            limit: chance.size(100, 10_000),
        },
        6 => Fault::RejectSpan { name: span },
        7 => Fault::RejectScore {
            name: score,
            status: chance.pick(&[400, 401, 413, 429, 500, 503]),
        },
        8 => Fault::Missing {
            path: text("/api/public/ingestion"),
            status: chance.pick(&[404, 410]),
        },
        9 => Fault::Delay(chance.millis(1, 60)),
        10 => Fault::Delay(FOR_EVER),
        11 => Fault::ResetBeforeAnswer,
        12 => Fault::ResetAfterStoring,
        13 => Fault::CloseBeforeAnswer,
        14 => Fault::Garbage,
        15 => Fault::GarbageBody,
        16 => Fault::TruncatedAnswer,
        _ => Fault::Redirect(307),
    }
}
