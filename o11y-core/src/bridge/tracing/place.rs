//! Where a span is opened: below which other one, ours or of `tracing`, and inside of what.

use tracing_core::{
    Subscriber,
    span::{Attributes, Id},
};
use tracing_subscriber::{
    layer::Context as Lookup,
    registry::{LookupSpan, SpanRef},
};

use super::{callsite::Source, dialect, open::Open};
use crate::{
    context::{Context, current},
    id::SpanId,
    observation::ObservationType,
};

/// Where spans inside of a recognised one are opened.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) context: Context,
    /// The nearest span of our own API around it is an open model call, which bills.
    pub(super) in_own_call: bool,
    /// Whether it is where the thread stands already.
    pub(super) is_current: bool,
}

impl Place {
    /// Runs `f` there.
    pub(super) fn run<R>(&self, f: impl FnOnce() -> R) -> R {
        if self.is_current {
            return f();
        }
        self.context.run(f)
    }

    /// What is current, inside of `around` or of spans of ours.
    pub(super) fn here(around: Option<&Self>) -> Self {
        let context = current::with(|current| current.context.clone());
        let in_own_call = match around {
            Some(around) if around.context.span_id == context.span_id => around.in_own_call,
            _ => dialect::is_own_call(context.observation) && !context.span_id.is_none(),
        };
        Self {
            context,
            in_own_call,
            is_current: true,
        }
    }
}

/// A place, and what lies around it.
pub(super) struct Found {
    pub(super) place: Place,
    /// Whether an agent is nearer than a tool.
    pub(super) in_agent: bool,
    /// The `tracing` span around it, recognised or not.
    pub(super) around: Option<Id>,
}

/// The nearest recognised span around another one.
struct Above {
    place: Place,
    /// What that one was opened in.
    parent: SpanId,
    in_agent: bool,
}

/// Where a new span is to be opened.
pub(super) fn find<S>(
    source: Source,
    attrs: &Attributes<'_>,
    span: &SpanRef<'_, S>,
    lookup: &Lookup<'_, S>,
) -> Found
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
{
    let above = above(span);
    let here = Place::here(above.as_ref().map(|above| &above.place));
    // rig opens its agents as roots, where no span is current for `tracing`.
    if attrs.is_root() && source != Source::RigAgent {
        return Found {
            place: root_from(here),
            in_agent: false,
            around: None,
        };
    }
    let current = lookup.current_span();
    let is_contextual = attrs
        .parent()
        .is_none_or(|parent| current.id() == Some(parent));
    let in_agent = above.as_ref().is_some_and(|above| above.in_agent)
        || here.context.observation == ObservationType::Agent;
    let around = attrs.parent().or_else(|| current.id()).cloned();
    let place = match above {
        Some(above) if !is_contextual || !lies_inside(&here.context, &above) => above.place,
        _ => here,
    };
    Found {
        place,
        in_agent,
        around,
    }
}

/// The beginning of a trace of its own, with what is inherited here.
fn root_from(here: Place) -> Place {
    Place {
        context: Context {
            scope: here.context.scope,
            telemetry: here.context.telemetry,
            ..Context::EMPTY
        },
        in_own_call: false,
        is_current: false,
    }
}

/// Whether what is current lies in `above`, or at least not around it.
fn lies_inside(current: &Context, above: &Above) -> bool {
    !current.span_id.is_none() && current.span_id != above.parent
}

fn above<S>(span: &SpanRef<'_, S>) -> Option<Above>
where
    S: for<'lookup> LookupSpan<'lookup>,
{
    let mut nearest = None;
    for ancestor in span.scope().skip(1) {
        let mut extensions = ancestor.extensions_mut();
        let Some(open) = extensions.get_mut::<Box<Open>>() else {
            continue;
        };
        let kind = open.kind();
        let above = nearest.get_or_insert_with(|| Above {
            place: open.place(),
            parent: open.parent,
            in_agent: false,
        });
        match kind {
            ObservationType::Agent => {
                above.in_agent = true;
                break;
            }
            ObservationType::Tool => break,
            _ => {}
        }
    }
    nearest
}
