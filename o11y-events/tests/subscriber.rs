//! A subscriber hears what it asked for, from `attach` until its guard is dropped.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::sync::{
    Arc, Mutex, Weak,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use o11y_core::{
    Context, Event, EventBus, Module, TraceAttributes, Veto, attributes, events, try_event,
};
use o11y_events::{BaseSubscriber, ModuleScope, Scope, Subscriptions};

/// Writes down the names that it hears, through two subscriptions.
#[derive(Default)]
struct Diary {
    names: Mutex<Vec<String>>,
}

impl Diary {
    fn on_event(&self, event: &Event) {
        let name = event.name().to_owned();
        self.names.lock().unwrap().push(name);
    }

    fn names(&self) -> Vec<String> {
        self.names.lock().unwrap().clone()
    }
}

impl BaseSubscriber for Diary {
    fn subscribe(self: &Arc<Self>, subscriptions: &mut Subscriptions<Self>) {
        subscriptions.add_subscription("llm.*", Self::on_event);
        subscriptions.add_subscription("tool.called", Self::on_event);
    }
}

fn tell(bus: &EventBus, name: &'static str) {
    bus.event(name, attributes! {});
}

#[test]
fn a_subscriber_hears_all_of_its_subscriptions_and_nothing_else() {
    let bus = EventBus::new();
    let diary = Diary::default().attach(&bus);

    for name in ["llm.request", "tool.called", "tool.failed", "llm.generate"] {
        tell(&bus, name);
    }

    assert_eq!(
        diary.names(),
        ["llm.request", "tool.called", "llm.generate"]
    );
    assert_eq!(bus.subscriptions(), 2);
}

#[test]
fn dropping_the_guard_ends_all_subscriptions_and_frees_the_subscriber() {
    struct Shared(Arc<Mutex<Vec<String>>>);
    impl BaseSubscriber for Shared {
        fn subscribe(self: &Arc<Self>, subscriptions: &mut Subscriptions<Self>) {
            subscriptions.add_subscription("*", |this: &Self, event: &Event| {
                this.0.lock().unwrap().push(event.name().to_owned());
            });
        }
    }

    let bus = EventBus::new();
    let names = Arc::new(Mutex::new(Vec::new()));
    let freed = Arc::downgrade(&names);

    let attached = Shared(names).attach(&bus);
    tell(&bus, "before");
    let heard = freed.upgrade().unwrap().lock().unwrap().clone();
    drop(attached);
    tell(&bus, "after");

    assert_eq!(heard, ["before"]);
    assert_eq!(bus.subscriptions(), 0);
    assert!(freed.upgrade().is_none());
}

#[test]
fn a_subscriber_that_keeps_its_bus_is_freed_by_its_guard() {
    struct Echo {
        bus: EventBus,
        alive: Arc<()>,
    }
    impl BaseSubscriber for Echo {
        fn subscribe(self: &Arc<Self>, subscriptions: &mut Subscriptions<Self>) {
            subscriptions.add_subscription("call", |this: &Self, _: &Event| {
                this.bus.event("echo", attributes! {});
            });
        }
    }
    let alive = Arc::new(());
    let freed: Weak<()> = Arc::downgrade(&alive);
    let bus = EventBus::new();
    let diary = EchoDiary::default().attach(&bus);

    let echo = Echo {
        bus: bus.clone(),
        alive,
    }
    .attach(&bus);
    tell(&bus, "call");
    assert!(Arc::strong_count(&echo.alive) > 0);
    drop(echo);

    assert_eq!(diary.echoes.load(Relaxed), 1);
    assert!(freed.upgrade().is_none());
}

#[derive(Default)]
struct EchoDiary {
    echoes: AtomicU64,
}

impl BaseSubscriber for EchoDiary {
    fn subscribe(self: &Arc<Self>, subscriptions: &mut Subscriptions<Self>) {
        subscriptions.add_subscription("echo", |this: &Self, _: &Event| {
            this.echoes.fetch_add(1, Relaxed);
        });
    }
}

#[test]
fn a_detached_subscriber_hears_on_and_can_still_be_read() {
    let bus = EventBus::new();

    let diary = Diary::default().attach(&bus).detach();
    tell(&bus, "llm.generate");

    assert_eq!(diary.names(), ["llm.generate"]);
    let weak = Arc::downgrade(&diary);
    drop(diary);
    assert!(weak.upgrade().is_some(), "the bus keeps it");
    drop(bus);
    assert!(weak.upgrade().is_none(), "for as long as there is the bus");
}

#[test]
fn a_handler_that_panics_does_not_disturb_the_others() {
    struct Panics;
    impl BaseSubscriber for Panics {
        fn subscribe(self: &Arc<Self>, subscriptions: &mut Subscriptions<Self>) {
            subscriptions.add_subscription("llm.*", |_: &Self, _: &Event| -> () {
                panic!("out of beans")
            });
        }
    }
    let bus = EventBus::new();
    let _panics = Panics.attach(&bus);
    let diary = Diary::default().attach(&bus);

    tell(&bus, "llm.request");
    tell(&bus, "llm.generate");

    assert_eq!(diary.names(), ["llm.request", "llm.generate"]);
    assert_eq!(bus.panics(), 2);
}

#[test]
fn a_subscribe_that_panics_leaves_no_subscription_behind() {
    struct HalfWay;
    impl BaseSubscriber for HalfWay {
        fn subscribe(self: &Arc<Self>, subscriptions: &mut Subscriptions<Self>) {
            subscriptions.add_subscription("*", |_: &Self, _: &Event| {});
            panic!("no config");
        }
    }
    let bus = EventBus::new();

    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _half_way = HalfWay.attach(&bus);
    }));

    assert!(outcome.is_err());
    assert_eq!(bus.subscriptions(), 0);
}

#[test]
fn one_subscriber_observes_and_refuses() {
    struct Guard {
        heard: AtomicU64,
    }
    impl BaseSubscriber for Guard {
        fn subscribe(self: &Arc<Self>, subscriptions: &mut Subscriptions<Self>) {
            subscriptions.add_subscription("one_subscriber.*", |this: &Self, _: &Event| {
                this.heard.fetch_add(1, Relaxed);
            });
            subscriptions.add_subscription("one_subscriber.asks", |_: &Self, _: &Event| {
                Err::<(), _>(Veto::new("no"))
            });
        }
    }
    let guard = Guard {
        heard: AtomicU64::new(0),
    }
    .attach(events());

    let asked = try_event("one_subscriber.asks", attributes! {});
    let told = try_event("one_subscriber.tells", attributes! {});

    assert_eq!(asked.unwrap_err().reason().to_string(), "no");
    assert!(told.is_ok());
    assert_eq!(guard.heard.load(Relaxed), 2);
}

#[test]
fn a_bus_of_its_own_and_the_one_of_the_process_do_not_hear_each_other() {
    let bus = EventBus::new();
    let own = Diary::default().attach(&bus);
    let global = Diary::default().attach(events());

    tell(&bus, "tool.called");
    tell(events(), "llm.own_or_global");

    assert_eq!(own.names(), ["tool.called"]);
    assert_eq!(global.names(), ["llm.own_or_global"]);
}

/// Hears what happens in each of its scopes.
struct InScope {
    scopes: Vec<Scope>,
    heard: Mutex<Vec<String>>,
}

impl BaseSubscriber for InScope {
    fn subscribe(self: &Arc<Self>, subscriptions: &mut Subscriptions<Self>) {
        for scope in self.scopes.clone() {
            let shown = format!("{scope:?}");
            subscriptions.add_scoped_subscription(
                scope,
                "tool.*",
                move |this: &Self, _: &Event| {
                    this.heard.lock().unwrap().push(shown.clone());
                },
            );
        }
    }
}

#[test]
fn a_scope_is_a_module_a_trace_a_session_a_user_or_a_request_and_nothing_else_is_heard() {
    let bus = EventBus::new();
    let module = Module::new("Agent");
    let trace = TraceAttributes::new().user("ada").session("s-1");
    let traced =
        Context::from_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    let traced = traced.unwrap();
    let id = traced.trace_id().unwrap();
    let diary = InScope {
        scopes: vec![
            ModuleScope::descendants(&module).into(),
            Scope::trace(id),
            Scope::session("s-1"),
            Scope::user("ada"),
            Scope::request("r-1"),
        ],
        heard: Mutex::default(),
    }
    .attach(&bus);

    tell(&bus, "tool.outside");
    Context::with_trace(TraceAttributes::new().user("grace"), || {
        tell(&bus, "tool.of_another");
    });
    assert!(diary.heard.lock().unwrap().is_empty());
    let _traced = traced.attach();
    Context::with_trace(trace, || {
        Context::with_request("r-1", || {
            Context::with_module(module, || {
                tell(&bus, "tool.in_all");
            });
        });
    });

    assert_eq!(diary.heard.lock().unwrap().len(), 5);
    assert_eq!(bus.panics(), 0);
}

#[test]
fn a_guard_shows_itself_without_a_debug_subscriber() {
    let bus = EventBus::new();
    let diary = Diary::default().attach(&bus);

    let shown = format!("{diary:?}");

    assert!(
        shown.contains("Diary") && shown.contains("SubscriptionId"),
        "{shown}"
    );
}
