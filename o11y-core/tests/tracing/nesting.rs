//! `tracing` spans and closures of ours nest in each other, on any thread and at every poll.

use std::thread;

use o11y_core::{
    Context, ObservationType, SpanSpec, TraceAttributes, TracingLayer, testing::Recording,
};
use tracing::{Instrument as _, Span, info_span, instrument::WithSubscriber as _};
use tracing_subscriber::layer::SubscriberExt as _;

use crate::support::{Everything, alone, recorded, recorded_in, text, with};

macro_rules! agent {
    ($(parent: $parent:expr,)? $name:literal) => {
        info_span!($(parent: $parent,)? $name, gen_ai.operation.name = "invoke_agent")
    };
}

#[test]
fn spans_and_closures_nest_both_ways() {
    let _alone = alone();
    let recording = recorded(|| {
        Context::with_span("ours", |_span| {
            agent!("theirs").in_scope(|| {
                Context::with_span("ours again", |_span| {
                    drop(agent!("theirs again"));
                });
                Context::with_span("sibling", |_span| ());
            });
        });
    });

    assert_eq!(
        recording.outline(),
        "span ours\n\
         \x20 agent theirs\n\
         \x20   span ours again\n\
         \x20     agent theirs again\n\
         \x20   span sibling\n"
    );
}

#[test]
fn what_is_not_recognised_is_not_there() {
    let _alone = alone();
    let recording = recorded(|| {
        agent!("outer").in_scope(|| {
            info_span!("invisible").in_scope(|| drop(agent!("inner")));
        });
    });

    assert_eq!(recording.outline(), "agent outer\n  agent inner\n");
}

#[test]
fn parents_that_are_named_and_roots_are_heeded() {
    let _alone = alone();
    let recording = recorded(|| {
        let first = agent!("first");
        let second = agent!("second");
        second.in_scope(|| {
            drop(agent!(parent: &first, "child of first"));
            drop(agent!(parent: None, "root"));
        });
    });

    assert_eq!(
        recording.outline(),
        "agent first\n  agent child of first\nagent second\nagent root\n"
    );
    let roots = recording.named("root");
    assert!(roots.iter().all(|root| root.parent_id().is_none()));
}

#[test]
fn a_parent_that_is_the_current_span_leaves_a_closure_between_them() {
    let _alone = alone();
    let recording = recorded(|| {
        agent!("agent").in_scope(|| {
            Context::with_span("ours", |_span| {
                drop(agent!(parent: Span::current(), "inner"));
            });
        });
    });

    assert_eq!(
        recording.outline(),
        "agent agent\n  span ours\n    agent inner\n"
    );
}

#[test]
fn a_span_reaches_other_threads_and_so_does_what_was_opened_in_it() {
    let _alone = alone();
    let dispatch = with(TracingLayer::new());
    let recording = recorded_in(&dispatch, || {
        let span = agent!("agent");
        let telemetry = Context::current();
        thread::scope(|scope| {
            scope.spawn(|| {
                let _subscriber = tracing::dispatcher::set_default(&dispatch);
                let _telemetry = telemetry.attach();
                span.in_scope(|| Context::with_span("elsewhere", |_span| ()));
            });
        });
        span.in_scope(|| Context::with_span("here", |_span| ()));
    });

    assert_eq!(
        recording.outline(),
        "agent agent\n  span elsewhere\n  span here\n"
    );
}

#[test]
fn an_unrecognised_span_that_another_thread_enters_leads_to_the_recognised_ones_around_it() {
    let _alone = alone();
    let dispatch: tracing::Dispatch = tracing_subscriber::registry()
        .with(Everything)
        .with(TracingLayer::new().build())
        .into();
    let recording = recorded_in(&dispatch, || {
        let telemetry = Context::current();
        let step = agent!("agent").in_scope(|| info_span!("invisible"));
        thread::scope(|scope| {
            scope.spawn(|| {
                let _subscriber = tracing::dispatcher::set_default(&dispatch);
                let _telemetry = telemetry.attach();
                step.in_scope(|| drop(agent!("inner")));
            });
        });
    });

    assert_eq!(recording.outline(), "agent agent\n  agent inner\n");
}

async fn pause() {
    tokio::task::yield_now().await;
}

async fn program(name: &'static str) {
    let call = info_span!("call", gen_ai.request.model = name);
    async {
        pause().await;
        Context::with_span_async(name, async |_span| pause().await).await;
        pause().await;
    }
    .instrument(call)
    .await;
}

#[test]
fn spans_that_are_entered_at_every_poll_do_not_mix() {
    let _alone = alone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let recording = recorded(|| {
        runtime.block_on(async {
            let both = async { tokio::join!(program("one"), program("two")) };
            Context::with_span_async("root", async |_span| {
                both.instrument(agent!("agent")).await;
            })
            .await;
        });
    });

    assert_eq!(
        recording.outline().by_name(),
        "span root\n\
         \x20 agent agent\n\
         \x20   generation call\n\
         \x20     span one\n\
         \x20   generation call\n\
         \x20     span two\n"
    );
}

#[test]
fn tasks_that_wander_between_threads_keep_their_trees() {
    let _alone = alone();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let dispatch = with(TracingLayer::new());
    let recording = Recording::new();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..20)
            .map(|_| {
                let recording = recording.clone();
                let task = async move {
                    let task = async { program("step").instrument(agent!("agent")).await };
                    recording.wrap(task).await;
                };
                tokio::spawn(task.with_subscriber(dispatch.clone()))
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });

    let expected = "agent agent\n  generation call\n    span step\n".repeat(20);
    assert_eq!(recording.outline(), expected.as_str());
}

#[test]
fn spans_that_are_left_out_of_order_leave_the_thread_where_it_was() {
    let _alone = alone();
    let recording = recorded(|| {
        Context::with_span("root", |_span| {
            let (first, second) = (agent!("first"), agent!("second"));
            let first = first.entered();
            let second = second.entered();
            drop(first);
            Context::with_span("in second", |_span| ());
            drop(second);
            Context::with_span("in root", |_span| ());
        });
    });

    assert_eq!(
        recording.outline(),
        "span root\n  agent first\n  agent second\n    span in second\n  span in root\n"
    );
}

#[test]
fn what_is_said_inside_of_a_span_reaches_it() {
    let _alone = alone();
    let recording = recorded(|| {
        let span = agent!("agent");
        span.in_scope(|| {
            assert!(Context::annotate("cache.hit", true));
            Context::with_trace(TraceAttributes::new().user("gus"), || ());
        });
    });

    let record = recording.one("agent");
    assert_eq!(text(&record, "cache.hit"), "true");
    let user = record
        .trace_attributes()
        .and_then(TraceAttributes::get_user);
    assert_eq!(user, Some("gus"));
}

#[test]
fn a_span_opened_while_another_trace_is_current_belongs_to_that_one() {
    let _alone = alone();
    let recording = recorded(|| {
        let agent = agent!("agent");
        drop(agent.enter());
        Context::with_span(
            SpanSpec::new("ours").observation(ObservationType::Chain),
            |_span| {
                drop(agent!("inner"));
            },
        );
    });

    assert_eq!(
        recording.outline(),
        "agent agent\nchain ours\n  agent inner\n"
    );
}
