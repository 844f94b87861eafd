//! Code that is not ours runs on the worker only in here: its panics end here.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs code that is not ours; none if it panics. What the panic carried is dropped with the same
/// care.
pub(crate) fn guarded<R>(run: impl FnOnce() -> R) -> Option<R> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(result) => Some(result),
        Err(payload) => {
            if let Err(worse) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
                #[expect(
                    clippy::mem_forget,
                    reason = "dropping it as well could go on for ever"
                )]
                std::mem::forget(worse);
            }
            None
        }
    }
}
