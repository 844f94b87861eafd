//! How do I send my spans to a service of my own, while they run and when they are done?
//!
//! A processor that posts each start and patches the end onto it. The service is busy now and then,
//! and there is a span that it refuses; a second processor beside it does not notice. It works
//! offline, against a service on loopback:
//!
//! ```text
//! cargo run --example spans_to_http
//! ```

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header::RETRY_AFTER},
    routing::patch,
};
use o11y_core::{Context, Observability, Record};
use o11y_langfuse::{Executor, LossReason, ProcessError, Processor};
use serde_json::{Value, json};
use ureq::{Agent, http::Response};

/// `POST /spans/{id}` for a start, `PATCH /spans/{id}` for its end.
struct Service {
    agent: Agent,
    url: String,
}

impl Service {
    fn new(address: SocketAddr) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(5)));
        Self {
            agent: config.build().into(),
            url: format!("http://{address}/spans"),
        }
    }

    fn start(&self, span: &Record) -> Result<(), ProcessError> {
        let url = format!("{}/{}", self.url, span.span_id());
        let body = json!({ "name": span.name(), "state": "running" }).to_string();
        judge(
            self.agent
                .post(url)
                .content_type("application/json")
                .send(body),
        )
    }

    fn end(&self, span: &Record) -> Result<(), ProcessError> {
        let url = format!("{}/{}", self.url, span.span_id());
        let micros = span.duration().as_micros() as u64;
        let body = json!({ "state": "done", "micros": micros }).to_string();
        judge(
            self.agent
                .patch(url)
                .content_type("application/json")
                .send(body),
        )
    }
}

/// What an answer means for the span that was sent.
fn judge<B>(answer: Result<Response<B>, ureq::Error>) -> Result<(), ProcessError> {
    // No answer: the service is away.
    let answer = answer.map_err(|error| ProcessError::retry(None, error))?;
    let status = answer.status();
    let what = format!("the service answered with {status}");
    match status.as_u16() {
        200..=299 => Ok(()),
        429 | 500 | 502..=504 => {
            let after = answer.headers().get("retry-after");
            let seconds = after.and_then(|after| after.to_str().ok()?.parse().ok());
            Err(ProcessError::retry(seconds.map(Duration::from_secs), what))
        }
        _ => Err(ProcessError::permanent(what)),
    }
}

impl Processor for Service {
    fn name(&self) -> &str {
        "service"
    }

    fn wants_starts(&self) -> bool {
        true
    }

    fn on_spans_start(&mut self, spans: &[Record]) -> Result<(), ProcessError> {
        for (index, span) in spans.iter().enumerate() {
            self.start(span).map_err(|error| error.at(index))?;
        }
        Ok(())
    }

    fn on_spans_end(&mut self, spans: &[Record]) -> Result<(), ProcessError> {
        for (index, span) in spans.iter().enumerate() {
            self.end(span).map_err(|error| error.at(index))?;
        }
        Ok(())
    }
}

/// Counts what ends: a processor that never fails.
struct Tally;

impl Processor for Tally {
    fn name(&self) -> &str {
        "tally"
    }

    fn on_spans_end(&mut self, _spans: &[Record]) -> Result<(), ProcessError> {
        Ok(())
    }
}

fn main() -> anyhow::Result<()> {
    let (address, book) = serve()?;
    let executor = Executor::builder()
        .processor(Service::new(address))
        .processor(Tally)
        .linger(Duration::ZERO)
        .first_retry_after(Duration::from_millis(20))
        .spawn()?;
    Observability::enable(executor.sink());

    for order in ["espresso", "latte", "decaf", "mocha"] {
        Context::with_span(order, |_span| {
            Context::with_span("grind", |_span| ());
        });
    }
    let flushed = executor.flush(Duration::from_secs(10));

    for (id, span) in &lock(&book).spans {
        println!("{id}  {span}");
    }
    if let Err(error) = flushed {
        println!("\n{error}");
    }
    let stats = executor.stats();
    println!("{stats}");
    let [service, tally] = &stats.processors[..] else {
        anyhow::bail!("two processors");
    };
    anyhow::ensure!(stats.is_balanced() && service.retries > 0);
    anyhow::ensure!(
        service.lost.get(LossReason::Rejected) == 2,
        "the decaf, start and end"
    );
    anyhow::ensure!(tally.processed == 8 && tally.lost.total() == 0);
    Ok(())
}

/// What the service knows.
#[derive(Default)]
struct Book {
    spans: BTreeMap<String, Value>,
    requests: u32,
}

type Shared = Arc<Mutex<Book>>;

/// Starts the service on loopback: it is busy at every fifth request, and takes no decaf.
fn serve() -> anyhow::Result<(SocketAddr, Shared)> {
    let book = Shared::default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))?;
    let address = listener.local_addr()?;
    let routes = Router::new()
        .route("/spans/{id}", patch(put).post(put))
        .with_state(Arc::clone(&book));
    thread::Builder::new()
        .name("service".to_owned())
        .spawn(move || runtime.block_on(async { axum::serve(listener, routes).await }))?;
    Ok((address, book))
}

async fn put(
    State(book): State<Shared>,
    Path(id): Path<String>,
    Json(fields): Json<Value>,
) -> (StatusCode, HeaderMap) {
    let mut book = lock(&book);
    book.requests += 1;
    if book.requests.is_multiple_of(5) {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static("0"))]);
        return (StatusCode::SERVICE_UNAVAILABLE, headers);
    }
    if fields["name"] == "decaf" {
        return (StatusCode::UNPROCESSABLE_ENTITY, HeaderMap::new());
    }
    // An end of a span whose start was refused is refused, too.
    let is_start = fields["state"] == "running";
    let known = match (book.spans.get_mut(&id), is_start) {
        (Some(known), _) => known,
        (None, true) => book.spans.entry(id).or_insert_with(|| json!({})),
        (None, false) => return (StatusCode::NOT_FOUND, HeaderMap::new()),
    };
    if let (Some(known), Some(fields)) = (known.as_object_mut(), fields.as_object()) {
        known.extend(fields.clone());
    }
    (StatusCode::OK, HeaderMap::new())
}

fn lock(book: &Shared) -> std::sync::MutexGuard<'_, Book> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}
