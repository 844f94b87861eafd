//! A sink and a bus that hold in a part of the program only. The sink of the process is never
//! enabled in this binary, so what is recorded outside of every scope would be recorded by mistake.

#![expect(clippy::unwrap_used, reason = "only tests are here")]

use std::{
    mem::ManuallyDrop,
    panic::{RefUnwindSafe, UnwindSafe, panic_any},
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use o11y_core::{
    Context, Ended, Event, EventBus, Generation, Observability, Record, Sink, SpanSpec, Telemetry,
    TraceAttributes, TraceId, Usage, Veto, Vetoed, attributes, event, events, try_event,
};

#[derive(Default)]
struct Memory {
    records: Mutex<Vec<Record>>,
    /// Names and users of spans that started.
    starts: Mutex<Vec<(String, Option<String>)>>,
    wants_starts: bool,
    keeps_none: bool,
}

impl Sink for Memory {
    fn wants_starts(&self) -> bool {
        self.wants_starts
    }

    fn sample_rate(&self) -> f64 {
        if self.keeps_none { 0.0 } else { 1.0 }
    }

    fn on_start(&self, record: &Record) {
        let user = record
            .trace_attributes()
            .and_then(TraceAttributes::get_user);
        let start = (record.name().to_owned(), user.map(str::to_owned));
        self.starts.lock().unwrap().push(start);
    }

    fn on_end(&self, ended: Ended<'_>) {
        self.records.lock().unwrap().push(ended.take());
    }
}

impl Memory {
    fn names(&self) -> Vec<String> {
        let records = self.records.lock().unwrap();
        records
            .iter()
            .map(|record| record.name().to_owned())
            .collect()
    }
}

/// A scope with a sink and a bus of its own.
fn scope() -> (Telemetry, Arc<Memory>) {
    scope_of(Memory::default())
}

fn scope_of(memory: Memory) -> (Telemetry, Arc<Memory>) {
    let memory = Arc::new(memory);
    (Telemetry::scoped(memory.clone(), EventBus::new()), memory)
}

#[test]
fn what_runs_in_a_scope_is_recorded_there_and_nowhere_else() {
    let (one, in_one) = scope();
    let (two, in_two) = scope();

    thread::scope(|threads| {
        for (telemetry, name) in [(&one, "one"), (&two, "two")] {
            threads.spawn(move || {
                for _ in 0..100 {
                    telemetry
                        .run(|| Context::with_span(name, |_span| event("said", attributes! {})));
                }
            });
        }
    });
    let outside = Context::with_span("outside", |span| span.is_recording());

    assert!(!outside && !Observability::is_enabled());
    assert_eq!(in_one.names(), ["said", "one"].repeat(100));
    assert_eq!(in_two.names(), ["said", "two"].repeat(100));
}

#[test]
fn a_description_is_not_built_where_nothing_is_recorded() {
    let (_alive, memory) = scope();
    let unwanted = || -> SpanSpec { unreachable!("built although nothing is recorded") };

    Context::with_span(unwanted, |_span| ());
    Telemetry::events_only(EventBus::new()).run(|| Context::with_span(unwanted, |_span| ()));

    assert_eq!(memory.names(), [""; 0]);
}

#[tokio::test]
async fn it_goes_where_the_context_goes() {
    let (telemetry, memory) = scope();

    telemetry
        .wrap(async {
            let spawned = tokio::spawn(Context::with_span_async("spawned", async |span| {
                tokio::task::yield_now().await;
                span.context()
            }));
            let inside = spawned.await.unwrap();
            let held = Context::start_span("held");
            thread::scope(|threads| {
                threads.spawn(|| inside.run(|| Context::with_span("on a thread", |_span| ())));
            });
            thread::scope(|threads| {
                threads.spawn(move || drop(held));
            });
        })
        .await;

    assert_eq!(memory.names(), ["spawned", "on a thread", "held"]);
    let records = memory.records.lock().unwrap();
    assert_eq!(records[1].parent_id(), Some(records[0].span_id()));
}

#[test]
fn a_scope_begins_its_own_trace_and_inherits_what_is_said() {
    let (outer, in_outer) = scope();
    let (inner, in_inner) = scope();

    let told = TraceAttributes::new().user("gus");
    outer.run(|| {
        Context::with_trace(told, || {
            Context::with_span("outer", |_span| {
                inner.run(|| Context::with_span("inner", |_span| ()));
                outer.run(|| Context::with_span("child", |_span| ()));
            });
        });
    });

    assert_eq!(in_outer.names(), ["child", "outer"]);
    let (records, inner) = (
        in_outer.records.lock().unwrap(),
        in_inner.records.lock().unwrap(),
    );
    assert_eq!(records[0].parent_id(), Some(records[1].span_id()));
    assert_eq!(inner[0].parent_id(), None);
    assert_ne!(inner[0].trace_id(), records[1].trace_id());
    assert_eq!(inner[0].trace_attributes().unwrap().get_user(), Some("gus"));
}

#[test]
fn a_caller_from_elsewhere_is_taken_up_in_the_scope() {
    let (telemetry, memory) = scope();
    let header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    let _here = telemetry.attach();
    let caller = Context::from_traceparent(header).unwrap();
    caller.run(|| Context::with_span("answer", |_span| ()));

    let records = memory.records.lock().unwrap();
    assert_eq!(
        records[0].trace_id().to_string(),
        "0af7651916cd43dd8448eb211c80319c"
    );
}

#[test]
fn events_and_vetoes_are_those_of_the_scopes_bus() {
    let (telemetry, _memory) = scope();
    let heard = Arc::new(AtomicUsize::new(0));
    let outside = Arc::clone(&heard);
    let _outside = events().subscribe("llm.*", move |_: &Event| {
        outside.fetch_add(1, Ordering::Relaxed);
    });
    let _budget = telemetry
        .events()
        .subscribe("llm.request", |_: &Event| Err(Veto::new("no budget")));
    let ask = || {
        Context::generation_blocking(Generation::new("openai", "gpt-4o"), |call| {
            call.set_usage(Usage::new().input(1));
            Ok::<_, Vetoed>(())
        })
    };

    let inside = telemetry.run(ask);
    let heard_inside = heard.load(Ordering::Relaxed);
    let without = ask();

    assert_eq!(inside.unwrap_err().reason().to_string(), "no budget");
    assert!(without.is_ok());
    assert_eq!((heard_inside, heard.load(Ordering::Relaxed)), (0, 2));
}

#[test]
fn a_reason_that_cannot_be_printed_refuses_all_the_same() {
    #[derive(Debug)]
    struct Unprintable;
    impl std::fmt::Display for Unprintable {
        fn fmt(&self, _f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic_any("no words")
        }
    }
    impl std::error::Error for Unprintable {}
    let (telemetry, memory) = scope();
    let bus = telemetry.events();
    let _rule = bus.subscribe("*.request", |_: &Event| Err(Veto::new(Unprintable)));

    telemetry.run(|| {
        Context::with_span("root", |_span| {
            let asked = try_event("deploy.request", attributes! {});
            assert!(asked.unwrap_err().downcast_ref::<Unprintable>().is_some());
            let generation = Generation::new("openai", "gpt-4o");
            let called = Context::generation_blocking(generation, |_| Ok::<_, Vetoed>(()));
            assert!(called.unwrap_err().downcast_ref::<Unprintable>().is_some());
        });
    });

    let records = memory.records.lock().unwrap();
    let told: Vec<_> = records.iter().map(Record::status_message).collect();
    let refused = Some("vetoed by the subscriber of `*.request`");
    assert_eq!(told, [refused, refused, None]);
}

#[test]
fn each_scope_has_its_own_share_of_traces() {
    let (none, in_none) = scope_of(Memory {
        keeps_none: true,
        ..Memory::default()
    });
    let (all, in_all) = scope();

    for telemetry in [none, all] {
        telemetry.run(|| Context::with_span("root", |_span| event("said", attributes! {})));
    }

    assert_eq!(in_none.names(), [""; 0]);
    assert_eq!(in_all.names(), ["said", "root"]);
}

#[test]
fn a_trace_of_a_known_id_begins_with_a_root_and_is_sampled_as_its_id_says() {
    let (telemetry, memory) = scope();
    let (none, in_none) = scope_of(Memory {
        keeps_none: true,
        ..Memory::default()
    });
    let trace = TraceId::from_seed("order-17");
    let order = || {
        Context::in_trace(trace).run(|| {
            Context::with_span("order", |_span| {
                Context::with_span("brew", |_span| Context::current().traceparent().unwrap())
            })
        })
    };

    let header = telemetry.run(order);
    let header_of_none = none.run(order);

    let records = memory.records.lock().unwrap();
    let [brew, root] = &records[..] else {
        panic!("{records:?}")
    };
    assert_eq!((root.trace_id(), root.parent_id()), (trace, None));
    assert_eq!(brew.parent_id(), Some(root.span_id()));
    assert!(header.is_sampled() && header.trace_id() == trace);
    assert_eq!(in_none.names(), [""; 0]);
    assert!(!header_of_none.is_sampled() && header_of_none.trace_id() == trace);
}

#[test]
fn starts_are_told_to_the_scope_that_asked_for_them_with_what_they_inherit() {
    let (asking, told) = scope_of(Memory {
        wants_starts: true,
        ..Memory::default()
    });
    let (silent, untold) = scope();

    for telemetry in [asking, silent] {
        telemetry.run(|| {
            Context::with_trace(TraceAttributes::new().user("gus"), || {
                Context::with_span("work", |_span| drop(Context::start_span("held")));
            });
        });
    }

    let gus = || Some("gus".to_owned());
    let expected = [("work".to_owned(), gus()), ("held".to_owned(), gus())];
    assert_eq!(*told.starts.lock().unwrap(), expected);
    assert_eq!(untold.starts.lock().unwrap().len(), 0);
}

#[test]
fn what_holds_a_scope_can_go_everywhere() {
    fn goes_everywhere<T: Send + Sync + UnwindSafe + RefUnwindSafe>() {}

    goes_everywhere::<Telemetry>();
    goes_everywhere::<Context>();
    goes_everywhere::<EventBus>();
    goes_everywhere::<Record>();
}

#[test]
fn a_sink_that_keeps_its_records_is_freed_with_its_scope() {
    let (telemetry, memory) = scope();
    telemetry.run(|| Context::with_span("kept", |_span| event("kept too", attributes! {})));
    let watched: Weak<Memory> = Arc::downgrade(&memory);

    drop((telemetry, memory));

    assert!(watched.upgrade().is_none());
}

#[test]
fn a_span_lets_go_of_its_scope_however_it_ends() {
    fn user() -> TraceAttributes {
        TraceAttributes::new().user("ada")
    }
    let cases: [(&str, bool, fn()); 5] = [
        ("a root that is not recorded", true, || {
            Context::with_span("root", |_root| Context::with_span("child", |_child| ()));
        }),
        ("said of the trace inside", false, || {
            Context::with_span("root", |_root| Context::with_trace(user(), || ()));
        }),
        ("a handle was taken", false, || {
            Context::with_span("root", |_root| drop(Context::current()));
        }),
        ("a guard was leaked inside", false, || {
            let outer = Context::with_span("outer", |_outer| Context::current());
            Context::with_span("root", |_root| _ = ManuallyDrop::new(outer.attach()));
        }),
        ("it is held by hand", false, || {
            drop(Context::start_span("root"));
        }),
    ];

    for (case, keeps_none, run) in cases {
        let (telemetry, memory) = scope_of(Memory {
            keeps_none,
            ..Memory::default()
        });
        let watched: Weak<Memory> = Arc::downgrade(&memory);

        telemetry.run(|| Context::with_trace(user(), run));

        let recorded = memory.names().len();
        assert_eq!(recorded == 0, keeps_none, "{case}");
        drop((telemetry, memory));
        // What was leaked on purpose holds the scope for as long as it would have been current.
        let is_leaked = case.contains("leaked");
        assert!(is_leaked || watched.upgrade().is_none(), "{case}");
    }
}
