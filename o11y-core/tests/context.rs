//! Spans nest as the code does: in closures, tasks, threads, and through errors and panics.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

#[path = "support/memory.rs"]
mod memory;
use memory::{memory, traced, traced_async};

#[path = "context/carried.rs"]
mod carried;
#[path = "context/errors.rs"]
mod errors;
#[path = "context/futures.rs"]
mod futures;
#[path = "context/nesting.rs"]
mod nesting;
#[path = "context/said.rs"]
mod said;
