//! Spans, context and an event bus for LLM applications.
//!
//! This crate is the part that application and library code touches. It has no thread, does no
//! I/O and reads no environment: until an application switches it on with an exporter such as
//! `o11y-langfuse`, a span costs one load and one branch.
//!
//! ```text
//!  Context::with_span ─► Span (lent to the closure)
//!       │ closes: a Record, by value
//!       ▼
//!     Sink ─► an exporter, or a test's memory
//!       ▲
//!  event(name, attributes) ─► EventBus ─► subscribers, on the same thread
//!       │                          └─ veto ─► back to the emitter
//!       └─ inside a span: an instant record of type `event`
//! ```
//!
//! # In a library or an application
//!
//! ```
//! use o11y_core::{Context, Generation, ObservationType, SpanSpec, TraceAttributes};
//!
//! fn handle(order: &str) -> anyhow::Result<String> {
//!     Context::with_trace(TraceAttributes::new().name("visit").user("gus"), || {
//!         let spec = SpanSpec::new("handle").observation(ObservationType::Agent).input(order);
//!         Context::try_with_span(spec, |span| {
//!             let answer = Context::with_span("brew", |_span| "here you are".to_owned());
//!             span.set_output(&answer);
//!             Ok(answer)
//!         })
//!     })
//! }
//! # handle("latte").unwrap();
//! ```
//!
//! # What happens when
//!
//! | | |
//! |---|---|
//! | nothing is switched on | closures run, spans record nothing, events still reach subscribers |
//! | a score is not acceptable | an error says what is; nothing is emitted |
//! | a closure panics | its span ends with status error and the message, and the panic goes on |
//! | a streamed answer ends, fails or is dropped | its call ends there: answered, failed or cancelled, with what came of the answer |
//! | a value is too long, too deep or too many | it is cut, says so, and is counted: [`Observability::limited`] |
//! | a future is dropped half-way | its span ends, marked `cancelled` |
//! | a subscriber panics | counted; the other subscribers still hear the event |
//! | the sink panics | counted; the host goes on |
//! | handlers emit ever deeper | cut at a depth of 16, and counted |
//!
//! # Features
//!
//! None is on by default.
//!
//! * `async-openai`: the layers of `tower` for the HTTP service of that crate's client.
//! * `evaluators`: six small functions that return scores, such as exact match and similarity.
//! * `http`: `HeaderMap` of the `http` crate as a carrier of a trace, see [`Propagation`].
//! * `macros`: the attribute `#[observe]`, which makes a function a span.
//! * `otel`: `Context::from_otel`, `Context::to_otel` and `Observability::follow_otel`, for spans of
//!   OpenTelemetry in the same process.
//! * `stream`: `Context::generation_stream`, for answers that come as a `Stream` of chunks, and
//!   `Context::wrap_stream`, for streams of other things.
//! * `testing`: records what a test does, and shows it as a tree.
//! * `tower`: layers for services over HTTP, which continue a caller's trace, hand it on, and
//!   observe calls of a model: module `tower`.
//! * `tracing`: `TracingLayer`, which makes observations of the `tracing` spans of LLM crates.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "macros")]
#[doc(hidden)]
pub mod __private;
mod attribute;
#[cfg(any(feature = "otel", feature = "tracing"))]
mod bridge;
mod bus;
mod clock;
mod context;
mod emit;
#[cfg(feature = "evaluators")]
#[cfg_attr(docsrs, doc(cfg(feature = "evaluators")))]
pub mod evaluators;
mod event;
mod fan_out;
mod generation;
mod id;
pub mod key;
mod limit;
mod mailbox;
mod module;
mod observability;
mod observation;
mod outlet;
mod pattern;
mod propagation;
mod record;
#[cfg(doctest)]
mod refused;
mod scope;
mod score;
mod sink;
mod span;
mod sync;
mod telemetry;
#[cfg(feature = "testing")]
#[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
pub mod testing;
mod text;
#[cfg(feature = "tower")]
#[cfg_attr(docsrs, doc(cfg(feature = "tower")))]
pub mod tower;
mod typed;
mod usage;
mod value;

#[cfg(feature = "macros")]
#[cfg_attr(docsrs, doc(cfg(feature = "macros")))]
pub use o11y_core_macros::observe;

#[cfg(feature = "tracing")]
#[cfg_attr(docsrs, doc(cfg(feature = "tracing")))]
pub use self::bridge::tracing::TracingLayer;
#[cfg(feature = "stream")]
pub use self::generation::GenerationStream;
#[cfg(feature = "otel")]
#[cfg_attr(docsrs, doc(cfg(feature = "otel")))]
pub use self::record::RecordBuilder;
pub use self::{
    attribute::Attributes,
    bus::{EventBus, Subscription, SubscriptionId, Verdict, events},
    clock::Anchor,
    context::{Context, ContextGuard, OwnedSpan},
    emit::{event, try_event},
    event::{Event, Veto, Vetoed},
    fan_out::FanOut,
    generation::{Call, Generation, GenerationError, OwnedCall},
    id::{ParseIdError, SpanId, TraceId},
    limit::Limited,
    module::{Module, ModuleId, Modules},
    observability::Observability,
    observation::{Level, ObservationType, ParseObservationTypeError},
    pattern::Pattern,
    propagation::{Extractor, Injector, ParseTraceParentError, Propagation, Remote, TraceParent},
    record::{Record, Status},
    scope::TraceAttributes,
    score::{ParseScoreDataTypeError, Score, ScoreDataType, ScoreError, ScoreValue, score},
    sink::{Ended, FlushError, Sink},
    span::{IntoSpanSpec, Span, SpanSpec},
    telemetry::Telemetry,
    typed::{EvaluationEvent, LlmEvent, ModuleEvent, OptimizationEvent, OptimizationPhase},
    usage::{Cost, InclusiveUsage, Usage},
    value::{Value, ValueRef},
};
