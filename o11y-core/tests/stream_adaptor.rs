//! A stream of chunks that is its own model call: what it yields, where it runs, when it ends.

#![cfg(feature = "stream")]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::{convert::Infallible, pin::pin, thread};

use futures_util::{FutureExt as _, Stream, StreamExt as _, stream, stream::FusedStream as _};
use o11y_core::{Context, Generation, GenerationStream, SpanSpec, Usage, Vetoed, key};
use serde_json::json;

#[path = "support/stand.rs"]
mod stand;
use stand::Stand;

fn request() -> Generation {
    Generation::new("openai", "gpt-4o-mini")
}

fn observe<S, T, X>(stand: &Stand, stream: S) -> GenerationStream<S>
where
    S: Stream<Item = Result<T, X>>,
    T: serde::Serialize,
    X: std::fmt::Display,
{
    let call = stand.telemetry.run(|| Context::start_generation(request()));
    call.unwrap().observe(stream)
}

/// The items as they come, each in a span; it cannot be moved, and panics when it is polled after
/// its end.
fn pieces(count: usize) -> impl Stream<Item = Result<&'static str, Infallible>> {
    stream::unfold(0, move |made| async move {
        Context::with_span("inside", |_span| {});
        (made < count).then_some((Ok("piece "), made + 1))
    })
}

#[tokio::test]
async fn items_come_through_untouched_and_what_they_say_is_put_together() {
    let stand = Stand::new(true);
    let opening = stand.telemetry.run(|| {
        Context::generation_stream(request(), async |call| {
            call.span().set_attribute("server", "eu");
            Ok::<_, Vetoed>(stream::iter([
                Ok::<_, Infallible>(json!({"choices": [{"delta": {"content": "A flat "}}]})),
                Ok(json!({"choices": [{"delta": {"content": "white."}}]})),
                Ok(json!({"choices": [], "usage": {"prompt_tokens": 31, "completion_tokens": 5}})),
            ]))
        })
    });

    let chunks = opening.await.unwrap();
    assert_eq!(chunks.size_hint(), (3, Some(3)));
    let mut chunks = pin!(chunks);
    let mut yielded = Vec::new();
    while let Some(chunk) = chunks.next().await {
        yielded.push(chunk.unwrap());
    }

    assert_eq!(yielded.len(), 3);
    assert_eq!(yielded[1]["choices"][0]["delta"]["content"], "white.");
    assert_eq!(chunks.size_hint(), (0, Some(0)));
    assert!(chunks.is_terminated());
    assert_eq!(chunks.usage(), Some(Usage::new().input(31).output(5)));
    assert_eq!(stand.shown(key::OUTPUT).as_deref(), Some("A flat white."));
    assert_eq!(stand.shown(key::REQUEST_STREAM).as_deref(), Some("true"));
    assert_eq!(stand.shown("server").as_deref(), Some("eu"));
    assert_eq!(
        stand.lines(),
        [
            "llm.request",
            "llm.generate answered 36",
            "lm.tokens answered"
        ]
    );
}

#[tokio::test]
async fn a_stream_is_polled_inside_the_span_of_its_call_and_not_after_its_end() {
    let stand = Stand::new(true);
    let mut chunks = Box::pin(observe(&stand, pieces(2)));

    // Polled from another span, which is not its parent.
    Context::with_span_async(SpanSpec::new("elsewhere"), async |_span| {
        while chunks.next().await.is_some() {}
        assert!(chunks.next().await.is_none());
    })
    .await;

    assert_eq!(stand.shown(key::OUTPUT).as_deref(), Some("piece piece "));
    stand.records(|records| {
        let inside: Vec<_> = records
            .iter()
            .filter(|span| span.name() == "inside")
            .collect();
        assert_eq!(inside.len(), 3);
        for span in inside {
            assert_eq!(span.parent_id(), Some(chunks.id()));
        }
    });
}

#[tokio::test]
async fn a_plain_stream_of_texts_is_an_answer() {
    let stand = Stand::new(true);
    let opening = stand.telemetry.run(|| {
        Context::generation_plain_stream(request(), async |_call| {
            Ok::<_, Vetoed>(stream::iter(["A flat ", "white."]))
        })
    });

    let said: String = opening.await.unwrap().collect().await;

    assert_eq!(said, "A flat white.");
    assert_eq!(stand.shown(key::OUTPUT), Some(said));
}

#[tokio::test]
async fn a_call_ends_at_its_first_error_and_what_follows_still_comes_through() {
    let stand = Stand::new(true);
    let items = [
        Ok("A fl"),
        Err("reset by peer"),
        Ok("at white."),
        Err("closed"),
    ];
    let chunks = observe(&stand, stream::iter(items));

    let yielded: Vec<_> = chunks.collect().await;

    assert_eq!(yielded, items);
    assert_eq!(stand.lines(), ["llm.request", "llm.error failed"]);
    assert_eq!(stand.shown(key::OUTPUT).as_deref(), Some("A fl"));
    stand.look("llm.generate", |record| {
        assert_eq!(record.status_message(), Some("reset by peer"));
    });
}

#[test]
fn a_stream_may_be_dropped_on_another_thread_without_a_runtime() {
    let stand = Stand::new(true);
    let mut chunks = Box::pin(observe(&stand, pieces(2)));
    assert!(chunks.next().now_or_never().is_some());

    thread::scope(|scope| {
        scope.spawn(|| drop(chunks));
    });

    assert_eq!(stand.lines(), ["llm.request", "llm.error cancelled"]);
    assert_eq!(stand.shown(key::OUTPUT).as_deref(), Some("piece "));
}

#[tokio::test]
async fn a_stream_may_be_dropped_inside_another_runtime() {
    let stand = Stand::new(true);
    let mut chunks = Box::pin(observe(&stand, pieces(2)));
    chunks.next().await.unwrap().unwrap();

    thread::scope(|scope| {
        scope.spawn(|| {
            let mut builder = tokio::runtime::Builder::new_current_thread();
            let runtime = builder.build().unwrap();
            runtime.block_on(async move { drop(chunks) });
        });
    });

    assert_eq!(stand.lines(), ["llm.request", "llm.error cancelled"]);
}

#[test]
fn a_stream_that_is_dropped_while_its_consumer_panics_says_so() {
    let stand = Stand::new(true);
    let chunks = observe(&stand, pieces(2));

    let outcome = thread::scope(|scope| {
        let consumer = scope.spawn(move || {
            let _chunks = chunks;
            panic!("the consumer is ill");
        });
        consumer.join()
    });

    assert!(outcome.is_err());
    assert_eq!(stand.lines(), ["llm.request", "llm.error panicked"]);
}

#[test]
fn a_call_noted_through_its_pinned_stream_keeps_the_note() {
    let stand = Stand::new(true);
    let mut chunks = Box::pin(observe(&stand, pieces(0)));

    chunks.as_mut().call().set_usage(Usage::new().input(3));
    assert!(chunks.next().now_or_never().is_some());

    assert_eq!(
        stand.lines(),
        [
            "llm.request",
            "llm.generate answered 3",
            "lm.tokens answered"
        ]
    );
}

#[test]
fn the_stream_and_the_future_that_opens_it_are_send() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }

    let opening = is_send(Context::generation_stream(request(), async |_call| {
        Ok::<_, Vetoed>(stream::iter([Ok::<_, Infallible>("A flat white.")]))
    }));
    drop(is_send(opening.now_or_never().unwrap().unwrap()));
    drop(is_send(Context::start_generation(request()).unwrap()));
}
