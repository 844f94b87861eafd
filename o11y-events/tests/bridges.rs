//! One budget holds all calls, whichever way they are made: in our closures, through a layer of
//! `tower`, or by a crate that is watched through its `tracing` spans.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{
    convert::Infallible,
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use o11y_core::{
    Context, EventBus, Generation, GenerationError, LlmEvent, Telemetry, TracingLayer, Usage,
    tower::{GenerationLayer, Refused},
};
use o11y_events::{Attached, BaseSubscriber as _, TokenBudgetExceeded, TokenBudgetTracker};
use tower::{BoxError, Layer as _, ServiceExt as _, service_fn};
use tracing_subscriber::layer::SubscriberExt as _;

const ASKED: &str = r#"{"model":"gpt-4o-mini","max_tokens":200,"messages":[]}"#;
const ANSWER: &str = r#"{"model":"gpt-4o-mini","choices":[],
    "usage":{"prompt_tokens":300,"completion_tokens":100}}"#;

/// A budget on a bus of its own, with telemetry off.
fn budget(limit: u64) -> (Attached<TokenBudgetTracker>, Telemetry) {
    let bus = EventBus::new();
    let budget = TokenBudgetTracker::new(limit).attach(&bus);
    (budget, Telemetry::events_only(bus))
}

/// A call of 400 tokens through the layer that HTTP clients are given; `sent` counts those that
/// went out.
async fn ask_by_http(sent: Arc<AtomicU64>) -> Result<(), BoxError> {
    let http = service_fn(move |_request| {
        sent.fetch_add(1, Relaxed);
        let answer = Response::builder().header("content-type", "application/json");
        let answer = answer.body(Full::new(ANSWER.as_bytes())).unwrap();
        async move { Ok::<_, Infallible>(answer) }
    });
    let request = Request::post("http://model/v1/chat/completions");
    let request = request.body(Full::new(ASKED.as_bytes())).unwrap();
    let client = GenerationLayer::new().estimate(true).layer(http);
    let answer = client.oneshot(request).await?;
    answer.into_body().collect().await?;
    Ok(())
}

/// A call of 400 tokens in a closure of ours.
fn ask_in_a_closure() -> Result<(), GenerationError<io::Error>> {
    Context::generation_blocking(Generation::new("openai", "gpt-4o-mini"), |call| {
        call.set_usage(Usage::new().input(300).output(100));
        Ok(())
    })
}

/// A call of 400 tokens by a crate that has only spans.
fn ask_in_their_crate() {
    let watched = tracing_subscriber::registry().with(TracingLayer::new().build());
    tracing::subscriber::with_default(watched, || {
        drop(tracing::info_span!(
            "chat",
            gen_ai.operation.name = "chat",
            gen_ai.provider.name = "openai",
            gen_ai.request.model = "gpt-4o-mini",
            gen_ai.usage.input_tokens = 300,
            gen_ai.usage.output_tokens = 100,
        ));
    });
}

#[tokio::test]
async fn calls_of_all_bridges_are_spent_from_one_budget_which_stops_the_next() {
    let (budget, telemetry) = budget(1_200);
    let sent = Arc::new(AtomicU64::new(0));

    let answered = telemetry.wrap(ask_by_http(Arc::clone(&sent))).await;
    telemetry.run(ask_in_their_crate);
    let in_a_closure = telemetry.run(ask_in_a_closure);
    let refused = telemetry.wrap(ask_by_http(Arc::clone(&sent))).await;
    let refused_in_a_closure = telemetry.run(ask_in_a_closure);

    assert!(answered.is_ok() && in_a_closure.is_ok());
    let refused = refused.unwrap_err();
    let refused = refused.downcast_ref::<Refused>().unwrap();
    let why = refused.vetoed().downcast_ref::<TokenBudgetExceeded>();
    assert_eq!(why.unwrap().used(), 1_200);
    assert!(refused_in_a_closure.is_err());
    assert_eq!(sent.load(Relaxed), 1, "a refused call is not sent");
    assert_eq!((budget.used(), budget.reserved()), (1_200, 0));
    assert_eq!((budget.requests(), budget.refused()), (3, 2));
}

#[tokio::test]
async fn a_request_through_a_layer_holds_its_estimate_until_it_is_answered_or_dropped() {
    let (budget, telemetry) = budget(1_000);
    let stalled = service_fn(|_request: Request<_>| {
        std::future::pending::<Result<Response<Full<&[u8]>>, Infallible>>()
    });
    let request = Request::post("http://model/v1/chat/completions");
    let request = request.body(Full::new(ASKED.as_bytes())).unwrap();
    let client = GenerationLayer::new().estimate(true).layer(stalled);

    let mut call = Box::pin(telemetry.wrap(client.oneshot(request)));
    tokio::select! {
        biased;
        _ = &mut call => unreachable!("it never ends"),
        () = std::future::ready(()) => {}
    }
    let held = budget.reserved();
    drop(call);

    assert!(held >= 200, "{held}");
    assert_eq!((budget.used(), budget.reserved()), (0, 0));
    assert_eq!(budget.requests(), 1);
}

/// The layer for `tracing` hears of a call when it is over, so whoever drives such a crate asks the
/// budget before each turn, in a hook of that crate or in a loop.
#[test]
fn a_crate_that_is_only_watched_is_stopped_by_whoever_asks_between_its_calls() {
    let (budget, telemetry) = budget(1_000);

    let turns = telemetry.run(|| {
        let may_go_on = || {
            LlmEvent::request("openai", "gpt-4o-mini")
                .try_emit()
                .is_ok()
        };
        let mut turns = 0;
        while may_go_on() {
            ask_in_their_crate();
            turns += 1;
        }
        turns
    });

    assert_eq!(turns, 3);
    assert_eq!((budget.used(), budget.reserved()), (1_200, 0));
    assert_eq!((budget.requests(), budget.refused()), (3, 1));
}
