//! What a request asks of the model, from its JSON.

use std::{borrow::Cow, collections::BTreeMap};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::endpoint::Endpoint;
use crate::{generation::Generation, key};

/// The fields of a request as the text that they are: what is only passed on is not even parsed.
pub(in crate::tower) struct Question<'a> {
    fields: BTreeMap<Cow<'a, str>, &'a RawValue>,
    bytes: usize,
}

/// Parameters that Langfuse shows, or prices by, under OpenTelemetry's names or their own.
const WORDS: [(&str, &str); 2] = [
    ("reasoning_effort", "gen_ai.request.reasoning_effort"),
    ("speed", "gen_ai.request.speed"),
];

impl<'a> Question<'a> {
    /// A body that is no JSON object asks nothing that could be told.
    pub(in crate::tower) fn read(body: &'a [u8]) -> Self {
        Self {
            fields: serde_json::from_slice(body).unwrap_or_default(),
            bytes: body.len(),
        }
    }

    pub(super) fn generation(
        &self,
        provider: Cow<'static, str>,
        endpoint: &Endpoint,
        estimates: bool,
    ) -> Generation {
        let model: Option<String> = self.get("model");
        let model = model.or_else(|| endpoint.deployment.clone());
        let model = model.unwrap_or_else(|| "unknown".to_owned());
        let provider = match provider {
            Cow::Borrowed(provider) => provider.into(),
            Cow::Owned(provider) => provider,
        };
        let mut generation = Generation::new(provider, model).operation(endpoint.operation);
        if let Some(input) = self.input() {
            generation = generation.input(input);
        }
        let limits = ["max_completion_tokens", "max_output_tokens", "max_tokens"];
        let estimates = estimates && !self.goes_on();
        if let Some(most) = limits.iter().find_map(|limit| self.get::<u64>(limit)) {
            // Each of several choices may have so many; a budget has to reserve them all.
            let of_all = most.saturating_mul(self.choices());
            generation = generation.max_tokens(of_all);
            if of_all != most {
                generation = generation.attribute(key::REQUEST_MAX_TOKENS, most);
            }
            if estimates {
                generation = generation.estimate(of_all.saturating_add(self.bytes as u64));
            }
        } else if estimates && endpoint.operation == "embeddings" && self.bytes > 0 {
            generation = generation.estimate(self.bytes as u64);
        }
        self.parameters(generation)
    }

    /// How many answers are made, shown or not.
    fn choices(&self) -> u64 {
        let counts = ["n", "best_of"].map(|name| self.get(name).unwrap_or(1));
        counts.into_iter().fold(1, u64::max)
    }

    /// Whether the model is given more than stands in the request: what the server has stored of a
    /// conversation, or a prompt that it keeps.
    fn goes_on(&self) -> bool {
        let stored = ["previous_response_id", "conversation"];
        let is_kept = |prompt: &str| prompt.starts_with('{');
        stored.iter().any(|name| self.raw(name).is_some())
            || self.raw("prompt").is_some_and(is_kept)
    }

    fn parameters(&self, mut generation: Generation) -> Generation {
        macro_rules! take {
            ($($name:literal => $setter:ident),+ $(,)?) => {$(
                if let Some(value) = self.get($name) {
                    generation = generation.$setter(value);
                }
            )+};
        }
        take! {
            "temperature" => temperature,
            "top_p" => top_p,
            "top_k" => top_k,
            "frequency_penalty" => frequency_penalty,
            "presence_penalty" => presence_penalty,
            "seed" => seed,
            "stream" => stream,
        }
        if let Some(count) = self.get::<u64>("n") {
            generation = generation.attribute("gen_ai.request.choice.count", count);
        }
        if let Some(tier) = self.get::<String>("service_tier") {
            generation = generation.service_tier(tier);
        }
        for (name, key) in WORDS {
            if let Some(word) = self.get::<String>(name) {
                generation = generation.attribute(key, word);
            }
        }
        let stops = ["stop", "stop_sequences"];
        match stops.iter().find_map(|name| self.get::<Stop>(name)) {
            Some(Stop(sequences)) => generation.stop(sequences),
            None => generation,
        }
    }

    /// The messages as they are; with what stands beside them, if anything does.
    fn input(&self) -> Option<String> {
        let (name, asked) = ["messages", "input", "prompt"]
            .iter()
            .find_map(|name| Some((*name, self.raw(name)?)))?;
        let mut asked = Cow::Borrowed(asked);
        // Anthropic's system prompt is no message; as one it is shown where it belongs.
        if name == "messages"
            && let Some(system) = self.raw("system")
            && let Some(messages) = asked.strip_prefix('[')
        {
            let is_empty = messages.trim_start().starts_with(']');
            let comma = if is_empty { "" } else { "," };
            asked = format!(r#"[{{"role":"system","content":{system}}}{comma}{messages}"#).into();
        }
        let beside = ["instructions", "tools"]
            .iter()
            .filter_map(|name| Some((*name, self.raw(name)?)));
        let mut beside = beside.peekable();
        if beside.peek().is_none() {
            // A text alone is shown as such, not as JSON.
            return Some(serde_json::from_str(&asked).unwrap_or_else(|_| asked.into_owned()));
        }
        let mut whole = format!(r#"{{"{name}":{asked}"#);
        for (name, value) in beside {
            whole.extend([r#",""#, name, r#"":"#, value]);
        }
        whole.push('}');
        Some(whole)
    }

    /// A field that is there and not null.
    fn raw(&self, name: &str) -> Option<&'a str> {
        let text = self.fields.get(name)?.get();
        (text != "null").then_some(text)
    }

    /// A field, if it is of that type.
    fn get<T: Deserialize<'a>>(&self, name: &str) -> Option<T> {
        serde_json::from_str(self.raw(name)?).ok()
    }
}

/// One sequence, or several.
struct Stop(Vec<String>);

impl<'de> Deserialize<'de> for Stop {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?.get();
        let several = serde_json::from_str(raw);
        let sequences = several.or_else(|_| serde_json::from_str(raw).map(|one| vec![one]));
        sequences.map(Self).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn input(body: &str) -> Option<String> {
        Question::read(body.as_bytes()).input()
    }

    #[test]
    fn the_input_is_what_was_asked_in_its_own_words() {
        let messages = r#"[{"role":"user", "content":"Hi"}]"#;

        assert_eq!(
            input(&format!(r#"{{"messages": {messages}}}"#)).as_deref(),
            Some(messages)
        );
        assert_eq!(
            input(r#"{"input": "a \"flat\" white"}"#).as_deref(),
            Some(r#"a "flat" white"#)
        );
        assert_eq!(
            input(r#"{"system": "Be short.", "messages": []}"#).as_deref(),
            Some(r#"[{"role":"system","content":"Be short."}]"#)
        );
        assert_eq!(
            input(r#"{"input": "Hi", "instructions": "Be short.", "tools": [1]}"#).as_deref(),
            Some(r#"{"input":"Hi","instructions":"Be short.","tools":[1]}"#)
        );
        assert_eq!(input(r#"{"messages": null}"#), None);
        assert_eq!(input("no json"), None);
    }

    proptest! {
        #[test]
        fn what_is_noted_of_json_is_json(
            messages in prop::collection::vec(".*", 0..4),
            system in proptest::option::of(".*"),
            tools in any::<bool>(),
        ) {
            let body = serde_json::json!({
                "messages": messages,
                "system": system,
                "tools": tools.then_some([1]),
            });
            let body = body.to_string();

            let noted = input(&body).unwrap();

            let noted: serde_json::Value = serde_json::from_str(&noted).unwrap();
            let said = if tools { &noted["messages"] } else { &noted };
            let first = usize::from(system.is_some());
            prop_assert_eq!(said.as_array().unwrap().len(), messages.len() + first);
            for (index, message) in messages.iter().enumerate() {
                prop_assert_eq!(said[index + first].as_str(), Some(message.as_str()));
            }
        }

        #[test]
        fn no_body_makes_it_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let endpoint = Endpoint::of(&http::Method::POST, "/messages").unwrap();
            drop(Question::read(&body).generation("x".into(), &endpoint, true));
        }
    }
}
