//! Subscribers for the events of `o11y-core`: your own in ten lines, and a token budget that
//! truly stops a run.
//!
//! ```text
//!  Context::generation
//!       │
//!       ├─ llm.request ─► bus ─► budgets: what the call may use is reserved
//!       │                    └─ or a veto ─► back to the caller, nothing is sent
//!   the model is asked
//!       │
//!       └─ llm.generate, llm.error, llm.vetoed ─► bus ─┬─► budgets: settled, or given back
//!                                                      └─► figures, alerts, lines of JSON
//!
//!  event(name, attributes) ─► bus ─► subscribers of your own, on the same thread
//! ```
//!
//! # Your own subscriber
//!
//! A struct, a handler, and one line that says which events it hears:
//!
//! ```
//! use std::sync::{Arc, atomic::{AtomicU64, Ordering::Relaxed}};
//! use o11y_core::{Event, attributes, event, events};
//! use o11y_events::{BaseSubscriber, Subscriptions};
//!
//! #[derive(Default)]
//! struct Iterations(AtomicU64);
//!
//! impl BaseSubscriber for Iterations {
//!     fn subscribe(self: &Arc<Self>, subscriptions: &mut Subscriptions<Self>) {
//!         subscriptions.add_subscription("react.*_complete", |this: &Self, _: &Event| {
//!             this.0.fetch_add(1, Relaxed);
//!         });
//!     }
//! }
//!
//! let iterations = Iterations::default().attach(events());
//! event("react.iteration_complete", attributes! { "iteration" => 1 });
//! assert_eq!(iterations.0.load(Relaxed), 1);
//! ```
//!
//! It hears events until the guard that `attach` returns is dropped.
//!
//! # A budget that stops a run
//!
//! ```
//! use o11y_core::{Context, Generation, Usage, events};
//! use o11y_events::{BaseSubscriber, TokenBudgetTracker};
//!
//! fn ask(question: &str) -> anyhow::Result<String> {
//!     Context::generation_blocking(Generation::new("openai", "gpt-4o-mini").input(question), |call| {
//!         // .. here the model is asked ..
//!         call.set_usage(Usage::new().input(700).output(400));
//!         Ok("a flat white".to_owned())
//!     })
//! }
//!
//! let budget = TokenBudgetTracker::new(2_000).attach(events());
//!
//! assert!(ask("What shall I drink?").is_ok());
//! assert!(ask("And then?").is_ok());
//! assert!(ask("And after that?").is_err()); // not even sent
//! assert_eq!(budget.to_string(), "2200 of 2000 tokens used in 2 calls, none left, 1 call refused");
//! ```
//!
//! It holds with telemetry switched off as well: events need no exporter.
//!
//! # Budgets of any kind
//!
//! | what you want | what there is |
//! |---|---|
//! | at most so many tokens | [`TokenBudgetTracker`] |
//! | at most so much money | [`CostBudgetTracker`], priced by [`Pricing`] |
//! | input, output, calls, rates per minute, several at once | [`Budget`] with [`Limits`], and a [`BudgetTracker`] |
//! | a budget within a budget | [`Budget::within`], `within` of the trackers |
//! | one for each user, session or model | [`KeyedBudgets`] and [`BudgetTracker::per_user`] |
//! | only the calls of an agent, a trace, a user | `scoped` of the trackers, with a [`Scope`] |
//! | calls that no event tells of | [`Budget::reserve`], [`Reservation::settle`] |
//!
//! What a call may use is reserved before it is made, so that calls in parallel cannot all pass.
//!
//! # Analytics
//!
//! Subscribers that keep figures in a fixed amount of memory, to be read as data at any moment and
//! printed as tables:
//!
//! | | |
//! |---|---|
//! | [`LlmUsage`] | calls, tokens by class, cost, errors, retries and latencies, by model, provider, user and module |
//! | [`ModulePerformance`] | runs, success and latencies, by module and signature |
//! | [`OptimizationProgress`] | trials and scores, and a report in Markdown |
//! | [`EventCounter`] | how often which event happens |
//! | [`Alerts`] | one event when a figure crosses its limit |
//! | [`Baseline`] | what is worse than a stored run |
//! | [`TraceInsights`] | a sink: where the time of each trace went, what failed and what was tried again |
//! | [`JsonLines`] | events and spans as lines of JSON in a file |
//! | `LogWriter`, `TracingWriter` | events in the log |
//!
//! # What happens when
//!
//! | | |
//! |---|---|
//! | a handler refuses an event that asks (`llm.request`, `try_event`) | the emitter gets the veto as an error |
//! | a handler refuses an event that only tells | counted by the bus; nothing else |
//! | a handler panics | counted by the bus; the other handlers still hear the event |
//! | a handler emits | the event is delivered at once, before the handler goes on |
//! | the guard is dropped while a handler runs on another thread | that call is finished, no other begins |
//! | a handler is slow | the emitter waits for it, unless it is [attached in the background](BaseSubscriber::attach_in_background) |
//!
//! # Features
//!
//! None is on by default.
//!
//! * `log`: `LogWriter`, which writes events through the `log` facade.
//! * `tracing`: `TracingWriter`, which writes events through `tracing`.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod alert;
mod attached;
mod background;
mod baseline;
mod budget;
mod budget_tracker;
mod call_end;
mod content;
mod cost_budget;
mod counter;
#[cfg(any(feature = "log", feature = "tracing"))]
mod event_text;
mod figure;
mod groups;
mod histogram;
mod insight;
mod jsonl;
mod llm_usage;
#[cfg(feature = "log")]
mod log_writer;
mod module_performance;
mod module_scope;
mod optimization;
mod pricing;
mod scope;
mod subscriber;
mod sync;
mod table;
mod token_budget;
#[cfg(feature = "tracing")]
mod tracing_writer;

pub use self::{
    alert::{Alert, AlertState, Alerts},
    attached::Attached,
    background::{Background, BackgroundStats},
    baseline::{Baseline, BaselineError, Regression, Tolerance},
    budget::{
        Amount, Ask, Budget, BudgetExceeded, BudgetSnapshot, KeyedBudgets, Limit, LimitSnapshot,
        Limits, Measure, Reservation, Share, Tally,
    },
    budget_tracker::BudgetTracker,
    cost_budget::CostBudgetTracker,
    counter::{EventCounter, EventCounts},
    histogram::Histogram,
    insight::{CallSite, InsightStats, RetryPattern, SpanInsight, TraceInsight, TraceInsights},
    jsonl::{JsonLines, JsonLinesBuilder, JsonLinesError, JsonLinesSink, JsonLinesStats},
    llm_usage::{LlmFigures, LlmUsage, LlmUsageSnapshot},
    module_performance::{ModuleFigures, ModulePerformance, ModulePerformanceSnapshot},
    module_scope::ModuleScope,
    optimization::{OptimizationProgress, OptimizationReport, OptimizationTrial},
    pricing::{
        CostBreakdown, ModelPrice, PriceTableError, Pricing, Rates, ServiceTier, Unpriced,
        UnpricedModel,
    },
    scope::Scope,
    subscriber::{BaseSubscriber, Subscriptions},
    token_budget::{ModelUsage, TokenBudgetExceeded, TokenBudgetTracker},
};
#[cfg(feature = "log")]
#[cfg_attr(docsrs, doc(cfg(feature = "log")))]
pub use log_writer::LogWriter;
#[cfg(feature = "tracing")]
#[cfg_attr(docsrs, doc(cfg(feature = "tracing")))]
pub use tracing_writer::TracingWriter;
