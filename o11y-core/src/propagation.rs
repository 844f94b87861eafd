//! A trace across processes: the headers `traceparent`, `tracestate` and `baggage` of W3C.

use crate::{
    context::Context,
    scope::{Scope, TraceAttributes},
};

mod baggage;
mod carrier;
#[cfg(feature = "http")]
mod http;
mod langfuse;
mod point;
mod remote;
mod traceparent;
mod tracestate;

pub use self::{
    carrier::{Extractor, Injector},
    remote::Remote,
    traceparent::{ParseTraceParentError, TraceParent},
};
#[cfg(feature = "otel")]
pub(crate) use self::{langfuse::is_claimed_in, tracestate::checked as checked_tracestate};

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";
const BAGGAGE: &str = "baggage";

/// Which headers are written and read.
///
/// | header | written | read | limits |
/// |---|---|---|---|
/// | `traceparent` | if a span is open | always | 55 bytes; invalid: no caller |
/// | `tracestate` | in the trace it came with | with a `traceparent` | 32 entries, 512 bytes; otherwise dropped whole |
/// | `baggage` | if switched on, and there is any | if switched on | 64 members, 8192 bytes; others are left out one by one |
///
/// # Baggage
///
/// The trace attributes of a context travel as baggage under the keys of Langfuse's Python and
/// TypeScript SDKs, so that all services of a system share them:
///
/// | key | attribute |
/// |---|---|
/// | `langfuse_user_id`, `langfuse_session_id` | user, session |
/// | `langfuse_trace_name`, `langfuse_version`, `langfuse_environment` | name, version, environment |
/// | `langfuse_tags` | the tags, joined by commas; one that contains a comma is left out |
/// | `langfuse_metadata_<key>` | an entry of the metadata; text in quotes, as JSON has it, is read without them |
/// | `langfuse_trace_id` | none: that the trace has its root in the caller's application |
///
/// Text is left out where the SDKs would do so: if it is empty or longer than 200 characters, or
/// no valid name of an environment. The release and whether the trace is public do not travel. Of
/// what comes in, `langfuse_<key>` with another key is metadata too; `langfuse_prompt_*`,
/// `langfuse_experiment_*` and the members of others are only passed on.
///
/// Inside a recorded span `langfuse_trace_id` is written with the id of the trace. The callee's
/// first span is then no root of its own application
/// ([`Record::is_app_root`](crate::Record::is_app_root)): what several services do for one request
/// has one. A claim of another trace than the caller's says nothing.
///
/// It is off by default, in both directions. Whoever is called learns who your users are, and
/// whoever calls decides what is said of your traces: switch it on for services that you trust.
///
/// ```
/// use std::collections::HashMap;
///
/// use o11y_core::{Context, Propagation, TraceAttributes};
///
/// let within = Propagation::new().baggage(true); // our own services
/// let mut headers = HashMap::new();
/// Context::with_trace(TraceAttributes::new().user("gus").tag("coffee"), || {
///     within.inject(&Context::current(), &mut headers);
/// });
/// assert_eq!(headers["baggage"], "langfuse_user_id=gus,langfuse_tags=coffee");
///
/// let caller = within.extract(&headers);
/// let known = caller.context().trace_attributes();
/// assert_eq!(known.and_then(|known| known.get_user()), Some("gus"));
/// ```
#[must_use = "call `inject` or `extract`"]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Propagation {
    baggage: bool,
}

impl Propagation {
    /// The trace alone: `traceparent` and `tracestate`.
    pub const fn new() -> Self {
        Self { baggage: false }
    }

    /// Whether baggage is written and read, too. Defaults to false.
    pub const fn baggage(mut self, baggage: bool) -> Self {
        self.baggage = baggage;
        self
    }

    /// Writes `context` into the headers of a request. A header for which there is nothing to say
    /// is not touched: give it headers of this request alone, not copied from another one.
    ///
    /// Trace attributes are written outside of a span, too, and with telemetry off.
    pub fn inject(self, context: &Context, carrier: &mut (impl Injector + ?Sized)) {
        self.write(context, None, carrier);
    }

    /// Reads what the caller sent; empty where a header is absent or invalid.
    #[must_use]
    pub fn extract(self, carrier: &(impl Extractor + ?Sized)) -> Remote {
        let parent = parent_of(carrier).and_then(Result::ok);
        self.read(parent, carrier)
    }

    /// Like [`extract`](Self::extract), for those who want to know why there is no caller. Headers
    /// that name none are no error.
    ///
    /// # Errors
    ///
    /// What is wrong with the `traceparent`.
    pub fn try_extract(
        self,
        carrier: &(impl Extractor + ?Sized),
    ) -> Result<Remote, ParseTraceParentError> {
        let parent = parent_of(carrier).transpose()?;
        Ok(self.read(parent, carrier))
    }

    fn write(
        self,
        context: &Context,
        remote: Option<&Remote>,
        carrier: &mut (impl Injector + ?Sized),
    ) {
        if let Some(parent) = context.traceparent() {
            carrier.set(TRACEPARENT, parent.to_string());
            // Of another trace, what other systems said of this one would be false.
            let said = |at: &Context| at.tracestate_of(context.trace_id).map(str::to_owned);
            let tracestate = said(context).or_else(|| said(&remote?.context));
            if let Some(tracestate) = tracestate {
                carrier.set(TRACESTATE, tracestate);
            }
        }
        if !self.baggage {
            return;
        }
        let mut header = baggage::Header::default();
        let claimed = context.claimed_trace();
        if let Some(trace_id) = claimed {
            langfuse::write_claim(trace_id, &mut header);
        }
        if let Some(attributes) = context.trace_attributes() {
            langfuse::write(attributes, &mut header);
        }
        let passed_on = remote.and_then(Remote::baggage).unwrap_or_default();
        for member in baggage::members(passed_on) {
            // One that is left is of another trace.
            if claimed.is_none() || !langfuse::is_claim(&member) {
                header.pass(member.text);
            }
        }
        if let Some(text) = header.finish() {
            carrier.set(BAGGAGE, text);
        }
    }

    fn read(self, parent: Option<TraceParent>, carrier: &(impl Extractor + ?Sized)) -> Remote {
        let mut context = parent.map_or(Context::EMPTY, Context::from);
        // Without its trace, W3C forbids so much as a look at the state.
        if let Some(parent) = parent
            && let Some(header) = carrier.get(TRACESTATE)
            && let Some(state) = tracestate::checked(&header)
        {
            context.scope = Some(Scope::called_with(None, parent.trace_id(), state));
        }
        let mut passed_on = baggage::Header::default();
        if self.baggage
            && let Some(header) = carrier.get(BAGGAGE)
        {
            let mut attributes = TraceAttributes::new();
            for member in baggage::members(&header) {
                if parent.is_some_and(|parent| langfuse::claims(&member, parent.trace_id())) {
                    let scope = Scope::below_app_root(context.scope.as_deref(), context.trace_id);
                    context.scope = Some(scope);
                } else if !langfuse::read(&member, &mut attributes) {
                    passed_on.pass(member.text);
                }
            }
            if attributes != TraceAttributes::new() {
                context.scope = Some(Scope::nested(context.scope.as_deref(), &attributes));
            }
        }
        Remote {
            context,
            baggage: passed_on.finish().map(String::into_boxed_str),
            propagation: self,
        }
    }
}

fn parent_of(
    carrier: &(impl Extractor + ?Sized),
) -> Option<Result<TraceParent, ParseTraceParentError>> {
    carrier.get(TRACEPARENT).map(|text| trim(&text).parse())
}

/// Without the optional white space that HTTP allows around a value and W3C around a member.
fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}
