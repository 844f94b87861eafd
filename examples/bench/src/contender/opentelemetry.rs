//! The workloads on OpenTelemetry's SDK with its batch processor.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use opentelemetry::{
    Context, KeyValue,
    trace::{TraceContextExt as _, Tracer as _, TracerProvider as _},
};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{
    Compression, Protocol, SpanExporter as Otlp, WithExportConfig as _, WithHttpConfig as _,
};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{
        BatchConfigBuilder, BatchSpanProcessor, SdkTracer, SdkTracerProvider, SpanData,
        SpanExporter,
    },
};

use super::{Contender, Destination, Ending};
use crate::workload::Texts;

pub struct OpenTelemetry {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

/// An exporter that does nothing.
#[derive(Debug)]
struct Nowhere;

impl SpanExporter for Nowhere {
    async fn export(&self, _batch: Vec<SpanData>) -> OTelSdkResult {
        Ok(())
    }
}

/// The HTTP client that our exporter uses, too.
#[derive(Debug)]
struct Ureq(ureq::Agent);

#[async_trait]
impl HttpClient for Ureq {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (parts, body) = request.into_parts();
        let request = Request::from_parts(parts, body.as_ref());
        let (parts, mut body) = self.0.run(request)?.into_parts();
        Ok(Response::from_parts(parts, body.read_to_vec()?.into()))
    }
}

/// A provider with its default queue to nowhere, or to a sink with the queue that is asked for.
pub fn provider(destination: Destination<'_>) -> anyhow::Result<SdkTracerProvider> {
    let builder = SdkTracerProvider::builder();
    let (host, gzip, queue) = match destination {
        Destination::Nowhere(_) => {
            let processor = BatchSpanProcessor::builder(Nowhere).build();
            return Ok(builder.with_span_processor(processor).build());
        }
        Destination::Http { host, gzip } => (host, gzip, Some(crate::case::LOSSLESS)),
        Destination::Usual { host, gzip } => (host, gzip, None),
        Destination::Wide { host, queue } => (host, false, Some(queue)),
    };
    let config = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(10)));
    let mut otlp = Otlp::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_http_client(Ureq(config.build().into()))
        .with_endpoint(format!("{host}/api/public/otel/v1/traces"));
    if gzip {
        otlp = otlp.with_compression(Compression::Gzip);
    }
    let mut config = BatchConfigBuilder::default();
    if let Some(queue) = queue {
        config = config.with_max_queue_size(queue);
    }
    let processor = BatchSpanProcessor::builder(otlp.build()?)
        .with_batch_config(config.build())
        .build();
    Ok(builder.with_span_processor(processor).build())
}

/// Ends a provider, which says whether all went well and not how many spans were lost.
pub fn end(provider: &SdkTracerProvider, deadline: Duration) -> Ending {
    Ending {
        is_error: provider.shutdown_with_timeout(deadline).is_err(),
        lost: None,
    }
}

impl OpenTelemetry {
    pub fn to(destination: Destination<'_>) -> anyhow::Result<Self> {
        let provider = provider(destination)?;
        let tracer = provider.tracer("bench");
        Ok(Self { provider, tracer })
    }

    fn within(&self, name: &'static str, attributes: Vec<KeyValue>, f: impl FnOnce(&Context)) {
        let builder = self.tracer.span_builder(name).with_attributes(attributes);
        let context = Context::current_with_span(self.tracer.build(builder));
        let _current = context.clone().attach();
        f(&context);
    }
}

impl Contender for OpenTelemetry {
    fn w1(&self, texts: &Texts, number: i64) {
        let attributes = vec![
            KeyValue::new("s1", texts.s1.clone()),
            KeyValue::new("s2", texts.s2.clone()),
            KeyValue::new("i", number),
            KeyValue::new("f", 0.25),
        ];
        self.within("w1", attributes, |_span| {});
    }

    fn w2(&self, texts: &Texts, number: i64) {
        let of_type = |name| vec![KeyValue::new("langfuse.observation.type", name)];
        self.within("agent", of_type("agent"), |_agent| {
            for _ in 0..3 {
                self.within("chain", of_type("chain"), |_chain| {
                    let attributes = vec![
                        KeyValue::new("langfuse.observation.type", "generation"),
                        KeyValue::new("gen_ai.request.model", texts.model.clone()),
                        KeyValue::new("gen_ai.provider.name", "openai"),
                        KeyValue::new("input", texts.input.clone()),
                        KeyValue::new("gen_ai.request.temperature", 0.7),
                        KeyValue::new("i", number),
                    ];
                    self.within("generation", attributes, |context| {
                        let span = context.span();
                        span.set_attribute(KeyValue::new("output", texts.output.clone()));
                        span.set_attribute(KeyValue::new("gen_ai.usage.input_tokens", 512));
                        span.set_attribute(KeyValue::new("gen_ai.usage.output_tokens", 256));
                        span.set_attribute(KeyValue::new("gen_ai.usage.total_tokens", 768));
                        span.set_attribute(KeyValue::new("gen_ai.usage.cost", 0.001_25));
                        let id = texts.response_id.clone();
                        span.set_attribute(KeyValue::new("gen_ai.response.id", id));
                    });
                });
            }
        });
    }

    fn finish(&self) -> Option<u64> {
        _ = self.provider.force_flush(); // a failure shows in what the sink has counted
        None
    }

    fn end(&self, deadline: Duration) -> Option<Ending> {
        Some(end(&self.provider, deadline))
    }
}
