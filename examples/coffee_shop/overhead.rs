//! What telemetry takes from the program: the time that a run spends inside our calls.
//!
//! A clock around every call would cost more than the call. So the spans and events of a run are
//! made again, in the same shape and with the same texts but with nothing to do between them,
//! through an exporter like the run's own. Work of subscribers is not in it.
//!
//! Three figures are given, because no single one tells all: what it takes when nothing else
//! disturbs the machine, what it took in the middle of all attempts, and what it takes right after
//! a pause, when the caches are cold. The calls of a real run lie between answers of a model, so
//! the last is the nearest to them, and may still be too low.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use o11y_core::{Context, Generation, ObservationType, SpanSpec, attributes, event};
use o11y_langfuse::local::Receiver;
use serde_json::{
    Value as Json, json,
    value::{RawValue, to_raw_value},
};

use crate::{
    destination::exporter_to,
    error::ShopError,
    llm::note,
    run::Run,
    shop::{Served, Visit, question, report, trace_of},
};

const ROUNDS: usize = 25;
/// Runs of a round: what they hand over waits until its end, as it does in a real run.
const RUNS: usize = 5;
/// Between two rounds, so that something else that keeps the machine busy for a moment does not
/// reach all of them.
const PAUSE: Duration = Duration::from_millis(15);
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

pub struct Overhead {
    pub spans: usize,
    pub events: usize,
    /// The median of the runs of the quietest round.
    pub quietest: Duration,
    /// The median of all runs.
    pub median: Duration,
    /// The median of the first run of each round.
    pub cold: Duration,
}

pub async fn measure(run: &Run) -> anyhow::Result<Overhead> {
    // A destination of its own: nobody wants these in their project.
    let receiver = Receiver::start()?;
    let telemetry = exporter_to(&receiver).batch_size(2_000).spawn()?;
    let visits: Vec<_> = run.visits.iter().filter_map(Replay::of).collect();

    let mut quietest = Duration::MAX;
    let (mut all, mut cold) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let mut times = [Duration::ZERO; RUNS];
        for time in &mut times {
            let start = Instant::now();
            for visit in &visits {
                visit.play().await;
            }
            *time = start.elapsed();
        }
        cold.push(times[0]);
        all.extend(times);
        quietest = quietest.min(median(&mut times));
        telemetry.flush_async(FLUSH_TIMEOUT).await?;
        tokio::time::sleep(PAUSE).await;
    }
    let arrived = receiver.observations();
    let events = arrived.iter().filter(|one| one.kind == "event").count();
    Ok(Overhead {
        spans: (arrived.len() - events) / (ROUNDS * RUNS),
        events: events / (ROUNDS * RUNS),
        quietest,
        median: median(&mut all),
        cold: median(&mut cold),
    })
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// A visit with everything at hand that its telemetry says.
struct Replay<'a> {
    visit: &'a Visit,
    served: &'a Served,
    question: Box<RawValue>,
    report: Box<RawValue>,
    response: Json,
}

impl<'a> Replay<'a> {
    fn of(visit: &'a Visit) -> Option<Self> {
        let served = visit.outcome.as_ref().ok()?;
        let usage = served.usage;
        let response = json!({
            "id": "chatcmpl-0000000000000000",
            "model": "gpt-4o-mini-2024-07-18",
            "choices": [{
                "index": 0,
                "message": { "role": "assistant", "content": served.answer },
                "finish_reason": "stop",
            }],
            "usage": {
                "prompt_tokens": usage.input_total() / 2,
                "completion_tokens": usage.output_total() / 2,
                "total_tokens": usage.total() / 2,
                "prompt_tokens_details": { "cached_tokens": 0 },
            },
        });
        Some(Self {
            visit,
            served,
            question: to_raw_value(&question(&visit.customer)).ok()?,
            report: to_raw_value(&report(
                &visit.customer,
                &served.decision.action,
                &served.result,
            ))
            .ok()?,
            response,
        })
    }

    /// The calls of `shop.rs`, `llm.rs` and `tools.rs` in their order, with nothing between them.
    async fn play(&self) {
        let Visit { customer, .. } = self.visit;
        let Served {
            decision, result, ..
        } = self.served;
        let action = decision.action.name();
        Context::with_trace_async(trace_of(customer, "replay"), async || {
            let agent = SpanSpec::new("coffee_shop.handle_customer")
                .observation(ObservationType::Agent)
                .input(customer);
            Context::with_span_async(agent, async |span| {
                black_box(span.context());
                event(
                    "customer.arrived",
                    attributes! {
                        "customer" => customer.name,
                        "mood" => customer.mood,
                        "time_of_day" => customer.time_of_day,
                    },
                );
                let chain = SpanSpec::new("chain_of_thought")
                    .observation(ObservationType::Chain)
                    .input(customer.says);
                Context::with_span_async(chain, async |span| {
                    self.ask(&self.question, self.served.attempts[0]).await;
                    event(
                        "chain_of_thought.reasoning_complete",
                        attributes! { "action" => action, "reasoning" => &*decision.reasoning },
                    );
                    span.set_output(decision);
                })
                .await;
                let tool = SpanSpec::new(action)
                    .observation(ObservationType::Tool)
                    .input(&decision.action);
                Context::with_span_async(tool, async |span| {
                    event(
                        "tool.complete",
                        attributes! { "tool" => action, "result" => &**result },
                    );
                    span.set_output(&**result);
                })
                .await;
                event(
                    "react.iteration_complete",
                    attributes! { "iteration" => 1, "action" => action },
                );
                self.ask(&self.report, self.served.attempts[1]).await;
                span.set_output(&self.served.answer);
            })
            .await;
        })
        .await;
    }

    async fn ask(&self, prompt: &RawValue, attempts: u32) {
        for attempt in 1..=attempts {
            let generation = Generation::new("openai", "gpt-4o-mini")
                .input(prompt.get())
                .temperature(0.2)
                .max_tokens(150)
                .estimate(400);
            let outcome = Context::generation(generation, async |call| -> Result<(), ShopError> {
                if attempt < attempts {
                    return Err(ShopError::Senseless(String::new()));
                }
                black_box(note(call, &self.response));
                Ok(())
            })
            .await;
            if outcome.is_err() {
                event(
                    "llm.retry",
                    attributes! { "reason" => "status 429", "attempt" => attempt, "wait_ms" => 120 },
                );
            }
        }
    }
}
