//! Doors to other ways of instrumenting a program.

#[cfg(feature = "otel")]
pub(crate) mod otel;
#[cfg(feature = "tracing")]
pub(crate) mod tracing;
