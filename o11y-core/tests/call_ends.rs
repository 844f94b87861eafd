//! However a model call is made and however it ends, its end is told exactly once.

#![cfg(feature = "stream")]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::{self, Poll, Waker},
};

use futures_util::{Stream, StreamExt as _, stream};
use o11y_core::{Call, Context, Event, Generation, Level, Status, Usage, Veto, key};
use serde_json::{Value as Json, json};
use tokio::task::yield_now;

#[path = "support/stand.rs"]
mod stand;
use stand::Stand;

/// How a call is made.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Async,
    Blocking,
    Stream,
    Held,
}

/// How it ends.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    Answered,
    Failed,
    /// Refused at the request.
    Vetoed,
    /// Dropped after so many steps.
    Cancelled(usize),
    /// In the closure that makes the call, or makes the stream.
    Panicked,
    /// In a poll of the stream.
    PanickedInPoll,
    /// A subscriber panics at every event.
    PanickingSubscriber,
    /// A subscriber refuses the answer.
    VetoedTooLate,
}

const ENDS: [End; 11] = [
    End::Answered,
    End::Failed,
    End::Vetoed,
    End::Cancelled(1),
    End::Cancelled(2),
    End::Cancelled(3),
    End::Cancelled(4),
    End::Panicked,
    End::PanickedInPoll,
    End::PanickingSubscriber,
    End::VetoedTooLate,
];

impl End {
    /// Where it cannot come about in that way.
    fn is_possible(self, way: Way) -> bool {
        match self {
            Self::Cancelled(steps) => match way {
                Way::Async => steps <= 2,
                Way::Blocking => false,
                Way::Stream => true,
                Way::Held => steps <= 1,
            },
            Self::PanickedInPoll => way == Way::Stream,
            _ => true,
        }
    }

    /// The events that tell it. Every call knows its usage when it ends.
    fn expected(self) -> &'static [&'static str] {
        match self {
            Self::Answered | Self::PanickingSubscriber | Self::VetoedTooLate => &[
                "llm.request",
                "llm.generate answered 7",
                "lm.tokens answered",
            ],
            Self::Failed => &["llm.request", "llm.error failed 7", "lm.tokens failed"],
            Self::Vetoed => &["llm.request", "llm.vetoed vetoed"],
            Self::Cancelled(_) => &[
                "llm.request",
                "llm.error cancelled 7",
                "lm.tokens cancelled",
            ],
            Self::Panicked | Self::PanickedInPoll => {
                &["llm.request", "llm.error panicked 7", "lm.tokens panicked"]
            }
        }
    }

    fn status(self) -> (Status, Level, Option<&'static str>) {
        match self {
            Self::Answered | Self::PanickingSubscriber | Self::VetoedTooLate => {
                (Status::Unset, Level::Default, None)
            }
            Self::Failed => (Status::Error, Level::Error, Some("out of milk")),
            Self::Vetoed => {
                let why = "vetoed by the subscriber of `llm.request`: the budget is used up";
                (Status::Error, Level::Error, Some(why))
            }
            Self::Cancelled(_) => (Status::Unset, Level::Warning, Some("cancelled")),
            Self::Panicked | Self::PanickedInPoll => {
                (Status::Error, Level::Error, Some("panicked: out of beans"))
            }
        }
    }
}

fn request() -> Generation {
    Generation::new("openai", "gpt-4o-mini")
}

fn run_out_of_beans() -> ! {
    panic!("out of beans")
}

/// The rest of a call, once it is open and has been asked.
fn finish(end: End) -> anyhow::Result<()> {
    match end {
        End::Failed => anyhow::bail!("out of milk"),
        End::Panicked => run_out_of_beans(),
        _ => Ok(()),
    }
}

/// Polls so many times, and then drops what has not ended.
fn poll<T>(times: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut cx = task::Context::from_waker(Waker::noop());
    (0..times).find_map(|_| match future.as_mut().poll(&mut cx) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    })
}

async fn steps(call: &mut Call<'_>, end: End) -> anyhow::Result<()> {
    call.set_usage(Usage::new().input(7));
    yield_now().await;
    call.push_text("A flat ");
    yield_now().await;
    finish(end)
}

/// The first chunk, a wait, the second chunk, and the end.
fn chunks(end: End) -> impl Stream<Item = anyhow::Result<Json>> {
    let first = json!({"choices": [{"delta": {"content": "A flat "}}]});
    let second = json!({"choices": [{"delta": {"content": "white."}}]});
    let last = stream::once(async move {
        yield_now().await;
        match end {
            End::Failed => Err(anyhow::anyhow!("out of milk")),
            End::PanickedInPoll => run_out_of_beans(),
            _ => Ok(second),
        }
    });
    stream::iter([Ok(first)]).chain(last)
}

async fn drain(end: End) -> anyhow::Result<()> {
    let chunks = Context::generation_stream(request(), async |call| {
        call.set_usage(Usage::new().input(7));
        yield_now().await;
        if end == End::Panicked {
            finish(end)?;
        }
        anyhow::Ok(chunks(end))
    })
    .await?;
    let mut chunks = pin!(chunks);
    while let Some(chunk) = chunks.next().await {
        chunk?;
        yield_now().await;
    }
    assert!(chunks.next().await.is_none());
    Ok(())
}

fn make(way: Way, end: End) -> Option<anyhow::Result<()>> {
    let polls = match end {
        End::Cancelled(steps) => steps,
        _ => 100,
    };
    match way {
        Way::Async => {
            let call = Context::generation(request(), async |call| steps(call, end).await);
            poll(polls, call)
        }
        Way::Blocking => Some(Context::generation_blocking(request(), |call| {
            call.set_usage(Usage::new().input(7));
            finish(end)
        })),
        Way::Stream => poll(polls, drain(end)),
        Way::Held => {
            let mut call = match Context::start_generation(request()) {
                Ok(call) => call,
                Err(vetoed) => return Some(Err(vetoed.into())),
            };
            call.set_usage(Usage::new().input(7));
            if matches!(end, End::Cancelled(_)) {
                return None;
            }
            let outcome = finish(end);
            match &outcome {
                Ok(()) => call.finish(),
                Err(error) => call.fail(error),
            }
            Some(outcome)
        }
    }
}

#[test]
fn every_way_to_make_a_call_tells_every_end_exactly_once() {
    for way in [Way::Async, Way::Blocking, Way::Stream, Way::Held] {
        for end in ENDS.into_iter().filter(|end| end.is_possible(way)) {
            for records in [true, false] {
                check(way, end, records);
            }
        }
    }
}

fn fall_ill(_: &Event) {
    panic!("ill")
}

fn check(way: Way, end: End, records: bool) {
    let case = format!("{way:?} {end:?}, recorded: {records}");
    let stand = Stand::new(records);
    let bus = &stand.bus;
    let _subscriber = match end {
        End::Vetoed => {
            let refuse = |_: &Event| Err(Veto::new("the budget is used up"));
            Some(bus.subscribe("llm.request", refuse))
        }
        End::VetoedTooLate => {
            let refuse = |_: &Event| Err(Veto::new("too late"));
            Some(bus.subscribe("llm.generate", refuse))
        }
        End::PanickingSubscriber => Some(bus.subscribe("*", fall_ill)),
        _ => None,
    };

    let outcome = catch_unwind(AssertUnwindSafe(|| stand.telemetry.run(|| make(way, end))));

    match (end, outcome) {
        (End::Answered | End::PanickingSubscriber | End::VetoedTooLate, outcome) => {
            outcome.unwrap().unwrap().unwrap();
        }
        (End::Failed, outcome) => {
            let error = outcome.unwrap().unwrap().unwrap_err();
            assert_eq!(error.to_string(), "out of milk", "{case}");
        }
        (End::Vetoed, outcome) => {
            let error = outcome.unwrap().unwrap().unwrap_err();
            assert!(error.is::<o11y_core::Vetoed>(), "{case}");
        }
        (End::Cancelled(_), outcome) => assert!(outcome.unwrap().is_none(), "{case}"),
        (End::Panicked | End::PanickedInPoll, outcome) => {
            let payload = outcome.unwrap_err();
            assert_eq!(payload.downcast_ref(), Some(&"out of beans"), "{case}");
        }
    }
    assert_eq!(stand.lines(), end.expected(), "{case}");
    stand.heard(|lines| {
        let ids: Vec<_> = lines.iter().map(|line| line.text(key::CALL_ID)).collect();
        assert!(
            ids[0].is_some() && ids.iter().all(|id| *id == ids[0]),
            "{case}"
        );
    });
    check_span(&stand, way, end, records, &case);
}

fn check_span(stand: &Stand, way: Way, end: End, records: bool, case: &str) {
    if !records {
        stand.records(|records| assert!(records.is_empty(), "{case}"));
        return;
    }
    stand.look("llm.generate", |record| {
        let (status, level, mut message) = end.status();
        if way == Way::Held && end == End::Panicked {
            message = Some("panicked"); // nobody sees what a foreign panic says
        }
        assert_eq!(record.status(), status, "{case}");
        assert_eq!(record.level(), level, "{case}");
        assert_eq!(record.status_message(), message, "{case}");
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_side_by_side_are_told_apart_by_their_ids() {
    const CALLS: usize = 16;
    let stand = Stand::new(true);

    let calls: Vec<_> = stand.telemetry.run(|| {
        let call = || {
            Context::generation(request(), async |call| -> anyhow::Result<String> {
                yield_now().await;
                call.set_usage(Usage::new().input(1));
                yield_now().await;
                Ok(call.id().to_string())
            })
        };
        (0..CALLS).map(|_| tokio::spawn(call())).collect()
    });
    let mut ids = BTreeSet::new();
    for call in calls {
        ids.insert(call.await.unwrap().unwrap());
    }

    assert_eq!(ids.len(), CALLS);
    stand.heard(|lines| {
        assert_eq!(lines.len(), 3 * CALLS);
        for id in &ids {
            let of_call = lines
                .iter()
                .filter(|line| line.text(key::CALL_ID) == Some(id));
            let names: Vec<_> = of_call.map(|line| &*line.name).collect();
            assert_eq!(names, ["llm.request", "llm.generate", "lm.tokens"]);
        }
    });
}

#[test]
fn a_call_that_is_never_polled_is_neither_asked_for_nor_told() {
    let stand = Stand::new(true);

    stand.telemetry.run(|| {
        drop(Context::generation(request(), async |call| {
            steps(call, End::Answered).await
        }));
        drop(Context::generation_stream(request(), async |_call| {
            anyhow::Ok(chunks(End::Answered))
        }));
    });

    assert!(stand.lines().is_empty());
    stand.records(|records| assert!(records.is_empty()));
}

#[test]
fn the_end_says_where_how_often_and_how_long() {
    let stand = Stand::new(true);

    stand.telemetry.run(|| {
        Context::with_request("req-1", || {
            Context::with_module(o11y_core::Module::new("Barista").label("bar"), || {
                let asked = request()
                    .max_tokens(50)
                    .estimate_usage(Usage::new().input(9).output(50));
                let mut call = Context::start_generation(asked).unwrap();
                call.retry();
                call.set_response_model("gpt-4o-mini-2024-07-18");
                call.set_usage(Usage::new().input(7).output(2));
                call.set_cost(o11y_core::Cost::usd(0.25));
                call.finish();
            });
        });
    });

    stand.heard(|lines| {
        let [asked, told, mirror] = lines else {
            panic!("{} events", lines.len())
        };
        assert_eq!(asked.number(key::REQUEST_MAX_TOKENS), Some(50));
        assert_eq!(asked.number(key::ESTIMATED_TOKENS), Some(59));
        assert!(asked.value(key::ESTIMATED_USAGE).is_some());
        for line in [told, mirror] {
            assert_eq!(line.text(key::OUTCOME), Some("answered"));
            assert_eq!(line.text(key::PROVIDER_NAME), Some("openai"));
            assert_eq!(line.text(key::REQUEST_MODEL), Some("gpt-4o-mini"));
            assert_eq!(
                line.text(key::RESPONSE_MODEL),
                Some("gpt-4o-mini-2024-07-18")
            );
            assert_eq!(line.text(key::OPERATION_NAME), Some("chat"));
            assert_eq!(line.text(key::MODULE_PATH), Some("Barista/bar"));
            assert_eq!(line.text(key::REQUEST_ID), Some("req-1"));
            assert_eq!(line.number(key::RETRIES), Some(1));
            assert!(line.value(key::DURATION_MS).is_some());
        }
        assert!(told.value(key::COST).is_some() && told.value(key::USAGE).is_some());
        assert_eq!(told.number(key::INPUT_TOKENS), Some(7));
        assert_eq!(told.number(key::COMPLETION_TOKENS), Some(2));
        assert!(mirror.value(key::MIRROR).is_some());
    });
}
