//! The handle: hands spans and scores to the worker of this process, and asks it to flush or to end.

#[cfg(feature = "otel")]
use std::sync::OnceLock;
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use o11y_core::{Ended, Event, FlushError, Observability, Record, Score, Sink};

#[cfg(feature = "otel")]
use crate::otel::{Foreign, Open};
use crate::{
    config::Config,
    desk::Desk,
    error::ConfigError,
    filter::Filter,
    queue::Item as _,
    score::Envelope,
    stats::{LossReason, Stats},
};

/// The most bytes of one value. A server whose database refuses a batch for its size cuts fields of
/// more than a mebibyte to half of that.
pub(crate) const MAX_VALUE_BYTES: usize = 1 << 20;

/// The most bytes of all values of a span, so that it fits into a request by itself.
const MAX_RECORD_BYTES: usize = 3 << 20;

/// A sink with one worker thread in each process that uses it.
#[derive(Debug)]
pub(crate) struct Exporter {
    /// That of the process which made the exporter.
    desk: Arc<Desk>,
    /// For the desk of a child.
    config: Config,
    sample_rate: f64,
    /// Of scores that name no other.
    environment: Option<String>,
    filter: Option<Filter>,
    /// The open spans of OpenTelemetry's SDK that will be left out, once there is a processor.
    #[cfg(feature = "otel")]
    otel_open: OnceLock<Open>,
}

impl Exporter {
    /// Starts the worker thread.
    pub(crate) fn spawn(config: &Config) -> Result<Self, ConfigError> {
        Ok(Self::over(Desk::spawn(config)?, config))
    }

    fn over(desk: Desk, config: &Config) -> Self {
        Self {
            desk: Arc::new(desk),
            config: config.clone(),
            sample_rate: config.sample_rate,
            environment: config.resource.environment.clone(),
            filter: config.filter.clone(),
            #[cfg(feature = "otel")]
            otel_open: OnceLock::new(),
        }
    }

    /// The desk of this process, for whoever can afford a system call.
    fn desk(&self) -> &Desk {
        self.desk.of_this_process(&self.config)
    }

    pub(crate) fn stats(&self) -> Stats {
        self.desk().stats()
    }

    /// Takes the score that a `score.create` event carries, unless its trace is not recorded.
    pub(crate) fn on_score(&self, event: &Event) {
        let desk = self.desk();
        let lane = &desk.shared.scores;
        if lane.queue.is_closed() {
            lane.queue.turn_away();
            return;
        }
        match Score::from_event(event) {
            Ok(score) if self.is_sampled(&score) => {
                let envelope = Envelope::new(&score, self.environment.as_deref());
                desk.hand_over(lane, envelope.content_bytes(), || envelope);
            }
            Ok(_) => desk.shared.leave_out_score(),
            // While telemetry is off, the trace of a score is not to be known.
            Err(_) if !Observability::is_enabled() => {}
            Err(error) => {
                log::debug!("an event `{}` is no score: {error}", Score::EVENT);
                lane.lose_at_once(LossReason::Unencodable);
            }
        }
    }

    /// A score stays with its trace. Where that is another one than the current, its id tells.
    fn is_sampled(&self, score: &Score) -> bool {
        score.is_sampled().unwrap_or_else(|| {
            let trace = score.trace_id();
            trace.is_none_or(|trace| trace.is_sampled_at(self.sample_rate))
        })
    }

    /// Takes a span of OpenTelemetry's SDK. Only if the program's filter has to see it is it read
    /// here.
    #[cfg(feature = "otel")]
    pub(crate) fn take(&self, span: Box<Foreign>) {
        let latest = self.desk.latest();
        let desk = if latest.is_to_look_at(span.ended()) {
            self.desk()
        } else {
            latest
        };
        let item = match &self.filter {
            None => crate::queued::Queued::Foreign(span),
            Some(_) => match span.into_record() {
                Some(record) if self.keeps(desk, &record) => record.into(),
                Some(_) => return,
                None => return self.lose(LossReason::Unencodable),
            },
        };
        desk.hand_over(&desk.shared.spans, item.content_bytes(), || item);
    }

    /// From now on spans of OpenTelemetry's SDK come, too. Returns whether all of them are exported.
    #[cfg(feature = "otel")]
    pub(crate) fn expect_otel_spans(&self) -> bool {
        if !self.config.all_otel_spans {
            self.otel_open.get_or_init(Open::default);
        }
        self.config.all_otel_spans
    }

    /// Those that are open and will be left out; none if all are exported.
    #[cfg(feature = "otel")]
    pub(crate) fn otel_open(&self) -> Option<&Open> {
        self.otel_open.get()
    }

    /// Where a span of ours was opened below one that is left out, it stands below the next one above
    /// that is not.
    #[cfg(feature = "otel")]
    #[cold]
    fn put_in_place(&self, ended: &mut Ended<'_>) {
        let parent = ended.record().parent_id();
        let place = self
            .otel_open()
            .zip(parent)
            .map(|(open, parent)| open.above(parent));
        if let Some(Some((parent, is_remote))) = place {
            ended.stand_below(parent, is_remote);
        }
    }

    /// Counts a span that is not to be exported.
    #[cfg(feature = "otel")]
    pub(crate) fn leave_out(&self) {
        let desk = self.desk.latest(); // not worth a system call
        desk.shared.filtered.fetch_add(1, Ordering::Relaxed); // it guards nothing
    }

    /// Counts a span that comes too late.
    #[cfg(feature = "otel")]
    pub(crate) fn turn_away(&self) {
        self.desk().shared.spans.queue.turn_away();
    }

    /// Counts a span that cannot even be queued.
    #[cfg(feature = "otel")]
    pub(crate) fn lose(&self, reason: LossReason) {
        self.desk().shared.spans.lose_at_once(reason);
    }

    #[inline]
    fn keeps(&self, desk: &Desk, record: &Record) -> bool {
        if let Some(filter) = &self.filter
            && !filter.keeps(record)
        {
            desk.shared.filtered.fetch_add(1, Ordering::Relaxed); // it guards nothing
            return false;
        }
        true
    }
}

/// Keeps a record within what the server takes in one request.
#[cfg(feature = "otel")]
#[cold]
pub(crate) fn cut(mut record: Record) -> Record {
    record.cut(MAX_VALUE_BYTES, MAX_RECORD_BYTES);
    record
}

/// The same of one that has just ended; returns the bytes of its content after.
#[cold]
fn cut_where_it_lies(ended: &mut Ended<'_>) -> usize {
    ended.cut(MAX_VALUE_BYTES, MAX_RECORD_BYTES);
    ended.record().content_bytes()
}

impl Sink for Exporter {
    fn sample_rate(&self) -> f64 {
        self.sample_rate
    }

    fn on_end(&self, mut ended: Ended<'_>) {
        #[cfg(feature = "otel")]
        if ended.record().parent_is_remote() {
            self.put_in_place(&mut ended);
        }
        let record = ended.record();
        let latest = self.desk.latest();
        let desk = if latest.is_to_look(record) {
            self.desk()
        } else {
            latest
        };
        if !self.keeps(desk, record) {
            return;
        }
        let mut content = record.content_bytes();
        if content > MAX_VALUE_BYTES {
            content = cut_where_it_lies(&mut ended);
        }
        // The only hand-over in here, so that the push is compiled into it.
        desk.hand_over(&desk.shared.spans, content, || ended.take().into());
    }

    fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        self.desk().flush(timeout)
    }

    fn shutdown(&self, timeout: Duration) -> Result<(), FlushError> {
        self.desk.shut_down_here(&self.config, timeout)
    }
}

#[cfg(test)]
mod tests;
