//! Modules and requests hold for their block or future, and for nobody else.

#![expect(clippy::expect_used, reason = "helpers of tests")]

use std::{
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{Arc, Mutex},
    task::Poll,
};

use o11y_core::{
    Context, Event, EventBus, Generation, Module, Modules, TraceAttributes, TraceId, Usage, Value,
    attributes, event, events, key,
};

#[path = "support/memory.rs"]
mod memory;
use memory::memory;

/// The path of modules here; empty outside of any.
fn path() -> String {
    let here = Context::current();
    here.modules()
        .map_or_else(String::new, |modules| modules.path().to_owned())
}

fn request() -> Option<String> {
    Context::current().request_id().map(str::to_owned)
}

/// Runs `f` in a root span and returns its trace.
fn traced(f: impl FnOnce()) -> TraceId {
    memory();
    Context::with_span("root", |span| {
        f();
        span.context().trace_id().expect("telemetry is on")
    })
}

/// What a record says of its place: the path, the request, the user.
fn place(trace: TraceId, name: &str) -> (String, Option<String>, Option<String>) {
    memory().look(trace, name, |record| {
        let path = record.modules().map(|modules| modules.path().to_owned());
        let user = record
            .trace_attributes()
            .and_then(TraceAttributes::get_user);
        (
            path.unwrap_or_default(),
            record.request_id().map(str::to_owned),
            user.map(str::to_owned),
        )
    })
}

fn gus() -> TraceAttributes {
    TraceAttributes::new().user("gus")
}

fn assert_send<T: Send>(value: T) -> T {
    value
}

#[test]
fn modules_nest_and_end_with_their_block() {
    assert_eq!(path(), "");
    Context::with_module(Module::new("Agent").label("planner"), || {
        assert_eq!(path(), "Agent/planner");
        Context::with_module(Module::new("Chain"), || {
            assert_eq!(path(), "Agent/planner > Chain");
        });
        Context::with_module(Module::new("Tool"), || {
            assert_eq!(path(), "Agent/planner > Tool");
        });
        assert_eq!(path(), "Agent/planner");
    });
    assert_eq!(path(), "");
}

#[test]
fn a_panic_ends_the_module_and_the_request_that_it_leaves() {
    Context::with_module(Module::new("Agent"), || {
        let caught = catch_unwind(AssertUnwindSafe(|| {
            Context::with_module(Module::new("Tool"), || {
                Context::with_request("req-1", || panic!("out of beans"))
            })
        }));

        assert!(caught.is_err());
        assert_eq!((path().as_str(), request()), ("Agent", None));
    });
}

#[test]
fn a_span_keeps_the_modules_that_it_was_opened_in() {
    let trace = traced(|| {
        Context::with_module(Module::new("Agent"), || {
            Context::with_span("of the agent", |_span| {
                Context::with_module(Module::new("Tool"), || {
                    Context::with_span("of the tool", |_span| ());
                });
                event("of the agent too", attributes! {});
            });
        });
        Context::with_span("of nobody", |_span| ());
    });

    let path = |name| place(trace, name).0;
    assert_eq!(path("of the agent"), "Agent");
    assert_eq!(path("of the tool"), "Agent > Tool");
    assert_eq!(path("of the agent too"), "Agent");
    assert_eq!(path("of nobody"), "");
    assert_eq!(path("root"), "");
    // And a module opens no span of its own.
    assert_eq!(
        memory().outline(trace),
        "span root\n  span of nobody\n  span of the agent\n    event of the agent too\n    \
         span of the tool\n"
    );
}

#[test]
fn trace_attributes_said_in_a_module_reach_the_open_span_without_the_module() {
    let trace = traced(|| {
        Context::with_request("req-1", || {
            Context::with_module(Module::new("Agent"), || {
                Context::with_trace(gus(), || Context::with_span("below", |_span| ()));
                event("after", attributes! {});
            });
        });
    });

    let user = Some("gus".to_owned());
    let served = Some("req-1".to_owned());
    assert_eq!(place(trace, "root"), (String::new(), None, user.clone()));
    assert_eq!(
        place(trace, "below"),
        ("Agent".to_owned(), served.clone(), user.clone())
    );
    assert_eq!(place(trace, "after"), ("Agent".to_owned(), served, user));
}

#[test]
fn an_event_in_a_module_tells_of_it_when_the_trace_was_described_before() {
    let trace = traced(|| {
        Context::with_trace(gus(), || {
            Context::with_module(Module::new("Agent"), || event("told", attributes! {}));
        });
        event("afterwards", attributes! {});
    });

    let user = Some("gus".to_owned());
    assert_eq!(
        place(trace, "told"),
        ("Agent".to_owned(), None, user.clone())
    );
    assert_eq!(
        place(trace, "afterwards"),
        (String::new(), None, user.clone())
    );
    assert_eq!(place(trace, "root"), (String::new(), None, user));
}

#[test]
fn annotations_made_in_a_module_reach_the_span_that_is_open() {
    let trace = traced(|| {
        Context::with_module(Module::new("Agent"), || {
            assert!(Context::annotate("found", 3));
        });
    });

    memory().look(trace, "root", |record| {
        assert_eq!(record.attribute("found").and_then(Value::as_i64), Some(3));
    });
}

#[test]
fn an_event_carries_the_modules_that_it_was_made_in() {
    let bus = EventBus::new();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let writing = Arc::clone(&heard);
    let _subscription = bus.subscribe("told", move |event: &Event| {
        let path = event.modules().map(|modules| modules.path().to_owned());
        writing.lock().unwrap().push(path);
    });
    let tell = || bus.event("told", attributes! {});

    tell();
    let made = Context::with_module(Module::new("Agent"), || {
        tell();
        Context::with_module(Module::new("Tool"), tell);
        Event::new("told", attributes! {})
    });

    let expected = [None, Some("Agent"), Some("Agent > Tool")];
    let heard: Vec<_> = heard.lock().unwrap().clone();
    assert_eq!(heard, expected.map(|path| path.map(str::to_owned)));
    assert_eq!(made.modules().map(Modules::depth), Some(1));
}

#[tokio::test]
async fn futures_that_interleave_never_see_each_others_modules() {
    let branch = |class: &'static str, request_id: &'static str| {
        Context::with_module_async(Module::new(class), async move || {
            for _ in 0..3 {
                assert_eq!(path(), format!("Agent > {class}"));
                tokio::task::yield_now().await;
            }
            Context::with_request_async(request_id, async || {
                tokio::task::yield_now().await;
                Context::with_module(Module::new("Tool"), || {
                    assert_eq!(path(), format!("Agent > {class} > Tool"));
                    assert_eq!(request().as_deref(), Some(request_id));
                });
            })
            .await;
            assert_eq!(request(), None);
        })
    };

    assert_send(Context::with_module_async(
        Module::new("Agent"),
        async || {
            tokio::join!(branch("A", "req-a"), branch("B", "req-b"));
            assert_eq!(path(), "Agent");
        },
    ))
    .await;
    assert_eq!(path(), "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spawned_module_keeps_what_is_around_the_call() {
    let spawned = Context::with_module(Module::new("Agent"), || {
        ["A", "B"].map(|class| {
            tokio::spawn(Context::with_module_async(Module::new(class), async || {
                tokio::task::yield_now().await;
                path()
            }))
        })
    });

    let [a, b] = spawned;
    assert_eq!(a.await.unwrap(), "Agent > A");
    assert_eq!(b.await.unwrap(), "Agent > B");
}

#[tokio::test]
async fn futures_dropped_in_any_order_leave_nothing_behind() {
    let endless = |class: &'static str| {
        Box::pin(Context::with_module_async(Module::new(class), async || {
            std::future::pending::<()>().await;
        }))
    };
    let (mut first, mut second) = (endless("First"), endless("Second"));

    poll_fn(|cx| {
        assert!(first.as_mut().poll(cx).is_pending());
        assert!(second.as_mut().poll(cx).is_pending());
        Poll::Ready(())
    })
    .await;
    drop(first);
    assert_eq!(path(), "");
    poll_fn(|cx| {
        assert!(second.as_mut().poll(cx).is_pending());
        Poll::Ready(())
    })
    .await;
    drop(second);

    assert_eq!(path(), "");
}

#[tokio::test]
async fn a_panic_in_a_future_ends_its_module() {
    let mut panicking = pin!(Context::with_module_async(
        Module::new("Agent"),
        async || panic!("out of beans")
    ));

    let caught = poll_fn(|cx| {
        let outcome = catch_unwind(AssertUnwindSafe(|| panicking.as_mut().poll(cx)));
        Poll::Ready(outcome.map(|_: Poll<()>| ()))
    })
    .await;

    assert!(caught.is_err());
    assert_eq!(path(), "");
}

#[tokio::test]
async fn annotations_made_in_an_async_module_reach_the_span_that_is_open() {
    memory();
    let trace = Context::with_span_async("root", async |span| {
        Context::with_module_async(Module::new("Agent"), async || {
            assert!(Context::annotate("found", 3));
        })
        .await;
        span.context().trace_id().expect("telemetry is on")
    })
    .await;

    memory().look(trace, "root", |record| {
        assert_eq!(record.attribute("found").and_then(Value::as_i64), Some(3));
        assert!(record.modules().is_none());
    });
}

#[test]
fn a_request_takes_the_place_of_the_outer_one_until_it_ends() {
    Context::with_request("outer", || {
        Context::with_request(String::from("inner"), || {
            assert_eq!(request().as_deref(), Some("inner"));
        });
        assert_eq!(request().as_deref(), Some("outer"));
        assert!(Context::current().request_elapsed().is_some());
    });
    assert_eq!(request(), None);
    assert_eq!(Context::current().request_elapsed(), None);
}

#[test]
fn the_tokens_of_a_call_are_told_with_the_signature_of_their_module() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let writing = Arc::clone(&heard);
    let _subscription = events().subscribe("lm.tokens", move |event: &Event| {
        if event.attribute(key::REQUEST_MODEL).and_then(Value::as_str) == Some("signed") {
            let signature = event.modules().and_then(|modules| modules.signature());
            let signature = signature.map(str::to_owned);
            writing.lock().unwrap().push(signature);
        }
    });
    let call = || {
        Context::generation_blocking(Generation::new("openai", "signed"), |call| {
            call.set_usage(Usage::new().input(1));
            anyhow::Ok(())
        })
    };

    call().unwrap();
    Context::with_module(Module::new("Predict").signature("OrderToDrink"), call).unwrap();

    let signed = Some("OrderToDrink".to_owned());
    assert_eq!(*heard.lock().unwrap(), [None, signed]);
}

#[test]
fn the_end_of_a_call_tells_its_request_if_there_is_one() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let writing = Arc::clone(&heard);
    let _subscription = events().subscribe("*", move |event: &Event| {
        if event.attribute(key::REQUEST_MODEL).and_then(Value::as_str) == Some("served") {
            let id = event.attribute("request.id").and_then(Value::as_str);
            let elapsed = event.attribute("request.elapsed_ms");
            let elapsed = elapsed.and_then(Value::as_f64).is_some();
            let line = (event.name().to_owned(), id.map(str::to_owned), elapsed);
            writing.lock().unwrap().push(line);
        }
    });
    let call = || {
        Context::generation_blocking(Generation::new("openai", "served"), |call| {
            call.set_usage(Usage::new().input(1).output(1));
            anyhow::Ok(())
        })
    };

    call().unwrap();
    Context::with_request("req-1", call).unwrap();

    let line =
        |name: &str, id: Option<&str>| (name.to_owned(), id.map(str::to_owned), id.is_some());
    assert_eq!(
        *heard.lock().unwrap(),
        [
            line("llm.request", None),
            line("llm.generate", None),
            line("lm.tokens", None),
            line("llm.request", None),
            line("llm.generate", Some("req-1")),
            line("lm.tokens", Some("req-1")),
        ]
    );
}
