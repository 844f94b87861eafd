//! The lock of the budgets: the standard library's, or the model checker's.

#[cfg(o11y_loom)]
pub(crate) use loom::sync::{Mutex, MutexGuard};
#[cfg(not(o11y_loom))]
pub(crate) use std::sync::{Mutex, MutexGuard};
