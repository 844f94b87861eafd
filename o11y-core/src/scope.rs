//! What is inherited: trace attributes, the modules around a point, the request that is served.

use std::sync::Arc;

use compact_str::CompactString;

pub use self::attributes::TraceAttributes;
pub(crate) use self::attributes::is_environment;
use self::request::Request;
use crate::{
    id::TraceId,
    module::{Module, Modules},
};

mod attributes;
mod request;

/// What spans below a point of the program inherit; shared by all of them and never changed.
///
/// Its parts are shared one by one, so that saying more of one copies none of the others.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope {
    trace: Option<Arc<TraceAttributes>>,
    modules: Option<Arc<Modules>>,
    request: Option<Arc<Request>>,
    caller: Option<Arc<Caller>>,
}

/// What came along with the trace of a caller in another process.
#[derive(Debug)]
struct Caller {
    trace_id: TraceId,
    /// What other tracing systems said of it.
    tracestate: Option<Box<str>>,
    /// Whether the caller, or one before it, is where the trace begins for its application.
    has_app_root: bool,
}

impl Scope {
    pub(crate) fn trace(&self) -> Option<&TraceAttributes> {
        self.trace.as_deref()
    }

    pub(crate) fn modules(&self) -> Option<&Modules> {
        self.modules.as_deref()
    }

    pub(crate) fn request(&self) -> Option<&Request> {
        self.request.as_deref()
    }

    /// What other tracing systems said of that trace.
    pub(crate) fn tracestate(&self, of: TraceId) -> Option<&str> {
        self.caller(of)?.tracestate.as_deref()
    }

    /// Whether a caller said that it is where that trace begins for its application.
    pub(crate) fn has_app_root(&self, of: TraceId) -> bool {
        self.caller(of).is_some_and(|caller| caller.has_app_root)
    }

    fn caller(&self, of: TraceId) -> Option<&Caller> {
        let caller = self.caller.as_deref()?;
        (caller.trace_id == of).then_some(caller)
    }

    /// `outer`, called with this `tracestate`.
    pub(crate) fn called_with(outer: Option<&Self>, trace_id: TraceId, state: &str) -> Arc<Self> {
        let has_app_root = outer.is_some_and(|outer| outer.has_app_root(trace_id));
        Self::called(outer, trace_id, Some(state.into()), has_app_root)
    }

    /// `outer`, called from below an application's root of that trace.
    pub(crate) fn below_app_root(outer: Option<&Self>, trace_id: TraceId) -> Arc<Self> {
        let state = outer.and_then(|outer| outer.tracestate(trace_id));
        Self::called(outer, trace_id, state.map(Into::into), true)
    }

    fn called(
        outer: Option<&Self>,
        trace_id: TraceId,
        tracestate: Option<Box<str>>,
        has_app_root: bool,
    ) -> Arc<Self> {
        Arc::new(Self {
            caller: Some(Arc::new(Caller {
                trace_id,
                tracestate,
                has_app_root,
            })),
            ..outer.cloned().unwrap_or_default()
        })
    }

    /// A scope with `inner` put over `outer`.
    pub(crate) fn nested(outer: Option<&Self>, inner: &TraceAttributes) -> Arc<Self> {
        let outer = outer.cloned().unwrap_or_default();
        let trace = match &outer.trace {
            Some(trace) => trace.overlaid_with(inner),
            None => inner.clone(),
        };
        Arc::new(Self {
            trace: Some(Arc::new(trace)),
            ..outer
        })
    }

    /// `outer`, one module further in.
    pub(crate) fn in_module(outer: Option<&Self>, module: Module) -> Arc<Self> {
        let outer = outer.cloned().unwrap_or_default();
        Arc::new(Self {
            modules: Some(Modules::nested(outer.modules(), module)),
            ..outer
        })
    }

    /// `outer`, while serving the request of that id, which begins now.
    pub(crate) fn in_request(outer: Option<&Self>, id: CompactString) -> Arc<Self> {
        Arc::new(Self {
            request: Some(Arc::new(Request::new(id))),
            ..outer.cloned().unwrap_or_default()
        })
    }

    /// `place` with what `other` says of the trace.
    pub(crate) fn with_trace_of(place: Option<&Self>, other: &Self) -> Arc<Self> {
        Arc::new(Self {
            trace: other.trace.clone(),
            ..place.cloned().unwrap_or_default()
        })
    }
}
