//! A score while telemetry is off: in a binary of its own, because the switch is the process's.

use o11y_core::{Context, Observability, Score, score};

#[test]
fn while_telemetry_is_off_a_score_without_a_trace_is_no_error() {
    assert!(!Observability::is_enabled());

    let given = Context::with_span("off", |_span| score(Score::numeric("accuracy", 1.0)));

    assert_eq!(given.unwrap().trace_id(), None);
}
