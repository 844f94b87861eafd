//! Which events concern a subscriber: those of a module, a trace, a session, a user.

use std::{fmt, sync::Arc};

use o11y_core::{Event, TraceAttributes, TraceId};

use crate::module_scope::ModuleScope;

/// Chooses events by where they were made.
///
/// User and session are those that [`Context::with_trace`](o11y_core::Context::with_trace) says
/// around the event. A [`ModuleScope`] becomes one by itself.
///
/// ```
/// use o11y_core::{Context, Event, TraceAttributes, attributes};
/// use o11y_events::Scope;
///
/// let ada = Scope::user("ada");
/// let event = || Event::new("tool.search", attributes! {});
///
/// assert!(!ada.covers(&event()));
/// assert!(ada.covers(&Context::with_trace(TraceAttributes::new().user("ada"), event)));
/// ```
#[must_use = "give it to `Subscriptions::add_scoped_subscription` or to a tracker"]
#[derive(Clone)]
pub struct Scope {
    of: Of,
}

#[derive(Clone)]
enum Of {
    Module(ModuleScope),
    Trace(TraceId),
    Session(Arc<str>),
    User(Arc<str>),
    Request(Arc<str>),
    Chosen(Arc<dyn Fn(&Event) -> bool + Send + Sync>),
}

impl Scope {
    /// Events of one trace.
    pub fn trace(id: TraceId) -> Self {
        Self { of: Of::Trace(id) }
    }

    /// Events of the traces of one session.
    pub fn session(id: impl Into<Arc<str>>) -> Self {
        Self {
            of: Of::Session(id.into()),
        }
    }

    /// Events of the traces of one user.
    pub fn user(id: impl Into<Arc<str>>) -> Self {
        Self {
            of: Of::User(id.into()),
        }
    }

    /// Events of one request, see [`Context::with_request`](o11y_core::Context::with_request).
    pub fn request(id: impl Into<Arc<str>>) -> Self {
        Self {
            of: Of::Request(id.into()),
        }
    }

    /// Events that `chooses` chooses. It runs on the emitter's thread and must not block.
    pub fn when(chooses: impl Fn(&Event) -> bool + Send + Sync + 'static) -> Self {
        Self {
            of: Of::Chosen(Arc::new(chooses)),
        }
    }

    /// Whether that event is one of them.
    #[must_use]
    pub fn covers(&self, event: &Event) -> bool {
        let said =
            |get: fn(&TraceAttributes) -> Option<&str>| event.trace_attributes().and_then(get);
        match &self.of {
            Of::Module(scope) => scope.covers(event),
            Of::Trace(id) => event.trace_id() == Some(*id),
            Of::Session(id) => said(TraceAttributes::get_session) == Some(id),
            Of::User(id) => said(TraceAttributes::get_user) == Some(id),
            Of::Request(id) => event.request_id() == Some(id),
            Of::Chosen(chooses) => chooses(event),
        }
    }
}

impl From<ModuleScope> for Scope {
    fn from(scope: ModuleScope) -> Self {
        Self {
            of: Of::Module(scope),
        }
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.of {
            Of::Module(scope) => return scope.fmt(f),
            Of::Trace(id) => return write!(f, "Scope(trace {id})"),
            Of::Session(id) => return write!(f, "Scope(session {id})"),
            Of::User(id) => return write!(f, "Scope(user {id})"),
            Of::Request(id) => return write!(f, "Scope(request {id})"),
            Of::Chosen(_) => "chosen",
        };
        write!(f, "Scope({kind})")
    }
}
