//! What the agent can do. Each tool is a span of type tool, named after it.

use std::time::Duration;

use o11y_core::{Context, ObservationType, SpanSpec, attributes, event};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// One action with what it needs; the model's JSON is read straight into it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    MakeDrink { drink: String },
    Refund { amount: f64 },
    CallManager { reason: String },
    Joke { topic: String },
}

impl Action {
    pub fn name(&self) -> &'static str {
        match self {
            Self::MakeDrink { .. } => "make_drink",
            Self::Refund { .. } => "refund",
            Self::CallManager { .. } => "call_manager",
            Self::Joke { .. } => "joke",
        }
    }

    /// How long it takes in this shop, where time runs a thousand times faster.
    fn takes(&self) -> Duration {
        Duration::from_millis(match self {
            Self::MakeDrink { .. } => 90,
            Self::Refund { .. } => 30,
            Self::CallManager { .. } => 120,
            Self::Joke { .. } => 10,
        })
    }

    fn result(&self) -> serde_json::Value {
        match self {
            Self::MakeDrink { drink } => json!({ "served": drink, "temperature_celsius": 62 }),
            Self::Refund { amount } => json!({ "refunded": amount, "receipt": "R-1107" }),
            Self::CallManager { reason } => json!({ "manager": "Robin", "told": reason }),
            Self::Joke { topic } => json!({
                "topic": topic,
                "joke": "Why did the espresso keep checking its watch? It was pressed for time.",
            }),
        }
    }
}

/// Carries out the action and returns its result as JSON text.
pub async fn carry_out(action: &Action) -> String {
    let tool = SpanSpec::new(action.name())
        .observation(ObservationType::Tool)
        .input(action);
    Context::with_span_async(tool, async |span| {
        tokio::time::sleep(action.takes()).await;
        let result = action.result().to_string();
        event(
            "tool.complete",
            attributes! { "tool" => action.name(), "result" => &*result },
        );
        span.set_output(&*result);
        result
    })
    .await
}
