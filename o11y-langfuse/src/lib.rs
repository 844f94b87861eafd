//! Exports [`o11y_core`]'s spans and scores to Langfuse.
//!
//! ```no_run
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     // LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY switch it on.
//!     let _telemetry = o11y_langfuse::init()?;
//!
//!     o11y_core::Context::with_span("answer", |span| span.set_output("42"));
//!     Ok(())
//! } // dropping the guard delivers what waits
//! ```
//!
//! ```text
//!   the program's threads                  │  the worker thread
//!                                          │
//!   span ends ─► bounded queue ════════════╪═► batch ─► encode ─► gzip ─► HTTP ─► Langfuse
//!                full: the oldest make     │   100 spans or 5 s               │
//!                room, and are counted     │                               verdict
//!                                          │              sent again · halved · delivered · lost
//!   flush, shutdown ── ticket, deadline ──►│
//! ```
//!
//! # What happens when
//!
//! | | |
//! |---|---|
//! | the queue is full | the oldest spans are lost, counted as `queue_full`; the program does not wait |
//! | the server is down or slow | the batch in hand is sent again, the same bytes, with growing waits; newer spans queue up |
//! | the server says 429 | `Retry-After` is honoured |
//! | one span of a batch is refused | the batch is halved until only that span is lost |
//! | the keys are refused | said once; that batch is lost, later spans queue up and are tried after five minutes |
//! | the program ends | dropping the guard delivers within 5 s, or counts what it could not |
//! | the process forks | the parent goes on; the child sends what is its own, from a worker of its own |
//! | a span ends after that | counted as `after_shutdown` |
//! | a variable is wrong | [`init`] says which, and what it should look like |
//!
//! # Scores
//!
//! What [`o11y_core::score()`] is given goes the same way, in a lane of its own: up to 16,384 wait,
//! the oldest make room, and the same thread sends them by the hundred. The server judges each by
//! itself: one that it fails on is sent again alone, one that it refuses is lost alone. A server
//! without the endpoint for batches gets them one by one; it then keeps its own time for them. A
//! mask does not apply to scores: comments and texts go out as they are.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let telemetry = o11y_langfuse::init()?;
//! o11y_core::Context::with_span("answer", |_span| {
//!     o11y_core::score(o11y_core::Score::numeric("accuracy", 0.95))
//! })?;
//! println!("{}", telemetry.stats().scores());
//! # Ok(())
//! # }
//! ```
//!
//! # Accounts
//!
//! Every span and every score is accounted for, see [`Stats`]. The library prints nothing: what must be noticed
//! is said once through the `log` facade.
//!
//! # Environment
#![doc = include_str!("env.md")]
//!
//! # Features
//!
//! * **`local`**: an embedded receiver that speaks what Langfuse speaks, for examples without an
//!   account and for tests: [`local`].
//! * **`otel`**: `AsyncSpanProcessor`, for the spans of a program that uses OpenTelemetry's SDK, and
//!   `Executor::span_processor`, for the same to any [`Processor`].
//! * **`otlp`**: `SdkExporter`, any exporter of OpenTelemetry's SDK as a [`Processor`]: spans to a
//!   collector, Jaeger or Tempo through `opentelemetry-otlp`, which with `BlockingHttpClient` needs no
//!   HTTP stack of its own. Includes `otel`.
//! * **`metrics`**: `Telemetry::register_metrics`, which shows [`Stats`] as metrics of OpenTelemetry;
//!   each of them is in `docs/delivery.md`.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod announce;
mod api;
#[doc(hidden)]
pub mod bench;
mod builder;
#[cfg(test)]
mod captured;
mod config;
#[cfg(test)]
mod corpus;
#[cfg(test)]
mod delivery;
mod desk;
mod drain;
mod encode;
mod env;
mod error;
mod executor;
mod exporter;
mod failure;
mod filter;
mod flush;
mod guard;
mod gzip;
mod inbox;
mod lane;
mod latch;
mod ledger;
#[cfg(feature = "local")]
#[cfg_attr(docsrs, doc(cfg(feature = "local")))]
pub mod local;
#[cfg(test)]
mod logged;
mod mask;
#[cfg(feature = "metrics")]
mod metrics;
#[cfg(feature = "otel")]
mod otel;
#[cfg(feature = "otlp")]
mod otlp;
mod processor;
mod queue;
mod queued;
mod retry;
mod roots;
mod schedule;
mod score;
mod shared;
mod start;
mod stats;
mod sync;
mod telemetry;
mod transport;
mod verdict;
mod wake;
mod worker;

#[cfg(feature = "otlp")]
#[cfg_attr(docsrs, doc(cfg(feature = "otlp")))]
pub use self::otlp::{BlockingHttpClient, Names, SdkExporter};
pub use self::{
    api::Project,
    builder::{Langfuse, LangfuseBuilder},
    config::{Config, Host},
    error::{ApiError, ConfigError},
    executor::{Executor, ExecutorBuilder, ExecutorStats, ProcessorStats},
    failure::Failure,
    mask::{Content, Masked},
    processor::{ProcessError, Processor},
    start::init,
    stats::{LossReason, Losses, ScoreStats, Stats},
    telemetry::Telemetry,
};
#[cfg(feature = "otel")]
#[cfg_attr(docsrs, doc(cfg(feature = "otel")))]
pub use self::{executor::ExecutorSpanProcessor, otel::AsyncSpanProcessor};
