//! Contexts among threads, tasks and pools; what users' code does from inside ours; and races.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

#[path = "support/memory.rs"]
mod memory;
use memory::{memory, traced, traced_async};

#[path = "concurrency/guards.rs"]
mod guards;
#[path = "concurrency/pools.rs"]
mod pools;
#[path = "concurrency/races.rs"]
mod races;
#[path = "concurrency/reentrancy.rs"]
mod reentrancy;
#[path = "concurrency/tasks.rs"]
mod tasks;
