//! Exporters of the SDK made by hand, and `opentelemetry-otlp` over our client to a receiver.
#![expect(clippy::unwrap_used, reason = "only tests use it")]
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use o11y_core::{EventBus, Telemetry};
use o11y_langfuse::{
    BlockingHttpClient, Executor, ExecutorBuilder, Processor, SdkExporter, local::Receiver,
};
use opentelemetry_otlp::{
    Protocol, RetryPolicy, SpanExporter as Otlp, WithExportConfig as _, WithHttpConfig as _,
};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{SpanData, SpanExporter},
};

/// More than anything here takes: reaching it is a failure, not a measurement.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// Nothing leaves before a flush, and a retry comes at once.
pub(crate) fn executor() -> ExecutorBuilder {
    Executor::builder()
        .linger(LONG)
        .first_retry_after(Duration::from_millis(1))
        .shutdown_timeout(LONG)
}

pub(crate) fn spawn(processor: impl Processor) -> Executor {
    executor().processor(processor).spawn().unwrap()
}

/// Runs `make` with its spans going to the executor, and flushes.
pub(crate) fn record(executor: &Executor, make: impl FnOnce()) {
    Telemetry::scoped(executor.sink(), EventBus::new()).run(make);
    executor.flush(LONG).unwrap();
}

/// Keeps what it is given.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory {
    pub(crate) spans: Arc<Mutex<Vec<SpanData>>>,
    /// The resource that it was told last, at each export.
    pub(crate) resources: Arc<Mutex<Vec<Option<Resource>>>>,
    resource: Option<Resource>,
}

impl Memory {
    pub(crate) fn spans(&self) -> Vec<SpanData> {
        self.spans.lock().unwrap().clone()
    }

    pub(crate) fn span(&self) -> SpanData {
        let spans = self.spans();
        assert_eq!(spans.len(), 1);
        spans.into_iter().next().unwrap()
    }
}

impl SpanExporter for Memory {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.spans.lock().unwrap().extend(batch);
        self.resources.lock().unwrap().push(self.resource.clone());
        Ok(())
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource = Some(resource.clone());
    }
}

/// The attribute's text.
pub(crate) fn text(span: &SpanData, key: &str) -> Option<String> {
    let mut found = span.attributes.iter().filter(|it| it.key.as_str() == key);
    let value = found.next().map(|it| it.value.as_str().into_owned());
    assert!(found.next().is_none(), "{key} stands twice");
    value
}

/// The keys of a receiver as a header has them.
pub(crate) fn basic(receiver: &Receiver) -> String {
    let keys = format!("{}:{}", receiver.public_key(), receiver.secret_key());
    BASE64_STANDARD.encode(keys)
}

/// `opentelemetry-otlp` over our client, to a path of a receiver.
pub(crate) fn otlp(receiver: &Receiver, path: &str) -> SdkExporter<Otlp> {
    let client = BlockingHttpClient::new();
    let basic = format!("Basic {}", basic(receiver));
    let exporter = Otlp::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{}{path}", receiver.base_url()))
        .with_headers([("authorization".to_owned(), basic)].into())
        .with_http_client(client.clone())
        .with_retry_policy(RetryPolicy::disabled())
        .build()
        .unwrap();
    SdkExporter::new(exporter)
        .client(&client)
        .resource(resource())
}

pub(crate) fn resource() -> Resource {
    Resource::builder_empty().with_service_name("shop").build()
}
