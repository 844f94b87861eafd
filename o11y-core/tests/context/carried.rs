//! A context carried to another thread, and spans held by hand.

use o11y_core::{Context, attributes, event};

use super::{memory, traced};

#[test]
fn a_context_carried_to_a_thread_makes_its_spans_children() {
    let trace = traced(|| {
        let here = Context::current();
        std::thread::scope(|scope| {
            for name in ["a", "b"] {
                let here = here.clone();
                scope.spawn(move || {
                    here.run(|| Context::with_span(name, |_span| ()));
                    assert_eq!(Context::current().span_id(), None);
                });
            }
        });
    });

    assert_eq!(memory().outline(trace), "span root\n  span a\n  span b\n");
}

#[test]
fn a_span_held_by_hand_ends_when_it_is_dropped_on_any_thread() {
    let trace = traced(|| {
        let mut upload = Context::start_span("upload");
        Context::with_span("sibling", |_span| ());
        upload
            .context()
            .run(|| Context::with_span("part", |_span| ()));
        upload.set_attribute("parts", 1);
        let here = upload.context();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                here.run(|| assert!(Context::annotate("late", true)));
                drop(upload);
            });
        });
    });

    assert_eq!(
        memory().outline(trace),
        "span root\n  span sibling\n  span upload\n    span part\n"
    );
    memory().look(trace, "upload", |record| {
        assert_eq!(record.status_message(), None);
        assert_eq!(
            record.attribute("late").and_then(o11y_core::Value::as_bool),
            Some(true)
        );
    });
}

#[test]
fn spans_opened_in_a_destructor_of_a_thread_local_do_no_harm() {
    struct Late;
    impl Drop for Late {
        fn drop(&mut self) {
            Context::with_span("in a destructor", |_span| {
                event("told there", attributes! {});
            });
        }
    }
    thread_local!(static LATE: Late = const { Late });

    memory();
    let started = std::thread::scope(|scope| {
        // The end of the scope would not wait for destructors.
        scope.spawn(|| LATE.with(|_late| ())).join()
    });

    assert!(started.is_ok());
    let counts = ["in a destructor", "told there"].map(|name| memory().count(name));
    assert_eq!(counts, [1, 1]);
}
