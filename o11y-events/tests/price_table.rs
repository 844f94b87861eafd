//! Tables of prices are read and written as they were, the built-in one is whole, and a wrong one is
//! refused with what is wrong.

use o11y_core::Cost;
use o11y_events::{ModelPrice, PriceTableError, Pricing, Rates, ServiceTier};
use proptest::prelude::*;

fn usd(dollars: f64) -> Cost {
    Cost::usd(dollars)
}

fn pico(picodollars: u64) -> Cost {
    Cost::from_picodollars(picodollars)
}

#[test]
fn the_built_in_table_is_dated_and_every_row_is_complete() {
    let pricing = Pricing::builtin();

    assert_eq!(pricing.date(), Some("2026-11-12"));
    assert_eq!(format!("{pricing:?}"), "Pricing(630 models, 2026-11-12)");
    for (provider, model, price) in pricing.models() {
        let rates = price.rates(ServiceTier::Standard, 0).unwrap();
        let gives_nothing = ["embed", "voyage", "ada"]
            .iter()
            .any(|kind| model.contains(kind));
        assert!(rates.get_input() > Cost::ZERO, "{provider}/{model}");
        assert_eq!(
            rates.get_output() == Cost::ZERO,
            gives_nothing,
            "{provider}/{model}"
        );
        // No model costs as much as a cent for a token: a slip of the decimal point would.
        assert!(rates.get_output() < usd(0.001), "{provider}/{model}");
        assert_eq!(
            pricing.price(Some(provider), model),
            Some(price),
            "{provider}/{model}"
        );
    }
}

#[test]
fn the_built_in_table_is_written_as_it_is_read() {
    let table = include_str!("../src/pricing/table.json");

    assert_eq!(Pricing::builtin().to_json(), table);
}

#[test]
fn models_that_programs_ask_for_are_in_the_built_in_table() {
    #[rustfmt::skip]
    let names = [
        (Some("openai"), "gpt-4o"), (Some("openai"), "gpt-4.1-mini"), (Some("openai"), "o4-mini"),
        (Some("openai"), "gpt-5"), (Some("openai"), "gpt-5-2025-08-07"), (Some("openai"), "gpt-6.1-sol"),
        (Some("openai"), "text-embedding-3-large"), (Some("azure"), "gpt-4o-mini"),
        (Some("azure.ai.openai"), "gpt-4.1"), (Some("anthropic"), "claude-opus-4-5"),
        (Some("anthropic"), "claude-3-5-sonnet-20241022"), (Some("anthropic"), "claude-3-5-haiku-latest"),
        (Some("anthropic"), "claude-sonnet-4-20250514"), (Some("vertex_ai"), "claude-sonnet-4-5@20250929"),
        (Some("gemini"), "models/gemini-2.5-pro"), (Some("gcp.vertex_ai"), "gemini-2.0-flash-001"),
        (Some("mistral"), "mistral-small-latest"), (Some("cohere"), "command-a-03-2025"),
        (Some("deepseek"), "deepseek-chat"), (Some("x_ai"), "grok-4.5"),
        (Some("groq"), "openai/gpt-oss-20b"), (Some("perplexity"), "sonar-pro"),
        (Some("aws.bedrock"), "us.anthropic.claude-3-5-sonnet-20241022-v2:0"),
        (Some("aws.bedrock"), "amazon.nova-micro-v1:0"), (None, "us.meta.llama3-3-70b-instruct-v1:0"),
        (Some("voyageai"), "voyage-4"), (None, "claude-haiku-4-5"), (None, "gemini/gemini-2.5-flash"),
    ];

    for (provider, model) in names {
        let price = Pricing::builtin().price(provider, model);
        assert!(price.is_some(), "{provider:?} {model}");
    }
    assert_eq!(
        Pricing::builtin().max_output_tokens(None, "gpt-4o"),
        Some(16_384)
    );
    assert_eq!(Pricing::builtin().max_output_tokens(None, "gpt-99"), None);
}

#[test]
fn a_file_of_litellm_is_read_with_its_tiers() {
    let file = r#"{
      "sample_spec": {"max_tokens": "words, and no number", "input_cost_per_token": "words"},
      "gpt-x": {
        "litellm_provider": "openai", "mode": "chat",
        "input_cost_per_token": 2.9999999999999997e-06, "output_cost_per_token": 1.2e-05,
        "cache_read_input_token_cost": 3e-07, "cache_creation_input_token_cost": 3.75e-06,
        "cache_creation_input_token_cost_above_1hr": 6e-06,
        "input_cost_per_token_above_200k_tokens": 6e-06, "output_cost_per_token_above_200k_tokens": 2.25e-05,
        "input_cost_per_token_batches": 1.5e-06, "output_cost_per_token_batches": 6e-06,
        "input_cost_per_token_flex": 1.5e-06,
        "input_cost_per_token_above_200k_tokens_priority": 1.2e-05,
        "output_cost_per_token_above_200k_tokens_priority": 4.5e-05,
        "input_cost_per_token_ultrafast": 1.0, "some_new_field": {"of": "any form"},
        "output_cost_per_audio_token": null,
        "max_input_tokens": 1000000, "max_output_tokens": 64000
      },
      "gemini/gemini-x": {
        "litellm_provider": "gemini", "mode": "chat", "supports_audio_input": true,
        "input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06, "input_cost_per_token_above_128k_tokens": 3e-06
      },
      "embed-x": {"litellm_provider": "cohere", "mode": "embedding", "input_cost_per_token": 1e-07},
      "free-x": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 0.0, "output_cost_per_token": 0},
      "image-x": {"litellm_provider": "openai", "mode": "image_generation", "input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06}
    }"#;

    let pricing = Pricing::from_litellm_json(file).unwrap();

    let models: Vec<_> = pricing
        .models()
        .map(|(provider, model, _)| (provider, model))
        .collect();
    assert_eq!(
        models,
        [
            ("cohere", "embed-x"),
            ("google", "gemini-x"),
            ("openai", "gpt-x")
        ]
    );
    let gpt = pricing.price(Some("openai"), "gpt-x").unwrap();
    let usd = Cost::usd;
    let expected = ModelPrice::new(
        Rates::per_million(usd(3.0), usd(12.0))
            .cached(usd(0.3))
            .cache_creation(usd(3.75))
            .cache_creation_1h(usd(6.0)),
    )
    .long_context(200_000, Rates::per_million(usd(6.0), usd(22.5)))
    .tier(ServiceTier::Batch, Rates::per_million(usd(1.5), usd(6.0)))
    .tier_long_context(
        ServiceTier::Priority,
        200_000,
        Rates::per_million(usd(12.0), usd(45.0)),
    )
    .max_input_tokens(1_000_000)
    .max_output_tokens(64_000);
    assert_eq!(gpt, &expected);
    let model = pricing.price(None, "gemini-x").unwrap();
    let gemini = model.rates(ServiceTier::Standard, 0).unwrap();
    assert_eq!(gemini.get_input_audio(), Some(pico(1_000_000)));
    let long = model.rates(ServiceTier::Standard, 128_001).unwrap();
    assert_eq!(
        (long.get_input(), long.get_output()),
        (pico(3_000_000), pico(2_000_000))
    );
    assert_eq!(
        Pricing::from_json(&pricing.to_json()).unwrap().to_json(),
        pricing.to_json()
    );
}

#[test]
fn a_wrong_table_is_refused_with_model_field_and_accepted_form() {
    let row = |row: &str| format!(r#"{{"providers": {{"p": {{"m": {row}}}}}}}"#);
    let said = |text: &str| Pricing::from_json(text).unwrap_err().to_string();
    let price =
        "must be a price in dollars for a million tokens, at least 0 and with at most 6 decimals";
    let unknown = "must be left out: it is not a field of this table";
    let given = "must be given: input and output always have a price";
    #[rustfmt::skip]
    let cases = [
        (row(r#"{"input": -1, "output": 1}"#), format!("`input` of `p/m` in the price table {price}")),
        (row(r#"{"input": 0.0000001, "output": 1}"#), format!("`input` of `p/m` in the price table {price}")),
        (row(r#"{"input": true, "output": 1}"#), format!("`input` of `p/m` in the price table {price}")),
        (row(r#"{"input": 1}"#), format!("`output` of `p/m` in the price table {given}")),
        (row("{}"), format!("`input` of `p/m` in the price table {given}")),
        (row("[]"), "`providers.p.m` of the price table must be an object".to_owned()),
        (row(r#"{"input": 1, "output": 1, "flex": 2}"#), "`flex` of `p/m` in the price table must be an object".to_owned()),
        (row(r#"{"input": 1, "output": 1, "above": {"2": 2}}"#), "`above.2` of `p/m` in the price table must be an object".to_owned()),
        ("[]".to_owned(), "`the top level` of the price table must be an object".to_owned()),
        (row(r#"{"inputt": 1, "input": 1, "output": 1}"#), format!("`inputt` of `p/m` in the price table {unknown}")),
        (row(r#"{"input": 1, "output": 1, "batch": {"input": 1}}"#), format!("`batch.output` of `p/m` in the price table {given}")),
        (row(r#"{"input": 1, "output": 1, "batch": {"x": 1}}"#), format!("`batch.x` of `p/m` in the price table {unknown}")),
        (row(r#"{"input": 1, "output": 1, "above": {"200k": {}}}"#), "`above.200k` of `p/m` in the price table must be a whole number of tokens".to_owned()),
        (row(r#"{"input": 1, "output": 1, "above": {"2": {"x": 1}}}"#), format!("`above.2.x` of `p/m` in the price table {unknown}")),
        (row(r#"{"input": 1, "output": 1, "max_output_tokens": 1.5}"#), "`max_output_tokens` of `p/m` in the price table must be a whole number of tokens".to_owned()),
        (r#"{"date": "today", "providers": {}}"#.to_owned(), "`date` of the price table must be a date like \"2026-11-12\"".to_owned()),
        (r#"{"models": {}}"#.to_owned(), format!("`models` of the price table {unknown}")),
    ];

    for (text, expected) in cases {
        assert_eq!(said(&text), expected, "{text}");
    }
    let syntax = Pricing::from_json("{").unwrap_err();
    assert!(
        matches!(&syntax, PriceTableError::Syntax { source } if source.to_string().contains("line 1"))
    );
    let litellm = r#"{"gpt-x": {"litellm_provider": "openai", "input_cost_per_token": "much"}}"#;
    let litellm = Pricing::from_litellm_json(litellm).unwrap_err().to_string();
    assert_eq!(
        litellm,
        "`input_cost_per_token` of `openai/gpt-x` in the price table must be a price in dollars for one token, at least 0"
    );
}

fn tiers() -> impl Strategy<Value = ServiceTier> {
    use ServiceTier::{Batch, Flex, Priority, Standard};
    prop::sample::select(vec![Standard, Batch, Flex, Priority])
}

proptest! {
    #[test]
    fn a_table_is_read_as_it_was_written(
        prices in prop::array::uniform4(0_u64..1_000_000_000), above in 1_u64..1_000_000, tier in tiers(), name in "[a-z0-9.:/@\"\\\\-]{1,20}",
    ) {
        let of = |price: u64| pico(price * 1_000_000);
        let price = ModelPrice::new(Rates::per_million(of(prices[0]), of(prices[1])).input_audio(of(prices[2])))
            .tier_long_context(tier, above, Rates::per_million(of(prices[3]), of(prices[0])))
            .max_output_tokens(above);
        let pricing = Pricing::new().with("gateway", &name, price);

        let read = Pricing::from_json(&pricing.to_json()).unwrap();

        prop_assert_eq!(read.to_json(), pricing.to_json());
        prop_assert_eq!(read.price(Some("gateway"), &name), pricing.price(Some("gateway"), &name));
    }

    #[test]
    fn no_text_makes_the_readers_panic(text in ".*") {
        drop(Pricing::from_json(&text));
        drop(Pricing::from_litellm_json(&text));
    }
}
