//! A subscriber with the layer, and a recording of what comes of it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use o11y_core::{Record, TracingLayer, Usage, Value, ValueRef, key, testing::Recording};
use tracing_subscriber::{Layer, layer::SubscriberExt as _};

/// A layer that wants every span, so that unrecognised ones exist.
pub(crate) struct Everything;

impl<S: tracing::Subscriber> Layer<S> for Everything {}

/// A subscriber that has this layer and no other.
pub(crate) fn with(layer: TracingLayer) -> tracing::Dispatch {
    tracing_subscriber::registry().with(layer.build()).into()
}

/// Records what `f` leaves behind the layer as it is by default.
pub(crate) fn recorded(f: impl FnOnce()) -> Recording {
    recorded_with(TracingLayer::new(), f)
}

pub(crate) fn recorded_with(layer: TracingLayer, f: impl FnOnce()) -> Recording {
    recorded_in(&with(layer), f)
}

pub(crate) fn recorded_in(dispatch: &tracing::Dispatch, f: impl FnOnce()) -> Recording {
    let recording = Recording::new();
    recording.run(|| tracing::dispatcher::with_default(dispatch, f));
    recording
}

/// An attribute as text, empty if there is none.
pub(crate) fn text(record: &Record, key: &str) -> String {
    record
        .attribute(key)
        .map(ToString::to_string)
        .unwrap_or_default()
}

pub(crate) fn usage(record: &Record) -> Option<Usage> {
    match record.attribute(key::USAGE).map(Value::as_ref) {
        Some(ValueRef::Usage(usage)) => Some(*usage),
        _ => None,
    }
}

/// Tests of this binary take turns. The `tracing` crate keeps one note for the process of who wants a
/// callsite, and makes it anew whenever a subscriber comes or goes: with many of them at once, which
/// only tests have, a span that is made at that moment may be judged by half of it.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}
