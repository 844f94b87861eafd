//! A subscriber in the background holds up nobody, and every event is handled, waiting or counted
//! as lost.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use o11y_core::{Context, Event, EventBus, TraceAttributes, Veto, attributes};
use o11y_events::{Background, BaseSubscriber, Subscriptions};

const LONG: Duration = Duration::from_secs(30);

/// Writes down names and users, while the gate is open.
#[derive(Default)]
struct Slow {
    heard: Mutex<Vec<String>>,
    open: Mutex<bool>,
    opened: Condvar,
    entered: AtomicBool,
}

impl Slow {
    fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.opened.notify_all();
    }

    fn on_event(&self, event: &Event) -> Result<(), Veto> {
        self.entered.store(true, Relaxed);
        let open = self.open.lock().unwrap();
        drop(self.opened.wait_while(open, |open| !*open).unwrap());
        let user = event.trace_attributes().and_then(|trace| trace.get_user());
        let line = format!("{} {}", event.name(), user.unwrap_or("-"));
        self.heard.lock().unwrap().push(line);
        refuse_bad(event.name());
        Err(Veto::new("too late"))
    }

    fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

fn refuse_bad(name: &str) {
    assert_ne!(name, "bad");
}

impl BaseSubscriber for Slow {
    fn subscribe(self: &Arc<Self>, subscriptions: &mut Subscriptions<Self>) {
        subscriptions.add_subscription("*", Self::on_event);
    }
}

fn slow(bus: &EventBus, capacity: usize) -> Background<Slow> {
    Slow::default().attach_in_background(bus, capacity).unwrap()
}

fn tell(bus: &EventBus, names: &[&'static str]) {
    for name in names {
        bus.event(*name, attributes! {});
    }
}

#[test]
fn events_are_handled_in_order_on_another_thread_with_what_was_said_of_their_trace() {
    let bus = EventBus::new();
    let slow = slow(&bus, 10);

    Context::with_trace(TraceAttributes::new().user("ada"), || tell(&bus, &["a"]));
    tell(&bus, &["bad", "c"]); // a panic does not end the thread
    assert!(!slow.flush(Duration::ZERO));
    slow.open();

    assert!(slow.flush(LONG));
    assert_eq!(slow.heard()[0], "a ada");
    assert_eq!(slow.heard().len(), 3);
    let stats = slow.stats();
    assert_eq!((stats.accepted, stats.handled, stats.lost), (3, 3, 0));
    assert_eq!((stats.panics, stats.ignored_vetoes), (1, 2));
    assert_eq!(bus.ignored_vetoes(), 0);
}

#[test]
fn the_oldest_make_room_and_are_counted() {
    let bus = EventBus::new();
    let slow = slow(&bus, 2);
    tell(&bus, &["first"]);
    while !slow.entered.load(Relaxed) {
        thread::yield_now();
    }

    tell(&bus, &["b", "c", "d", "e"]);
    let stats = slow.stats();
    slow.open();

    assert_eq!((stats.accepted, stats.lost, stats.waiting), (5, 2, 3));
    assert!(slow.flush(LONG));
    let names: Vec<_> = slow
        .heard()
        .iter()
        .map(|line| line[..1].to_owned())
        .collect();
    assert_eq!(names, ["f", "d", "e"]);
}

#[test]
fn the_drop_waits_for_what_is_queued_and_frees_the_subscriber() {
    struct Counting(Arc<Mutex<u32>>);
    impl BaseSubscriber for Counting {
        fn subscribe(self: &Arc<Self>, subscriptions: &mut Subscriptions<Self>) {
            subscriptions.add_subscription("*", |this: &Self, _: &Event| {
                thread::yield_now();
                *this.0.lock().unwrap() += 1;
            });
        }
    }
    let bus = EventBus::new();
    let count = Arc::new(Mutex::new(0));
    let counting = Counting(Arc::clone(&count));
    let attached = counting.attach_in_background(&bus, 100).unwrap();

    tell(&bus, &["a"; 50]);
    drop(attached);
    tell(&bus, &["late"]);

    assert_eq!(*count.lock().unwrap(), 50);
    assert_eq!(bus.subscriptions(), 0);
    assert_eq!(Arc::strong_count(&count), 1);
}

#[test]
fn a_handler_may_drop_its_own_guard() {
    type Place = Arc<Mutex<Option<Background<Leaving>>>>;
    struct Leaving(Place, Mutex<std::sync::mpsc::Sender<bool>>);
    impl BaseSubscriber for Leaving {
        fn subscribe(self: &Arc<Self>, subscriptions: &mut Subscriptions<Self>) {
            subscriptions.add_subscription("*", |this: &Self, _: &Event| {
                let guard = this.0.lock().unwrap().take();
                let flushed = guard.as_ref().is_some_and(|guard| guard.flush(LONG));
                drop(guard);
                this.1.lock().unwrap().send(flushed).unwrap();
            });
        }
    }
    let bus = EventBus::new();
    let place = Place::default();
    let (sender, answers) = std::sync::mpsc::channel();
    let leaving = Leaving(Arc::clone(&place), Mutex::new(sender));
    let guard = leaving.attach_in_background(&bus, 10).unwrap();
    *place.lock().unwrap() = Some(guard);

    tell(&bus, &["go"]);

    assert_eq!(answers.recv_timeout(LONG), Ok(false));
    assert_eq!(bus.subscriptions(), 0);
}
