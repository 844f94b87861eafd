//! Standing in a module or serving a request: for a block, and for as long as a future runs.
//!
//! Both ride in the scope, which is shared and never changed. There is no stack to pop from: a
//! block puts back the scope that it found, and a future brings its own to every poll.

use std::{borrow::Cow, mem, sync::Arc, time::Duration};

use super::{
    Context,
    current::{self, Current},
    future,
};
use crate::{
    module::{Module, Modules},
    scope::Scope,
    text::text,
};

/// Modules and requests.
impl Context {
    /// Runs `f` in a module: spans and events below it tell that they belong there.
    ///
    /// Nested modules make a path, see [`Modules`]. The span that is open keeps the modules that it
    /// was opened in. It holds with telemetry switched off as well, because subscribers to events
    /// go by it. A future that `f` returns is polled outside of the module; for that there is
    /// [`with_module_async`](Self::with_module_async).
    ///
    /// ```
    /// use o11y_core::{Context, Module};
    ///
    /// Context::with_module(Module::new("ResearchAgent").label("planner"), || {
    ///     Context::with_span("plan", |_span| { /* `module.path` is `ResearchAgent/planner` */ });
    /// });
    /// ```
    pub fn with_module<R>(module: Module, f: impl FnOnce() -> R) -> R {
        let _block = Block::enter(|outer| Scope::in_module(outer, module));
        f()
    }

    /// Like [`with_module`](Self::with_module), for an async closure. What is around the module is
    /// taken at this call, so `tokio::spawn(Context::with_module_async(..))` nests as it reads.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// use o11y_core::{Context, Module};
    ///
    /// let depth = Context::with_module_async(Module::new("ResearchAgent"), async || {
    ///     tokio::task::yield_now().await;
    ///     Context::current().modules().map(|modules| modules.depth())
    /// })
    /// .await;
    /// assert_eq!(depth, Some(1));
    /// # });
    /// # std::io::Result::Ok(())
    /// ```
    pub fn with_module_async<R, F>(module: Module, f: F) -> impl Future<Output = R>
    where
        F: AsyncFnOnce() -> R,
    {
        step_in(|outer| Scope::in_module(outer, module), f)
    }

    /// Runs `f` while serving a request, which begins now and has this id.
    ///
    /// Records below it carry the id as metadata `request.id`. The end of a model call
    /// (`llm.generate`, `llm.error`, `llm.vetoed`, `lm.tokens`) tells `request.id` and, as
    /// `request.elapsed_ms`, the milliseconds since the request began. A request inside of another
    /// one takes its place until it ends.
    ///
    /// ```
    /// use o11y_core::Context;
    ///
    /// Context::with_request("req-1", || {
    ///     assert_eq!(Context::current().request_id(), Some("req-1"));
    /// });
    /// assert_eq!(Context::current().request_id(), None);
    /// ```
    pub fn with_request<R>(id: impl Into<Cow<'static, str>>, f: impl FnOnce() -> R) -> R {
        let id = text(id);
        let _block = Block::enter(|outer| Scope::in_request(outer, id));
        f()
    }

    /// Like [`with_request`](Self::with_request), for an async closure. The request begins at this
    /// call: the time that the future waits for its first poll is part of it.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// use o11y_core::Context;
    ///
    /// let id = Context::with_request_async("req-1", async || {
    ///     let here = Context::current();
    ///     assert!(here.request_elapsed().is_some());
    ///     here.request_id().map(str::to_owned)
    /// })
    /// .await;
    /// assert_eq!(id.as_deref(), Some("req-1"));
    /// # });
    /// # std::io::Result::Ok(())
    /// ```
    pub fn with_request_async<R, F>(
        id: impl Into<Cow<'static, str>>,
        f: F,
    ) -> impl Future<Output = R>
    where
        F: AsyncFnOnce() -> R,
    {
        let id = text(id);
        step_in(|outer| Scope::in_request(outer, id), f)
    }

    /// The modules around this point; none outside of any.
    #[must_use]
    pub fn modules(&self) -> Option<&Modules> {
        self.scope.as_deref().and_then(Scope::modules)
    }

    /// The id of the request that is served at this point.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        let request = self.scope.as_deref().and_then(Scope::request)?;
        Some(request.id())
    }

    /// The time since that request began.
    #[must_use]
    pub fn request_elapsed(&self) -> Option<Duration> {
        let request = self.scope.as_deref().and_then(Scope::request)?;
        Some(request.elapsed())
    }
}

/// Runs `f` one step further in than the calling code stands, whenever the future is polled.
fn step_in<R, F>(step: impl FnOnce(Option<&Scope>) -> Arc<Scope>, f: F) -> impl Future<Output = R>
where
    F: AsyncFnOnce() -> R,
{
    // A handle, so that what is annotated inside reaches the span that is open.
    let (context, late) =
        current::with(|current| (current.context.handle(), current.late_scope.clone()));
    let inner = step(context.scope.as_deref());
    let late_scope = late.map(|late| Scope::with_trace_of(Some(&inner), &late));
    let mut inside = Current::at(Context {
        scope: Some(inner),
        ..context
    });
    inside.late_scope = late_scope;
    future::carry(inside, f)
}

/// While it lives, the thread stands one step further in.
///
/// The late scope, where there is one, moves in and out along with the context's: events are
/// recorded with it, and they belong to the module. The span that is open does not; it takes the
/// late scope when it ends, after every block inside of it.
struct Block {
    outer: Option<Arc<Scope>>,
}

impl Block {
    fn enter(step: impl FnOnce(Option<&Scope>) -> Arc<Scope>) -> Self {
        let (outer, late) = scopes();
        put(Some(step(outer.as_deref())), late);
        Self { outer }
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // What a `with_trace` inside of the block said of the open span is kept.
        let (_, late) = scopes();
        put(self.outer.take(), late);
    }
}

/// What is inherited here, and what was said of the open span.
fn scopes() -> (Option<Arc<Scope>>, Option<Arc<Scope>>) {
    current::with(|current| (current.context.scope.clone(), current.late_scope.clone()))
}

/// Moves the thread to `scope`, and what was said of the open span along with it.
fn put(scope: Option<Arc<Scope>>, late: Option<Arc<Scope>>) {
    let late = late.map(|late| Scope::with_trace_of(scope.as_deref(), &late));
    let before = current::with(|current| {
        (
            mem::replace(&mut current.context.scope, scope),
            mem::replace(&mut current.late_scope, late),
        )
    });
    drop(before);
}
