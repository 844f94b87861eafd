//! Whether this thread still has a context of OpenTelemetry.
//!
//! OpenTelemetry panics when its context is looked at in the destructor of a thread-local after its
//! own is gone. There is no way to ask; but the destructors of a thread run in the reverse order of
//! their registration, so what is registered after OpenTelemetry's is gone before it.

use std::{panic::catch_unwind, thread_local};

use opentelemetry::Context as OtelContext;

thread_local! {
    static CANARY: Canary = Canary::settle();
}

/// Lives no longer than OpenTelemetry's context of the thread.
struct Canary {
    is_alive: bool,
}

impl Canary {
    /// Sees to it that OpenTelemetry's is registered first.
    fn settle() -> Self {
        Self {
            is_alive: catch_unwind(|| OtelContext::map_current(|_| ())).is_ok(),
        }
    }
}

impl Drop for Canary {
    /// There has to be a destructor for the standard library to tell that the value is gone.
    fn drop(&mut self) {
        self.is_alive = false;
    }
}

/// Whether OpenTelemetry's context can be looked at.
pub(super) fn is_there() -> bool {
    CANARY.try_with(|canary| canary.is_alive).unwrap_or(false)
}
