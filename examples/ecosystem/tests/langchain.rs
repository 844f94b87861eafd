//! langchain-rust 7.0.0: agents with tools, streams.

use std::{error::Error, sync::Arc};

use async_trait::async_trait;
use futures_util::StreamExt as _;
use langchain_rust::{
    agent::{AgentExecutor, OpenAiToolAgentBuilder},
    chain::Chain as _,
    language_models::llm::LLM as _,
    llm::{OpenAIConfig, openai::OpenAI},
    prompt_args,
    schemas::Message,
    tools::Tool,
};
use o11y_core::{Context, key, testing::Recording};
use o11y_ecosystem::{billed, recorded, serve, text, usage_of_an_answer};
use serde_json::Value;

struct Menu;

#[async_trait]
impl Tool for Menu {
    fn name(&self) -> String {
        "menu".to_owned()
    }

    fn description(&self) -> String {
        "What is there to drink".to_owned()
    }

    async fn run(&self, _input: Value) -> Result<String, Box<dyn Error>> {
        Context::with_span("look at the board", |_span| Ok("flat white".to_owned()))
    }
}

async fn model() -> anyhow::Result<OpenAI<OpenAIConfig>> {
    let config = OpenAIConfig::default()
        .with_api_base(serve().await?)
        .with_api_key("none");
    Ok(OpenAI::default()
        .with_config(config)
        .with_model("gpt-4o-mini"))
}

/// The crate does not report cached tokens.
fn billed_of_one() -> u64 {
    usage_of_an_answer().total()
}

#[tokio::test]
async fn a_run_is_an_agent_whose_calls_bill_once() -> anyhow::Result<()> {
    let recording = Recording::new();

    recorded(&recording, async {
        let tools: Vec<Arc<dyn Tool>> = vec![Arc::new(Menu)];
        let agent = OpenAiToolAgentBuilder::new()
            .tools(&tools)
            .build(model().await?)?;
        let executor = AgentExecutor::from_agent(agent);
        executor
            .invoke(prompt_args! { "input" => "What shall I drink?" })
            .await?;
        anyhow::Ok(())
    })
    .await?;

    assert_eq!(
        recording.outline(),
        "agent agent.run\n\
         \x20 span agent.plan\n\
         \x20   chain chain.call\n\
         \x20     generation llm.generate\n\
         \x20 tool menu\n\
         \x20   span look at the board\n\
         \x20 span agent.plan\n\
         \x20   chain chain.call\n\
         \x20     generation llm.generate\n"
    );
    assert_eq!(billed(&recording).total(), 2 * billed_of_one());
    assert_eq!(
        text(&recording.one("agent.run"), "run.usage.total_tokens"),
        "72"
    );
    Ok(())
}

#[tokio::test]
async fn a_stream_is_one_call_and_ends_when_it_is_dropped() -> anyhow::Result<()> {
    let recording = Recording::new();

    recorded(&recording, async {
        let model = model().await?;
        let messages = [Message::new_human_message("What shall I drink?")];
        let mut stream = model.generate_stream(&messages);
        while let Some(chunk) = stream.next().await {
            chunk?;
        }
        anyhow::Ok(())
    })
    .await?;

    assert_eq!(
        recording
            .outline()
            .with([key::REQUEST_MODEL, "gen_ai.request.stream"]),
        "generation llm.generate gen_ai.request.stream=true gen_ai.request.model=gpt-4o-mini\n"
    );
    assert_eq!(billed(&recording).total(), billed_of_one());
    Ok(())
}
