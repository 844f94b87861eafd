//! The workloads as a program would write them with these crates.

use std::time::Duration;

use o11y_core::{Context, ObservationType, Span, SpanSpec};
use o11y_langfuse::{Langfuse, Telemetry};

use super::{Contender, Destination, Ending};
use crate::workload::{Owned, Texts};

/// With its default queue, or to a sink with a queue that holds everything.
pub struct Ours {
    telemetry: Telemetry,
}

impl Ours {
    pub fn to(destination: Destination<'_>) -> anyhow::Result<Self> {
        let builder = Langfuse::builder()
            .public_key("pk-lf-bench")
            .secret_key("sk-lf-bench");
        let telemetry = match destination {
            Destination::Nowhere(host) => builder.host(host).spawn()?,
            Destination::Http { host, gzip } => builder
                .host(host)
                .gzip(gzip)
                .queue_size(crate::case::LOSSLESS)
                .queue_bytes(4 << 30)
                .spawn()?,
            Destination::Usual { host, gzip } => builder.host(host).gzip(gzip).spawn()?,
            Destination::Wide { host, queue } => builder.host(host).queue_size(queue).spawn()?,
        };
        Ok(Self { telemetry })
    }
}

impl Contender for Ours {
    fn w1(&self, texts: &Texts, number: i64) {
        w1(texts, number);
    }

    fn w2(&self, texts: &Texts, number: i64) {
        w2(texts, number);
    }

    fn finish(&self) -> Option<u64> {
        _ = self.telemetry.flush(Duration::from_secs(60)); // what is lost is counted
        Some(self.telemetry.stats().lost.total())
    }

    fn end(&self, deadline: Duration) -> Option<Ending> {
        let is_error = self.telemetry.shutdown(deadline).is_err();
        Some(Ending {
            is_error,
            lost: Some(self.telemetry.stats().lost.total()),
        })
    }
}

pub fn w1(texts: &Texts, number: i64) {
    Context::with_span("w1", |span| {
        span.set_attribute("s1", &*texts.s1);
        span.set_attribute("s2", &*texts.s2);
        span.set_attribute("i", number);
        span.set_attribute("f", 0.25);
    });
}

pub fn w2(texts: &Texts, number: i64) {
    around(|| {
        let spec = SpanSpec::new("generation")
            .observation(ObservationType::Generation)
            .model(&*texts.model)
            .attribute("gen_ai.provider.name", "openai")
            .input(&*texts.input)
            .attribute("gen_ai.request.temperature", 0.7)
            .attribute("i", number);
        Context::with_span(spec, |span| {
            span.set_output(&*texts.output);
            usage(span);
            span.set_attribute("gen_ai.response.id", &*texts.response_id);
        });
    });
}

/// The same by a program that needs its texts no more.
pub fn w2_moved(mut texts: impl Iterator<Item = Owned>, number: i64) {
    around(|| {
        let Some(texts) = texts.next() else {
            return;
        };
        let spec = SpanSpec::new("generation")
            .observation(ObservationType::Generation)
            .model(texts.model)
            .attribute("gen_ai.provider.name", "openai")
            .input(texts.input)
            .attribute("gen_ai.request.temperature", 0.7)
            .attribute("i", number);
        Context::with_span(spec, |span| {
            span.set_output(texts.output);
            usage(span);
            span.set_attribute("gen_ai.response.id", texts.response_id);
        });
    });
}

/// An agent with three chains, and `generation` in each of them.
fn around(mut generation: impl FnMut()) {
    let agent = SpanSpec::new("agent").observation(ObservationType::Agent);
    Context::with_span(agent, |_agent| {
        for _ in 0..3 {
            let chain = SpanSpec::new("chain").observation(ObservationType::Chain);
            Context::with_span(chain, |_chain| generation());
        }
    });
}

fn usage(span: &mut Span) {
    span.set_attribute("gen_ai.usage.input_tokens", 512);
    span.set_attribute("gen_ai.usage.output_tokens", 256);
    span.set_attribute("gen_ai.usage.total_tokens", 768);
    span.set_attribute("gen_ai.usage.cost", 0.001_25);
}
