//! Doors to other ways of instrumenting a program.

#[cfg(feature = "tracing")]
pub(crate) mod tracing;
