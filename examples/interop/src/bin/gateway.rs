//! `rotel`, a collector that others have written, as gateway between our exporter and Langfuse.
//!
//! All spans of the coffee shop go to Langfuse twice, directly and through the gateway, and have to
//! be equal there. Then the gateway is away for a while, and Langfuse behind it; and then the
//! gateway ends with spans in its hands, which shows where our promise ends. `ROTEL` is its command,
//! `COFFEE_SHOP` the example.

use std::{
    net::Ipv4Addr,
    process::{Command, Stdio},
};

use anyhow::{Context as _, ensure};
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use o11y_core::{Context, SpanSpec};
use o11y_interop::{
    PATIENCE, Process, TRACES, credentials, every, exporter, found_by_sdks, free_port, http, needed,
};
use o11y_langfuse::{
    Telemetry,
    local::{Fault, Observation, Receiver},
};
use tokio::{net::TcpListener, task::block_in_place};

const SPANS: usize = 5;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    arrive_equal().await?;
    gateway_is_away()?;
    langfuse_is_away()?;
    gateway_ends()
}

/// The collector, in front of a receiver.
struct Gateway {
    port: u16,
    langfuse: String,
    credentials: String,
    process: Process,
}

impl Gateway {
    fn before(receiver: &Receiver) -> anyhow::Result<Self> {
        let (port, langfuse) = (free_port()?, receiver.base_url());
        let credentials = credentials(receiver);
        Ok(Self {
            process: start(port, &langfuse, &credentials)?,
            port,
            langfuse,
            credentials,
        })
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What goes on while it is away; then it is back at the same address.
    fn away<T>(self, meanwhile: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<(Self, T)> {
        self.process.kill();
        let done = meanwhile()?;
        let process = start(self.port, &self.langfuse, &self.credentials)?;
        Ok((Self { process, ..self }, done))
    }
}

fn start(port: u16, langfuse: &str, credentials: &str) -> anyhow::Result<Process> {
    let mut command = Command::new(needed("ROTEL")?);
    command
        .arg("start")
        .args(["--otlp-http-endpoint", &format!("127.0.0.1:{port}")])
        .args([
            "--otlp-grpc-endpoint",
            &format!("127.0.0.1:{}", free_port()?),
        ])
        .args(["--otlp-receiver-traces-http-path", TRACES])
        .args(["--exporter", "otlp"])
        .args(["--otlp-exporter-protocol", "http"])
        .args([
            "--otlp-exporter-endpoint",
            &format!("{langfuse}/api/public/otel"),
        ])
        .arg("--otlp-exporter-custom-headers")
        .arg(format!(
            "Authorization={credentials},x-langfuse-ingestion-version=4"
        ))
        .args(["--otlp-exporter-retry-initial-backoff", "100ms"])
        .stdout(Stdio::null());
    let mut process = Process::start(&mut command)?;
    process.listens(port)?;
    Ok(process)
}

async fn arrive_equal() -> anyhow::Result<()> {
    let (direct, behind) = (Receiver::start()?, Receiver::start()?);
    let gateway = block_in_place(|| Gateway::before(&behind))?;
    let fork = fork(direct.base_url(), gateway.url()).await?;

    block_in_place(|| {
        let mut shop = Command::new(needed("COFFEE_SHOP")?);
        shop.envs(found_by_sdks(&direct, &fork))
            .env_remove("OPENAI_BASE_URL")
            .stdout(Stdio::null());
        Process::start(&mut shop)?.succeeds()
    })?;

    let sent = direct.observation_count();
    ensure!(sent > 100, "the coffee shop has sent {sent} spans only");
    let is_there = block_in_place(|| behind.wait_for_observations(sent, PATIENCE));
    ensure!(
        is_there,
        "{} of {sent} have arrived",
        behind.observation_count()
    );
    let (direct, through) = (sorted(&direct), sorted(&behind));
    for (direct, through) in direct.iter().zip(&through) {
        ensure!(direct == through, "not equal:\n{direct:#?}\n{through:#?}");
    }
    ensure!(
        direct.len() == through.len(),
        "{} instead of {sent}",
        through.len()
    );
    for request in behind.requests() {
        let version = request.header("x-langfuse-ingestion-version");
        ensure!(version == Some("4"), "the header is missing: {request:?}");
    }
    println!(
        "ok: through rotel all {sent} spans of the coffee shop arrive, each equal to its twin"
    );
    Ok(())
}

fn sorted(receiver: &Receiver) -> Vec<Observation> {
    let mut all = receiver.observations();
    all.sort_by(|left, right| (&left.trace_id, &left.id).cmp(&(&right.trace_id, &right.id)));
    all
}

/// An address at which every request goes to both; the answer is the gateway's. What is no export
/// of spans goes to Langfuse alone.
async fn fork(direct: String, gateway: String) -> anyhow::Result<String> {
    type Both = (reqwest::Client, String, String);

    async fn send(
        State((http, direct, gateway)): State<Both>,
        method: Method,
        uri: Uri,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response, StatusCode> {
        let to = async |host: &str| {
            let mut headers = headers.clone();
            headers.remove(header::HOST);
            let request = http.request(method.clone(), format!("{host}{uri}"));
            let answer = request.headers(headers).body(body.clone()).send().await?;
            let status = answer.status();
            reqwest::Result::Ok((status, answer.bytes().await?).into_response())
        };
        let bad = |_: reqwest::Error| StatusCode::BAD_GATEWAY;
        let first = to(&direct).await.map_err(bad)?;
        match uri.path() {
            TRACES => to(&gateway).await.map_err(bad),
            _ => Ok(first),
        }
    }

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let routes = Router::new()
        .fallback(send)
        .with_state((http()?, direct, gateway));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    Ok(url)
}

fn gateway_is_away() -> anyhow::Result<()> {
    let receiver = Receiver::start()?;
    let gateway = Gateway::before(&receiver)?;
    let telemetry = exporter(&receiver, gateway.url()).gzip(true).spawn()?;

    let (_gateway, ()) = gateway.away(|| {
        spans();
        ensure!(telemetry.flush(PATIENCE / 30).is_err(), "nobody was there");
        let stats = telemetry.stats();
        ensure!(
            stats.waiting == SPANS as u64 && stats.retries > 0,
            "{stats}"
        );
        Ok(())
    })?;

    telemetry.flush(PATIENCE)?;
    all_arrive(&receiver)?;
    all_delivered(&telemetry)?;
    println!(
        "ok: while the gateway is away, {SPANS} spans wait; once it is back, each arrives once"
    );
    Ok(())
}

fn langfuse_is_away() -> anyhow::Result<()> {
    let receiver = Receiver::start()?;
    let gateway = Gateway::before(&receiver)?;
    let telemetry = exporter(&receiver, gateway.url()).gzip(true).spawn()?;
    receiver.always(Fault::Status(503));

    spans();
    telemetry.flush(PATIENCE)?;
    all_delivered(&telemetry)?;
    ensure!(
        receiver.wait_for_requests(2, PATIENCE),
        "the gateway does not try again"
    );
    ensure!(receiver.observation_count() == 0, "stored in spite of 503");
    receiver.always(None);

    all_arrive(&receiver)?;
    println!("ok: while Langfuse is away, the gateway keeps {SPANS} spans that count as delivered");
    Ok(())
}

fn gateway_ends() -> anyhow::Result<()> {
    let receiver = Receiver::start()?;
    let gateway = Gateway::before(&receiver)?;
    let telemetry = exporter(&receiver, gateway.url()).gzip(true).spawn()?;
    receiver.always(Fault::Status(503));

    spans();
    telemetry.flush(PATIENCE)?;
    ensure!(
        receiver.wait_for_requests(1, PATIENCE),
        "the gateway does not send"
    );
    let (_gateway, ()) = gateway.away(|| {
        receiver.always(None);
        Ok(())
    })?;
    spans();
    telemetry.flush(PATIENCE)?;

    // What was said before it ended is lost, and only the gateway could know.
    all_arrive(&receiver)?;
    let stats = telemetry.stats();
    ensure!(
        stats.delivered == 2 * SPANS as u64 && stats.lost.total() == 0,
        "{stats}"
    );
    println!("ok: {SPANS} spans in the hands of a gateway that is killed are lost, as documented");
    Ok(())
}

fn spans() {
    for _ in 0..SPANS {
        Context::with_span(SpanSpec::new("brew").input("beans"), |span| {
            span.set_output("a flat white");
        });
    }
}

/// Exactly these, and each once.
fn all_arrive(receiver: &Receiver) -> anyhow::Result<()> {
    ensure!(
        receiver.wait_for_observations(SPANS, PATIENCE),
        "{} of {SPANS} have arrived",
        receiver.observation_count()
    );
    let mut all = sorted(receiver);
    every(&all, "its content", |one| {
        one.output.as_deref() == Some("a flat white")
    })?;
    all.dedup_by(|left, right| left.id == right.id);
    let distinct = all.len();
    ensure!(distinct == SPANS, "{distinct} spans");
    ensure!(
        receiver.observation_count() == SPANS,
        "some have arrived twice"
    );
    Ok(())
}

fn all_delivered(telemetry: &Telemetry) -> anyhow::Result<()> {
    let stats = telemetry.stats();
    let is_all = stats.delivered == SPANS as u64 && stats.lost.total() == 0;
    ensure!(is_all, "not delivered: {stats}");
    stats.last_success.context("there was no success")?;
    Ok(())
}
