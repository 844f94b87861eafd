//! What does each user cost me?
//!
//! A subscriber hears every model call, prices it and adds it up under the user of its trace.
//! `cargo run --example cost_by_user` works offline: the answers of the models are made up.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use o11y_core::{
    Context, Cost, Event, Generation, TraceAttributes, Usage, Value, ValueRef, events, key,
};
use o11y_events::{BaseSubscriber, ModelPrice, Pricing, Rates, ServiceTier, Subscriptions};

struct CostByUser {
    pricing: Pricing,
    bill: Mutex<Bill>,
}

#[derive(Default)]
struct Bill {
    by_user: BTreeMap<String, Cost>,
    /// Calls that cost something, but nobody knows how much.
    unpriced: Vec<String>,
}

impl CostByUser {
    fn on_answer(&self, event: &Event) {
        let text = |key| event.attribute(key).and_then(Value::as_str);
        let model = text(key::RESPONSE_MODEL).or(text(key::REQUEST_MODEL));
        let (Some(model), Some(ValueRef::Usage(usage))) =
            (model, event.attribute(key::USAGE).map(Value::as_ref))
        else {
            return;
        };
        let provider = text(key::PROVIDER_NAME);
        let cost = self
            .pricing
            .cost(provider, model, usage, ServiceTier::Standard);
        let user = event.trace_attributes().and_then(TraceAttributes::get_user);
        let user = user.unwrap_or("(nobody)").to_owned();

        let mut bill = self.bill.lock().unwrap_or_else(PoisonError::into_inner);
        match cost {
            Ok(cost) => {
                let sum = bill.by_user.entry(user).or_default();
                *sum = *sum + cost;
            }
            Err(unpriced) => bill.unpriced.push(unpriced.to_string()),
        }
    }
}

impl BaseSubscriber for CostByUser {
    fn subscribe(self: &Arc<Self>, subscriptions: &mut Subscriptions<Self>) {
        subscriptions.add_subscription("llm.generate", Self::on_answer);
    }
}

/// What a program does: it asks a model, which here answers at once.
fn ask(user: &'static str, provider: &'static str, model: &'static str, usage: Usage) {
    Context::with_trace(TraceAttributes::new().user(user), || {
        let call = Generation::new(provider, model);
        let answer: anyhow::Result<_> = Context::generation_blocking(call, |call| {
            call.set_usage(usage);
            Ok("a flat white")
        });
        assert!(answer.is_ok());
    });
}

fn main() {
    // The table that comes along, and a model of our own on top.
    let own = ModelPrice::new(Rates::per_million(Cost::usd(0.20), Cost::usd(0.40)));
    let pricing = Pricing::builtin()
        .clone()
        .with("our-cluster", "llama-70b", own);
    println!("prices as of {}", pricing.date().unwrap_or("?"));
    let costs = CostByUser {
        pricing,
        bill: Mutex::default(),
    };
    let costs = costs.attach(events());

    let usage = Usage::new;
    let question = usage().input(200).cached(1_800).output(350);
    ask("ada", "openai", "gpt-4o-mini-2024-07-18", question);
    ask("ada", "anthropic", "claude-sonnet-4-5", question);
    ask("ben", "our-cluster", "llama-70b", question);
    // More than 200,000 tokens of input: the whole call has another price.
    let books = usage().input(250_000).output(800).reasoning(4_000);
    ask("cleo", "gcp.gemini", "gemini-2.5-pro", books);
    ask("cleo", "our-cluster", "a-secret-model", question);

    let bill = costs.bill.lock().unwrap_or_else(PoisonError::into_inner);
    for (user, cost) in &bill.by_user {
        println!("{user:<6}{cost}");
    }
    for unpriced in &bill.unpriced {
        println!("{unpriced}");
    }
}
