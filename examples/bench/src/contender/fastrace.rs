//! The workloads on fastrace. Its properties are text, so numbers are printed.

use std::time::Duration;

use fastrace::{
    Span,
    collector::{Config, Reporter, SpanContext, SpanRecord},
    local::LocalSpan,
};

use super::Contender;
use crate::workload::Texts;

pub struct Fastrace;

/// A reporter that does nothing.
struct Nowhere;

impl Reporter for Nowhere {
    fn report(&mut self, _spans: Vec<SpanRecord>) {}
}

impl Fastrace {
    pub fn to_nowhere() -> Self {
        let config = Config::default().report_interval(Duration::from_millis(100));
        fastrace::set_reporter(Nowhere, config);
        Self
    }
}

impl Contender for Fastrace {
    fn w1(&self, texts: &Texts, number: i64) {
        let span = Span::root("w1", SpanContext::random());
        let _current = span.set_local_parent();
        span.add_properties(|| {
            [
                ("s1", texts.s1.clone()),
                ("s2", texts.s2.clone()),
                ("i", number.to_string()),
                ("f", 0.25.to_string()),
            ]
        });
    }

    fn w2(&self, texts: &Texts, number: i64) {
        let agent = Span::root("agent", SpanContext::random())
            .with_property(|| ("langfuse.observation.type", "agent"));
        let _current = agent.set_local_parent();
        for _ in 0..3 {
            let _chain = LocalSpan::enter_with_local_parent("chain")
                .with_property(|| ("langfuse.observation.type", "chain"));
            let _generation =
                LocalSpan::enter_with_local_parent("generation").with_properties(|| {
                    [
                        ("langfuse.observation.type", "generation".to_owned()),
                        ("gen_ai.request.model", texts.model.clone()),
                        ("gen_ai.provider.name", "openai".to_owned()),
                        ("input", texts.input.clone()),
                        ("gen_ai.request.temperature", 0.7.to_string()),
                        ("i", number.to_string()),
                    ]
                });
            LocalSpan::add_properties(|| {
                [
                    ("output", texts.output.clone()),
                    ("gen_ai.usage.input_tokens", 512.to_string()),
                    ("gen_ai.usage.output_tokens", 256.to_string()),
                    ("gen_ai.usage.total_tokens", 768.to_string()),
                    ("gen_ai.usage.cost", 0.001_25.to_string()),
                    ("gen_ai.response.id", texts.response_id.clone()),
                ]
            });
        }
    }

    fn finish(&self) -> Option<u64> {
        fastrace::flush();
        None
    }
}
