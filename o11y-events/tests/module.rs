//! A subscription for one module hears that module, or it and what it calls, and nothing else.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::sync::{Arc, Mutex};

use o11y_core::{Context, Event, EventBus, Module, Veto, attributes};
use o11y_events::{BaseSubscriber, ModuleScope, Subscriptions};

/// Writes down the names that it hears in its scope.
struct Diary {
    scope: ModuleScope,
    names: Mutex<Vec<String>>,
}

impl Diary {
    fn of(scope: ModuleScope) -> Self {
        Self {
            scope,
            names: Mutex::default(),
        }
    }

    fn on_event(&self, event: &Event) {
        self.names.lock().unwrap().push(event.name().to_owned());
    }

    fn names(&self) -> Vec<String> {
        self.names.lock().unwrap().clone()
    }
}

impl BaseSubscriber for Diary {
    fn subscribe(self: &Arc<Self>, subscriptions: &mut Subscriptions<Self>) {
        subscriptions.add_module_subscription(self.scope, "told.*", Self::on_event);
    }
}

/// Tells of a point outside of `agent`, in it, in what it calls, in it again, and beside it.
fn tell(bus: &EventBus, agent: &Module) {
    let told = |name: &'static str| bus.event(name, attributes! {});
    told("told.outside");
    Context::with_module(agent.clone(), || {
        told("told.in_it");
        told("other.in_it");
        Context::with_module(Module::new("Tool"), || {
            told("told.below");
            Context::with_module(agent.clone(), || told("told.again"));
        });
    });
    Context::with_module(Module::new("Agent"), || told("told.beside"));
}

#[test]
fn descendants_are_the_module_and_everything_that_it_calls() {
    let (bus, agent) = (EventBus::new(), Module::new("Agent"));
    let diary = Diary::of(ModuleScope::descendants(&agent)).attach(&bus);

    tell(&bus, &agent);

    assert_eq!(diary.names(), ["told.in_it", "told.below", "told.again"]);
}

#[test]
fn itself_is_only_what_no_inner_module_does() {
    let (bus, agent) = (EventBus::new(), Module::new("Agent"));
    let diary = Diary::of(ModuleScope::itself(&agent)).attach(&bus);

    tell(&bus, &agent);

    assert_eq!(diary.names(), ["told.in_it", "told.again"]);
}

#[test]
fn dropping_the_guard_ends_the_subscription() {
    let (bus, agent) = (EventBus::new(), Module::new("Agent"));
    let diary = Diary::of(ModuleScope::descendants(&agent)).attach(&bus);

    assert_eq!(bus.subscriptions(), 1);
    drop(diary);

    assert_eq!(bus.subscriptions(), 0);
    tell(&bus, &agent); // and nobody is called
}

#[test]
fn instances_of_one_class_are_heard_apart() {
    let bus = EventBus::new();
    let agents = [Module::new("Agent"), Module::new("Agent")];
    let diaries = agents
        .each_ref()
        .map(|agent| Diary::of(ModuleScope::itself(agent)).attach(&bus));

    Context::with_module(agents[0].clone(), || bus.event("told.a", attributes! {}));
    Context::with_module(agents[1].clone(), || bus.event("told.b", attributes! {}));

    assert_eq!(diaries[0].names(), ["told.a"]);
    assert_eq!(diaries[1].names(), ["told.b"]);
}

#[test]
fn a_veto_counts_inside_of_the_module_only() {
    struct Strict(ModuleScope);
    impl BaseSubscriber for Strict {
        fn subscribe(self: &Arc<Self>, subscriptions: &mut Subscriptions<Self>) {
            subscriptions.add_module_subscription(self.0, "deploy", |_: &Self, _: &Event| {
                Err::<(), _>(Veto::new("not by an agent"))
            });
        }
    }
    let (bus, agent) = (EventBus::new(), Module::new("Agent"));
    let _strict = Strict(ModuleScope::descendants(&agent)).attach(&bus);

    let inside = Context::with_module(agent, || bus.try_event("deploy", attributes! {}));
    let outside = bus.try_event("deploy", attributes! {});

    assert_eq!(inside.unwrap_err().reason().to_string(), "not by an agent");
    assert!(outside.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spawned_task_is_heard_if_the_context_was_carried_there() {
    let (bus, agent) = (EventBus::new(), Module::new("Agent"));
    let diary = Diary::of(ModuleScope::descendants(&agent)).attach(&bus);

    Context::with_module_async(agent, async || {
        let told = |name: &'static str| {
            let bus = bus.clone();
            async move { bus.event(name, attributes! {}) }
        };
        let carried = tokio::spawn(Context::current().wrap(told("told.carried")));
        let lost = tokio::spawn(told("told.lost"));
        carried.await.unwrap();
        lost.await.unwrap();
    })
    .await;

    assert_eq!(diary.names(), ["told.carried"]);
}
