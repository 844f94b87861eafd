//! What is inherited: trace attributes, the modules around a point, the request that is served.

use std::sync::Arc;

use compact_str::CompactString;

pub use self::attributes::TraceAttributes;
pub(crate) use self::attributes::is_environment;
use self::request::Request;
use crate::module::{Module, Modules};

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
