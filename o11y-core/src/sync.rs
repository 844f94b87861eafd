//! The lock of the mailboxes: the standard library's, or the model checker's.

#[cfg(o11y_loom)]
pub(crate) use loom::sync::Mutex;
#[cfg(not(o11y_loom))]
pub(crate) use std::sync::Mutex;
