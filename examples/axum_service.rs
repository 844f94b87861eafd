//! Does every span arrive when my service is told to stop?
//!
//! A service of axum: each request continues its caller's trace, carries its user and session, and
//! has a span. `cargo run --example axum_service` works offline: it starts the service, calls it, and
//! sends it SIGTERM while one request is still being served. That one is answered, and what it
//! recorded is delivered before the process ends. With `-- --serve` it only serves, until it is told
//! to stop.

use std::{env, net::Ipv4Addr, process::Command, sync::Arc, time::Duration};

use anyhow::{Context as _, ensure};
use axum::{
    Router,
    extract::{MatchedPath, Path, State},
    http::request::Parts,
    routing::get,
};
use o11y_core::{
    Context, Generation, ObservationType, Span, SpanSpec, Usage, tower::ContinueTraceLayer,
};
use o11y_langfuse::{Langfuse, Telemetry, local::Receiver};
use tokio::{net::TcpListener, sync::Notify};

/// Less than the 30 seconds that Kubernetes leaves between SIGTERM and SIGKILL.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(10);

/// So that the example can choose its moment; a service of yours needs none of it.
#[derive(Clone, Default)]
struct Moments {
    patient_guest_is_here: Arc<Notify>,
    told_to_stop: Arc<Notify>,
}

fn service(moments: Moments) -> Router {
    let header = |parts: &Parts, name: &str| {
        let value = parts.headers.get(name)?.to_str().ok()?;
        Some(value.to_owned())
    };
    let observed = ContinueTraceLayer::new()
        .user(move |parts| header(parts, "x-user"))
        .session(move |parts| header(parts, "x-session"))
        .request_id(move |parts| header(parts, "x-request-id"))
        .request_span(|parts| {
            let route = parts.extensions.get::<MatchedPath>();
            let route = route.map_or("unknown", MatchedPath::as_str);
            SpanSpec::new(format!("{} {route}", parts.method)).observation(ObservationType::Chain)
        });
    Router::new()
        .route("/drink/{mood}", get(advise))
        .with_state(moments)
        .layer(observed)
}

/// Asks a model, which here answers at once.
async fn advise(State(moments): State<Moments>, Path(mood): Path<String>) -> String {
    if mood == "patient" {
        moments.patient_guest_is_here.notify_one();
        moments.told_to_stop.notified().await;
    }
    let question =
        Generation::new("openai", "gpt-4o-mini").input(format!("A drink for the {mood}?"));
    let advised = Context::generation(question, async |call| -> anyhow::Result<String> {
        call.set_output("A flat white.");
        call.set_usage(Usage::new().input(12).output(4));
        Ok("A flat white.".to_owned())
    });
    advised.await.unwrap_or_else(|refused| refused.to_string())
}

/// Waits for SIGTERM, by which Kubernetes, systemd and Docker stop a service, or for ctrl-c.
async fn told_to_stop() -> anyhow::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            _ = terminate.recv() => Ok(()),
            interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
        }
    }
    #[cfg(not(unix))]
    Ok(tokio::signal::ctrl_c().await?)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (telemetry, receiver) = start()?;
    let moments = Moments::default();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    println!("serving at {url}/drink/tired");

    let stopping = moments.told_to_stop.clone();
    // Listening from here on, so that no signal is missed.
    let mut stop = Box::pin(told_to_stop());
    _ = futures_util::poll!(&mut stop);
    let served =
        axum::serve(listener, service(moments.clone())).with_graceful_shutdown(async move {
            match stop.await {
                Ok(()) => println!("told to stop: requests in flight are still served"),
                Err(error) => println!("stops, because signals cannot be heard: {error}"),
            }
            stopping.notify_one();
        });
    let served = tokio::spawn(served.into_future());
    if !env::args().any(|argument| argument == "--serve") {
        let here = moments.patient_guest_is_here;
        call(&url, here).await?;
    }
    served.await??;

    // After the last request, before the process ends.
    let flushed = telemetry.flush_async(FLUSH_TIMEOUT).await;
    flushed.context("the traces could not be delivered")?;
    println!("{}", telemetry.stats());
    match receiver {
        Some(receiver) => show(&receiver),
        None => Ok(()),
    }
}

/// To Langfuse if the environment has keys, else to a receiver on loopback.
fn start() -> anyhow::Result<(Telemetry, Option<Receiver>)> {
    let telemetry = o11y_langfuse::init()?; // a service of yours needs this line and no other
    if telemetry.is_enabled() {
        return Ok((telemetry, None));
    }
    let receiver = Receiver::start()?;
    let exporter = Langfuse::builder()
        .public_key(receiver.public_key())
        .secret_key(receiver.secret_key())
        .host(receiver.base_url());
    Ok((exporter.spawn()?, Some(receiver)))
}

/// Three guests, each in a trace of their own that begins here, on the side of the client.
async fn call(url: &str, patient_guest_is_here: Arc<Notify>) -> anyhow::Result<()> {
    // The client leaves it to us what TLS is made with.
    _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder().no_proxy().build()?;
    let ask = async |mood: &str| {
        let span = SpanSpec::new("ask")
            .observation(ObservationType::Agent)
            .input(mood);
        Context::try_with_span_async(span, async |span: &mut Span| {
            let mut request = http
                .get(format!("{url}/drink/{mood}"))
                .header("x-user", format!("{mood}-guest"))
                .header("x-session", "monday")
                .build()?;
            Context::current().inject(request.headers_mut());
            let advice = http
                .execute(request)
                .await?
                .error_for_status()?
                .text()
                .await?;
            span.set_output(&advice);
            anyhow::Ok(())
        })
        .await
    };
    ask("tired").await?;
    ask("curious").await?;
    let terminate = async {
        patient_guest_is_here.notified().await;
        let process = std::process::id().to_string();
        let sent = Command::new("kill").args(["-TERM", &process]).status()?;
        ensure!(sent.success(), "SIGTERM could not be sent");
        Ok(())
    };
    let (asked, terminated) = tokio::join!(ask("patient"), terminate);
    terminated.and(asked)
}

/// Three traces of three spans: client, request, model call.
fn show(receiver: &Receiver) -> anyhow::Result<()> {
    let traces = receiver.traces();
    for trace in &traces {
        let (user, session) = (trace.user_id(), trace.session_id());
        print!(
            "\nuser {}, session {}\n{}",
            user.unwrap_or("?"),
            session.unwrap_or("?"),
            trace.outline()
        );
        ensure!(trace.observations.len() == 3, "not every span has arrived");
    }
    println!(
        "\n{} spans of {} traces have arrived",
        receiver.observation_count(),
        traces.len()
    );
    Ok(())
}
