//! async-openai with our layer, and a model endpoint that others have written: `aimock`.
//!
//! Whole answers and streams, calls of tools, a refusal by 429 that is tried again, and a stream
//! that breaks off. `LLMOCK` is its command.

use anyhow::{Context as _, ensure};
use async_openai::{
    Client,
    config::OpenAIConfig,
    error::OpenAIError,
    middleware::{ReqwestService, retry::OpenAIRetryLayer},
};
use futures_util::{StreamExt as _, stream::BoxStream};
use o11y_core::{Context, ObservationType, Span, SpanSpec, tower::GenerationLayer};
use o11y_interop::{PATIENCE, exporter, fixtures, http, llmock};
use o11y_langfuse::local::{Observation, Receiver};
use serde_json::{Value, json};
use tokio::task::block_in_place;
use tower::ServiceBuilder;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let receiver = Receiver::start()?;
    let telemetry = exporter(&receiver, receiver.base_url()).spawn()?;
    let (_model, url) = block_in_place(|| llmock(&fixtures("client.json")))?;
    let client = client(url)?;

    let agent = SpanSpec::new("barista").observation(ObservationType::Agent);
    Context::try_with_span_async(agent, async |_span: &mut Span| run(&client).await).await?;
    telemetry.flush_async(PATIENCE).await?;

    let traces = receiver.traces();
    let [trace] = &traces[..] else {
        anyhow::bail!("not one trace: {traces:?}");
    };
    let calls: Vec<_> = trace.children(&trace.roots()[0].id);
    let [whole, streamed, tool, streamed_tool, busy, again, broken] = calls[..] else {
        anyhow::bail!("not seven calls:\n{trace}");
    };
    let said = Some("A flat white, as always.");
    for one in [whole, streamed] {
        is_answer(one, (31, 6), said)?;
        ensure!(
            one.model.as_deref() == Some("gpt-4o-mini-2024-07-18"),
            "{one:#?}"
        );
    }
    for one in [tool, streamed_tool] {
        is_answer(one, (30, 9), None)?;
        let output = one.output.as_deref().unwrap_or_default();
        ensure!(
            output.contains("make_drink") && output.contains("flat white"),
            "no call of a tool: {one:#?}"
        );
    }
    ensure!(
        streamed.completion_start_time.is_some() && whole.completion_start_time.is_none(),
        "the first token belongs to the stream: {streamed:#?}"
    );
    ensure!(
        busy.level == "ERROR" && busy.usage.is_empty() && names(busy, "429"),
        "another refusal: {busy:#?}"
    );
    is_answer(again, (21, 4), Some("Now I have time."))?;
    ensure!(
        again.start_unix_nanos - busy.end_unix_nanos >= 1_000_000_000,
        "Retry-After: 1 is not waited for"
    );
    ensure!(
        broken.level == "ERROR" && broken.usage.is_empty(),
        "a stream that breaks off is no answer: {broken:#?}"
    );
    ensure!(
        trace.total_tokens() == 2 * 37 + 2 * 39 + 25,
        "billed otherwise:\n{trace}"
    );
    println!(
        "ok: async-openai asks aimock: {} calls, {} tokens; streams, tools, 429 with its wait and a \
         broken stream are as they were",
        calls.len(),
        trace.total_tokens(),
    );
    Ok(())
}

fn client(url: String) -> anyhow::Result<Client<OpenAIConfig>> {
    let http = http()?;
    let observed = ServiceBuilder::new()
        .layer(OpenAIRetryLayer::default()) // outside: each attempt is a call of its own
        .layer(GenerationLayer::new())
        .service(ReqwestService::new(http.clone()));
    let config = OpenAIConfig::new().with_api_base(url).with_api_key("none");
    Ok(Client::build(http, config).with_http_service(observed))
}

async fn run(client: &Client<OpenAIConfig>) -> anyhow::Result<()> {
    for wanted in ["plain", "tool"] {
        let answer = ask(client, wanted).await?;
        ensure!(answer["choices"][0]["message"].is_object(), "{answer}");
        listen(client, wanted).await?;
    }
    ask(client, "busy").await?;
    let broken = listen(client, "broken").await;
    ensure!(broken.is_err(), "the stream has not broken off");
    Ok(())
}

fn question(wanted: &str, stream: bool) -> Value {
    let parameters = json!({ "type": "object", "properties": { "drink": { "type": "string" } } });
    let tool = json!({ "name": "make_drink", "parameters": parameters });
    json!({
        "model": "gpt-4o-mini",
        "messages": [{ "role": "user", "content": format!("Something {wanted}, please.") }],
        "tools": [{ "type": "function", "function": tool }],
        "stream": stream,
        "stream_options": stream.then(|| json!({ "include_usage": true })),
    })
}

async fn ask(client: &Client<OpenAIConfig>, wanted: &str) -> anyhow::Result<Value> {
    let answer = client.chat().create_byot(question(wanted, false)).await;
    answer.with_context(|| format!("no answer to {wanted}"))
}

async fn listen(client: &Client<OpenAIConfig>, wanted: &str) -> anyhow::Result<()> {
    let chat = client.chat();
    let mut chunks: BoxStream<'_, Result<Value, OpenAIError>> =
        chat.create_stream_byot(question(wanted, true)).await?;
    while let Some(chunk) = chunks.next().await {
        chunk?;
    }
    Ok(())
}

fn is_answer(
    one: &Observation,
    (input, output): (u64, u64),
    said: Option<&str>,
) -> anyhow::Result<()> {
    let tokens = |class| one.usage.get(class).copied();
    let is_right = one.kind == "generation"
        && one.level == "DEFAULT"
        && (tokens("input"), tokens("output")) == (Some(input), Some(output))
        && said.is_none_or(|said| one.output.as_deref().is_some_and(|it| it.contains(said)));
    ensure!(is_right, "another answer: {one:#?}");
    Ok(())
}

fn names(one: &Observation, word: &str) -> bool {
    one.status_message
        .as_deref()
        .is_some_and(|message| message.contains(word))
}
