//! Tokens and cost as Langfuse adds and prices them: JSON text of disjoint classes with a total,
//! from our own types, from the words of the GenAI conventions, or from text of the user's.

use o11y_core::{Cost, Usage, ValueRef};
use serde_json::{Map, Value as Json};

/// The prefix of the GenAI conventions' counts.
pub(super) const RAW: &str = "gen_ai.usage.";

/// The largest whole number that JavaScript has; a larger one is no count to the server.
pub(crate) const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// A class of tokens, or what else is said in the same breath.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Input,
    Cached,
    CacheCreation,
    InputAudio,
    Output,
    Reasoning,
    OutputAudio,
    Total,
}

impl Class {
    const COUNT: usize = 8;

    /// The names in use: newest conventions, older ones, `OpenAI`'s and Anthropic's objects, and
    /// Langfuse's own.
    fn of(name: &str) -> Option<Self> {
        let name = name.strip_prefix("details.").unwrap_or(name);
        Some(match name {
            "input_tokens" | "prompt_tokens" | "prompt" | "input" => Self::Input,
            "output_tokens" | "completion_tokens" | "completion" | "output" => Self::Output,
            "total_tokens" | "total" => Self::Total,
            "cache_read.input_tokens"
            | "cache_read_input_tokens"
            | "cache_read_tokens"
            | "cached_tokens"
            | "cached_input_tokens"
            | "prompt_details.cache_read"
            | "prompt_tokens_details.cached_tokens"
            | "input_tokens_details.cached_tokens"
            | "input_cached_tokens" => Self::Cached,
            "cache_creation.input_tokens"
            | "cache_creation_input_tokens"
            | "cache_creation_tokens"
            | "cache_write_tokens"
            | "prompt_details.cache_write"
            | "input_cache_creation" => Self::CacheCreation,
            "prompt_details.audio"
            | "prompt_tokens_details.audio_tokens"
            | "input_tokens_details.audio_tokens"
            | "input_audio_tokens" => Self::InputAudio,
            "reasoning.output_tokens"
            | "reasoning_output_tokens"
            | "reasoning_tokens"
            | "completion_details.reasoning"
            | "completion_tokens_details.reasoning_tokens"
            | "output_tokens_details.reasoning_tokens"
            | "output_reasoning_tokens" => Self::Reasoning,
            "completion_details.audio"
            | "completion_tokens_details.audio_tokens"
            | "output_tokens_details.audio_tokens"
            | "output_audio_tokens" => Self::OutputAudio,
            _ => return None,
        })
    }
}

/// Counts as somebody told them, whose classes may overlap.
#[derive(Debug, Default)]
pub(super) struct Told {
    counts: [Option<u64>; Class::COUNT],
    cost: Option<Cost>,
}

/// What an attribute of the conventions says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    Usage,
    Cost,
    /// Nothing that could be counted.
    Nothing,
}

impl Told {
    /// Notes what an attribute of the GenAI conventions says.
    pub(super) fn note(&mut self, key: &str, value: ValueRef<'_>) -> Said {
        let name = key.strip_prefix(RAW).unwrap_or(key);
        if name == "cost" {
            let cost = dollars(value);
            self.cost = cost.or(self.cost);
            return cost.map_or(Said::Nothing, |_| Said::Cost);
        }
        match (count(value), Class::of(name)) {
            (Some(count), Some(class)) => {
                self.add(class, count);
                Said::Usage
            }
            _ => Said::Nothing,
        }
    }

    /// Of two names for one class the larger count is believed: they mean the same, or one of them
    /// leaves a part out.
    fn add(&mut self, class: Class, count: u64) {
        let slot = &mut self.counts[class as usize];
        *slot = (*slot).max(Some(count));
    }

    fn get(&self, class: Class) -> u64 {
        self.counts[class as usize].unwrap_or(0)
    }

    /// The cost in dollars.
    pub(super) fn cost_json(&self) -> Option<String> {
        self.cost.map(cost_json)
    }

    /// All that was told as disjoint classes; none if nothing was.
    pub(super) fn usage_json(&self) -> Option<String> {
        self.counts.iter().any(Option::is_some).then(|| {
            let usage = self.disjoint(None);
            usage_json(&usage, self.counts[Class::Total as usize])
        })
    }

    /// Takes the special classes out of the counts that include them. The conventions say that they
    /// do; but some providers count them beside, which shows in the total, or in a part that is
    /// larger than its whole.
    fn disjoint(&self, known_beside: Option<bool>) -> Usage {
        let (input, output) = (self.get(Class::Input), self.get(Class::Output));
        let [cached, creation, input_audio] =
            [Class::Cached, Class::CacheCreation, Class::InputAudio].map(|class| self.get(class));
        let [reasoning, output_audio] =
            [Class::Reasoning, Class::OutputAudio].map(|class| self.get(class));
        let parts = [
            cached.saturating_add(creation).saturating_add(input_audio),
            reasoning.saturating_add(output_audio),
        ];
        let whole = [input, output];
        let sum = |beside: [bool; 2]| {
            let parts = parts.iter().zip(beside).filter(|(_, beside)| *beside);
            let counts = whole.iter().chain(parts.map(|(count, _)| count));
            counts.fold(0_u64, |sum, count| sum.saturating_add(*count))
        };
        let total = self.counts[Class::Total as usize];
        let fitting = [[false, false], [true, false], [false, true], [true, true]]
            .into_iter()
            .find(|beside| Some(sum(*beside)) == total);
        let beside = match (known_beside, fitting) {
            (Some(beside), _) => [beside, parts[1] > output],
            (None, Some(fitting)) => fitting,
            (None, None) => [parts[0] > input, parts[1] > output],
        };
        let rest = |side: usize| {
            let inside = if beside[side] { 0 } else { parts[side] };
            whole[side].saturating_sub(inside)
        };
        Usage::new()
            .input(rest(0))
            .cached(cached)
            .cache_creation(creation)
            .input_audio(input_audio)
            .output(rest(1))
            .reasoning(reasoning)
            .output_audio(output_audio)
    }
}

/// A count of tokens: whole and not negative, as a number or as text.
fn count(value: ValueRef<'_>) -> Option<u64> {
    match value {
        ValueRef::Int(number) => number.try_into().ok(),
        ValueRef::Float(number) => whole(number),
        ValueRef::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn whole(number: f64) -> Option<u64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "it is whole and within what the integer holds"
    )]
    let whole = (0.0..=MAX_SAFE_INTEGER as f64)
        .contains(&number)
        .then_some(number as u64);
    whole.filter(|_| number.fract() == 0.0)
}

/// An amount of money that is not negative.
fn dollars(value: ValueRef<'_>) -> Option<Cost> {
    let dollars = match value {
        ValueRef::Cost(cost) => return Some(cost),
        #[expect(
            clippy::cast_precision_loss,
            reason = "nobody has spent that many dollars"
        )]
        ValueRef::Int(number) => number as f64,
        ValueRef::Float(number) => number,
        ValueRef::Text(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    cost(dollars)
}

fn cost(dollars: f64) -> Option<Cost> {
    (dollars.is_finite() && dollars >= 0.0).then(|| Cost::usd(dollars))
}

/// Tokens as Langfuse reads them: whole numbers in disjoint classes, and their total. A provider
/// that tells a larger total knows of tokens in no class, and is believed.
pub(super) fn usage_json(usage: &Usage, total: Option<u64>) -> String {
    let mut json = String::with_capacity(128);
    let total = total.unwrap_or(0).max(usage.total());
    let told = usage.classes().filter(|(_, tokens)| *tokens > 0);
    for (class, tokens) in told.chain([("total", total)]) {
        json.push_str(if json.is_empty() { "{\"" } else { ",\"" });
        json.push_str(class);
        json.push_str("\":");
        push_number(&mut json, tokens.min(MAX_SAFE_INTEGER));
    }
    json.push('}');
    json
}

/// Money as Langfuse reads it: a JSON number in dollars, under the one key that traces sum up. It
/// has the twelve decimal places of `Cost`, which are those that the server stores.
pub(super) fn cost_json(cost: Cost) -> String {
    const PER_DOLLAR: u64 = 1_000_000_000_000;
    let (dollars, rest) = (
        cost.picodollars() / PER_DOLLAR,
        cost.picodollars() % PER_DOLLAR,
    );
    let mut json = String::with_capacity(40);
    json.push_str("{\"total\":");
    push_number(&mut json, dollars);
    if rest > 0 {
        let start = json.len();
        // The one in front keeps the zeros, and becomes the point.
        push_number(&mut json, PER_DOLLAR + rest);
        json.replace_range(start..=start, ".");
        json.truncate(json.trim_end_matches('0').len());
    }
    json.push('}');
    json
}

/// A number without the machinery of formatting, which costs several times as much.
fn push_number(text: &mut String, mut number: u64) {
    const MAX_DIGITS: usize = 20;
    let mut digits = [0; MAX_DIGITS];
    let mut start = MAX_DIGITS;
    loop {
        start -= 1;
        let digit = b'0' + (number % 10) as u8;
        digits[start] = digit;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    text.push_str(str::from_utf8(&digits[start..]).unwrap_or_default()); // digits are ASCII
}

/// Keys by which a provider's own usage object is known.
const PROVIDERS: [&str; 4] = [
    "prompt_tokens",
    "completion_tokens",
    "input_tokens",
    "output_tokens",
];

/// What the server would understand of a usage object that somebody wrote as text; none if nothing.
///
/// Langfuse's own classes are taken as they are. A provider's object is made disjoint: the server
/// knows `OpenAI`'s only when nothing is missing in it and nothing added.
pub(super) fn usage_of_text(text: &str) -> Option<String> {
    let Json::Object(told) = serde_json::from_str(text).ok()? else {
        return None;
    };
    if PROVIDERS.iter().any(|key| told.contains_key(*key)) {
        return usage_of_provider(&told);
    }
    let classes: Map<_, _> = told
        .into_iter()
        .filter_map(|(class, tokens)| {
            Some((class, count_of(&tokens)?.min(MAX_SAFE_INTEGER).into()))
        })
        .collect();
    (!classes.is_empty()).then(|| Json::Object(classes).to_string())
}

fn usage_of_provider(object: &Map<String, Json>) -> Option<String> {
    let mut told = Told::default();
    for (name, value) in object {
        let details = value.as_object().into_iter().flatten();
        let details = details.map(|(detail, value)| (format!("{name}.{detail}"), value));
        for (name, value) in details.chain([(name.clone(), value)]) {
            if let (Some(class), Some(count)) = (Class::of(&name), count_of(value)) {
                told.add(class, count);
            }
        }
    }
    // Only Anthropic's object has these, and counts them beside its input.
    let is_anthropic = ["cache_read_input_tokens", "cache_creation_input_tokens"]
        .iter()
        .any(|key| object.contains_key(*key));
    let total = told.counts[Class::Total as usize];
    let is_told = told.counts.iter().any(Option::is_some);
    is_told.then(|| usage_json(&told.disjoint(is_anthropic.then_some(true)), total))
}

fn count_of(tokens: &Json) -> Option<u64> {
    match tokens {
        Json::String(text) => text.trim().parse().ok(),
        number => number.as_u64().or_else(|| number.as_f64().and_then(whole)),
    }
}

/// What the server would understand of a cost that somebody wrote by hand, with a total; none if
/// nothing.
pub(super) fn cost_of(value: ValueRef<'_>) -> Option<String> {
    let ValueRef::Text(text) = value else {
        return dollars(value).map(cost_json);
    };
    let told = match serde_json::from_str(text).ok()? {
        Json::Object(told) => told,
        other => return dollars_of(&other).map(cost_json),
    };
    let mut costs: Map<String, Json> = told
        .iter()
        .filter_map(|(class, cost)| Some((class.clone(), dollars_of(cost)?.to_usd().into())))
        .collect();
    let total_cost = costs.remove("total_cost");
    if !costs.contains_key("total") {
        let sum: f64 = costs.values().filter_map(Json::as_f64).sum();
        let sum = (!costs.is_empty()).then(|| sum.into());
        costs.insert("total".to_owned(), total_cost.or(sum)?);
    }
    Some(Json::Object(costs).to_string())
}

fn dollars_of(told: &Json) -> Option<Cost> {
    cost(match told {
        Json::String(text) => text.trim().parse().ok()?,
        number => number.as_f64()?,
    })
}

#[cfg(test)]
mod tests;
