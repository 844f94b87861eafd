//! genai 0.7.2 with feature `otel`: calls, streams, tools.

use futures_util::StreamExt as _;
use genai::{
    Client, ModelIden, ServiceTarget,
    adapter::AdapterKind,
    chat::{ChatMessage, ChatOptions, ChatRequest, ChatStreamEvent},
    otel::agent::{AgentSpan, ExecuteToolSpan},
    resolver::{AuthData, Endpoint, ServiceTargetResolver},
};
use o11y_core::{Context, Generation, Status, key, testing::Recording};
use o11y_ecosystem::{billed, recorded, serve, text, usage, usage_of_an_answer};
use tracing::Instrument as _;

async fn client() -> anyhow::Result<Client> {
    let url = serve().await? + "/";
    let resolver = ServiceTargetResolver::from_resolver_fn(
        move |target: ServiceTarget| -> Result<ServiceTarget, genai::resolver::Error> {
            Ok(ServiceTarget {
                endpoint: Endpoint::from_owned(url.clone()),
                auth: AuthData::from_single("none"),
                model: ModelIden::new(AdapterKind::OpenAI, target.model.model_name),
            })
        },
    );
    Ok(Client::builder()
        .with_service_target_resolver(resolver)
        .build()?)
}

fn request() -> ChatRequest {
    ChatRequest::new(vec![ChatMessage::user("What shall I drink?")])
}

#[tokio::test]
async fn a_call_is_a_generation_below_the_agent_around_it() -> anyhow::Result<()> {
    let recording = Recording::new();

    recorded(&recording, async {
        let client = client().await?;
        let agent = AgentSpan::invoke_agent()
            .with_name("barista")
            .with_model("gpt-4o-mini")
            .start();
        async {
            client.exec_chat("gpt-4o-mini", request(), None).await?;
            let tool = ExecuteToolSpan::new("menu").with_call_id("call-1").start();
            tool.in_scope(|| Context::with_span("look at the board", |_span| ()));
            anyhow::Ok(())
        }
        .instrument(agent)
        .await
    })
    .await?;

    assert_eq!(
        recording.outline().with([key::REQUEST_MODEL, "run.model"]),
        "agent invoke_agent barista run.model=gpt-4o-mini\n\
         \x20 generation chat gpt-4o-mini gen_ai.request.model=gpt-4o-mini\n\
         \x20 tool menu\n\
         \x20   span look at the board\n"
    );
    assert_eq!(billed(&recording), usage_of_an_answer());
    let call = recording.one("chat gpt-4o-mini");
    assert_eq!(text(&call, key::PROVIDER_NAME), "openai");
    assert_eq!(text(&call, key::FINISH_REASONS), r#"["stop"]"#);
    Ok(())
}

#[tokio::test]
async fn a_stream_tells_when_its_first_token_came() -> anyhow::Result<()> {
    let recording = Recording::new();

    recorded(&recording, async {
        let options = ChatOptions::default().with_capture_usage(true);
        let client = client().await?;
        let answer = client
            .exec_chat_stream("gpt-4o-mini", request(), Some(&options))
            .await?;
        let mut stream = answer.stream;
        while let Some(event) = stream.next().await {
            if let ChatStreamEvent::End(_) = event? {
                break;
            }
        }
        anyhow::Ok(())
    })
    .await?;

    let call = recording.one("chat gpt-4o-mini");
    assert_eq!(usage(&call), Some(usage_of_an_answer()));
    let seconds = call
        .attribute(key::TIME_TO_FIRST_CHUNK)
        .and_then(|value| value.as_f64());
    assert!(seconds.is_some_and(|seconds| (0.0..call.duration().as_secs_f64()).contains(&seconds)));
    Ok(())
}

#[tokio::test]
async fn a_refused_call_has_failed() -> anyhow::Result<()> {
    let recording = Recording::new();

    recorded(&recording, async {
        let answer = client().await?.exec_chat("busy", request(), None).await;
        assert!(answer.is_err());
        anyhow::Ok(())
    })
    .await?;

    let call = recording.one("chat busy");
    assert_eq!(call.status(), Status::Error);
    assert_eq!(text(&call, key::ERROR_TYPE), "400");
    Ok(())
}

#[tokio::test]
async fn inside_of_a_call_of_our_own_it_is_shown_and_not_billed() -> anyhow::Result<()> {
    let recording = Recording::new();

    recorded(&recording, async {
        let client = client().await?;
        let ours = Generation::new("openai", "gpt-4o-mini");
        Context::generation(ours, async |call| -> anyhow::Result<()> {
            let answer = client.exec_chat("gpt-4o-mini", request(), None).await?;
            call.set_output(answer.first_text().unwrap_or_default());
            call.set_usage(usage_of_an_answer());
            Ok(())
        })
        .await
    })
    .await?;

    assert_eq!(
        recording.outline(),
        "generation llm.generate\n  span chat gpt-4o-mini\n"
    );
    assert_eq!(billed(&recording), usage_of_an_answer());
    Ok(())
}
