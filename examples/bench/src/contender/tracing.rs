//! The workloads on tracing, with tracing-opentelemetry in front of OpenTelemetry's SDK.

use std::time::Duration;

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{field::Empty, info_span};
use tracing_subscriber::layer::SubscriberExt as _;

use super::{
    Contender, Destination, Ending,
    opentelemetry::{end, provider},
};
use crate::workload::Texts;

pub struct Tracing {
    provider: SdkTracerProvider,
}

impl Tracing {
    pub fn to(destination: Destination<'_>) -> anyhow::Result<Self> {
        let provider = provider(destination)?;
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("bench"));
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer))?;
        Ok(Self { provider })
    }
}

impl Contender for Tracing {
    fn w1(&self, texts: &Texts, number: i64) {
        let span = info_span!("w1", s1 = &*texts.s1, s2 = &*texts.s2, i = number, f = 0.25);
        let _current = span.enter();
    }

    fn w2(&self, texts: &Texts, number: i64) {
        let agent = info_span!("agent", "langfuse.observation.type" = "agent");
        let _current = agent.enter();
        for _ in 0..3 {
            let chain = info_span!("chain", "langfuse.observation.type" = "chain");
            let _current = chain.enter();
            let generation = info_span!(
                "generation",
                "langfuse.observation.type" = "generation",
                "gen_ai.request.model" = &*texts.model,
                "gen_ai.provider.name" = "openai",
                input = &*texts.input,
                "gen_ai.request.temperature" = 0.7,
                i = number,
                output = Empty,
                "gen_ai.usage.input_tokens" = Empty,
                "gen_ai.usage.output_tokens" = Empty,
                "gen_ai.usage.total_tokens" = Empty,
                "gen_ai.usage.cost" = Empty,
                "gen_ai.response.id" = Empty,
            );
            let _current = generation.enter();
            generation.record("output", &*texts.output);
            generation.record("gen_ai.usage.input_tokens", 512);
            generation.record("gen_ai.usage.output_tokens", 256);
            generation.record("gen_ai.usage.total_tokens", 768);
            generation.record("gen_ai.usage.cost", 0.001_25);
            generation.record("gen_ai.response.id", &*texts.response_id);
        }
    }

    fn finish(&self) -> Option<u64> {
        _ = self.provider.force_flush(); // a failure shows in what the sink has counted
        None
    }

    fn end(&self, deadline: Duration) -> Option<Ending> {
        Some(end(&self.provider, deadline))
    }
}
