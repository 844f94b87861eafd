//! Events as events of `tracing`.

#![cfg(feature = "tracing")]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    fmt::{Debug, Write as _},
    sync::{Arc, Mutex},
};

use o11y_core::{EventBus, Telemetry, attributes, event};
use o11y_events::{BaseSubscriber as _, TracingWriter};
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};

#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<String>>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {}={value:?}", field.name()).unwrap();
    }
}

impl Subscriber for Memory {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "o11y"
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
        o11y_core::event("line.logged", attributes! {}); // as a bridge may do
    }

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

#[test]
fn each_event_has_its_level_and_a_bridge_does_not_go_round() {
    let memory = Memory::default();
    let bus = EventBus::new();
    let _tracing = TracingWriter::new().attach(&bus);

    tracing::subscriber::with_default(memory.clone(), || {
        Telemetry::events_only(bus).run(|| {
            event(
                "llm.generate",
                attributes! { "gen_ai.request.model" => "gpt-4o" },
            );
            event("llm.vetoed", attributes! {});
        });
    });

    assert_eq!(
        *memory.0.lock().unwrap(),
        [
            "INFO message=llm.generate attributes=gen_ai.request.model=gpt-4o",
            "WARN message=llm.vetoed attributes=",
        ]
    );
}
