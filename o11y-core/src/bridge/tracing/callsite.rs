//! Which callsites are recognised: decided once for each, and looked up from then on.

use std::{
    collections::HashMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use arc_swap::ArcSwap;
use foldhash::fast::RandomState;
use tracing_core::{LevelFilter, Metadata, callsite::Identifier, subscriber::Interest};
use tracing_subscriber::layer::{Context, Filter};

use super::Include;

/// Whose span it is, as far as its fields or place need to be understood in a way of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// Whoever follows the GenAI conventions.
    Convention,
    /// rig's run of an agent, which is opened as a root.
    RigAgent,
    /// A turn of such a run: a model call.
    RigTurn,
    /// A call of a tool between two turns.
    RigTool,
    Langchain,
    /// Fields that begin with `langfuse.`, as swiftide's do.
    Langfuse,
    Dsrs,
    /// Only because the user included it.
    Included,
}

/// What a callsite makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Callsite {
    Span(Source),
    /// An event that carries content of a call.
    Content,
    /// An event that becomes an observation.
    Log,
}

const LANGCHAIN: [&str; 7] = [
    "llm.generate",
    "embed.documents",
    "embed.query",
    "chain.call",
    "agent.run",
    "agent.plan",
    "tool.call",
];

/// Spans of swiftide's that say nothing of Langfuse in their own fields, only in events inside.
const SWIFTIDE: [&str; 2] = ["stream", "responses_stream"];

fn recognise(metadata: &Metadata<'_>) -> Option<Callsite> {
    let (name, target) = (metadata.name(), metadata.target());
    let has = |prefix: &str| {
        let mut fields = metadata.fields().iter();
        fields.any(|field| field.name().starts_with(prefix))
    };
    if metadata.is_event() {
        let carries_content = name.starts_with("gen_ai.") || has("gen_ai.") || has("langfuse.");
        return carries_content.then_some(Callsite::Content);
    }
    let is_of = |krate: &str| target.split("::").next() == Some(krate);
    let is_of_swiftide = || {
        is_of("swiftide_agents") && has("otel.name")
            || target.starts_with("swiftide") && SWIFTIDE.contains(&name)
    };
    let source = if has("rig.completion_parent") {
        Source::RigTurn
    } else if has("gen_ai.") {
        match name {
            "invoke_agent" if target.starts_with("rig") => Source::RigAgent,
            "execute_tool" if target.starts_with("rig") => Source::RigTool,
            _ => Source::Convention,
        }
    } else if has("langfuse.") || is_of_swiftide() {
        Source::Langfuse
    } else if is_of("langchain_rust") && LANGCHAIN.contains(&name) {
        Source::Langchain
    } else if name.starts_with("dsrs.") {
        Source::Dsrs
    } else {
        return None;
    };
    Some(Callsite::Span(source))
}

/// The callsites that are recognised; the many others are not in it.
type Table = HashMap<Identifier, Callsite, RandomState>;

/// Recognises callsites. Clones share what they know.
#[derive(Clone)]
pub(super) struct Callsites {
    shared: Arc<Shared>,
}

struct Shared {
    known: ArcSwap<Table>,
    include: Option<Include>,
    log_level: LevelFilter,
}

impl Callsites {
    pub(super) fn new(include: Option<Include>, log_level: LevelFilter) -> Self {
        Self {
            shared: Arc::new(Shared {
                known: ArcSwap::default(),
                include,
                log_level,
            }),
        }
    }

    /// What this callsite makes; none if it is not recognised.
    pub(super) fn get(&self, metadata: &Metadata<'_>) -> Option<Callsite> {
        self.shared.known.load().get(&metadata.callsite()).copied()
    }

    fn decide(&self, metadata: &Metadata<'_>) -> Option<Callsite> {
        recognise(metadata).or_else(|| {
            let log = || metadata.is_event() && *metadata.level() <= self.shared.log_level;
            if !log() && !self.includes(metadata) {
                return None;
            }
            Some(if metadata.is_event() {
                Callsite::Log
            } else {
                Callsite::Span(Source::Included)
            })
        })
    }

    /// Asks the user. One who panics has not said yes.
    fn includes(&self, metadata: &Metadata<'_>) -> bool {
        let ask = |include: &Include| {
            catch_unwind(AssertUnwindSafe(|| include(metadata))).unwrap_or(false)
        };
        self.shared.include.as_ref().is_some_and(ask)
    }
}

impl<S> Filter<S> for Callsites {
    fn callsite_enabled(&self, meta: &'static Metadata<'static>) -> Interest {
        let Some(callsite) = self.decide(meta) else {
            return Interest::never();
        };
        // Copied on every new one: a program has a few dozen of them.
        self.shared.known.rcu(|known| {
            let mut known = Table::clone(known);
            known.insert(meta.callsite(), callsite);
            known
        });
        Interest::always()
    }

    fn enabled(&self, meta: &Metadata<'_>, _cx: &Context<'_, S>) -> bool {
        self.get(meta).is_some()
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        // The crates speak at debug level at most; what the user includes may be of any.
        let own = LevelFilter::DEBUG.max(self.shared.log_level);
        self.shared.include.is_none().then_some(own)
    }
}
