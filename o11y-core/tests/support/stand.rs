//! A telemetry scope of its own for one test: what is recorded in it, and what is heard.

#![expect(clippy::unwrap_used, reason = "only tests use it")]
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::sync::{Arc, Mutex};

use o11y_core::{Ended, Event, EventBus, Record, Sink, Subscription, Telemetry, Value, key};

#[derive(Default)]
struct Records(Mutex<Vec<Record>>);

impl Sink for Records {
    fn on_end(&self, ended: Ended<'_>) {
        self.0.lock().unwrap().push(ended.take());
    }
}

/// One event, as far as the tests ask.
pub(crate) struct Line {
    pub(crate) name: String,
    attributes: Vec<(String, Value)>,
}

impl Line {
    pub(crate) fn value(&self, key: &str) -> Option<&Value> {
        let mut attributes = self.attributes.iter();
        attributes.find_map(|(name, value)| (name == key).then_some(value))
    }

    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        self.value(key).and_then(Value::as_str)
    }

    pub(crate) fn number(&self, key: &str) -> Option<u64> {
        self.value(key).and_then(Value::as_u64)
    }

    /// Name, outcome and tokens.
    pub(crate) fn shown(&self) -> String {
        let outcome = self.text(key::OUTCOME).map(|outcome| format!(" {outcome}"));
        let tokens = self.number(key::TOTAL_TOKENS);
        let tokens = tokens.map(|tokens| format!(" {tokens}"));
        let [outcome, tokens] = [outcome, tokens].map(Option::unwrap_or_default);
        format!("{}{outcome}{tokens}", self.name)
    }
}

pub(crate) struct Stand {
    pub(crate) telemetry: Telemetry,
    pub(crate) bus: EventBus,
    records: Arc<Records>,
    heard: Arc<Mutex<Vec<Line>>>,
    _hearing: Subscription,
}

impl Stand {
    /// Everything is heard; spans are recorded or not.
    pub(crate) fn new(records_spans: bool) -> Self {
        let (records, bus) = (Arc::new(Records::default()), EventBus::new());
        let heard = Arc::new(Mutex::new(Vec::new()));
        let writing = Arc::clone(&heard);
        let hearing = bus.subscribe("*", move |event: &Event| {
            let attributes = event.attributes().iter();
            writing.lock().unwrap().push(Line {
                name: event.name().to_owned(),
                attributes: attributes
                    .map(|(key, value)| (key.to_owned(), value.clone()))
                    .collect(),
            });
        });
        Self {
            telemetry: if records_spans {
                Telemetry::scoped(records.clone(), bus.clone())
            } else {
                Telemetry::events_only(bus.clone())
            },
            bus,
            records,
            heard,
            _hearing: hearing,
        }
    }

    /// What was heard, in order.
    pub(crate) fn heard<R>(&self, look: impl FnOnce(&[Line]) -> R) -> R {
        look(&self.heard.lock().unwrap())
    }

    /// What was heard, a line each: name, outcome and tokens.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.heard(|lines| lines.iter().map(Line::shown).collect())
    }

    pub(crate) fn records<R>(&self, look: impl FnOnce(&[Record]) -> R) -> R {
        look(&self.records.0.lock().unwrap())
    }

    /// Looks at the one span of that name.
    pub(crate) fn look<R>(&self, name: &str, look: impl FnOnce(&Record) -> R) -> R {
        self.records(|records| {
            let mut found = records.iter().filter(|record| record.name() == name);
            let record = found.next().unwrap_or_else(|| panic!("no span {name}"));
            assert!(found.next().is_none(), "more than one span {name}");
            look(record)
        })
    }

    /// The text of an attribute of the model call's span, whatever its kind.
    pub(crate) fn shown(&self, key: &str) -> Option<String> {
        self.look("llm.generate", |record| {
            record.attribute(key).map(ToString::to_string)
        })
    }
}
