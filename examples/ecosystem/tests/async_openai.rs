//! async-openai 0.43 has no spans: its calls are observed by a closure of ours, and nothing twice.

use async_openai::{
    Client,
    config::OpenAIConfig,
    types::chat::{ChatCompletionRequestUserMessageArgs, CreateChatCompletionRequestArgs},
};
use o11y_core::{Context, Generation, testing::Recording};
use o11y_ecosystem::{billed, recorded_among_others, serve, usage_of_an_answer};

#[tokio::test]
async fn a_call_in_a_closure_of_ours_is_the_only_observation() -> anyhow::Result<()> {
    let recording = Recording::new();

    recorded_among_others(&recording, async {
        let config = OpenAIConfig::new()
            .with_api_base(serve().await?)
            .with_api_key("none");
        let client = Client::with_config(config);
        let message = ChatCompletionRequestUserMessageArgs::default()
            .content("What shall I drink?")
            .build()?;
        let request = CreateChatCompletionRequestArgs::default()
            .model("gpt-4o-mini")
            .messages([message.into()])
            .build()?;
        Context::generation(
            Generation::new("openai", "gpt-4o-mini"),
            async |call| -> anyhow::Result<()> {
                let answer = client.chat().create(request).await?;
                call.record_response(&answer);
                Ok(())
            },
        )
        .await
    })
    .await?;

    assert_eq!(recording.outline(), "generation llm.generate\n");
    assert_eq!(billed(&recording), usage_of_an_answer());
    Ok(())
}
