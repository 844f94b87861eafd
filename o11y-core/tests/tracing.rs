//! Spans of the `tracing` crate become observations; see `tracing/` for each part of it.
//!
//! Field sets of crates that are not built here are copied from their source by hand. They are
//! called "derived from source", with the version; what the crates themselves emit is tested in
//! `examples/ecosystem`.

#![cfg(all(feature = "testing", feature = "tracing"))]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

#[path = "tracing/billing.rs"]
mod billing;
#[path = "tracing/dialects.rs"]
mod dialects;
#[path = "tracing/events.rs"]
mod events;
#[path = "tracing/guests.rs"]
mod guests;
#[path = "tracing/nesting.rs"]
mod nesting;
#[path = "tracing/runs.rs"]
mod runs;
#[path = "tracing/support.rs"]
mod support;
