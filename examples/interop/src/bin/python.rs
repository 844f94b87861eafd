//! One trace, one user and one session across processes of Langfuse's Python SDK and of ours.
//!
//! Python calls a service of axum; then a program of ours calls a service in Python, which calls
//! that service of axum. `PYTHON` is an interpreter that has the SDK.

use std::{net::Ipv4Addr, process::Command};

use anyhow::{Context as _, ensure};
use axum::{Router, extract::Path, routing::get};
use o11y_core::{
    Context, Generation, ObservationType, Propagation, Span, SpanSpec, TraceAttributes, Usage,
    tower::ContinueTraceLayer,
};
use o11y_interop::{PATIENCE, Process, every, exporter, found_by_sdks, free_port, http, needed};
use o11y_langfuse::{
    Telemetry,
    local::{Receiver, Trace},
};
use tokio::{net::TcpListener, task::block_in_place};

/// The name of the instrumentation by which the server knows the SDK.
const PYTHON_SCOPE: &str = "langfuse-sdk";

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/python");

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let receiver = Receiver::start()?;
    let telemetry = exporter(&receiver, receiver.base_url()).spawn()?;
    let service = serve().await?;
    python_asks(&receiver, &telemetry, &service)?;
    receiver.clear();
    python_is_asked(&receiver, &telemetry, &service).await
}

/// A service of ours. Returns the address of a drink.
async fn serve() -> anyhow::Result<String> {
    async fn advise(Path(mood): Path<String>) -> String {
        let question =
            Generation::new("openai", "gpt-4o-mini").input(format!("A drink for the {mood}?"));
        let advised = Context::generation(question, async |call| -> anyhow::Result<String> {
            call.set_usage(Usage::new().input(12).output(4));
            Ok("A flat white.".to_owned())
        });
        advised.await.unwrap_or_else(|refused| refused.to_string())
    }

    let observed = ContinueTraceLayer::new()
        .baggage(true)
        .request_span(|_| SpanSpec::new("advise").observation(ObservationType::Chain));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let routes = Router::new()
        .route("/drink/{mood}", get(advise))
        .layer(observed);
    tokio::spawn(async move { axum::serve(listener, routes).await });
    Ok(format!("http://{address}/drink/tired"))
}

fn python(receiver: &Receiver, script: &str, arguments: &[&str]) -> anyhow::Result<Process> {
    Process::start(
        Command::new(needed("PYTHON")?)
            .arg(format!("{SCRIPTS}/{script}"))
            .args(arguments)
            .envs(found_by_sdks(receiver, &receiver.base_url())),
    )
}

fn python_asks(receiver: &Receiver, telemetry: &Telemetry, service: &str) -> anyhow::Result<()> {
    block_in_place(|| python(receiver, "asks.py", &[service])?.succeeds())?;
    telemetry.flush(PATIENCE)?;

    let trace = the_trace(receiver, 4)?;
    ensure!(
        trace.outline()
            == "agent order\n  tool ask\n    chain advise\n      generation llm.generate\n",
        "the spans lie otherwise:\n{trace}"
    );
    is_one(&trace)?;
    println!("ok: Python calls Rust: {}", described(&trace));
    Ok(())
}

async fn python_is_asked(
    receiver: &Receiver,
    telemetry: &Telemetry,
    service: &str,
) -> anyhow::Result<()> {
    let port = free_port()?;
    let mut answers = python(receiver, "answers.py", &[&port.to_string(), service])?;
    block_in_place(|| answers.listens(port))?;
    let http = http()?;
    let ask = async |_span: &mut Span| -> anyhow::Result<()> {
        let mut request = http.get(format!("http://127.0.0.1:{port}")).build()?;
        let shared = Propagation::new().baggage(true);
        shared.inject(&Context::current(), request.headers_mut());
        http.execute(request).await?.error_for_status()?;
        Ok(())
    };
    let attributes = TraceAttributes::new()
        .user("gus")
        .session("monday")
        .name("order")
        .version("2.1")
        .environment("staging")
        .tag("interop")
        .tag("to go")
        .metadata("shop", "7");
    let order = SpanSpec::new("order").observation(ObservationType::Agent);
    Context::with_trace_async(attributes, async || {
        Context::try_with_span_async(order, ask).await
    })
    .await?;
    telemetry.flush_async(PATIENCE).await?;

    let trace = the_trace(receiver, 5)?;
    ensure!(
        trace.outline()
            == "agent order\n  chain recommend\n    generation think\n    chain advise\n      \
                generation llm.generate\n",
        "the spans lie otherwise:\n{trace}"
    );
    is_one(&trace)?;
    println!("ok: Rust calls Python calls Rust: {}", described(&trace));
    Ok(())
}

/// The only trace, with so many observations.
fn the_trace(receiver: &Receiver, count: usize) -> anyhow::Result<Trace> {
    ensure!(
        receiver.wait_for_observations(count, PATIENCE),
        "{} of {count} observations have arrived",
        receiver.observation_count()
    );
    let mut traces = receiver.traces();
    let trace = traces.pop().context("there is no trace")?;
    ensure!(traces.is_empty(), "there is another trace: {traces:?}");
    ensure!(trace.observations.len() == count, "too many:\n{trace}");
    Ok(trace)
}

/// Whoever sent them, all spans say the same of their trace, and it has one root.
fn is_one(trace: &Trace) -> anyhow::Result<()> {
    let all = &trace.observations;
    every(all, "the user", |one| one.user_id.as_deref() == Some("gus"))?;
    every(all, "the session", |one| {
        one.session_id.as_deref() == Some("monday")
    })?;
    every(all, "the trace's name", |one| {
        one.trace_name.as_deref() == Some("order")
    })?;
    every(all, "the version", |one| {
        one.version.as_deref() == Some("2.1")
    })?;
    every(all, "the environment", |one| one.environment == "staging")?;
    every(all, "the tags", |one| one.tags == ["interop", "to go"])?;
    // Python's SDK writes JSON, which the server reads for it; we write the text.
    every(all, "the metadata", |one| {
        let is_ours = one.scope_name != PYTHON_SCOPE;
        let said = one.trace_metadata.get("shop").map(String::as_str);
        said == Some("7") || !is_ours && said == Some("\"7\"")
    })?;

    let roots = all.iter().filter(|one| one.is_root()).count();
    ensure!(roots == 1, "{roots} application roots:\n{trace}");
    ensure!(trace.orphan_count() == 0, "a parent is missing:\n{trace}");
    Ok(())
}

fn described(trace: &Trace) -> String {
    format!(
        "{} spans, one trace, one root, user {}, session {}, {} tokens",
        trace.observations.len(),
        trace.user_id().unwrap_or("?"),
        trace.session_id().unwrap_or("?"),
        trace.total_tokens(),
    )
}
