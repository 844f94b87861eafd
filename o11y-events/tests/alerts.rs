//! An alert is raised once when a figure crosses its limit, and cleared once when it falls back.

use std::{
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use o11y_core::{Event, EventBus, LlmEvent, Telemetry, attributes, key};
use o11y_events::{Alert, Alerts, BaseSubscriber as _};

fn bus() -> (EventBus, Telemetry) {
    let bus = EventBus::new();
    (bus.clone(), Telemetry::events_only(bus))
}

#[test]
fn an_alert_is_raised_and_cleared_once_per_crossing() {
    let (bus, telemetry) = bus();
    let slow = Alert::latency("slow", 0.5, Duration::from_secs(2))
        .of_model("gpt-4o")
        .over(4)
        .after(2);
    let failing = Alert::error_rate("failing", 0.25).over(4).after(4);
    let alerts = Alerts::new([slow, failing]).attach(&bus);
    let told = Arc::new(Mutex::new(Vec::new()));
    let _pager = bus.subscribe("alert.*", {
        let told = Arc::clone(&told);
        move |event: &Event| {
            let text = |key| {
                event
                    .attribute(key)
                    .map(ToString::to_string)
                    .unwrap_or_default()
            };
            let line = format!(
                "{} {} {} {}",
                event.name(),
                text("alert.name"),
                text("alert.value"),
                text("alert.model")
            );
            told.lock().unwrap().push(line);
        }
    });
    let call = |model: &'static str, seconds| {
        telemetry.run(|| {
            LlmEvent::new("openai", model)
                .duration(Duration::from_secs(seconds))
                .emit();
        });
    };

    for (model, seconds) in [("gpt-4o", 3), ("other", 9), ("gpt-4o", 3), ("gpt-4o", 3)] {
        call(model, seconds);
    }
    for _ in 0..4 {
        call("gpt-4o", 1);
    }
    call("gpt-4o", 3); // not enough of them to raise it again

    assert_eq!(
        *told.lock().unwrap(),
        ["alert.raised slow 3 gpt-4o", "alert.cleared slow 1 gpt-4o"]
    );
    let states = alerts.states();
    assert_eq!(
        (states[0].is_raised, states[0].raised, states[1].raised),
        (false, 1, 0)
    );
    assert_eq!(
        states[0].to_string(),
        "slow: p50 latency 1.00 s, limit 2.00 s: in order"
    );
}

#[test]
fn an_alert_is_raised_once_by_eight_threads_and_its_handler_may_call() {
    let (bus, telemetry) = bus();
    let alerts = Alerts::new([Alert::tokens_per_call("long", 100).after(1)]).attach(&bus);
    let raised = Arc::new(Mutex::new(0));
    let _pager = bus.subscribe("alert.raised", {
        let (raised, bus) = (Arc::clone(&raised), bus.clone());
        move |_: &Event| {
            *raised.lock().unwrap() += 1;
            bus.event("llm.generate", attributes! { key::TOTAL_TOKENS => 500 });
        }
    });

    thread::scope(|scope| {
        for _ in 0..8 {
            let telemetry = &telemetry;
            scope.spawn(|| {
                telemetry.run(|| {
                    for _ in 0..200 {
                        o11y_core::event("llm.generate", attributes! { key::TOTAL_TOKENS => 500 });
                    }
                });
            });
        }
    });

    assert_eq!(*raised.lock().unwrap(), 1);
    assert_eq!(alerts.states()[0].calls, 100);
}
