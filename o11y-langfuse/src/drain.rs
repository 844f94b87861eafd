//! What waits is delivered when the program panics, on request.

use std::{
    panic::{self, PanicHookInfo},
    sync::Weak,
    thread,
    time::Duration,
};

use o11y_core::Sink as _;

use crate::{exporter::Exporter, telemetry::Telemetry};

/// What the standard library calls the thread that runs `main`.
const MAIN_THREAD: &str = "main";

impl Telemetry {
    /// From now on a panic that is about to end the program first delivers what waits, for at most
    /// the shutdown time (10 seconds unless told otherwise): one on the main thread, or on any
    /// thread where a panic aborts (`panic = "abort"`).
    ///
    /// A guard that lives in `main` needs this only with `panic = "abort"`: otherwise unwinding
    /// drops it, which delivers too, and more. It is for guards that live elsewhere, in a static or
    /// in a state that is shared. Spans that are open at the panic have not ended and cannot be
    /// delivered here; where the panic unwinds they end, and are delivered by the guard.
    ///
    /// The hook that was set before runs first, so the panic's message is out before anybody
    /// waits. Later hooks replace this one unless they call it. With telemetry off, nothing is
    /// installed; once it is shut down or dropped the hook does nothing of its own.
    ///
    /// ```
    /// use std::sync::OnceLock;
    /// use o11y_langfuse::Telemetry;
    ///
    /// static TELEMETRY: OnceLock<Telemetry> = OnceLock::new();
    ///
    /// let telemetry = TELEMETRY.get_or_init(|| Telemetry::off("an example"));
    /// telemetry.drain_on_panic();
    /// ```
    pub fn drain_on_panic(&self) {
        let Some((exporter, timeout)) = self.drain() else {
            return;
        };
        let earlier = panic::take_hook();
        panic::set_hook(Box::new(move |info: &PanicHookInfo<'_>| {
            earlier(info);
            if cfg!(panic = "abort") || thread::current().name() == Some(MAIN_THREAD) {
                drain(&exporter, timeout);
            }
        }));
    }
}

fn drain(exporter: &Weak<Exporter>, timeout: Duration) {
    if let Some(exporter) = exporter.upgrade() {
        // What could not be delivered is in the figures; here is nobody to tell.
        let _losses = exporter.flush(timeout);
    }
}
