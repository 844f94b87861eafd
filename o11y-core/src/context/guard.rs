//! Carrying a point to another thread or task, and the guard of what is attached to a thread.

use std::{fmt, marker::PhantomData, panic::resume_unwind};

use super::{
    Context,
    current::{self, Current},
    future::InContext,
};

/// Carrying a point to another thread or task.
impl Context {
    /// Runs `f` at this point: spans that it opens become children of this context's span.
    pub fn run<R>(&self, f: impl FnOnce() -> R) -> R {
        let _here = self.attach();
        f()
    }

    /// Makes this the current point of the thread until the guard is dropped.
    pub fn attach(&self) -> ContextGuard {
        ContextGuard {
            previous: current::swap(Current::at(self.clone())),
            of_this_thread: PhantomData,
        }
    }

    /// Makes this the current point whenever `future` is polled. For a stream there is
    /// `wrap_stream`, behind the feature `stream`.
    pub fn wrap<F: Future>(self, future: F) -> impl Future<Output = F::Output> {
        let mut current = Current::at(self);
        async move {
            let outcome = InContext::new(&mut current, || future).await;
            outcome.unwrap_or_else(|payload| resume_unwind(payload))
        }
    }
}

/// Puts the thread's previous context back when dropped.
///
/// Guards are dropped in the reverse order of their making, and inside of the span that they were
/// made in. In another order the one that is dropped last decides where the thread stands, until
/// the span around all of them ends. It stays on its thread:
///
/// ```compile_fail
/// let guard = o11y_core::Context::current().attach();
/// std::thread::spawn(move || drop(guard));
/// ```
///
/// ```
/// use o11y_core::{Context, ContextGuard};
///
/// fn worker(context: &Context) {
///     let _guard: ContextGuard = context.attach();
///     Context::with_span("work", |_span| ()); // below the span that was open where it was taken
/// }
///
/// Context::with_span("serve", |span| {
///     let context = span.context();
///     std::thread::scope(|scope| {
///         scope.spawn(move || worker(&context));
///     });
/// });
/// ```
#[must_use = "bind it to a name, not `_`: the context is attached until the guard is dropped"]
pub struct ContextGuard {
    previous: Current,
    /// The context belongs to this thread, so its guard must stay here too.
    of_this_thread: PhantomData<*const ()>,
}

impl Drop for ContextGuard {
    fn drop(&mut self) {
        drop(current::swap(std::mem::take(&mut self.previous)));
    }
}

impl fmt::Debug for ContextGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContextGuard").finish_non_exhaustive()
    }
}
