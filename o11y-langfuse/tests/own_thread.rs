//! What runs on the worker itself, such as a mask, may ask it to flush or to end: that is refused,
//! and nothing hangs or is lost.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use o11y_core::{Context, FlushError, Observability, SpanSpec};

#[path = "support/rig.rs"]
mod rig;
use rig::{LONG, Rig};

#[test]
fn a_mask_that_flushes_or_shuts_down_is_refused_and_everything_arrives() {
    let answers = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&answers);
    let rig = Rig::new(|builder| {
        builder.mask(move |content| {
            let asked = [Observability::flush(LONG), Observability::shutdown(LONG)];
            heard.lock().unwrap().extend(asked);
            content.text().to_owned()
        })
    });
    Context::with_span(SpanSpec::new("asking").input("text"), |_span| ());

    rig.telemetry.flush(LONG).unwrap();
    rig.telemetry.shutdown(LONG).unwrap();

    let answers = answers.lock().unwrap();
    assert_eq!(answers.len(), 2);
    for answer in &*answers {
        assert!(matches!(answer, Err(FlushError::OwnThread)), "{answer:?}");
    }
    rig.assert_all_delivered(1);
}

/// What is asked for there and needs no waiting is done: nothing new is recorded. The end itself is
/// refused, so it can still come from elsewhere, with everything that ended before.
#[test]
fn a_refused_shutdown_records_nothing_more_and_leaves_the_end_to_others() {
    let rig = Rig::new(|builder| {
        builder.mask(|content| {
            let refused = Observability::shutdown(LONG);
            assert!(matches!(refused, Err(FlushError::OwnThread)), "{refused:?}");
            content.text().to_owned()
        })
    });
    Context::with_span(SpanSpec::new("outer"), |_span| {
        Context::with_span(SpanSpec::new("asking").input("text"), |_span| ());
        rig.telemetry.flush(LONG).unwrap();
    });

    Context::with_span("unheard", |span| assert!(!span.is_recording()));
    let reason = Observability::disabled_reason();
    rig.telemetry.shutdown(LONG).unwrap();

    assert_eq!(reason.as_deref(), Some("shut down"));
    assert_eq!(rig.stats().masking_failures, 0);
    rig.assert_all_delivered(2);
}

#[test]
fn a_mask_that_records_spans_of_its_own_has_them_delivered_and_ends() {
    const DEPTH: usize = 5;
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let rig = Rig::new(|builder| {
        builder.mask(move |content| {
            if count.fetch_add(1, Ordering::Relaxed) < DEPTH {
                Context::with_span(SpanSpec::new("masking").input("more"), |_span| ());
            }
            content.text().to_owned()
        })
    });
    Context::with_span(SpanSpec::new("first").input("text"), |_span| ());

    rig.telemetry.flush(LONG).unwrap();
    rig.telemetry.shutdown(LONG).unwrap();

    assert_eq!(calls.load(Ordering::Relaxed), 1 + DEPTH);
    rig.assert_all_delivered(1 + DEPTH);
}
