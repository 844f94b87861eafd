//! Errors and their causes on the spans that they pass.

use o11y_core::Context;

use super::memory;

#[derive(Debug, thiserror::Error)]
#[error("{what}")]
struct Failure {
    what: &'static str,
    source: Option<Box<Failure>>,
}

/// An error, and what caused it, and what caused that.
fn failure(chain: &[&'static str]) -> Option<Box<Failure>> {
    let [what, causes @ ..] = chain else {
        return None;
    };
    Some(Box::new(Failure {
        what,
        source: failure(causes),
    }))
}

#[test]
fn the_causes_of_an_error_are_told_and_kept() {
    memory();
    for (chain, message, sources) in [
        (&["no menu"][..], "no menu", None),
        (
            &["no menu", "no file", "disk on fire"],
            "no menu: no file: disk on fire",
            Some(r#"["no file","disk on fire"]"#),
        ),
        (
            // The outermost prints its cause itself.
            &["no menu: no file", "no file"],
            "no menu: no file",
            Some(r#"["no file"]"#),
        ),
    ] {
        let trace = Context::with_span("order", |span| {
            let read = Context::try_with_span("read menu", |span| {
                let failure = *failure(chain).unwrap();
                Err::<(), _>(failure).inspect_err(|error| span.record_error_chain(error))
            });
            assert!(read.is_err());
            span.context().trace_id().unwrap()
        });

        memory().look(trace, "read menu", |record| {
            assert_eq!(record.status_message(), Some(message));
            let told = record
                .attribute("error.sources")
                .and_then(|told| told.as_str());
            assert_eq!(told, sources);
        });
    }
}
