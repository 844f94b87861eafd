//! The agent: customers come in, and each of them becomes one trace.

use o11y_core::{
    Context, ObservationType, Span, SpanSpec, TraceAttributes, TraceId, Usage, attributes, event,
};
use serde::{Deserialize, Serialize};

use crate::{
    error::ShopError,
    llm::{Answer, Format, Llm, Message},
    tools::{self, Action},
};

#[derive(Debug, Clone, Serialize)]
pub struct Customer {
    pub name: &'static str,
    pub mood: &'static str,
    pub time_of_day: &'static str,
    pub says: &'static str,
}

/// What the model thought, and what it wants done.
#[derive(Debug, Serialize, Deserialize)]
pub struct Decision {
    pub reasoning: String,
    #[serde(flatten)]
    pub action: Action,
}

/// A customer who was served.
#[derive(Debug)]
pub struct Served {
    pub decision: Decision,
    pub result: String,
    pub answer: String,
    pub usage: Usage,
    /// How often the model was asked for the decision, and for the answer.
    pub attempts: [u32; 2],
}

/// A customer who came in, served or not.
#[derive(Debug)]
pub struct Visit {
    pub customer: Customer,
    pub trace_id: Option<TraceId>,
    pub outcome: Result<Served, ShopError>,
}

pub struct Shop {
    llm: Llm,
}

impl Shop {
    pub fn new(llm: Llm) -> Self {
        Self { llm }
    }

    /// One customer, one trace: who it is about is said once and stands on every span below.
    pub async fn handle_customer(&self, customer: &Customer, run: &'static str) -> Visit {
        let mut trace_id = None;
        let outcome = Context::with_trace_async(trace_of(customer, run), async || {
            let agent = SpanSpec::new("coffee_shop.handle_customer")
                .observation(ObservationType::Agent)
                .input(customer);
            Context::try_with_span_async(agent, async |span| {
                trace_id = span.context().trace_id();
                self.serve(customer, span).await
            })
            .await
        })
        .await;
        Visit {
            customer: customer.clone(),
            trace_id,
            outcome,
        }
    }

    /// Think, act, answer. Each `?` also ends the span as failed, with the error's message.
    async fn serve(&self, customer: &Customer, span: &mut Span) -> Result<Served, ShopError> {
        event(
            "customer.arrived",
            attributes! {
                "customer" => customer.name,
                "mood" => customer.mood,
                "time_of_day" => customer.time_of_day,
            },
        );
        let (decision, thought) = self.think(customer).await?;
        let result = tools::carry_out(&decision.action).await;
        event(
            "react.iteration_complete",
            attributes! {
                "iteration" => 1,
                "action" => decision.action.name(),
            },
        );
        let said = self.answer(customer, &decision, &result).await?;
        span.set_output(&said.text);
        Ok(Served {
            decision,
            result,
            answer: said.text,
            usage: thought.usage + said.usage,
            attempts: [thought.attempts, said.attempts],
        })
    }

    /// The chain of thought: what does this customer need?
    async fn think(&self, customer: &Customer) -> Result<(Decision, Answer), ShopError> {
        let chain = SpanSpec::new("chain_of_thought")
            .observation(ObservationType::Chain)
            .input(customer.says);
        Context::try_with_span_async(chain, async |span| {
            let answer = self.llm.ask(&question(customer), Format::Json).await?;
            let decision = decision_in(&answer.text)?;
            event(
                "chain_of_thought.reasoning_complete",
                attributes! {
                    "action" => decision.action.name(),
                    "reasoning" => &*decision.reasoning,
                },
            );
            span.set_output(&decision);
            Ok((decision, answer))
        })
        .await
    }

    async fn answer(
        &self,
        customer: &Customer,
        decision: &Decision,
        result: &str,
    ) -> Result<Answer, ShopError> {
        let messages = report(customer, &decision.action, result);
        self.llm.ask(&messages, Format::Text).await
    }
}

/// What stands on every span of this customer's trace.
pub fn trace_of(customer: &Customer, run: &'static str) -> TraceAttributes {
    TraceAttributes::new()
        .name("coffee_shop")
        .user(customer.name)
        .session(run)
        .tag("coffee_shop")
        .tag(run)
        .metadata("mood", customer.mood)
        .metadata("time_of_day", customer.time_of_day)
}

const ROLE: &str = "You work at the counter of a small coffee shop. You are quick, kind and fair.";

const ACTIONS: &str = "\
Think step by step, then pick one action. Answer with one JSON object: `reasoning` in a sentence, \
`action`, and what the action needs:
- `make_drink`: `drink`;
- `refund`: `amount` in dollars, when we were wrong;
- `call_manager`: `reason`, when only a person can help;
- `joke`: `topic`, for whoever needs cheering up.";

pub fn question(customer: &Customer) -> [Message; 2] {
    [
        Message::system(format!("{ROLE} {ACTIONS}")),
        Message::user(situation(customer)),
    ]
}

pub fn report(customer: &Customer, action: &Action, result: &str) -> [Message; 2] {
    let (done, name) = (action.name(), customer.name);
    [
        Message::system(ROLE),
        Message::user(format!(
            "{} You did {done}, with this result: {result}. Tell {name} in one sentence.",
            situation(customer),
        )),
    ]
}

fn situation(customer: &Customer) -> String {
    let Customer {
        name,
        mood,
        time_of_day,
        says,
    } = customer;
    format!("It is {time_of_day}. {name} comes in, {mood}, and says: \"{says}\"")
}

/// Models like to wrap their JSON, so only what lies between the outer braces is read.
fn decision_in(text: &str) -> Result<Decision, ShopError> {
    let json = match (text.find('{'), text.rfind('}')) {
        (Some(start), Some(end)) if start < end => &text[start..=end],
        _ => text,
    };
    serde_json::from_str(json).map_err(|error| ShopError::Senseless(error.to_string()))
}

pub const CUSTOMERS: [Customer; 6] = [
    Customer {
        name: "Ada",
        mood: "cheerful",
        time_of_day: "early morning",
        says: "A flat white, please. It smells wonderful in here!",
    },
    Customer {
        name: "Boris",
        mood: "grumpy",
        time_of_day: "morning",
        says: "This cappuccino is cold. I want my money back.",
    },
    Customer {
        name: "Chandra",
        mood: "tired",
        time_of_day: "noon",
        says: "An oat latte, the largest you have. It has been a day.",
    },
    Customer {
        name: "Dolores",
        mood: "furious",
        time_of_day: "noon",
        says: "Forty minutes! I want to talk to whoever is in charge.",
    },
    Customer {
        name: "Emil",
        mood: "bored",
        time_of_day: "afternoon",
        says: "My bus is late again. Make me laugh, will you?",
    },
    Customer {
        name: "Gus",
        mood: "puzzled",
        time_of_day: "closing time",
        says: "You charged me twice for one cortado. My money back, please?",
    },
];
