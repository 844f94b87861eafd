//! What do I see of a crate that already speaks `tracing`, and what of it is billed?
//!
//! One layer, added to the subscriber that the program has anyway, makes observations of its spans.
//! The crate is made up here, in thirty lines, and behaves as rig, genai and others do. Run it with
//! `cargo run --example tracing_bridge`; it works offline.

use std::time::Duration;

use o11y_core::{Context, SpanSpec, TraceAttributes, TracingLayer, events};
use o11y_events::{BaseSubscriber as _, TokenBudgetTracker};
use o11y_langfuse::{Langfuse, local::Receiver};
use tracing_subscriber::{layer::SubscriberExt as _, registry};

/// Somebody else's crate: it follows the GenAI conventions, and knows nothing of us.
mod their_crate {
    use tracing::{field::Empty, info_span};

    pub fn run_agent(tool: impl Fn(&str) -> String) -> String {
        let agent = info_span!(
            "invoke_agent",
            gen_ai.operation.name = "invoke_agent",
            gen_ai.agent.name = "barista",
            gen_ai.usage.input_tokens = Empty,
            gen_ai.usage.output_tokens = Empty,
        );
        let _agent = agent.enter();
        let order = ask("What does the customer want?", 512, 8);
        let call = info_span!(
            "execute_tool",
            gen_ai.operation.name = "execute_tool",
            gen_ai.tool.name = "make_drink",
            gen_ai.tool.call.arguments = order,
            gen_ai.tool.call.result = Empty,
        );
        let drink = call.in_scope(|| tool(&order));
        call.record("gen_ai.tool.call.result", &*drink);
        drop(call);
        let answer = ask("Hand it over.", 540, 12);
        // The sum of the run, on top of what each call has said.
        agent.record("gen_ai.usage.input_tokens", 1_052);
        agent.record("gen_ai.usage.output_tokens", 20);
        answer
    }

    fn ask(prompt: &str, input: u64, output: u64) -> String {
        let answer = if output < 10 {
            "flat white"
        } else {
            "Here you are."
        };
        let _call = info_span!(
            "chat",
            gen_ai.operation.name = "chat",
            gen_ai.provider.name = "openai",
            gen_ai.request.model = "gpt-4o-mini",
            gen_ai.input.messages = prompt,
            gen_ai.output.messages = answer,
            gen_ai.usage.input_tokens = input,
            gen_ai.usage.output_tokens = output,
        )
        .entered();
        answer.to_owned()
    }
}

/// Our own code, called back by theirs: its span lies in the tool's.
fn make_drink(order: &str) -> String {
    Context::with_span(SpanSpec::new("steam the milk").input(order), |span| {
        span.set_output("60 °C");
        format!("one {order}")
    })
}

fn main() -> anyhow::Result<()> {
    let receiver = Receiver::start()?;
    let telemetry = Langfuse::builder()
        .host(receiver.base_url())
        .public_key(receiver.public_key())
        .secret_key(receiver.secret_key())
        .spawn()?;

    // The one line. A log, or OpenTelemetry, would be further layers beside it.
    let subscriber = registry().with(TracingLayer::new().build());
    tracing::subscriber::set_global_default(subscriber)?;

    // A budget that has never heard of `tracing`.
    let budget = TokenBudgetTracker::new(10_000).attach(events());

    let visit = TraceAttributes::new().name("visit").user("gus");
    Context::with_trace(visit, || {
        Context::with_span("serve", |span| {
            // A span that is none of ours to show: it is not there.
            let request = tracing::info_span!("http.request");
            let answer = request.in_scope(|| their_crate::run_agent(make_drink));
            span.set_output(answer);
        });
    });

    telemetry.flush(Duration::from_secs(5))?;
    for trace in receiver.traces() {
        println!("{trace}");
    }
    println!("budget: {}", *budget);
    println!("The agent's own sum is metadata, so 1,072 tokens were billed, and not 2,144.");
    Ok(())
}
