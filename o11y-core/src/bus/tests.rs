//! Who hears what, in which order, and what a failing handler does.

use std::{
    panic::panic_any,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use proptest::prelude::*;

use super::*;
use crate::attributes;

/// A handler that writes its label when it is called.
fn writing(log: &Arc<Mutex<Vec<String>>>, label: &str) -> impl Fn(&Event) + use<> {
    let (log, label) = (Arc::clone(log), label.to_owned());
    move |event| {
        log.lock()
            .unwrap()
            .push(format!("{label}:{}", event.name()));
    }
}

#[test]
fn subscribers_hear_what_they_asked_for_in_the_order_of_subscription() {
    let bus = EventBus::new();
    let log = Arc::default();
    let _subscriptions: Vec<_> = [
        "*",
        "llm.*",
        "llm.generate",
        "*.generate",
        "llm.**",
        "tool.*",
    ]
    .map(|pattern| bus.subscribe(pattern, writing(&log, pattern)))
    .into();

    bus.event("llm.generate", attributes! {});
    bus.event("tool.call", attributes! {});

    assert_eq!(
        *log.lock().unwrap(),
        [
            "*:llm.generate",
            "llm.*:llm.generate",
            "llm.generate:llm.generate",
            "*.generate:llm.generate",
            "llm.**:llm.generate",
            "*:tool.call",
            "tool.*:tool.call",
        ]
    );
}

#[test]
fn a_subscription_ends_when_it_is_dropped_unsubscribed_or_cleared() {
    let bus = EventBus::new();
    let log = Arc::default();
    let dropped = bus.subscribe("*", writing(&log, "dropped"));
    let detached = bus.subscribe("*", writing(&log, "detached")).detach();
    let cleared = bus.subscribe("*", writing(&log, "cleared"));

    drop(dropped);
    bus.event("a", attributes! {});
    assert!(bus.unsubscribe(detached));
    assert!(!bus.unsubscribe(detached));
    bus.event("b", attributes! {});
    bus.clear();
    bus.event("c", attributes! {});
    drop(cleared);

    assert_eq!(
        *log.lock().unwrap(),
        ["detached:a", "cleared:a", "cleared:b"]
    );
    assert_eq!(bus.subscriptions(), 0);
}

#[test]
fn a_panicking_handler_is_counted_and_the_others_still_run() {
    let bus = EventBus::new();
    let log = Arc::default();
    let panicking = bus.subscribe("a", |event: &Event| {
        assert!(event.name() != "a", "on purpose");
    });
    let after = bus.subscribe("a", writing(&log, "after"));

    bus.event("a", attributes! {});

    assert_eq!(*log.lock().unwrap(), ["after:a"]);
    assert_eq!(bus.panics(), 1);
    assert_eq!(bus.panics_of(panicking.id()), Some(1));
    assert_eq!(bus.panics_of(after.id()), Some(0));
    let gone = panicking.id();
    drop(panicking);
    assert_eq!((bus.panics(), bus.panics_of(gone)), (1, None));
}

#[test]
fn a_panic_that_panics_again_when_it_is_dropped_stays_with_its_handler() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic_any(Bomb);
        }
    }
    let bus = EventBus::new();
    let _panicking = bus.subscribe("a", |_: &Event| -> () { panic_any(Bomb) });

    bus.event("a", attributes! {});

    assert_eq!(bus.panics(), 1);
}

#[test]
fn a_handler_whose_destructor_panics_harms_neither_who_emits_nor_who_unsubscribes() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic_any("as it is dropped");
        }
    }
    let bus = EventBus::new();
    let log = Arc::default();
    // Ends while it runs: whoever emitted is the last to hold it.
    let (bomb, own_bus) = (Bomb, bus.clone());
    let own_id = Arc::new(Mutex::new(None));
    let known = Arc::clone(&own_id);
    let ending = bus.subscribe("a", move |_event: &Event| {
        let _kept = &bomb;
        let id = known.lock().unwrap().take();
        if let Some(id) = id {
            own_bus.unsubscribe(id);
        }
    });
    *own_id.lock().unwrap() = Some(ending.detach());
    let _after = bus.subscribe("a", writing(&log, "after"));

    bus.event("a", attributes! {});
    let bomb = Bomb;
    drop(bus.subscribe("b", move |_event: &Event| {
        let _kept = &bomb;
    }));
    let bomb = Bomb;
    bus.subscribe("c", move |_event: &Event| {
        let _kept = &bomb;
    })
    .detach();
    bus.clear();

    assert_eq!(*log.lock().unwrap(), ["after:a"]);
    assert_eq!((bus.panics(), bus.subscriptions()), (3, 0));
}

#[test]
fn a_refusal_that_panics_when_it_is_dropped_stays_with_its_handler() {
    #[derive(Debug)]
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic_any("as it is dropped");
        }
    }
    impl fmt::Display for Bomb {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("bomb")
        }
    }
    impl std::error::Error for Bomb {}
    let bus = EventBus::new();
    let _first = bus.subscribe("a", |_event: &Event| Err(Veto::new("first")));
    let _second = bus.subscribe("*", |_event: &Event| Err(Veto::new(Bomb)));

    let vetoed = bus.ask(&Event::new("a", attributes! {})).unwrap_err();
    bus.event("b", attributes! {});

    assert_eq!(vetoed.reason().to_string(), "first");
    assert_eq!((bus.panics(), bus.ignored_vetoes()), (2, 1));
}

#[test]
fn the_first_veto_is_the_answer_and_everybody_has_heard_the_question() {
    let bus = EventBus::new();
    let log = Arc::default();
    let _first = bus.subscribe("ask.*", |_event: &Event| Err(Veto::new("first")));
    let _second = bus.subscribe("ask.it", |_event: &Event| Err(Veto::new("second")));
    let _after = bus.subscribe("*", writing(&log, "after"));

    let vetoed = bus.ask(&Event::new("ask.it", attributes! {})).unwrap_err();

    assert_eq!(vetoed.pattern(), "ask.*");
    assert_eq!(vetoed.reason().to_string(), "first");
    assert_eq!(*log.lock().unwrap(), ["after:ask.it"]);
}

#[test]
fn a_veto_against_what_was_only_told_is_counted() {
    let bus = EventBus::new();
    let _veto = bus.subscribe("*", |_event: &Event| Err(Veto::new("no")));

    bus.event("a", attributes! {});

    assert_eq!(bus.ignored_vetoes(), 1);
}

#[test]
fn a_handler_that_emits_what_it_hears_is_cut_off() {
    let bus = EventBus::new();
    let calls = Arc::new(AtomicUsize::new(0));
    let (inner, counting) = (bus.clone(), Arc::clone(&calls));
    let _echo = bus.subscribe("echo", move |_event: &Event| {
        counting.fetch_add(1, Ordering::Relaxed);
        inner.event("echo", attributes! {});
    });

    bus.event("echo", attributes! {});

    assert_eq!(calls.load(Ordering::Relaxed), usize::from(depth::MAX_DEPTH));
    assert_eq!(bus.cut_recursions(), 1);
}

#[test]
fn a_handler_may_subscribe_and_unsubscribe() {
    let bus = EventBus::new();
    let log = Arc::default();
    let own = Arc::new(Mutex::new(None));
    let (inner, inner_log, slot) = (bus.clone(), Arc::clone(&log), Arc::clone(&own));
    let once = bus.subscribe("a", move |_event: &Event| {
        inner.subscribe("b", writing(&inner_log, "new")).detach();
        drop(slot.lock().unwrap().take()); // ends the subscription that is running
    });
    *own.lock().unwrap() = Some(once);

    bus.event("a", attributes! {});
    bus.event("a", attributes! {});
    bus.event("b", attributes! {});

    assert_eq!(*log.lock().unwrap(), ["new:b"]);
}

#[test]
fn ten_threads_emit_and_subscribe_at_once() {
    let bus = EventBus::new();
    let heard = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&heard);
    let _always = bus.subscribe("tick", move |_event: &Event| {
        counting.fetch_add(1, Ordering::Relaxed);
    });

    std::thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| {
                for _ in 0..100 {
                    let _passing = bus.subscribe("tick", |_event: &Event| ());
                    bus.event("tick", attributes! {});
                }
            });
        }
    });

    assert_eq!(heard.load(Ordering::Relaxed), 1_000);
    assert_eq!(bus.subscriptions(), 1);
}

#[test]
fn which_events_of_calls_are_heard_goes_by_the_patterns_and_not_by_their_number() {
    use CallEvent::{Error, Generate, Request, Tokens, Vetoed};
    let all = [Request, Generate, Error, Vetoed, Tokens];
    for (pattern, expected) in [
        ("score.create", &[][..]),
        ("llm", &[]),
        ("llm.*", &[Request, Generate, Error, Vetoed]),
        ("*.tokens", &[Tokens]),
        ("llm.error", &[Error]),
        ("*", &all),
    ] {
        let bus = EventBus::new();

        let subscription = bus.subscribe(pattern, |_: &Event| ());

        let heard = bus.calls_heard();
        let has: Vec<_> = all.into_iter().filter(|event| heard.has(*event)).collect();
        assert_eq!(has, expected, "{pattern}");
        assert_eq!(heard.any(), !expected.is_empty());
        drop(subscription);
        assert!(!bus.calls_heard().any());
    }
}

#[test]
fn an_event_of_a_call_is_heard_by_whoever_hears_its_name() {
    let bus = EventBus::new();
    let log = Arc::<Mutex<Vec<String>>>::default();
    for pattern in [
        "llm.error",
        "*",
        "*.tokens",
        "llm.*",
        "llm.err*",
        "llm.error",
    ] {
        bus.subscribe(pattern, writing(&log, pattern)).detach();
    }

    for call in CallEvent::ALL {
        bus.tell_of_call(call, &Event::of_call(call));
        let heard = std::mem::take(&mut *log.lock().unwrap());
        bus.event(call.name(), attributes! {});

        assert_eq!(heard, std::mem::take(&mut *log.lock().unwrap()));
        assert!(heard.contains(&format!("*:{}", call.name())));
    }
}

/// Too many to find out beforehand who hears each of the names.
#[test]
fn many_names_and_many_stars_are_heard_in_the_order_of_subscription() {
    const MANY: usize = 50;
    let bus = EventBus::new();
    let log = Arc::<Mutex<Vec<String>>>::default();
    for number in 0..MANY {
        for pattern in [format!("a.{number}"), "a.*".to_owned(), "*".to_owned()] {
            bus.subscribe(pattern.clone(), writing(&log, &pattern))
                .detach();
        }
    }

    for number in 0..MANY {
        bus.event(format!("a.{number}"), attributes! {});

        let heard = std::mem::take(&mut *log.lock().unwrap());
        assert_eq!(heard.len(), 2 * MANY + 1);
        assert_eq!(heard[2 * number], format!("a.{number}:a.{number}"));
    }
}

proptest! {
    #[test]
    fn whoever_is_filed_hears_what_the_pattern_matches_in_the_order_of_subscription(
        patterns in prop::collection::vec("(\\*|\\*\\*|[ab]{1,2}|[ab]?\\*)(\\.(\\*|\\*\\*|[ab]{0,2})){0,3}", 0..12),
        names in prop::collection::vec("[ab]{0,2}(\\.[ab]{0,2}){0,3}", 1..8),
    ) {
        let bus = EventBus::new();
        let log = Arc::<Mutex<Vec<String>>>::default();
        for (place, pattern) in patterns.iter().enumerate() {
            bus.subscribe(pattern.clone(), writing(&log, &place.to_string())).detach();
        }

        for name in names {
            bus.event(name.clone(), attributes! {});

            let expected: Vec<_> = (0..patterns.len())
                .filter(|place| Pattern::from(patterns[*place].clone()).matches(&name))
                .map(|place| format!("{place}:{name}"))
                .collect();
            let heard = std::mem::take(&mut *log.lock().unwrap());
            prop_assert_eq!(heard, expected, "{}", name);
        }
    }
}
