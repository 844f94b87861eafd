//! A coffee shop run by an agent, observed from the first call to the last.
//!
//! Customers with a mood and a time of day arrive. For each of them a chain of thought picks one
//! action (make a drink, refund, call the manager, tell a joke), a tool carries it out, and the
//! model answers. The same customers are served one after the other and then all at once, and
//! a third time on a token budget that stops the run.
//!
//! ```text
//! cargo run --example coffee_shop
//! ```
//!
//! With `--picture trace.svg` it also draws one of the traces.
//!
//! It needs nothing: a scripted model and a receiver run on loopback. With `OPENAI_BASE_URL` (and
//! `OPENAI_API_KEY`, `OPENAI_MODEL`) it asks that model instead; with `LANGFUSE_PUBLIC_KEY`,
//! `LANGFUSE_SECRET_KEY` and `LANGFUSE_BASE_URL` it sends there and prints the links.
//!
//! Where to look: `shop.rs` is the agent, `llm.rs` the observed model call, `live.rs` a subscriber
//! of one's own. The rest is scenery.

mod destination;
mod error;
mod live;
mod llm;
mod overhead;
mod picture;
mod run;
mod script;
mod shop;
mod show;
mod tools;

use std::sync::Arc;

use o11y_core::events;
use o11y_events::{BaseSubscriber as _, TokenBudgetTracker};

use crate::{
    destination::Destination, error::ShopError, live::LiveStream, llm::Llm, run::Run, shop::Shop,
};

/// Enough for two customers and a bit.
const SMALL_BUDGET: u64 = 950;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let picture = picture::wanted()?;
    // Telemetry first. It ends, with everything delivered, when `destination` goes out of scope.
    let destination = Destination::choose()?;
    let llm = Llm::from_env().await?;
    show::opening(&llm, &destination);
    let shop = Arc::new(Shop::new(llm));

    show::title("One after the other");
    let sequential = {
        let _live = LiveStream::new().attach(events());
        Run::in_turn(&shop, "sequential").await.all_served()?
    };

    show::title("All at once");
    let concurrent = {
        let _live = LiveStream::new().attach(events());
        Run::at_once(&shop, "concurrent").await.all_served()?
    };

    show::title("One after the other, on a small budget");
    let (on_a_budget, budget) = {
        let _live = LiveStream::new().attach(events());
        let budget = TokenBudgetTracker::new(SMALL_BUDGET).attach(events());
        let run = Run::in_turn(&shop, "on-a-budget").await;
        (run, budget.to_string())
    };
    let on_a_budget = match on_a_budget.stopped_by() {
        // The veto came back as an error of this program's own, which it can act on.
        Some(error @ ShopError::OverBudget { .. }) => {
            show::stopped(&on_a_budget, error, &budget);
            on_a_budget
        }
        _ => {
            show::not_stopped(&budget);
            on_a_budget.all_served()?
        }
    };

    destination.flush().await?;
    show::traces(&destination, &sequential, &concurrent, &on_a_budget);
    if let Some(path) = picture {
        picture::draw(&destination, &sequential, &path)?;
    }
    let overhead = overhead::measure(&sequential).await?;
    show::summary(&destination, &sequential, &concurrent, &overhead);
    Ok(())
}
