//! Every metric: what it is called, and what of the figures it shows.

use std::time::Duration;

use crate::failure::Failure;
use crate::stats::{FailedByClass, LossReason, Losses, Stats};

/// One metric.
pub(super) struct Metric {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) unit: &'static str,
    pub(super) description: &'static str,
    /// What it shows of the figures and of the size of the queue.
    pub(super) read: fn(&Stats, u64, Show<'_>),
}

/// What kind of instrument a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    UpDownCounter,
    /// Told in nanoseconds, and shown in seconds.
    TimeCounter,
    /// The same, of the latest.
    TimeGauge,
}

impl Kind {
    /// The name of the instrument in OpenTelemetry.
    #[cfg(test)]
    fn as_str(self) -> &'static str {
        match self {
            Self::Counter | Self::TimeCounter => "counter",
            Self::UpDownCounter => "up-down counter",
            Self::TimeGauge => "gauge",
        }
    }
}

/// Takes a value and the attributes that are special about it.
pub(super) type Show<'a> = &'a mut dyn FnMut(u64, &[(&'static str, &'static str)]);

const ERROR: &str = "error.type";
const SIGNAL: &str = "o11y.signal";
const SPANS: &str = "span";
const SCORES: &str = "score";

pub(super) static METRICS: [Metric; 18] = [
    Metric {
        name: "otel.sdk.processor.span.queue.size",
        kind: Kind::UpDownCounter,
        unit: "{span}",
        description: "The spans in the queue.",
        read: |stats, _, show| show(stats.waiting.saturating_sub(stats.in_hand), &[]),
    },
    Metric {
        name: "otel.sdk.processor.span.queue.capacity",
        kind: Kind::UpDownCounter,
        unit: "{span}",
        description: "The spans that the queue holds at most.",
        read: |_, queue_size, show| show(queue_size, &[]),
    },
    Metric {
        name: "otel.sdk.processor.span.processed",
        kind: Kind::Counter,
        unit: "{span}",
        description: "The spans that the exporter took, and those that did not come so far.",
        read: |stats, _, show| {
            let turned_away: u64 = TURNED_AWAY.iter().map(|why| stats.lost.get(*why)).sum();
            let taken = stats.delivered + stats.in_hand + stats.lost.total() - turned_away;
            show(taken, &[]);
            lost(&stats.lost, |why| TURNED_AWAY.contains(&why), show);
        },
    },
    Metric {
        name: "otel.sdk.exporter.span.inflight",
        kind: Kind::UpDownCounter,
        unit: "{span}",
        description: "The spans in the batch in hand, retries and the waits between them included.",
        read: |stats, _, show| show(stats.in_hand, &[]),
    },
    Metric {
        name: "otel.sdk.exporter.span.exported",
        kind: Kind::Counter,
        unit: "{span}",
        description: "The spans that the exporter is through with, delivered or lost.",
        read: |stats, _, show| {
            show(stats.delivered, &[]);
            lost(&stats.lost, |why| !TURNED_AWAY.contains(&why), show);
        },
    },
    Metric {
        name: "o11y.span.waiting.size",
        kind: Kind::UpDownCounter,
        unit: "By",
        description: "The content of the spans that wait.",
        read: |stats, _, show| show(stats.waiting_bytes, &[]),
    },
    Metric {
        name: "o11y.span.lag",
        kind: Kind::TimeGauge,
        unit: "s",
        description: "How long after its end the oldest span of the latest batch was first sent.",
        read: |stats, _, show| {
            if let Some(lag) = stats.lag {
                show(nanos(lag), &[]);
            }
        },
    },
    Metric {
        name: "o11y.span.filtered",
        kind: Kind::Counter,
        unit: "{span}",
        description: "The spans that were left out: by the program's filter, or having nothing to do with models.",
        read: |stats, _, show| show(stats.filtered, &[]),
    },
    Metric {
        name: "o11y.span.masking.failures",
        kind: Kind::Counter,
        unit: "{value}",
        description: "The pieces of content that the program's mask failed on.",
        read: |stats, _, show| show(stats.masking_failures, &[]),
    },
    Metric {
        name: "o11y.span.trimmed",
        kind: Kind::Counter,
        unit: "{span}",
        description: "The spans of which texts were cut because they were too large to be taken.",
        read: |stats, _, show| show(stats.trimmed, &[]),
    },
    Metric {
        name: "o11y.score.waiting",
        kind: Kind::UpDownCounter,
        unit: "{score}",
        description: "The scores in the queue and in hand.",
        read: |stats, _, show| show(stats.scores().waiting, &[]),
    },
    Metric {
        name: "o11y.score.exported",
        kind: Kind::Counter,
        unit: "{score}",
        description: "The scores that met their end, delivered or lost.",
        read: |stats, _, show| {
            show(stats.scores().delivered, &[]);
            lost(&stats.scores().lost, |_| true, show);
        },
    },
    Metric {
        name: "o11y.score.not_sampled",
        kind: Kind::Counter,
        unit: "{score}",
        description: "The scores that were left out because their trace is.",
        read: |stats, _, show| show(stats.scores().not_sampled, &[]),
    },
    Metric {
        name: "o11y.exporter.requests",
        kind: Kind::Counter,
        unit: "{request}",
        description: "The requests, by how they ended.",
        read: |stats, _, show| {
            let scores = stats.scores();
            requests(SPANS, stats.requests, &stats.failed_by_class, show);
            requests(SCORES, scores.requests, &scores.failed_by_class, show);
        },
    },
    Metric {
        name: "o11y.exporter.retries",
        kind: Kind::Counter,
        unit: "{request}",
        description: "The requests that repeated an earlier one.",
        read: |stats, _, show| {
            show(stats.retries, &[(SIGNAL, SPANS)]);
            show(stats.scores().retries, &[(SIGNAL, SCORES)]);
        },
    },
    Metric {
        name: "o11y.exporter.request.time",
        kind: Kind::TimeCounter,
        unit: "s",
        description: "The time that requests took, without the waits between them.",
        read: |stats, _, show| {
            show(nanos(stats.request_time), &[(SIGNAL, SPANS)]);
            show(nanos(stats.scores().request_time), &[(SIGNAL, SCORES)]);
        },
    },
    Metric {
        name: "o11y.exporter.sent.size",
        kind: Kind::Counter,
        unit: "By",
        description: "The bodies of requests, as they went over the wire.",
        read: |stats, _, show| {
            show(stats.bytes_sent, &[(SIGNAL, SPANS)]);
            show(stats.scores().bytes_sent, &[(SIGNAL, SCORES)]);
        },
    },
    Metric {
        name: "o11y.exporter.uncompressed.size",
        kind: Kind::Counter,
        unit: "By",
        description: "The bodies of requests before compression.",
        read: |stats, _, show| {
            show(stats.bytes_before_gzip, &[(SIGNAL, SPANS)]);
            show(stats.scores().bytes_sent, &[(SIGNAL, SCORES)]); // they are not compressed
        },
    },
];

/// Why a span never came as far as the exporter, in the conventions' words.
const TURNED_AWAY: [LossReason; 2] = [LossReason::QueueFull, LossReason::AfterShutdown];

fn lost(lost: &Losses, is_meant: impl Fn(LossReason) -> bool, show: Show<'_>) {
    for (reason, count) in lost.iter().filter(|(reason, _)| is_meant(*reason)) {
        show(count, &[(ERROR, reason.as_str())]);
    }
}

fn requests(signal: &'static str, all: u64, failed: &FailedByClass, show: Show<'_>) {
    let well = all.saturating_sub(failed.iter().sum());
    show(well, &[(SIGNAL, signal)]);
    for (class, count) in Failure::CLASSES.into_iter().zip(*failed) {
        if count > 0 {
            show(count, &[(SIGNAL, signal), (ERROR, class)]);
        }
    }
}

fn nanos(time: Duration) -> u64 {
    time.as_nanos().try_into().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::rows;

    #[test]
    fn the_page_states_every_metric_as_it_is() {
        let cell = |text: &str| format!("`{text}`");
        let actual: Vec<_> = METRICS
            .iter()
            .map(|metric| {
                let kind = metric.kind.as_str().to_owned();
                [cell(metric.name), kind, cell(metric.unit)]
            })
            .collect();

        let stated: Vec<_> = rows("Metrics")
            .iter()
            .map(|row| [row[0], row[1], row[2]].map(str::to_owned))
            .collect();

        assert_eq!(stated, actual);
    }
}
