//! The model: chat completions over HTTP in OpenAI's shape, observed and tried again.

use std::{env, time::Duration};

use o11y_core::{Call, Context, Generation, InclusiveUsage, Usage, attributes, event};
use reqwest::{Client, Response};
use serde::Serialize;
use serde_json::{
    Value as Json, json,
    value::{RawValue, to_raw_value},
};

use crate::{error::ShopError, script};

const MAX_ATTEMPTS: u32 = 3;
const MAX_TOKENS: u64 = 150;
const TEMPERATURE: f64 = 0.2;

#[derive(Debug, Serialize)]
pub struct Message {
    pub role: &'static str,
    pub content: String,
}

impl Message {
    pub fn system(content: impl Into<String>) -> Self {
        let (role, content) = ("system", content.into());
        Self { role, content }
    }

    pub fn user(content: impl Into<String>) -> Self {
        let (role, content) = ("user", content.into());
        Self { role, content }
    }
}

/// What the model said, and what it took.
#[derive(Debug, Default)]
pub struct Answer {
    pub text: String,
    pub usage: Usage,
    pub attempts: u32,
}

pub struct Llm {
    http: Client,
    base_url: String,
    key: String,
    model: String,
    is_scripted: bool,
}

impl Llm {
    /// The endpoint of the environment, or else one on loopback that answers from a script.
    #[expect(clippy::disallowed_methods, reason = "meant for the libraries")]
    pub async fn from_env() -> anyhow::Result<Self> {
        // The client leaves it to us what TLS is made with. It can be installed only once, and
        // whoever was first will do.
        _ = rustls::crypto::ring::default_provider().install_default();
        let http = Client::builder().timeout(Duration::from_secs(60));
        let set = |name| env::var(name).ok().filter(|value| !value.is_empty());
        let model = set("OPENAI_MODEL").unwrap_or_else(|| "gpt-4o-mini".to_owned());
        Ok(match set("OPENAI_BASE_URL") {
            Some(base_url) => Self {
                http: http.build()?,
                base_url: base_url.trim_end_matches('/').to_owned(),
                key: set("OPENAI_API_KEY").unwrap_or_default(),
                model,
                is_scripted: false,
            },
            None => Self {
                http: http.no_proxy().build()?,
                base_url: script::serve().await?,
                key: "none".to_owned(),
                model: "gpt-4o-mini".to_owned(),
                is_scripted: true,
            },
        })
    }

    pub fn model(&self) -> &str {
        &self.model
    }

    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    pub fn is_scripted(&self) -> bool {
        self.is_scripted
    }

    /// Asks, and asks again if the model is only busy.
    pub async fn ask(&self, messages: &[Message], format: Format) -> Result<Answer, ShopError> {
        // Serialised once, for the request and for telemetry.
        let prompt =
            to_raw_value(messages).map_err(|error| ShopError::Senseless(error.to_string()))?;
        let mut attempt = 1;
        loop {
            let error = match self.attempt(&prompt, format, attempt).await {
                Err(error) if error.is_transient() && attempt < MAX_ATTEMPTS => error,
                outcome => return outcome,
            };
            let wait = match error {
                ShopError::Status { wait, .. } => wait,
                _ => None,
            }
            .unwrap_or(Duration::from_millis(200) * attempt);
            attempt += 1;
            event(
                "llm.retry",
                attributes! {
                    "reason" => error.to_string(),
                    "attempt" => attempt,
                    "wait_ms" => wait.as_millis(),
                },
            );
            tokio::time::sleep(wait).await;
        }
    }

    /// One call, which is one observation of type generation, whether it succeeds, fails or is
    /// refused.
    async fn attempt(
        &self,
        prompt: &RawValue,
        format: Format,
        attempt: u32,
    ) -> Result<Answer, ShopError> {
        let generation = Generation::new("openai", self.model())
            .input(prompt.get())
            .temperature(TEMPERATURE)
            .max_tokens(MAX_TOKENS)
            .estimate(estimate(prompt));
        Context::generation(generation, async |call| -> Result<Answer, ShopError> {
            let response = self.post(prompt, format, attempt).await?;
            let usage = note(call, &response);
            match response["choices"][0]["message"]["content"].as_str() {
                Some(text) => Ok(Answer {
                    text: text.to_owned(),
                    usage,
                    attempts: attempt,
                }),
                None => Err(ShopError::Senseless("there is no text in it".to_owned())),
            }
        })
        .await
    }

    async fn post(
        &self,
        prompt: &RawValue,
        format: Format,
        attempt: u32,
    ) -> Result<Json, ShopError> {
        let request = ChatRequest {
            model: &self.model,
            messages: prompt,
            temperature: TEMPERATURE,
            max_tokens: MAX_TOKENS,
            response_format: match format {
                Format::Text => None,
                Format::Json => Some(json!({ "type": "json_object" })),
            },
        };
        let response = self
            .http
            .post(format!("{}/chat/completions", self.base_url))
            .bearer_auth(&self.key)
            .header("x-retry-count", attempt - 1)
            .json(&request)
            .send()
            .await?;
        if !response.status().is_success() {
            return Err(ShopError::Status {
                status: response.status(),
                wait: wait_of(&response),
            });
        }
        Ok(response.json().await?)
    }
}

#[derive(Serialize)]
struct ChatRequest<'a> {
    model: &'a str,
    messages: &'a RawValue,
    temperature: f64,
    max_tokens: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<Json>,
}

/// What the answer is to look like.
#[derive(Debug, Clone, Copy)]
pub enum Format {
    Text,
    Json,
}

/// Notes what the model said and used.
///
/// `call.record_response(response)` does all of this and more in one line. It has to turn whatever
/// it is given into JSON first, which takes three microseconds; by hand it takes a fraction of one.
pub fn note(call: &mut Call<'_>, response: &Json) -> Usage {
    let tokens = |pointer| {
        response
            .pointer(pointer)
            .and_then(Json::as_u64)
            .unwrap_or(0)
    };
    let usage = Usage::from_inclusive(InclusiveUsage {
        input: tokens("/usage/prompt_tokens"),
        cached: tokens("/usage/prompt_tokens_details/cached_tokens"),
        output: tokens("/usage/completion_tokens"),
        reasoning: tokens("/usage/completion_tokens_details/reasoning_tokens"),
        ..InclusiveUsage::default()
    });
    call.set_response_model(&response["model"]);
    call.set_output(&response["choices"][0]["message"]["content"]);
    call.set_usage(usage);
    usage
}

/// An upper bound of what a call takes, for budgets: four letters make about one token.
fn estimate(prompt: &RawValue) -> u64 {
    prompt.get().len() as u64 / 4 + MAX_TOKENS
}

fn wait_of(response: &Response) -> Option<Duration> {
    let number = |name| response.headers().get(name)?.to_str().ok()?.parse().ok();
    let milliseconds = number("retry-after-ms").map(Duration::from_millis);
    milliseconds.or_else(|| number("retry-after").map(Duration::from_secs))
}
