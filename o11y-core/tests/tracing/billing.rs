//! A call is billed once, and told to subscribers once.

use std::sync::{Arc, Mutex};

use o11y_core::{
    Context, Event, EventBus, Generation, GenerationError, Telemetry, TracingLayer, Usage, key,
    testing::Recording,
};
use tracing::{field::Empty, info_span};

use crate::support::{alone, recorded, text, usage, with};

macro_rules! call {
    ($name:literal, $tokens:expr) => {
        info_span!(
            $name,
            gen_ai.operation.name = "chat",
            gen_ai.provider.name = "openai",
            gen_ai.request.model = "gpt-4o-mini",
            gen_ai.usage.input_tokens = $tokens,
            gen_ai.usage.output_tokens = 1,
            error = Empty,
        )
    };
}

/// What an event says, in the order of the keys.
type Said = Vec<(String, String)>;

/// What subscribers hear, in order: the name, and what is said.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<(String, Said)>>>);

impl Heard {
    fn listen(&self, bus: &EventBus) {
        let heard = self.0.clone();
        let take_down = move |event: &Event| {
            let said = event.attributes().iter();
            let mut said: Vec<_> = said
                .map(|(key, value)| (key.to_owned(), value.to_string()))
                .collect();
            said.sort();
            heard.lock().unwrap().push((event.name().to_owned(), said));
        };
        bus.subscribe("*.*", take_down).detach();
    }

    fn names(&self) -> Vec<String> {
        let heard = self.0.lock().unwrap();
        heard.iter().map(|(name, _)| name.clone()).collect()
    }
}

fn heard_in(layer: TracingLayer, f: impl FnOnce()) -> (Heard, Recording) {
    let (heard, recording) = (Heard::default(), Recording::new());
    heard.listen(recording.events());
    recording.run(|| tracing::dispatcher::with_default(&with(layer), f));
    (heard, recording)
}

#[test]
fn an_agents_sum_is_metadata() {
    let _alone = alone();
    let recording = recorded(|| {
        let agent = info_span!(
            "invoke_agent",
            gen_ai.operation.name = "invoke_agent",
            gen_ai.agent.name = "barista",
            gen_ai.request.model = "gpt-4o-mini",
            gen_ai.usage.input_tokens = 30,
            gen_ai.usage.output_tokens = 3,
            gen_ai.usage.cost = 0.25,
        );
        agent.in_scope(|| drop(call!("chat", 30)));
    });

    let agent = recording.one("invoke_agent barista");
    assert_eq!(usage(&agent), None);
    assert_eq!(agent.attribute(key::COST), None);
    assert_eq!(agent.attribute(key::REQUEST_MODEL), None);
    assert_eq!(text(&agent, "run.usage.input_tokens"), "30");
    assert_eq!(text(&agent, "run.cost_usd"), "0.25");
    assert_eq!(text(&agent, "run.model"), "gpt-4o-mini");
    assert_eq!(
        usage(&recording.one("chat")).map(|usage| usage.total()),
        Some(31)
    );
}

#[test]
fn of_two_calls_in_each_other_the_inner_one_bills() {
    let _alone = alone();
    let (heard, recording) = heard_in(TracingLayer::new(), || {
        call!("outer", 10).in_scope(|| {
            info_span!("plan", gen_ai.operation.name = "plan")
                .in_scope(|| drop(call!("inner", 10)));
        });
    });

    assert_eq!(
        recording.outline().with(["run.usage.input_tokens"]),
        "chain outer run.usage.input_tokens=10\n  chain plan\n    generation inner\n"
    );
    assert_eq!(heard.names(), ["llm.generate", "lm.tokens"]);
}

#[test]
fn inside_of_a_call_of_our_own_a_call_is_shown_and_not_billed() {
    let _alone = alone();
    let (heard, recording) = heard_in(TracingLayer::new(), || {
        let request = Generation::new("openai", "gpt-4o-mini");
        let answer = Context::generation_blocking(request, |ours| {
            let agent = info_span!("agent", gen_ai.operation.name = "invoke_agent");
            agent.in_scope(|| drop(call!("theirs", 10)));
            ours.set_usage(Usage::new().input(10).output(1));
            Ok::<_, GenerationError<std::io::Error>>(())
        });
        assert!(answer.is_ok());
    });

    assert_eq!(
        recording
            .outline()
            .with(["run.usage.input_tokens", "run.model"]),
        "generation llm.generate\n\
         \x20 agent agent\n\
         \x20   span theirs run.model=gpt-4o-mini run.usage.input_tokens=10\n"
    );
    assert_eq!(usage(&recording.one("theirs")), None);
    assert_eq!(heard.names(), ["llm.request", "llm.generate", "lm.tokens"]);
}

#[test]
fn a_call_below_a_tool_of_our_own_bills_even_if_a_call_is_around_that() {
    let _alone = alone();
    let (heard, _recording) = heard_in(TracingLayer::new(), || {
        let request = Generation::new("openai", "gpt-4o-mini");
        let answer = Context::generation_blocking(request, |_ours| {
            Context::with_span("tool", |_span| drop(call!("theirs", 10)));
            Ok::<_, GenerationError<std::io::Error>>(())
        });
        assert!(answer.is_ok());
    });

    assert_eq!(
        heard.names(),
        ["llm.request", "llm.generate", "lm.tokens", "llm.generate"]
    );
}

#[test]
fn the_end_of_a_call_is_told_as_that_of_our_own_is() {
    let _alone = alone();
    let (ours, _) = heard_in(TracingLayer::new(), || {
        let request = Generation::new("openai", "gpt-4o-mini");
        let answer = Context::generation_blocking(request, |call| {
            call.set_usage(Usage::new().input(10).output(1));
            Ok::<_, GenerationError<std::io::Error>>(())
        });
        assert!(answer.is_ok());
    });
    let (theirs, recording) = heard_in(TracingLayer::new(), || drop(call!("chat", 10_u64)));

    let end_of = |heard: &Heard| {
        let heard = heard.0.lock().unwrap();
        let (_, said) = heard
            .iter()
            .find(|(name, _)| name == "llm.generate")
            .unwrap();
        said.clone()
    };
    let span = recording.one("chat").span_id().to_string();
    let (ours, theirs) = (end_of(&ours), end_of(&theirs));
    assert!(theirs.contains(&(key::CALL_ID.to_owned(), span)));
    let constant = |said: Said| -> Said {
        let changing = [key::CALL_ID, key::DURATION_MS, key::RETRIES];
        let mut said = said;
        said.retain(|(name, _)| !changing.contains(&name.as_str()));
        said
    };
    assert_eq!(constant(theirs), constant(ours));
}

#[test]
fn a_failed_call_is_told_as_an_error_and_silence_is_kept_where_asked_for() {
    let _alone = alone();
    let fail = || {
        let call = call!("chat", 10);
        call.record("error", tracing::field::display("busy"));
    };
    let (heard, _) = heard_in(TracingLayer::new(), fail);
    let (silent, recording) = heard_in(TracingLayer::new().emit_events(false), fail);

    assert_eq!(heard.names(), ["llm.error", "lm.tokens"]);
    assert!(silent.names().is_empty());
    assert_eq!(recording.outline(), "generation chat [ERROR: busy]\n");
}

#[test]
fn budgets_hear_of_calls_while_nothing_is_recorded() {
    let _alone = alone();
    let (heard, bus) = (Heard::default(), EventBus::new());
    heard.listen(&bus);

    Telemetry::events_only(bus).run(|| {
        tracing::dispatcher::with_default(&with(TracingLayer::new()), || drop(call!("chat", 10)));
    });

    assert_eq!(heard.names(), ["llm.generate", "lm.tokens"]);
}
