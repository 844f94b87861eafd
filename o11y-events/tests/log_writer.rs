//! Events as lines of a log.

#![cfg(feature = "log")]

use std::sync::{Mutex, PoisonError};

use log::{LevelFilter, Log, Metadata, Record};
use o11y_core::{EventBus, Telemetry, attributes, event, key};
use o11y_events::{BaseSubscriber as _, LogWriter};

/// Keeps the lines, and emits an event of its own for each.
struct Memory(Mutex<Vec<String>>);

static MEMORY: Memory = Memory(Mutex::new(Vec::new()));

impl Log for Memory {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "o11y"
    }

    fn log(&self, record: &Record<'_>) {
        let line = format!("{} {}", record.level(), record.args());
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(line);
        event("line.logged", attributes! {});
    }

    fn flush(&self) {}
}

#[test]
fn each_event_is_a_line_of_its_loudness_and_a_logger_is_not_told_of_itself() {
    log::set_logger(&MEMORY).unwrap();
    log::set_max_level(LevelFilter::Info);
    let bus = EventBus::new();
    let _log = LogWriter::new().attach(&bus);

    Telemetry::events_only(bus).run(|| {
        event(
            "llm.generate",
            attributes! { "gen_ai.request.model" => "gpt-4o", key::INPUT => "secret" },
        );
        event("llm.error", attributes! { "error.type" => "timeout" });
        event("token_budget.exceeded", attributes! {});
        event("llm.request", attributes! {}); // below the level
    });

    assert_eq!(
        *MEMORY.0.lock().unwrap(),
        [
            "INFO llm.generate gen_ai.request.model=gpt-4o langfuse.observation.input=<6 bytes>",
            "ERROR llm.error error.type=timeout",
            "WARN token_budget.exceeded ",
        ]
    );
}
