//! Several projects in one process: each with its own exporter, none in the way of another.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{sync::Arc, thread, time::Duration};

use o11y_core::{Context, EventBus, FanOut, Observability, Score, Sink, Telemetry as Scope, score};
use o11y_langfuse::{
    Langfuse, LangfuseBuilder, Telemetry,
    local::{Fault, Receiver},
};

#[path = "support/rig.rs"]
mod rig;
use rig::{LONG, Rig};

/// A project that only what runs in its scope is sent to.
struct Project {
    scope: Scope,
    telemetry: Telemetry,
    receiver: Receiver,
}

impl Project {
    fn new() -> Self {
        let receiver = Receiver::start().unwrap();
        let telemetry = builder(&receiver).spawn_scoped().unwrap();
        let scope = telemetry.scope(&EventBus::new());
        Self {
            scope,
            telemetry,
            receiver,
        }
    }

    fn names(&self) -> Vec<String> {
        let observations = self.receiver.observations();
        observations.into_iter().map(|one| one.name).collect()
    }
}

fn builder(receiver: &Receiver) -> LangfuseBuilder {
    Langfuse::builder()
        .host(receiver.base_url())
        .public_key(receiver.public_key())
        .secret_key(receiver.secret_key())
        .batch_size(100_000)
        .export_interval(Duration::ZERO)
}

/// A span with a score.
fn judged(name: &'static str) {
    Context::with_span(name, |_span| score(Score::numeric(name, 0.5))).unwrap();
}

#[test]
fn each_project_gets_its_own_spans_and_scores() {
    let process = Rig::new(|builder| builder);
    let (one, two) = (Project::new(), Project::new());

    thread::scope(|threads| {
        threads.spawn(|| one.scope.run(|| judged("one")));
        threads.spawn(|| two.scope.run(|| judged("two")));
        judged("process");
    });
    for telemetry in [&one.telemetry, &two.telemetry, &process.telemetry] {
        telemetry.flush(LONG).unwrap();
    }

    assert_eq!(
        (one.names(), two.names()),
        (vec!["one".into()], vec!["two".into()])
    );
    for receiver in [&one.receiver, &two.receiver, &process.receiver] {
        assert_eq!(
            (receiver.observation_count(), receiver.scores().len()),
            (1, 1)
        );
    }
}

#[test]
fn a_project_that_does_not_answer_is_not_in_the_way_of_another() {
    let _turn = Rig::new(|builder| builder);
    let (stalled, healthy) = (Project::new(), Project::new());
    stalled.receiver.always(Fault::Stall);

    for project in [&stalled, &healthy] {
        project.scope.run(|| judged("work"));
    }
    let failed = stalled.telemetry.flush(Duration::from_millis(50));
    healthy.telemetry.flush(LONG).unwrap();

    assert!(failed.is_err());
    assert_eq!(healthy.names(), ["work"]);
    assert_eq!(stalled.telemetry.stats().waiting, 1);
    assert!(stalled.telemetry.shutdown(Duration::ZERO).is_err());
    assert!(stalled.telemetry.stats().is_balanced());
}

#[test]
fn what_ends_in_a_scope_after_its_guard_is_counted_and_harms_nobody() {
    let _turn = Rig::new(|builder| builder);
    let Project {
        scope,
        telemetry,
        receiver,
    } = Project::new();

    telemetry.shutdown(LONG).unwrap();
    scope.run(|| judged("late"));

    let stats = telemetry.stats();
    assert_eq!((stats.lost.total(), stats.scores().lost.total()), (1, 1));
    assert_eq!(receiver.observation_count(), 0);
}

#[test]
fn beside_another_sink_it_gets_everything_scores_included() {
    let _turn = Rig::new(|builder| builder);
    let receivers = [Receiver::start().unwrap(), Receiver::start().unwrap()];
    let exporters = [
        builder(&receivers[0]).spawn_scoped().unwrap(),
        builder(&receivers[1]).spawn_scoped().unwrap(),
    ];
    let sinks: Vec<Arc<dyn Sink>> = exporters.iter().filter_map(Telemetry::sink).collect();

    Observability::enable(Arc::new(FanOut::new(sinks)));
    judged("both");
    Observability::flush(LONG).unwrap();
    Observability::disable("the test is over");

    for receiver in receivers {
        assert_eq!(
            (receiver.observation_count(), receiver.scores().len()),
            (1, 1)
        );
    }
}

#[test]
fn with_telemetry_off_a_scope_tells_events_and_records_nothing() {
    let off = Telemetry::off("a test");
    let scope = off.scope(&EventBus::new());

    let is_recording = scope.run(|| Context::with_span("work", |span| span.is_recording()));

    assert!(!is_recording && off.sink().is_none());
}
