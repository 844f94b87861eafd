//! A subscriber of our own: shows what happens as it happens, one line for each event.

use std::{sync::Arc, time::Instant};

use o11y_core::{Event, Value, ValueRef, key};
use o11y_events::{BaseSubscriber, Subscriptions};

use crate::show;

pub struct LiveStream {
    start: Instant,
}

impl LiveStream {
    pub fn new() -> Self {
        let start = Instant::now();
        Self { start }
    }

    fn on_event(&self, event: &Event) {
        show::event(self.start, event, &details(event));
    }
}

/// All that it takes: say which events, and with which method.
impl BaseSubscriber for LiveStream {
    fn subscribe(self: &Arc<Self>, subscriptions: &mut Subscriptions<Self>) {
        for pattern in HEARD {
            subscriptions.add_subscription(pattern, Self::on_event);
        }
    }
}

/// Not `llm.*`: a line when a call is asked for and one when it ends would be one too many.
const HEARD: [&str; 8] = [
    "customer.arrived",
    "chain_of_thought.*",
    "tool.*",
    "react.*_complete",
    "llm.generate",
    "llm.error",
    "llm.vetoed",
    "llm.retry",
];

/// What is worth a place on the line, with the words around it.
const SHOWN: [(&str, &str, &str); 12] = [
    ("customer", "", ""),
    ("mood", "", ""),
    ("time_of_day", "", ""),
    ("iteration", "iteration ", ""),
    ("tool", "", ""),
    ("action", "", ""),
    ("reasoning", "", ""),
    ("result", "", ""),
    (key::ERROR_TYPE, "", ""),
    (key::TOTAL_TOKENS, "", " tokens"),
    (key::DURATION_MS, "", " ms"),
    ("reason", "", ""),
];

fn details(event: &Event) -> String {
    let mut details = Vec::new();
    for (key, before, after) in SHOWN {
        if let Some(value) = event.attribute(key) {
            details.push(format!("{before}{}{after}", shown(value)));
        }
    }
    details.join(" · ")
}

fn shown(value: &Value) -> String {
    match value.as_ref() {
        ValueRef::Text(text) => show::shortened(text, 52),
        ValueRef::Float(number) => format!("{number:.0}"),
        ValueRef::Int(number) => number.to_string(),
        other => format!("{other:?}"),
    }
}
