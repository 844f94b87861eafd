//! The run of a rig agent that opened no span of its own.
//!
//! rig opens `invoke_agent` only where no span is current. Behind a web server's span, say, the
//! turns and tools of a run lie side by side below that one. Here they are given the agent that is
//! missing. Turns of an agent of one name, in one span, belong to the same run as long as a tool was
//! called between them; a turn that follows another directly begins a new run. So does rig loop:
//! it asks the model again only with the result of a tool. Runs of one agent that are concurrent
//! within one span are taken for one.
//!
//! A run is noted in the extensions of the span around it, and ends with that span at the latest, at
//! the time at which its last turn or tool ended.

use tracing_core::span::Id;
use tracing_subscriber::registry::{LookupSpan as _, Registry};

use super::place::Place;
use crate::{
    clock::Ticks, context::frame, id::SpanId, key, observability, observation::ObservationType,
    record::Record, text::text, value::Value,
};

/// The runs below one span.
#[derive(Default)]
struct Runs(Vec<Run>);

struct Run {
    agent: Value,
    /// None where the trace is not recorded.
    record: Option<Record>,
    place: Place,
    open_turns: usize,
    has_turned: bool,
    called_tool: bool,
    last_end: Ticks,
}

/// Joins a turn to a run below the span `around`; the first turn begins one in `place`.
pub(super) fn begin_turn(registry: &Registry, around: &Id, agent: &Value, place: Place) -> Place {
    let Some(span) = registry.span(around) else {
        return place;
    };
    let new = Run::new(agent.clone(), place);
    let mut extensions = span.extensions_mut();
    if extensions.get_mut::<Runs>().is_none() {
        extensions.insert(Runs::default());
    }
    let Some(Runs(runs)) = extensions.get_mut() else {
        return new.place.clone();
    };
    let known = runs.iter().position(|run| run.agent == *agent);
    let mut ended = None;
    let (mut run, unused) = match known.map(|place| runs.remove(place)) {
        Some(run) if run.goes_on() => (run, Some(new)),
        other => {
            ended = other;
            (new, None)
        }
    };
    run.open_turns += 1;
    run.called_tool = false;
    let place = run.place.clone();
    let begun = unused.is_none().then(|| run.record.clone()).flatten();
    runs.push(run);
    drop(extensions);
    // Sinks run outside of the lock.
    drop(ended);
    if let Some(unused) = unused {
        unused.forget();
    }
    if let Some(mut begun) = begun.filter(|_| observability::wants_starts()) {
        begun.scope.clone_from(&place.context.scope);
        observability::started(&begun, place.context.telemetry.as_ref());
    }
    place
}

/// Joins a tool to the run below the span `around` that was active last, if there is one.
pub(super) fn begin_tool(registry: &Registry, around: &Id) -> Option<Place> {
    let span = registry.span(around)?;
    let mut extensions = span.extensions_mut();
    let Runs(runs) = extensions.get_mut()?;
    let run = runs.iter_mut().max_by_key(|run| run.last_end)?;
    run.called_tool = true;
    Some(run.place.clone())
}

/// A turn or tool has ended.
pub(super) fn end_part(registry: &Registry, around: &Id, part: &Part) {
    let Some(span) = registry.span(around) else {
        return;
    };
    let mut extensions = span.extensions_mut();
    let Some(Runs(runs)) = extensions.get_mut() else {
        return;
    };
    let of_part = |run: &&mut Run| run.place.context.span_id == part.parent;
    if let Some(run) = runs.iter_mut().find(of_part) {
        run.last_end = Ticks::now();
        if part.is_turn {
            run.open_turns = run.open_turns.saturating_sub(1);
            run.has_turned = true;
        }
    }
}

/// What a run needs to know of a part that ends.
pub(super) struct Part {
    pub(super) parent: SpanId,
    pub(super) is_turn: bool,
}

impl Run {
    fn new(agent: Value, place: Place) -> Self {
        let name = agent.as_str().map_or_else(
            || text("invoke_agent"),
            |agent| text(format!("invoke_agent {agent}")),
        );
        let mut record = Record::new(name);
        record.observation = ObservationType::Agent;
        let attributes = &mut record.attributes;
        attributes.put(key::OPERATION_NAME, "invoke_agent".into());
        attributes.put("gen_ai.agent.name", agent.clone());
        attributes.put("o11y.synthesised", true.into());
        let mut inside = place.context.below();
        let records = frame::open(&mut record, &mut inside)
            && inside.sampled
            && observability::records_in(place.context.telemetry.as_ref());
        Self {
            agent,
            record: records.then_some(record),
            place: Place {
                context: if records { inside } else { place.context },
                in_own_call: place.in_own_call,
                is_current: false,
            },
            open_turns: 0,
            has_turned: false,
            called_tool: false,
            last_end: Ticks::now(),
        }
    }

    fn goes_on(&self) -> bool {
        self.open_turns > 0 || self.called_tool || !self.has_turned
    }

    /// It was not needed after all.
    fn forget(mut self) {
        drop(self.record.take());
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let Some(mut record) = self.record.take() else {
            return;
        };
        record.end = self.last_end;
        record.scope = self.place.context.scope.take();
        observability::ended(&mut record, self.place.context.telemetry.as_ref());
    }
}
