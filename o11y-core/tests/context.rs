//! Spans nest as the code does: in closures, tasks, threads, and through errors and panics.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

use o11y_core::{Context, TraceId};

#[path = "support/memory.rs"]
mod memory;
use memory::memory;

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

/// Runs `f` in a root span and returns its trace.
fn traced(f: impl FnOnce()) -> TraceId {
    memory();
    Context::with_span("root", |span| {
        f();
        span.context().trace_id().expect("telemetry is on")
    })
}

async fn traced_async(f: impl AsyncFnOnce()) -> TraceId {
    memory();
    Context::with_span_async("root", async |span| {
        f().await;
        span.context().trace_id().expect("telemetry is on")
    })
    .await
}
