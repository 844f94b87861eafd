//! Prices are found by the names that providers and clients use, calls are priced exactly, and what
//! has no price is reported.

use o11y_core::{Cost, Usage};
use o11y_events::{ModelPrice, Pricing, Rates, ServiceTier, Unpriced};
use proptest::prelude::*;

fn usd(dollars: f64) -> Cost {
    Cost::usd(dollars)
}

fn pico(picodollars: u64) -> Cost {
    Cost::from_picodollars(picodollars)
}

fn flat(input: f64, output: f64) -> ModelPrice {
    ModelPrice::new(Rates::per_million(usd(input), usd(output)))
}

/// The price of a token of input, by which a row is known in these tests.
fn input_price(pricing: &Pricing, provider: Option<&str>, model: &str) -> Option<f64> {
    let price = pricing.price(provider, model)?;
    let rates = price.rates(ServiceTier::Standard, 0)?;
    Some(Cost::from_picodollars(rates.get_input().picodollars() * 1_000_000).to_usd())
}

const NAMES: &str = r#"{
  "date": "2026-01-02",
  "priced_like": {"azure": "openai", "vertex_ai": "google"},
  "providers": {
    "openai": {
      "gpt-4o": {"input": 1, "output": 1},
      "gpt-4o-2024-05-13": {"input": 2, "output": 1},
      "ft:gpt-4o-mini-2024-07-18": {"input": 3, "output": 1}
    },
    "anthropic": {"claude-sonnet-4-5": {"input": 4, "output": 1}},
    "google": {
      "gemini-2.5-flash": {"input": 5, "output": 1},
      "gemini-2.5-flash-preview": {"input": 6, "output": 1}
    },
    "mistral": {
      "mistral-large": {"input": 7, "output": 1},
      "mistral-large-latest": {"input": 8, "output": 1}
    },
    "azure": {"o1": {"input": 9, "output": 1}, "eu/gpt-4o": {"input": 10, "output": 1}},
    "bedrock": {
      "anthropic.claude-3-5-sonnet-20241022-v2:0": {"input": 11, "output": 1},
      "amazon.nova-lite-v1:0": {"input": 12, "output": 1},
      "eu.amazon.nova-lite-v1:0": {"input": 13, "output": 1}
    },
    "groq": {"openai/gpt-oss-120b": {"input": 14, "output": 1}, "llama-9": {"input": 15, "output": 1}},
    "together": {"openai/gpt-oss-120b": {"input": 16, "output": 1}, "llama-9": {"input": 15, "output": 1}, "qwen-9": {"input": 17, "output": 1}},
    "fireworks": {"qwen-9": {"input": 18, "output": 1}}
  }
}"#;

#[test]
fn names_mean_the_row_that_the_rules_say() {
    let pricing = Pricing::from_json(NAMES).unwrap();
    let arn =
        "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-3-5-sonnet-20241022-v2:0";
    let path = "projects/p/locations/l/publishers/google/models/gemini-2.5-flash";
    #[rustfmt::skip]
    let cases = [
        // 1: as it stands in the table
        (Some("openai"), "gpt-4o", Some(1.0)),
        (Some("openai"), "GPT-4o", Some(1.0)),
        (Some("openai"), "gpt-4o-2024-05-13", Some(2.0)), // its own row before its family's
        (Some("mistral"), "mistral-large-latest", Some(8.0)),
        // 2: the provider by other names
        (Some("gcp.gemini"), "gemini-2.5-flash", Some(5.0)),
        (Some("aws.bedrock"), "anthropic.claude-3-5-sonnet-20241022-v2:0", Some(11.0)),
        (Some("mistral_ai"), "mistral-large", Some(7.0)),
        (Some("OpenAI"), "gpt-4o", Some(1.0)),
        // 3: with a prefix
        (None, "openai/gpt-4o", Some(1.0)),
        (Some("openai"), "openai/gpt-4o", Some(1.0)),
        (None, "groq/openai/gpt-oss-120b", Some(14.0)),
        (Some("together_ai"), "openai/gpt-oss-120b", Some(16.0)),
        (Some("together_ai"), "together_ai/openai/gpt-oss-120b", Some(16.0)),
        // 4: behind a path
        (Some("google"), "models/gemini-2.5-flash", Some(5.0)),
        (Some("vertex_ai"), path, Some(5.0)),
        (Some("bedrock"), arn, Some(11.0)),
        // 5: dated
        (Some("openai"), "gpt-4o-2024-11-20", Some(1.0)),
        (Some("anthropic"), "claude-sonnet-4-5-20250929", Some(4.0)),
        (None, "claude-sonnet-4-5@20250929", Some(4.0)),
        (None, "claude-sonnet-4-5-latest", Some(4.0)),
        (None, "claude-sonnet-4-5@default", Some(4.0)),
        (None, "gemini-2.5-flash-preview-05-20", Some(6.0)),
        (None, "gemini-2.5-flash-preview-09-2025", Some(6.0)),
        (None, "gemini-2.5-flash-001", Some(5.0)),
        // 6: fine-tuned
        (None, "ft:gpt-4o-mini-2024-07-18:org::id", Some(3.0)),
        (None, "ft:gpt-4o-2024-11-20:org::id", None), // never as `gpt-4o`
        // 7: by region
        (None, "us.anthropic.claude-3-5-sonnet-20241022-v2:0", Some(11.0)),
        (Some("bedrock"), "eu.amazon.nova-lite-v1:0", Some(13.0)),
        (Some("bedrock"), "us.amazon.nova-lite-v1:0", None), // regions differ, and it is not there
        // 8: priced like another provider
        (Some("azure.ai.openai"), "gpt-4o", Some(1.0)),
        (Some("azure"), "o1", Some(9.0)),
        (None, "azure/gpt-4o", Some(1.0)),
        (None, "azure/eu/gpt-4o", Some(10.0)),
        (None, "azure/us/gpt-4o", None),
        (Some("gcp.vertex_ai"), "gemini-2.5-flash", Some(5.0)),
        // 9: without a provider
        (None, "gpt-4o", Some(1.0)),
        (None, "llama-9", Some(15.0)), // all hosts agree
        (None, "qwen-9", None),        // they do not
        // nothing is guessed
        (Some("my-gateway"), "gpt-4o", None),
        (Some("openai"), "anthropic/claude-sonnet-4-5", None),
        (None, "openrouter/openai/gpt-4o", None),
        (None, "mistral-large-2407", None),
        (None, "gpt-4o-something", None),
        (None, "gpt-4o:free", None),
        (None, "gpt-4", None),
        (None, "o", None),
        (None, "", None),
        (Some(""), "gpt-4o", None),
        (None, "/", None),
        (None, "-2024-05-13", None),
    ];

    for (provider, model, expected) in cases {
        let found = input_price(&pricing, provider, model);
        assert_eq!(found, expected, "{provider:?} {model}");
    }
}

#[test]
fn golden_costs_of_the_built_in_table() {
    let standard = ServiceTier::Standard;
    let usage = Usage::new;
    #[rustfmt::skip]
    let cases = [
        // 23 × $0.15/M + 8 × $0.075/M + 2 × $0.60/M = 3.45 + 0.6 + 1.2 = 5.25 millionths
        ("openai", "gpt-4o-mini", usage().input(23).cached(8).output(2), standard, pico(5_250_000)),
        // a million each: $2.50 + $1.25 + $10.00
        ("openai", "gpt-4o", usage().input(1_000_000).cached(1_000_000).output(1_000_000), standard, usd(13.75)),
        // batch is half: 1,000 × $1.25/M + 500 × $5/M = 1,250 + 2,500 millionths
        ("openai", "gpt-4o", usage().input(1_000).output(500), ServiceTier::Batch, usd(0.003_75)),
        // priority: 1,000 × $4.25/M + 100 × $2.125/M + 100 × $17/M = 4,250 + 212.5 + 1,700
        ("openai", "gpt-4o", usage().input(1_000).cached(100).output(100), ServiceTier::Priority, pico(6_162_500_000)),
        // thought is output: 100 × $2.50/M + (20 + 300) × $15/M = 250 + 4,800
        ("openai", "gpt-5.4", usage().input(100).output(20).reasoning(300), standard, usd(0.005_05)),
        // 272,000 are not above 272,000: × $2.50/M = $0.68, and 1 × $15/M
        ("openai", "gpt-5.4", usage().input(272_000).output(1), standard, usd(0.680_015)),
        // 272,001 are, cached ones among them: 1 × $5/M + 272,000 × $0.50/M + 1 × $22.50/M = 5 + 136,000 + 22.5
        ("openai", "gpt-5.4", usage().input(1).cached(272_000).output(1), standard, pico(136_027_500_000)),
        // flex and long: 300,000 × $2.50/M + 1,000 × $11.25/M = 0.75 + 0.01125
        ("openai", "gpt-5.4", usage().input(300_000).output(1_000), ServiceTier::Flex, usd(0.761_25)),
        // a cache of 5 minutes: 100 × $3/M + 2,000 × $0.30/M + 400 × $3.75/M + 50 × $15/M = 300 + 600 + 1,500 + 750
        ("anthropic", "claude-sonnet-4-5-20250929", usage().input(100).cached(2_000).cache_creation(400).output(50), standard, usd(0.003_15)),
        // batch and a cache: 400 × $1.875/M + 10 × $7.50/M = 750 + 75
        ("anthropic", "claude-sonnet-4-5", usage().cache_creation(400).output(10), ServiceTier::Batch, usd(0.000_825)),
        // above 100,000: 100,001 × $0.50/M + 10 × $2.50/M = 50,000.5 + 25
        ("anthropic", "claude-haiku-5-5", usage().input(100_001).output(10), standard, pico(50_025_500_000)),
        // above 200,000: 150,000 × $2.50/M + 60,000 × $0.25/M + 1,000 × $15/M = 0.375 + 0.015 + 0.015
        ("google", "gemini-2.5-pro", usage().input(150_000).cached(60_000).output(400).reasoning(600), standard, usd(0.405)),
        // audio: 1,000 × $0.30/M + 500 × $1/M + 200 × $2.50/M + 300 × $2.50/M = 300 + 500 + 500 + 750
        ("google", "gemini-2.5-flash", usage().input(1_000).input_audio(500).output(200).reasoning(300), standard, usd(0.002_05)),
        // audio both ways: 10 × $2.50/M + 100 × $32/M + 5 × $10/M + 200 × $64/M = 25 + 3,200 + 50 + 12,800
        ("openai", "gpt-audio", usage().input(10).input_audio(100).output(5).output_audio(200), standard, usd(0.016_075)),
        // 1 × $0.0375/M + 1 × $0.15/M
        ("cohere", "command-r7b-12-2024", usage().input(1).output(1), standard, pico(187_500)),
        // 8,191 × $0.02/M = 163.82 millionths
        ("openai", "text-embedding-3-small", usage().input(8_191), standard, pico(163_820_000)),
        // in a region: 1,000 × $3.30/M + 100 × $16.50/M = 3,300 + 1,650
        ("bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", usage().input(1_000).output(100), standard, usd(0.004_95)),
        // 1,000 × $1.32/M + 10,000 × $0.044/M + 100 × $3.96/M = 1,320 + 440 + 396
        ("deepseek", "deepseek-v4-pro", usage().input(1_000).cached(10_000).output(100), standard, usd(0.002_156)),
    ];

    for (provider, model, usage, tier, expected) in cases {
        let cost = Pricing::builtin().cost(Some(provider), model, &usage, tier);
        assert_eq!(cost, Ok(expected), "{provider}/{model} {tier}");
    }
}

#[test]
fn a_breakdown_names_each_class_that_had_tokens() {
    let usage = Usage::new().input(100).cached(2_000).output(50);
    let pricing = Pricing::builtin();

    let breakdown = pricing.breakdown(None, "claude-sonnet-4-5", &usage, ServiceTier::Standard);

    let breakdown = breakdown.unwrap();
    let by_class: Vec<_> = breakdown.by_class().collect();
    let expected = [
        ("input", usd(0.000_3)),
        ("input_cached_tokens", usd(0.000_6)),
        ("output", usd(0.000_75)),
    ];
    assert_eq!(by_class, expected);
    assert_eq!(breakdown.total(), usd(0.001_65));
}

#[test]
fn what_has_no_price_is_reported_and_never_free() {
    let rates = Rates::per_million(usd(1.0), usd(2.0));
    let price = ModelPrice::new(rates)
        .long_context(1_000, rates)
        .tier(ServiceTier::Flex, rates);
    let pricing = Pricing::new().with("gateway", "llama", price);
    let cost = |model, usage: Usage, tier| pricing.cost(Some("gateway"), model, &usage, tier);
    let (few, many) = (Usage::new().input(1), Usage::new().input(1_001));

    let unknown = cost("lama", few, ServiceTier::Standard).unwrap_err();
    let no_tier = cost("llama", few, ServiceTier::Batch).unwrap_err();
    let too_long = cost("llama", many, ServiceTier::Flex).unwrap_err();
    let audio = Usage::new().output_audio(1);
    let no_class = cost("llama", audio, ServiceTier::Standard).unwrap_err();

    let texts = [
        unknown.to_string(),
        no_tier.to_string(),
        too_long.to_string(),
        no_class.to_string(),
    ];
    let expected = [
        "no price is known for model `lama` of provider `gateway`",
        "no price is known for model `llama` of provider `gateway` in the batch tier with 1 input tokens",
        "no price is known for model `llama` of provider `gateway` in the flex tier with 1001 input tokens",
        "no price is known for `output_audio_tokens` of model `llama` of provider `gateway`",
    ];
    assert_eq!(texts, expected);
    assert!(matches!(unknown, Unpriced::Model(model) if model.model() == "lama"));
    assert_eq!(cost("llama", few, ServiceTier::Flex), Ok(pico(1_000_000)));
    assert_eq!(
        cost("llama", Usage::new(), ServiceTier::Standard),
        Ok(Cost::ZERO)
    );
    assert_eq!(
        pricing.ceiling(None, "llama", 1_001, 1, ServiceTier::Flex),
        None
    );
    assert_eq!(
        pricing.ceiling(None, "lama", 1, 1, ServiceTier::Standard),
        None
    );
}

#[test]
fn a_class_without_a_price_takes_that_of_its_stand_in() {
    let plain = Rates::per_million(usd(1.0), usd(2.0));
    let written = plain.cache_creation(usd(1.25));
    let written_briefly = plain.cache_creation_5m(usd(1.25));

    assert_eq!(plain.get_cached(), Some(pico(1_000_000)));
    assert_eq!(plain.get_reasoning(), Some(pico(2_000_000)));
    assert_eq!(plain.get_input_audio(), None);
    assert_eq!(plain.get_output_audio(), None);
    assert_eq!(plain.get_cache_creation(), None);
    assert_eq!(written.get_cache_creation_5m(), Some(pico(1_250_000)));
    assert_eq!(written.get_cache_creation_1h(), None);
    assert_eq!(written_briefly.get_cache_creation(), Some(pico(1_250_000)));
}

#[test]
fn what_is_put_on_top_wins_for_dated_names_as_well() {
    let base = Pricing::from_json(NAMES).unwrap();

    let by_hand = base.clone().with("openai", "gpt-4o", flat(0.5, 0.5));
    let by_hand = by_hand.with("openai", "gpt-4o-mini", flat(0.25, 0.25));
    let table = r#"{"date": "2026-02-03", "providers": {"openai": {"gpt-4o": {"input": "0.5", "output": 1}}}}"#;
    let by_file = base.overlaid_with(Pricing::from_json(table).unwrap());

    for pricing in [by_hand, by_file] {
        assert_eq!(input_price(&pricing, None, "gpt-4o-2024-05-13"), Some(0.5));
        assert_eq!(input_price(&pricing, None, "o1"), Some(9.0));
        assert_eq!(pricing.date(), Some("2026-01-02")); // the older one
    }
    assert_eq!(input_price(&base, None, "gpt-4o"), Some(1.0));
}

#[test]
fn a_cache_that_is_written_for_an_hour_costs_more_than_one_for_five_minutes() {
    let price = Pricing::builtin().price(Some("anthropic"), "claude-sonnet-4-5");

    let rates = price.and_then(|price| price.rates(ServiceTier::Standard, 0));
    let rates = rates.unwrap();

    assert_eq!(rates.get_cache_creation_5m(), Some(pico(3_750_000)));
    assert_eq!(rates.get_cache_creation_1h(), Some(pico(6_000_000)));
}

#[test]
fn service_tiers_are_read_as_providers_name_them() {
    for (name, tier) in [
        ("default", Some(ServiceTier::Standard)),
        ("standard", Some(ServiceTier::Standard)),
        ("auto", Some(ServiceTier::Standard)),
        ("on_demand", Some(ServiceTier::Standard)),
        ("ON_DEMAND", Some(ServiceTier::Standard)),
        ("batch", Some(ServiceTier::Batch)),
        ("flex", Some(ServiceTier::Flex)),
        ("Priority", Some(ServiceTier::Priority)),
        ("ultrafast", None),
        ("", None),
    ] {
        assert_eq!(ServiceTier::from_name(name), tier, "{name}");
    }
}

fn tiers() -> impl Strategy<Value = ServiceTier> {
    use ServiceTier::{Batch, Flex, Priority, Standard};
    prop::sample::select(vec![Standard, Batch, Flex, Priority])
}

/// Any row of the built-in table.
fn models() -> impl Strategy<Value = (&'static str, &'static str)> {
    let rows = Pricing::builtin().models();
    let names: Vec<_> = rows.map(|(provider, model, _)| (provider, model)).collect();
    prop::sample::select(names)
}

/// Most calls have tokens of few classes, and most models have prices for few.
fn usages(most: u64) -> impl Strategy<Value = Usage> {
    let tokens = prop_oneof![2 => Just(0), 1 => 0..most];
    prop::array::uniform7(tokens).prop_map(|tokens| {
        Usage::new()
            .input(tokens[0])
            .cached(tokens[1])
            .cache_creation(tokens[2])
            .input_audio(tokens[3])
            .output(tokens[4])
            .reasoning(tokens[5])
            .output_audio(tokens[6])
    })
}

proptest! {
    #[test]
    fn the_sum_of_costs_is_the_cost_of_the_sum(
        (provider, model) in models(), tier in tiers(), calls in prop::collection::vec(usages(1_000), 1..8),
    ) {
        // All of them together stay below the lowest threshold, 100,000.
        let cost = |usage: &Usage| Pricing::builtin().cost(Some(provider), model, usage, tier);
        let sum: Usage = calls.iter().copied().sum();
        let one_by_one: Option<Cost> = calls.iter().map(|usage| cost(usage).ok()).sum::<Option<_>>();

        if let Some(one_by_one) = one_by_one {
            prop_assert_eq!(cost(&sum), Ok(one_by_one));
        }
    }

    #[test]
    fn no_call_within_the_bounds_costs_more_than_the_ceiling(
        (provider, model) in models(), tier in tiers(), usage in usages(200_000),
        more_input in 0_u64..400_000, more_output in 0_u64..1_000,
    ) {
        let pricing = Pricing::builtin();
        let input = usage.input_total() + more_input;
        let output = usage.output_total() + more_output;

        let ceiling = pricing.ceiling(Some(provider), model, input, output, tier);

        if let (Some(ceiling), Ok(cost)) = (ceiling, pricing.cost(Some(provider), model, &usage, tier)) {
            prop_assert!(cost <= ceiling, "{} > {}", cost, ceiling);
        }
    }

    #[test]
    fn no_name_makes_the_look_up_panic(provider in prop::option::of(".*"), model in ".*", tail in ".{0,12}") {
        for name in [model.clone(), format!("ft:{model}:{tail}"), format!("{model}-20{tail}"), format!("us.{tail}/{model}")] {
            _ = Pricing::builtin().price(provider.as_deref(), &name);
        }
    }

    #[test]
    fn huge_usages_stay_at_the_most_there_is(tokens in u64::MAX - 10..=u64::MAX) {
        let usage = Usage::new().input(tokens).output(tokens);

        let cost = Pricing::builtin().cost(None, "gpt-4o", &usage, ServiceTier::Standard);

        prop_assert_eq!(cost, Ok(pico(u64::MAX)));
    }
}
