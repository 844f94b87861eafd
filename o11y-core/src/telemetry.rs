//! Telemetry of a part of the program: a sink and a bus that hold in a scope of the context.

use std::{
    fmt,
    panic::{RefUnwindSafe, UnwindSafe},
    sync::Arc,
    time::Duration,
};

use crate::{
    bus::EventBus,
    clock::Ticks,
    context::{Context, ContextGuard, current},
    observability,
    outlet::Outlet,
    sink::{FlushError, Sink},
};

/// Where the spans and events of a part of the program go: a sink and a bus of its own.
///
/// The process has one sink, set by [`Observability::enable`], and one bus, [`events`]. What runs in
/// a telemetry scope uses the scope's instead, and so does everything below it, across threads and
/// tasks, as far as the context is carried. That is how a second project is served by one process,
/// and how tests that run in parallel do not hear each other:
///
/// ```
/// use std::sync::{Arc, Mutex};
/// use o11y_core::{Context, Ended, EventBus, Record, Sink, Telemetry, attributes, event};
///
/// #[derive(Default)]
/// struct Memory(Mutex<Vec<Record>>);
///
/// impl Sink for Memory {
///     fn on_end(&self, ended: Ended<'_>) {
///         self.0.lock().unwrap().push(ended.take());
///     }
/// }
///
/// let (memory, bus) = (Arc::new(Memory::default()), EventBus::new());
/// let telemetry = Telemetry::scoped(memory.clone(), bus.clone());
///
/// telemetry.run(|| {
///     Context::with_span("brew", |_span| event("cup.filled", attributes! {}));
/// });
///
/// let names: Vec<_> = memory.0.lock().unwrap().iter().map(|record| record.name().to_owned()).collect();
/// assert_eq!(names, ["cup.filled", "brew"]);
/// ```
///
/// A scope begins with no open span: what it records begins a trace of its own, because a parent
/// that goes elsewhere would be missing there. Trace attributes, modules and the request are
/// inherited. Entering the scope that one already stands in changes nothing.
///
/// Cheap to clone; clones are the same scope.
///
/// [`Observability::enable`]: crate::Observability::enable
/// [`events`]: crate::events
#[must_use = "run something in it"]
#[derive(Clone)]
pub struct Telemetry {
    parts: Arc<Parts>,
}

struct Parts {
    /// None: nothing is recorded.
    outlet: Option<Outlet>,
    bus: EventBus,
}

impl Telemetry {
    /// Spans go to `sink`, events to the subscribers of `bus`.
    ///
    /// The sink is asked once, here, which share of traces it wants and whether it wants starts.
    pub fn scoped(sink: Arc<dyn Sink>, bus: EventBus) -> Self {
        // The first reading calibrates the clock; no span should have to wait for that.
        _ = Ticks::now();
        Self::of(Some(Outlet::new(sink)), bus)
    }

    /// Events go to the subscribers of `bus`; spans are not recorded.
    pub fn events_only(bus: EventBus) -> Self {
        Self::of(None, bus)
    }

    fn of(outlet: Option<Outlet>, bus: EventBus) -> Self {
        observability::scope_made(outlet.as_ref().is_some_and(|outlet| outlet.wants_starts));
        Self {
            parts: Arc::new(Parts { outlet, bus }),
        }
    }

    /// The bus of this scope.
    #[must_use]
    pub fn events(&self) -> &EventBus {
        &self.parts.bus
    }

    /// Runs `f` in this scope.
    pub fn run<R>(&self, f: impl FnOnce() -> R) -> R {
        self.context().run(f)
    }

    /// Makes this the scope of the thread until the guard is dropped: one line at the top of a test.
    pub fn attach(&self) -> ContextGuard {
        self.context().attach()
    }

    /// Makes this the scope whenever `future` is polled.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// use o11y_core::{Context, EventBus, Telemetry, attributes, event};
    ///
    /// let bus = EventBus::new();
    /// let telemetry = Telemetry::events_only(bus.clone());
    /// telemetry
    ///     .wrap(async {
    ///         Context::with_span_async("brew", async |_span| event("cup.filled", attributes! {})).await;
    ///     })
    ///     .await;
    /// # });
    /// # std::io::Result::Ok(())
    /// ```
    pub fn wrap<F: Future>(&self, future: F) -> impl Future<Output = F::Output> {
        self.context().wrap(future)
    }

    /// Has the sink deliver what it holds.
    ///
    /// # Errors
    ///
    /// What the sink says; without a sink there is nothing to deliver.
    pub fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        self.outlet()
            .map_or(Ok(()), |outlet| outlet.sink.flush(timeout))
    }

    /// Has the sink deliver what it holds and end. Spans that end in the scope later are the sink's
    /// to count.
    ///
    /// # Errors
    ///
    /// What the sink says; without a sink there is nothing to end.
    pub fn shutdown(&self, timeout: Duration) -> Result<(), FlushError> {
        self.outlet()
            .map_or(Ok(()), |outlet| outlet.sink.shutdown(timeout))
    }

    pub(crate) fn outlet(&self) -> Option<&Outlet> {
        self.parts.outlet.as_ref()
    }

    /// The point that is reached by entering the scope here.
    fn context(&self) -> Context {
        let (scope, is_here) = current::with(|current| {
            let context = &current.context;
            let is_here = |here: &Self| Arc::ptr_eq(&here.parts, &self.parts);
            (
                context.scope.clone(),
                context.telemetry.as_ref().is_some_and(is_here),
            )
        });
        if is_here {
            return Context::current();
        }
        Context {
            scope,
            telemetry: Some(self.clone()),
            ..Context::EMPTY
        }
    }
}

/// As with the bus: a sink's panics are caught wherever it is called.
impl UnwindSafe for Telemetry {}
impl RefUnwindSafe for Telemetry {}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telemetry")
            .field("records", &self.parts.outlet.is_some())
            .field("events", &self.parts.bus)
            .finish()
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        observability::scope_gone(
            self.outlet
                .as_ref()
                .is_some_and(|outlet| outlet.wants_starts),
        );
    }
}
