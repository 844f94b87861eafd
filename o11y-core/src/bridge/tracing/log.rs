//! An event of `tracing` as an observation of its own.

use tracing_core::{Event, Level as Loudness};

use super::{fields::Fields, place::Place};
use crate::{
    context::OwnedSpan,
    key,
    observation::{Level, ObservationType},
    span::SpanSpec,
};

/// Records an event in what is current, or else in the recognised span `around` it; outside of any
/// span nobody would find it.
pub(super) fn record(event: &Event<'_>, mut fields: Fields, around: Option<Place>) {
    let here = Place::here(around.as_ref()).context;
    let context = match around {
        Some(around) if here.span_id.is_none() => around.context,
        _ => here,
    };
    if context.span_id.is_none() {
        return;
    }
    let metadata = event.metadata();
    // An event that was given no name is called by its file and line; its target says more.
    let name = match metadata.name() {
        name if name.starts_with("event ") => metadata.target(),
        name => name,
    };
    let mut spec = SpanSpec::new(name.to_owned())
        .observation(ObservationType::Event)
        .level(level_of(*metadata.level()));
    if let Some(message) = fields.take("message") {
        spec = spec.attribute(key::INPUT, message);
    }
    for (field, value) in fields {
        spec = spec.attribute(field, value);
    }
    drop(context.run(|| OwnedSpan::start(spec)));
}

const fn level_of(loudness: Loudness) -> Level {
    match loudness {
        Loudness::ERROR => Level::Error,
        Loudness::WARN => Level::Warning,
        Loudness::INFO => Level::Default,
        _ => Level::Debug,
    }
}
