//! The thread's current context, and how it is exchanged.
//!
//! The place belongs to one thread, so a `RefCell` is all it takes. No code of a user (conversion,
//! subscriber, destructor) runs while it is borrowed: what is taken out is dropped by the caller.

use std::{
    cell::RefCell,
    mem::{self, ManuallyDrop},
    sync::Arc,
};

use crate::{
    context::Context,
    scope::{Scope, TraceAttributes},
};

/// What a thread, or a task while it is polled, stands in.
pub(crate) struct Current {
    pub(crate) context: Context,
    /// The scope that the open span itself ends with, if a `with_trace` inside it said more.
    pub(crate) late_scope: Option<Arc<Scope>>,
}

thread_local! {
    /// Not dropped with its thread: so it is there in destructors of other thread-locals, too, and
    /// every look is spared the question. It is empty then, unless a guard was leaked: see [`Sweeper`].
    static CURRENT: RefCell<ManuallyDrop<Current>> =
        const { RefCell::new(ManuallyDrop::new(Current::EMPTY)) };

    static SWEEPER: Sweeper = const { Sweeper };
}

/// Empties the place at the end of a thread that ever attached a context to it.
struct Sweeper;

impl Drop for Sweeper {
    fn drop(&mut self) {
        let left = with(mem::take);
        drop(left);
    }
}

impl Current {
    pub(crate) const EMPTY: Self = Self {
        context: Context::EMPTY,
        late_scope: None,
    };

    pub(crate) const fn at(context: Context) -> Self {
        Self {
            context,
            late_scope: None,
        }
    }

    /// The scope of the open span: what was said inside of it, or else what it inherited.
    pub(crate) fn span_scope(&self) -> Option<&Arc<Scope>> {
        self.late_scope.as_ref().or(self.context.scope.as_ref())
    }
}

impl Default for Current {
    fn default() -> Self {
        Self::EMPTY
    }
}

/// Looks at the current context. `look` must not run code of a user.
#[inline]
pub(crate) fn with<R>(look: impl FnOnce(&mut Current) -> R) -> R {
    CURRENT.with(|place| look(&mut place.borrow_mut()))
}

/// Puts `next` in place and returns what was there, for the caller to keep or drop.
pub(crate) fn swap(mut next: Current) -> Current {
    // In the destructors of a thread that never did so, nobody sweeps any more.
    _ = SWEEPER.try_with(|_sweeper| {});
    exchange(&mut next);
    next
}

/// Exchanges the current context for the one that lies at `place`.
#[inline]
pub(crate) fn exchange(place: &mut Current) {
    with(|current| mem::swap(current, place));
}

/// The current context with `attributes` over what it inherits, for a future to carry. The span
/// that is open takes them up at once.
pub(crate) fn nested(attributes: &TraceAttributes) -> Current {
    let context = Context::current();
    let scope = Scope::nested(context.scope.as_deref(), attributes);
    drop(add_to_open_span(attributes));
    Current::at(Context {
        scope: Some(scope),
        ..context
    })
}

/// A future that carried `inside` has ended. What was said in it of the span that is open around it
/// is kept, if it ended there and not in a task of its own.
pub(crate) fn return_from(inside: &Current) {
    let Some(said) = inside.late_scope.as_deref().and_then(Scope::trace) else {
        return;
    };
    if with(|current| current.context.span_id) == inside.context.span_id {
        drop(add_to_open_span(said));
    }
}

/// Says `attributes` of the span that is open; returns the scope that this replaced. Where none is
/// open, nobody would ever take it away again.
fn add_to_open_span(attributes: &TraceAttributes) -> Option<Arc<Scope>> {
    let known = with(|current| {
        let is_open = !current.context.span_id.is_none();
        is_open.then(|| current.span_scope().cloned())
    })?;
    let late = Scope::nested(known.as_deref(), attributes);
    with(|current| current.late_scope.replace(late))
}

/// While it lives, spans opened on this thread inherit one scope more.
pub(crate) struct InScope {
    outer: Option<Arc<Scope>>,
}

impl InScope {
    pub(crate) fn enter(attributes: &TraceAttributes) -> Self {
        let outer = with(|current| current.context.scope.clone());
        let scope = Scope::nested(outer.as_deref(), attributes);
        drop(add_to_open_span(attributes));
        drop(with(|current| current.context.scope.replace(scope)));
        Self { outer }
    }
}

impl Drop for InScope {
    fn drop(&mut self) {
        let outer = self.outer.take();
        drop(with(|current| {
            mem::replace(&mut current.context.scope, outer)
        }));
    }
}
