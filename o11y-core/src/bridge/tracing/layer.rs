//! What happens to `tracing` spans and events, and what becomes of them.
//!
//! The extensions of a span lie behind a lock. Nothing that is not ours runs while it is held:
//! fields are printed before, sinks and subscribers are called after.

use std::sync::OnceLock;

use tracing_core::{
    Dispatch, Event, Subscriber,
    dispatcher::WeakDispatch,
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    Layer,
    layer::Context as Lookup,
    registry::{LookupSpan, Registry},
};

use super::{
    callsite::{Callsite, Callsites, Source},
    entered,
    fields::Fields,
    log,
    open::Open,
    place::{self, Found, Place},
    run,
};
use crate::{emit::calls_heard_here, observability::Observability, value::Value};

pub(super) struct Bridge {
    callsites: Callsites,
    emit_events: bool,
    /// The way to spans that are filtered out for this layer.
    dispatch: OnceLock<WeakDispatch>,
}

impl Bridge {
    pub(super) fn new(callsites: Callsites, emit_events: bool) -> Self {
        Self {
            callsites,
            emit_events,
            dispatch: OnceLock::new(),
        }
    }

    fn key(&self, id: &Id) -> entered::Key {
        (std::ptr::from_ref(self).addr(), id.into_u64())
    }

    fn with_registry<R>(&self, look: impl FnOnce(&Registry) -> R) -> Option<R> {
        let dispatch = self.dispatch.get()?.upgrade()?;
        dispatch.downcast_ref().map(look)
    }

    /// Puts a turn or a tool of a run that has no agent below one.
    fn join_run(&self, source: Source, fields: &Fields, found: Found) -> (Place, Option<Id>) {
        let Found {
            place,
            in_agent,
            around,
        } = found;
        let is_turn = source == Source::RigTurn;
        let Some(around) = around.filter(|_| !in_agent && (is_turn || source == Source::RigTool))
        else {
            return (place, None);
        };
        let joined = self.with_registry(|registry| {
            if is_turn {
                let agent = fields.get("gen_ai.agent.name").cloned();
                let agent = agent.unwrap_or_else(Value::null);
                Some(run::begin_turn(registry, &around, &agent, place.clone()))
            } else {
                run::begin_tool(registry, &around)
            }
        });
        match joined.flatten() {
            Some(joined) => (joined, Some(around)),
            None => (place, None),
        }
    }
}

impl<S> Layer<S> for Bridge
where
    S: Subscriber + for<'lookup> LookupSpan<'lookup>,
{
    fn on_register_dispatch(&self, subscriber: &Dispatch) {
        self.dispatch.get_or_init(|| subscriber.downgrade());
    }

    fn on_new_span(&self, attrs: &Attributes<'_>, id: &Id, ctx: Lookup<'_, S>) {
        let metadata = attrs.metadata();
        let Some(Callsite::Span(source)) = self.callsites.get(metadata) else {
            return;
        };
        let is_wanted =
            Observability::is_enabled() || (self.emit_events && calls_heard_here().any());
        let Some(span) = ctx.span(id).filter(|_| is_wanted) else {
            return;
        };
        if span.extensions().get::<Box<Open>>().is_some() {
            return; // of another layer like this one
        }
        let mut fields = Fields::new();
        attrs.record(&mut fields);
        let found = place::find(source, attrs, &span, &ctx);
        let (place, run) = self.join_run(source, &fields, found);
        let open = Open::start(source, metadata.name(), fields, &place, run);
        span.extensions_mut().insert(Box::new(open));
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, ctx: Lookup<'_, S>) {
        let Some(span) = ctx.span(id) else {
            return;
        };
        let mut fields = Fields::new();
        values.record(&mut fields);
        if let Some(open) = span.extensions_mut().get_mut::<Box<Open>>() {
            open.hear(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, ctx: Lookup<'_, S>) {
        let callsite = self.callsites.get(event.metadata());
        let mut around = None;
        if let Some(span) = ctx.event_span(event) {
            around = span
                .scope()
                .find(|span| span.extensions().get::<Box<Open>>().is_some());
        }
        match (callsite, around) {
            (Some(Callsite::Content), Some(span)) => {
                let mut fields = Fields::new();
                event.record(&mut fields);
                if let Some(open) = span.extensions_mut().get_mut::<Box<Open>>() {
                    open.hear_event(event.metadata().name(), fields);
                }
            }
            (Some(Callsite::Log), around) if Observability::is_enabled() => {
                let mut fields = Fields::new();
                event.record(&mut fields);
                let around = around
                    .and_then(|span| Some(span.extensions_mut().get_mut::<Box<Open>>()?.place()));
                log::record(event, fields, around);
            }
            _ => {}
        }
    }

    fn on_enter(&self, id: &Id, ctx: Lookup<'_, S>) {
        let Some(span) = ctx.span(id) else {
            return;
        };
        let inside = span
            .extensions_mut()
            .get_mut::<Box<Open>>()
            .map(|open| open.inside());
        if let Some(inside) = inside {
            entered::enter(self.key(id), inside);
        }
    }

    fn on_exit(&self, id: &Id, ctx: Lookup<'_, S>) {
        let Some(inside) = entered::exit(self.key(id)) else {
            return;
        };
        if inside.late_scope.is_none() {
            return;
        }
        if let Some(span) = ctx.span(id) {
            let mut extensions = span.extensions_mut();
            let open = extensions.get_mut::<Box<Open>>();
            let replaced = open.and_then(|open| open.return_from(inside));
            drop(extensions);
            drop(replaced);
        }
    }

    fn on_close(&self, id: Id, ctx: Lookup<'_, S>) {
        let Some(span) = ctx.span(&id) else {
            return;
        };
        let Some(mut open) = span.extensions_mut().remove::<Box<Open>>() else {
            return;
        };
        let part = open.run.clone().map(|around| (around, open.part()));
        let bills = open.end(self.emit_events);
        drop(open);
        if bills {
            for ancestor in span.scope().skip(1) {
                if let Some(open) = ancestor.extensions_mut().get_mut::<Box<Open>>() {
                    open.has_billed_below = true;
                }
            }
        }
        if let Some((around, part)) = part {
            self.with_registry(|registry| run::end_part(registry, &around, &part));
        }
    }
}
