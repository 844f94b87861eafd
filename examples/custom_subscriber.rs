//! How do I write a subscriber of my own, and read real calls and events of my program with it?
//!
//! A struct, a handler and one line that says what it hears. This one keeps score of an agent: the
//! tools that it used, and the tokens of each model call, read through `LlmEvent`, which understands
//! every name that a call may be told under. `cargo run --example custom_subscriber` works offline.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use o11y_core::{Context, Event, Generation, LlmEvent, Usage, attributes, event, events};
use o11y_events::{BaseSubscriber, Subscriptions};

/// What one run of an agent did.
#[derive(Default)]
struct RunLog {
    book: Mutex<Book>,
}

#[derive(Default)]
struct Book {
    tools: BTreeMap<String, u32>,
    calls: Vec<(String, u64)>,
}

impl RunLog {
    fn on_tool(&self, event: &Event) {
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        *book.tools.entry(event.name().to_owned()).or_default() += 1;
    }

    /// Called for each end of a call, once: what only repeats is not read by `LlmEvent`.
    fn on_call(&self, event: &Event) {
        let Some(call) = LlmEvent::from_event(event).filter(LlmEvent::is_end) else {
            return;
        };
        let line = (
            call.model().unwrap_or("?").to_owned(),
            call.get_total_tokens().unwrap_or(0),
        );
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        book.calls.push(line);
    }
}

impl BaseSubscriber for RunLog {
    fn subscribe(self: &Arc<Self>, subscriptions: &mut Subscriptions<Self>) {
        subscriptions.add_subscription("tool.*", Self::on_tool);
        subscriptions.add_subscription("llm.*", Self::on_call);
    }
}

/// What a program does: an agent that thinks and uses tools; its model answers at once.
fn run() -> anyhow::Result<()> {
    for tool in ["tool.search", "tool.search", "tool.calculator"] {
        Context::generation_blocking(Generation::new("openai", "gpt-4o-mini"), |call| {
            call.set_usage(Usage::new().input(500).output(40));
            anyhow::Ok(())
        })?;
        event(tool, attributes! { "query" => "flat white" });
    }
    Ok(())
}

fn main() -> anyhow::Result<()> {
    // It hears events until the guard is dropped: bind it to a name.
    let log = RunLog::default().attach(events());
    run()?;

    let book = log.book.lock().unwrap_or_else(PoisonError::into_inner);
    for (tool, times) in &book.tools {
        println!("{tool}: {times}");
    }
    for (model, tokens) in &book.calls {
        println!("{model}: {tokens} tokens");
    }
    Ok(())
}
