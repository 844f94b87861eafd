//! The tokens that a span states, from field to usage.

use serde_json::Value as Json;

use crate::{
    generation::response,
    usage::{InclusiveUsage, Usage},
    value::Value,
};

/// A count that a span can state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Input,
    Output,
    Cached,
    CacheCreation,
    Reasoning,
    Total,
}

impl Class {
    const ALL: [Self; 6] = [
        Self::Input,
        Self::Output,
        Self::Cached,
        Self::CacheCreation,
        Self::Reasoning,
        Self::Total,
    ];

    /// The class of a field, by its name after `gen_ai.usage.`, old spellings included.
    pub(super) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "input_tokens" | "prompt_tokens" => Self::Input,
            "output_tokens" | "completion_tokens" => Self::Output,
            "cache_read.input_tokens" | "cache_read_input_tokens" | "cached_tokens" => Self::Cached,
            "cache_creation.input_tokens" | "cache_creation_input_tokens" => Self::CacheCreation,
            "reasoning.output_tokens" | "reasoning_tokens" => Self::Reasoning,
            "total_tokens" => Self::Total,
            _ => return None,
        })
    }

    /// Where the sum that a run states of its calls is kept: under no name that anybody bills.
    const fn of_run(self) -> &'static str {
        match self {
            Self::Input => "run.usage.input_tokens",
            Self::Output => "run.usage.output_tokens",
            Self::Cached => "run.usage.cached_tokens",
            Self::CacheCreation => "run.usage.cache_creation_tokens",
            Self::Reasoning => "run.usage.reasoning_tokens",
            Self::Total => "run.usage.total_tokens",
        }
    }
}

/// What was counted, as far as it was stated.
#[derive(Default)]
pub(super) struct Tokens {
    counts: [Option<u64>; Class::ALL.len()],
    /// Stated as a whole, in the words of a provider.
    usage: Option<Usage>,
}

impl Tokens {
    /// Notes a count; later statements replace earlier ones. What is no count changes nothing.
    pub(super) fn state(&mut self, class: Class, value: &Value) {
        let parsed = || value.as_str().and_then(|text| text.trim().parse().ok());
        if let Some(count) = value.as_u64().or_else(parsed) {
            self.counts[class as usize] = Some(count);
        }
    }

    /// Notes a provider's usage object as JSON text.
    pub(super) fn state_whole(&mut self, json: &Value) {
        let json: Option<Json> = json
            .as_str()
            .and_then(|text| serde_json::from_str(text).ok());
        if let Some(usage) =
            json.and_then(|usage| response::usage_in(&serde_json::json!({ "usage": usage })))
        {
            self.usage = Some(usage);
        }
    }

    fn get(&self, class: Class) -> u64 {
        self.counts[class as usize].unwrap_or(0)
    }

    /// The tokens in classes that do not overlap; none if neither input nor output was stated.
    ///
    /// By the conventions input includes what was cached and output what was thought, and rig and
    /// genai add them up so for every provider. Parts that are larger than their sum were not in it:
    /// whoever wrote them passed on Anthropic's or Gemini's own counts.
    pub(super) fn usage(&self) -> Option<Usage> {
        if self.usage.is_some() {
            return self.usage;
        }
        if self.counts[..2].iter().all(Option::is_none) {
            return None;
        }
        let (cached, cache_creation) = (self.get(Class::Cached), self.get(Class::CacheCreation));
        let reasoning = self.get(Class::Reasoning);
        let (mut input, mut output) = (self.get(Class::Input), self.get(Class::Output));
        let in_cache = cached.saturating_add(cache_creation);
        if in_cache > input {
            input = input.saturating_add(in_cache);
        }
        if reasoning > output {
            output = output.saturating_add(reasoning);
        }
        Some(Usage::from_inclusive(InclusiveUsage {
            input,
            cached,
            cache_creation,
            output,
            reasoning,
            ..InclusiveUsage::default()
        }))
    }

    /// The same as metadata of a run, which is not billed.
    pub(super) fn of_run(&self) -> impl Iterator<Item = (&'static str, Value)> {
        let whole = self.usage.unwrap_or_default();
        let stated = self.usage.is_some();
        Class::ALL.into_iter().filter_map(move |class| {
            let of_whole = match class {
                Class::Input => whole.input_total(),
                Class::Output => whole.output_total(),
                Class::Cached => whole.get_cached(),
                Class::CacheCreation => whole.get_cache_creation(),
                Class::Reasoning => whole.get_reasoning(),
                Class::Total => whole.total(),
            };
            let count =
                self.counts[class as usize].or((stated && of_whole > 0).then_some(of_whole))?;
            Some((class.of_run(), count.into()))
        })
    }
}
