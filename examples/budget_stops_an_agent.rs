//! How a budget stops an agent in the middle of its work, before the call that would cost too much.
//!
//! The agent would ask its model for ever. Three budgets hold it: its own of calls and tokens, one
//! of money for the whole process, and a rate per minute. Nothing here needs a network: the model
//! is a function. Run it with `cargo run --example budget_stops_an_agent`.

use std::time::Duration;

use o11y_core::{Context, Cost, Event, Generation, Module, Usage, Vetoed, events};
use o11y_events::{
    BaseSubscriber as _, Budget, BudgetExceeded, BudgetTracker, Limits, ModuleScope,
};

/// What the model may answer at most.
const MAX_TOKENS: u64 = 400;

#[derive(Debug, thiserror::Error)]
enum AgentError {
    #[error("stopped by a budget")]
    Stopped(#[from] Vetoed),
}

/// A dollar per million tokens of input, four of output.
fn price(_provider: Option<&str>, _model: &str, usage: &Usage) -> Option<Cost> {
    let (input, output) = (usage.input_total(), usage.output_total());
    Some(Cost::from_picodollars(
        input * 1_000_000 + output * 4_000_000,
    ))
}

/// The model: each answer is a little longer than the one before, and never the last.
fn model(step: u64) -> (String, Usage) {
    let usage = Usage::new().input(300 + 150 * step).output(120 + 20 * step);
    (format!("one more thought ({step})"), usage)
}

/// An agent that does not know when to stop.
fn think(steps: &mut u64) -> Result<(), AgentError> {
    loop {
        let input = 300 + 150 * *steps; // counted by a tokenizer
        let request = Generation::new("openai", "gpt-4o-mini")
            .estimate(input + MAX_TOKENS)
            .max_tokens(MAX_TOKENS);
        let thought = Context::generation_blocking(request, |call| -> Result<_, AgentError> {
            let (thought, usage) = model(*steps);
            call.set_usage(usage);
            Ok(thought)
        })?;
        *steps += 1;
        println!("  step {steps}: {thought}");
    }
}

fn main() {
    let process = Budget::new("process", Limits::new().cost(Cost::usd(1.0)));
    let limits = Limits::new()
        .tokens(6_000)
        .calls(50)
        .calls_per(30, Duration::from_secs(60))
        .threshold(0.5);
    let agent = Budget::within(&process, "agent", limits);
    let module = Module::new("Thinker");
    let _tracker = BudgetTracker::new(&agent)
        .scoped(ModuleScope::descendants(&module))
        .priced_by(price)
        .attach(events());
    let _warning = events().subscribe("budget.threshold", |event: &Event| {
        let said = |key| event.attribute(key).map(ToString::to_string);
        let [budget, spent, limit] = ["budget.name", "budget.spent", "budget.limit"]
            .map(|key| said(key).unwrap_or_default());
        println!("  !! {budget}: {spent} of {limit} spent");
    });

    println!("the agent thinks:");
    let mut steps = 0;
    let ended = Context::with_module(module, || think(&mut steps));

    let Err(AgentError::Stopped(vetoed)) = ended else {
        return println!("it ended by itself");
    };
    println!("stopped after {steps} steps: {}", vetoed.reason());
    if let Some(exceeded) = vetoed.downcast_ref::<BudgetExceeded>() {
        let asked = exceeded
            .asked()
            .map_or_else(String::new, |asked| asked.to_string());
        println!(
            "budget `{}`, limit {}, asked {asked}",
            exceeded.budget(),
            exceeded.limit()
        );
    }
    println!("{agent}");
    println!("{process}");
    for share in agent.by_model() {
        println!(
            "  {}: {} tokens, {}",
            share.name, share.spent.tokens, share.spent.cost
        );
    }
}
