//! A batch as it is taken from the queue: sorted into what is given in one call.

#[cfg(feature = "otel")]
use std::sync::Arc;

use o11y_core::Record;
#[cfg(feature = "otel")]
use opentelemetry_sdk::{Resource, trace::SpanData};

use super::{
    intake::Item,
    part::{Kind, Part},
};

#[derive(Default)]
pub(super) struct Taken {
    starts: Vec<Record>,
    ends: Vec<Record>,
    /// Those of OpenTelemetry's SDK, each resource's together: of one process there are one or two.
    #[cfg(feature = "otel")]
    otel: Vec<(Arc<Resource>, Vec<SpanData>)>,
    count: usize,
}

impl Taken {
    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn put(&mut self, item: Item) {
        self.count += 1;
        match item {
            Item::Start(record) => self.starts.push(record),
            Item::End(record) => self.ends.push(record),
            #[cfg(feature = "otel")]
            Item::Otel(span) => {
                let known = self
                    .otel
                    .iter_mut()
                    .find(|(resource, _)| Arc::ptr_eq(resource, &span.resource));
                match known {
                    Some((_, spans)) => spans.push(span.span),
                    None => self.otel.push((span.resource, vec![span.span])),
                }
            }
        }
    }

    /// First the starts, then the ends.
    pub(super) fn into_parts(self, batch: u64) -> Vec<Part> {
        let parts = vec![
            Part::new(batch, Kind::Start, self.starts),
            Part::new(batch, Kind::End, self.ends),
        ];
        #[cfg(feature = "otel")]
        let parts = {
            let mut parts = parts;
            parts.extend(
                self.otel
                    .into_iter()
                    .map(|(resource, spans)| Part::of_otel(batch, spans, resource)),
            );
            parts
        };
        parts
    }
}
