//! Spans of ours and of OpenTelemetry's SDK in one list, to tell which lies in which.

#![expect(clippy::unwrap_used, reason = "only tests use it")]
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::sync::{Arc, Mutex};

use o11y_core::{ContextGuard, Ended, EventBus, Sink, SpanId, Telemetry};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{Sampler, SdkTracer, SdkTracerProvider, SpanData, SpanExporter},
};

/// Both kinds, for one test: ours in a telemetry scope, theirs in a provider of its own.
pub(crate) struct Both {
    ended: List,
    telemetry: Telemetry,
    provider: SdkTracerProvider,
}

type List = Arc<Mutex<Vec<Seen>>>;

/// What is compared of a span.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    pub(crate) name: String,
    pub(crate) trace: [u8; 16],
    pub(crate) span: [u8; 8],
    pub(crate) parent: Option<[u8; 8]>,
    /// Of ours: the parent is not among what arrives.
    pub(crate) remote: bool,
}

#[derive(Debug)]
struct Ours(List);

#[derive(Debug)]
struct Theirs(List);

impl Sink for Ours {
    fn on_end(&self, ended: Ended<'_>) {
        let record = ended.take();
        self.0.lock().unwrap().push(Seen {
            name: record.name().to_owned(),
            trace: record.trace_id().to_bytes(),
            span: record.span_id().to_bytes(),
            parent: record.parent_id().map(SpanId::to_bytes),
            remote: record.parent_is_remote(),
        });
    }
}

impl SpanExporter for Theirs {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let none = opentelemetry::SpanId::INVALID;
        self.0
            .lock()
            .unwrap()
            .extend(batch.into_iter().map(|span| Seen {
                name: span.name.into_owned(),
                trace: span.span_context.trace_id().to_bytes(),
                span: span.span_context.span_id().to_bytes(),
                parent: (span.parent_span_id != none).then(|| span.parent_span_id.to_bytes()),
                remote: false,
            }));
        Ok(())
    }
}

impl Both {
    pub(crate) fn new() -> Self {
        Self::sampling(Sampler::ParentBased(Box::new(Sampler::AlwaysOn)))
    }

    pub(crate) fn sampling(sampler: Sampler) -> Self {
        let ended = List::default();
        let provider = SdkTracerProvider::builder()
            .with_simple_exporter(Theirs(ended.clone()))
            .with_sampler(sampler)
            .build();
        Self {
            telemetry: Telemetry::scoped(Arc::new(Ours(ended.clone())), EventBus::new()),
            provider,
            ended,
        }
    }

    /// Records ours on this thread.
    pub(crate) fn attach(&self) -> ContextGuard {
        self.telemetry.attach()
    }

    pub(crate) fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }

    pub(crate) fn tracer(&self) -> SdkTracer {
        self.provider.tracer("test")
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.ended.lock().unwrap().clone()
    }

    /// Each name with that of the parent, or `-` for a root and `?` for a parent that is not among
    /// them; sorted by name.
    pub(crate) fn nesting(&self) -> Vec<String> {
        let seen = self.seen();
        let parent = |child: &Seen| match child.parent {
            None => "-",
            Some(id) => seen
                .iter()
                .find(|other| other.span == id && other.trace == child.trace)
                .map_or("?", |other| &other.name),
        };
        let mut nesting: Vec<_> = seen
            .iter()
            .map(|span| format!("{} in {}", span.name, parent(span)))
            .collect();
        nesting.sort();
        nesting
    }

    pub(crate) fn traces(&self) -> usize {
        let mut traces: Vec<_> = self.seen().into_iter().map(|span| span.trace).collect();
        traces.sort_unstable();
        traces.dedup();
        traces.len()
    }
}
