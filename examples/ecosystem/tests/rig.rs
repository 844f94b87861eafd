//! rig 0.44: agents, tools, streams, embeddings.

use futures_util::StreamExt as _;
use o11y_core::{Context, LlmEvent, key, testing::Recording};
use o11y_ecosystem::{
    billed, recorded, recorded_among_others, serve, text, usage, usage_of_an_answer,
};
use o11y_events::{BaseSubscriber as _, TokenBudgetTracker};
use rig::{
    agent::{AgentBuilder, AgentHook, CompletionCallAction, CompletionCallEvent, HookContext},
    providers::openai::{OpenAI, OpenAIConfig},
    rig_tool,
    tool::ToolExecutionError,
};
use tracing::{Instrument as _, info_span};

#[rig_tool(
    description = "What is there to drink",
    params(size = "Cups"),
    required(size)
)]
fn menu(size: i32) -> Result<String, ToolExecutionError> {
    Context::with_span("look at the board", |_span| {
        Ok(format!("{size} flat whites"))
    })
}

async fn client() -> anyhow::Result<OpenAI> {
    let config = OpenAIConfig::new("none").with_base_url(serve().await?);
    Ok(config.client())
}

/// A run with one call of a tool, and so two of the model.
async fn run() -> anyhow::Result<()> {
    let agent = AgentBuilder::new(client().await?.chat("gpt-4o-mini"))
        .name("barista")
        .preamble("Be short.")
        .record_content_telemetry(true)
        .tool(Menu)
        .build();
    let answer = agent.prompt("What shall I drink?").max_turns(3).await?;
    assert_eq!(answer.output(), "A flat white.");
    Ok(())
}

#[tokio::test]
async fn a_run_is_an_agent_whose_calls_bill_once() -> anyhow::Result<()> {
    let recording = Recording::new();
    let budget = TokenBudgetTracker::new(1_000).attach(recording.events());

    recorded(&recording, async {
        Context::with_span_async("visit", async |_span| run().await).await
    })
    .await?;

    let keys = [key::RESPONSE_MODEL];
    assert_eq!(
        recording.outline().with(keys),
        "span visit\n\
         \x20 agent invoke_agent barista\n\
         \x20   generation chat gen_ai.response.model=gpt-4o-mini-2024-07-18\n\
         \x20   tool menu\n\
         \x20     span look at the board\n\
         \x20   generation chat gen_ai.response.model=gpt-4o-mini-2024-07-18\n"
    );
    assert_eq!(
        billed(&recording),
        usage_of_an_answer() + usage_of_an_answer()
    );
    assert_eq!(budget.used(), 72);
    let agent = recording.one("invoke_agent barista");
    assert_eq!(text(&agent, "run.usage.input_tokens"), "62");
    assert_eq!(text(&agent, key::OUTPUT), "A flat white.");
    let tool = recording.one("menu");
    assert_eq!(text(&tool, key::INPUT), r#"{"size":2}"#);
    assert!(text(&tool, key::OUTPUT).contains("2 flat whites"));
    Ok(())
}

/// Asks before each call of the model, which rig's spans cannot.
struct AskFirst;

impl AgentHook for AskFirst {
    async fn on_completion_call(
        &self,
        _context: &HookContext,
        _call: CompletionCallEvent<'_>,
    ) -> CompletionCallAction {
        match LlmEvent::request("openai", "gpt-4o-mini").try_emit() {
            Ok(()) => CompletionCallAction::continue_run(),
            Err(vetoed) => CompletionCallAction::stop(vetoed.reason().to_string()),
        }
    }
}

#[tokio::test]
async fn a_budget_stops_a_run_between_two_calls() -> anyhow::Result<()> {
    let recording = Recording::new();
    let budget = TokenBudgetTracker::new(30).attach(recording.events());

    let stopped = recorded(&recording, async {
        let agent = AgentBuilder::new(client().await?.chat("gpt-4o-mini"))
            .name("barista")
            .add_hook(AskFirst)
            .tool(Menu)
            .build();
        let answer = agent.prompt("What shall I drink?").max_turns(3).await;
        anyhow::Ok(answer.map(|_| ()))
    })
    .await?;

    let error = stopped.unwrap_err().to_string();
    assert!(error.contains("token budget"), "{error}");
    assert_eq!((budget.used(), budget.requests()), (36, 1));
    assert_eq!(budget.refused(), 1);
    Ok(())
}

#[tokio::test]
async fn a_run_behind_a_servers_span_is_given_the_agent_that_rig_leaves_out() -> anyhow::Result<()>
{
    let recording = Recording::new();

    recorded_among_others(&recording, async {
        let request = info_span!("request");
        let visit = async { Context::with_span_async("visit", async |_span| run().await).await };
        visit.instrument(request).await
    })
    .await?;

    assert_eq!(
        recording.outline(),
        "span visit\n\
         \x20 agent invoke_agent barista\n\
         \x20   generation chat\n\
         \x20   tool menu\n\
         \x20     span look at the board\n\
         \x20   generation chat\n"
    );
    assert_eq!(
        billed(&recording),
        usage_of_an_answer() + usage_of_an_answer()
    );
    Ok(())
}

#[tokio::test]
async fn a_streamed_run_bills_once_too() -> anyhow::Result<()> {
    let recording = Recording::new();

    recorded(&recording, async {
        let agent = AgentBuilder::new(client().await?.chat("gpt-4o-mini"))
            .name("barista")
            .build();
        let mut stream = agent.prompt("What shall I drink?").stream();
        while let Some(item) = stream.next().await {
            item?;
        }
        anyhow::Ok(())
    })
    .await?;

    assert_eq!(
        recording.outline().with(["gen_ai.request.stream"]),
        "agent invoke_agent barista\n  generation chat gen_ai.request.stream=true\n"
    );
    assert_eq!(usage(&recording.one("chat")), Some(usage_of_an_answer()));
    Ok(())
}

#[tokio::test]
async fn embeddings_are_embeddings() -> anyhow::Result<()> {
    let recording = Recording::new();

    recorded(&recording, async {
        let model = client().await?.embedding("text-embedding-3-small", Some(2));
        model.embed_text("flat white").await?;
        anyhow::Ok(())
    })
    .await?;

    assert_eq!(recording.outline(), "embedding embeddings\n");
    assert_eq!(billed(&recording).input_total(), 7);
    Ok(())
}
