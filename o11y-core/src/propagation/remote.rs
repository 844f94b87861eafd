//! What a caller sent along with its point, and passing that on.

use std::fmt;

use super::{Injector, Propagation};
use crate::context::Context;

/// A caller in another process: the point at which it called, and what it sent along.
///
/// A [`Context`] carries the point, its `tracestate` and, with baggage switched on, the trace
/// attributes; not the baggage of others. A service that is to pass that on keeps this for as long
/// as it answers the request, and injects by it:
///
/// ```
/// use std::collections::HashMap;
///
/// use o11y_core::{Context, Propagation};
///
/// # let point = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
/// # let received = HashMap::from([
/// #     ("traceparent".to_owned(), point.to_owned()),
/// #     ("baggage".to_owned(), "tenant=7".to_owned()),
/// # ]);
/// let caller = Propagation::new().baggage(true).extract(&received);
/// caller.context().run(|| {
///     Context::with_span("answer", |_span| {
///         let mut headers = HashMap::new();
///         caller.inject(&Context::current(), &mut headers);
///         assert_eq!(headers["baggage"], "tenant=7");
///     });
/// });
/// ```
#[derive(Clone)]
pub struct Remote {
    pub(super) context: Context,
    /// The members that are not ours to read, well-formed and within the limits.
    pub(super) baggage: Option<Box<str>>,
    pub(super) propagation: Propagation,
}

impl Remote {
    /// The point of the caller; empty if it sent none. Spans opened at it continue its trace and,
    /// with baggage switched on, inherit its trace attributes.
    #[must_use]
    pub fn context(&self) -> &Context {
        &self.context
    }

    /// The point alone.
    #[must_use]
    pub fn into_context(self) -> Context {
        self.context
    }

    /// The `tracestate` as it came: at most 32 entries and 512 bytes.
    #[must_use]
    pub fn tracestate(&self) -> Option<&str> {
        self.context.tracestate_of(self.context.trace_id)
    }

    /// The members of the baggage that are only passed on, as they came: at most 64, and 8192
    /// bytes. Those that became trace attributes are not among them.
    #[must_use]
    pub fn baggage(&self) -> Option<&str> {
        self.baggage.as_deref()
    }

    /// Writes `context` into the headers of a request, with what the caller sent along: its
    /// `tracestate` if `context` is of the same trace, and if baggage is switched on, the members
    /// that are not ours, after ours and as far as they fit.
    pub fn inject(&self, context: &Context, carrier: &mut (impl Injector + ?Sized)) {
        self.propagation.write(context, Some(self), carrier);
    }
}

/// Shows the point and nothing of the baggage, which may name users.
impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote")
            .field("context", &self.context)
            .field("tracestate", &self.tracestate())
            .finish_non_exhaustive()
    }
}
