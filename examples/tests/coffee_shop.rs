//! What the coffee shop did is what arrived: every span exactly once, nested as in the code, for
//! customers in turn and at once, on both kinds of runtime.
#![allow(dead_code, reason = "the program uses what the test does not")]

use std::{fmt::Write as _, sync::Arc, time::Duration};

use o11y_langfuse::{Langfuse, local::Receiver};
use tokio::runtime::Builder;

#[path = "../coffee_shop/error.rs"]
mod error;
#[path = "../coffee_shop/llm.rs"]
mod llm;
#[path = "../coffee_shop/run.rs"]
mod run;
#[path = "../coffee_shop/script.rs"]
mod script;
#[path = "../coffee_shop/shop.rs"]
mod shop;
#[path = "../coffee_shop/tools.rs"]
mod tools;

use llm::Llm;
use run::Run;
use shop::{CUSTOMERS, Shop, Visit};

const LONG: Duration = Duration::from_secs(20);

/// The trace that a visit should have left, by how often the model had to be asked.
fn expected(visit: &Visit) -> String {
    let served = visit.outcome.as_ref().expect("everybody is served");
    let asked = |attempts: u32, indent: &str| {
        let mut lines = String::new();
        for _ in 1..attempts {
            writeln!(lines, "{indent}generation llm.generate [ERROR]").unwrap();
            writeln!(lines, "{indent}event llm.retry").unwrap();
        }
        writeln!(lines, "{indent}generation llm.generate").unwrap();
        lines
    };
    let [thought, answered] = served.attempts;
    format!(
        "agent coffee_shop.handle_customer\n\
         \x20 event customer.arrived\n\
         \x20 chain chain_of_thought\n\
         {}\
         \x20   event chain_of_thought.reasoning_complete\n\
         \x20 tool {}\n\
         \x20   event tool.complete\n\
         \x20 event react.iteration_complete\n\
         {}",
        asked(thought, "    "),
        served.decision.action.name(),
        asked(answered, "  "),
    )
}

async fn check(runtime: &str) {
    let receiver = Receiver::start().unwrap();
    let telemetry = Langfuse::builder()
        .public_key(receiver.public_key())
        .secret_key(receiver.secret_key())
        .host(receiver.base_url())
        .spawn()
        .unwrap();
    let shop = Arc::new(Shop::new(Llm::from_env().await.unwrap()));

    let runs = [
        Run::in_turn(&shop, "sequential").await,
        Run::at_once(&shop, "concurrent").await,
    ];
    telemetry.flush_async(LONG).await.unwrap();

    let traces = receiver.traces();
    assert_eq!(traces.len(), 2 * CUSTOMERS.len(), "{runtime}");
    let mut spans = 0;
    for visit in runs.iter().flat_map(|run| &run.visits) {
        let id = visit.trace_id.unwrap().to_string();
        let trace = traces.iter().find(|trace| trace.id == id).unwrap();
        assert_eq!(trace.outline(), expected(visit), "{runtime}");
        assert_eq!(trace.user_id(), Some(visit.customer.name), "{runtime}");
        assert_eq!(trace.orphan_count(), 0, "{runtime}");
        spans += trace.observations.len();
    }
    let stats = telemetry.stats();
    assert!(stats.is_balanced(), "{stats}");
    assert_eq!(stats.delivered, spans as u64, "{runtime}: {stats}");
    assert_eq!(receiver.observation_count(), spans, "{runtime}");
}

/// One test, because the switch is the process's.
#[test]
fn what_the_shop_did_is_what_arrived() {
    let current = Builder::new_current_thread().enable_all().build().unwrap();
    current.block_on(check("current-thread"));

    let multi = Builder::new_multi_thread().enable_all().build().unwrap();
    multi.block_on(check("multi-thread"));
}
