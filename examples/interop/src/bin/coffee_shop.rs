//! The coffee shop with a model endpoint that others have written: `aimock`, which answers in
//! OpenAI's shape, is busy once and fails once.
//!
//! `LLMOCK` is its command, `COFFEE_SHOP` the example.

use std::process::{Command, Stdio};

use anyhow::ensure;
use o11y_interop::{Process, every, fixtures, found_by_sdks, llmock, needed};
use o11y_langfuse::local::{Observation, Receiver, Trace};

/// What a call about what to do takes, and one to tell the customer.
const TOKENS: u64 = (200 + 30) + (240 + 20);

fn main() -> anyhow::Result<()> {
    let receiver = Receiver::start()?;
    let (_model, url) = llmock(&fixtures("coffee_shop.json"))?;
    let mut shop = Command::new(needed("COFFEE_SHOP")?);
    shop.env("OPENAI_BASE_URL", url)
        .envs(found_by_sdks(&receiver, &receiver.base_url()))
        .stdout(Stdio::null());
    Process::start(&mut shop)?.succeeds()?;

    let traces = receiver.traces();
    let of = |session| {
        let traces = traces.iter();
        traces.filter(move |trace| trace.session_id() == Some(session))
    };
    let mut failed = Vec::new();
    for session in ["sequential", "concurrent"] {
        ensure!(of(session).count() == 6, "{session}: not six traces");
        for trace in of(session) {
            let errors = served(trace)?;
            failed.extend(errors.map(|one| one.status_message.clone().unwrap_or_default()));
        }
    }
    ensure!(
        failed.len() == 2 && failed[0].contains("429") && failed[1].contains("500"),
        "other errors than two attempts: {failed:?}"
    );
    let stopped: Vec<_> = of("on-a-budget").collect();
    let refused = stopped.iter().flat_map(|trace| errors(trace)).count();
    ensure!(
        refused > 0,
        "the budget has not stopped the run: {stopped:?}"
    );
    println!(
        "ok: the coffee shop asks aimock: {} traces of {} spans, {TOKENS} tokens each, \
         429 and 500 seen and tried again, a budget has stopped the third run",
        traces.len(),
        receiver.observation_count(),
    );
    Ok(())
}

/// A customer's trace: whole, and paid once. Returns the attempts that failed.
fn served(trace: &Trace) -> anyhow::Result<impl Iterator<Item = &Observation>> {
    let user = trace.user_id().unwrap_or_default();
    ensure!(!user.is_empty(), "nobody's trace:\n{trace}");
    every(&trace.observations, "its user", |one| {
        one.user_id.as_deref() == Some(user)
    })?;
    ensure!(
        trace.roots().len() == 1 && trace.orphan_count() == 0,
        "not one tree:\n{trace}"
    );
    ensure!(trace.total_tokens() == TOKENS, "other tokens:\n{trace}");
    let answered = generations(trace).filter(|one| one.level != "ERROR");
    for one in answered.clone() {
        let is_right = one.model.as_deref() == Some("gpt-4o-mini-2024-07-18")
            && one
                .usage
                .get("input")
                .is_some_and(|tokens| [200, 240].contains(tokens))
            && one.output.is_some();
        ensure!(is_right, "another answer: {one:#?}");
    }
    ensure!(answered.count() == 2, "not two answers:\n{trace}");
    ensure!(
        errors(trace).all(|one| one.usage.is_empty()),
        "a failed attempt is billed:\n{trace}"
    );
    Ok(errors(trace))
}

fn generations(trace: &Trace) -> impl Iterator<Item = &Observation> + Clone {
    let all = trace.observations.iter();
    all.filter(|one| one.kind == "generation")
}

fn errors(trace: &Trace) -> impl Iterator<Item = &Observation> {
    generations(trace).filter(|one| one.level == "ERROR")
}
