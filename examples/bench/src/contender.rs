//! The libraries that are compared, each with the workloads as its own users would write them.

use std::time::Duration;

use anyhow::bail;

use crate::workload::Texts;

pub mod copies;
pub mod fastrace;
pub mod opentelemetry;
pub mod ours;
pub mod tracing;

/// In the order of the tables.
pub const NAMES: [&str; 5] = ["o11y", "otel", "tracing", "fastrace", "copies"];

/// One library, set up.
pub trait Contender: Sync {
    fn w1(&self, texts: &Texts, number: i64);
    fn w2(&self, texts: &Texts, number: i64);
    /// Delivers what waits; how many spans were not delivered, if the library knows.
    fn finish(&self) -> Option<u64>;
    /// Ends the library within that time; none if it has no end that takes one.
    fn end(&self, _deadline: Duration) -> Option<Ending> {
        None
    }
}

/// How a library has ended, as far as it says.
pub struct Ending {
    pub is_error: bool,
    /// How many spans were not delivered, if the library says a number.
    pub lost: Option<u64>,
}

/// Where the spans go.
#[derive(Clone, Copy)]
pub enum Destination<'a> {
    /// An exporter that does nothing. Ours has none: it encodes and sends to the sink at this address.
    Nowhere(&'a str),
    /// OTLP over HTTP to this address, with gzip or without, and a queue that holds everything.
    Http { host: &'a str, gzip: bool },
    /// The same with the queue and the batches that are usual.
    Usual { host: &'a str, gzip: bool },
    /// The same without gzip, and with a queue of that many places.
    Wide { host: &'a str, queue: usize },
}

pub fn set_up(name: &str, destination: Destination<'_>) -> anyhow::Result<Box<dyn Contender>> {
    Ok(match name {
        "o11y" => Box::new(ours::Ours::to(destination)?),
        "otel" => Box::new(opentelemetry::OpenTelemetry::to(destination)?),
        "tracing" => Box::new(tracing::Tracing::to(destination)?),
        "fastrace" => Box::new(fastrace::Fastrace::to_nowhere()),
        "copies" => Box::new(copies::Copies),
        _ => bail!("there is no library `{name}`"),
    })
}
