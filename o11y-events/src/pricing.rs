//! Prices of models: what a call cost, and what the next one can cost at most.

use std::{
    fmt,
    sync::{Arc, LazyLock},
};

use o11y_core::{Cost, Usage};

pub use self::{
    breakdown::CostBreakdown,
    error::PriceTableError,
    model_price::ModelPrice,
    rates::Rates,
    service_tier::ServiceTier,
    unpriced::{Unpriced, UnpricedModel},
};
use self::{layer::Layer, model_price::WithoutPrice};

mod breakdown;
mod class;
mod decimal;
mod error;
mod json;
mod layer;
mod litellm;
mod model_price;
mod name;
mod rates;
mod rows;
mod service_tier;
mod unpriced;

/// Made by `examples/price_table.rs` of this crate.
const TABLE: &str = include_str!("pricing/table.json");

/// Prices of models, in tables that lie one above the other.
///
/// A table is asked for a model with all the rules below before the one beneath it is, so what you
/// put on top wins. The prices are those of tokens: searches, images, seconds and other things
/// that providers bill beside them are not in it.
///
/// ```
/// use o11y_core::{Cost, Usage};
/// use o11y_events::{ModelPrice, Pricing, Rates, ServiceTier};
///
/// let llama = ModelPrice::new(Rates::per_million(Cost::usd(0.20), Cost::usd(0.20)));
/// let pricing = Pricing::builtin().clone().with("my-gateway", "llama", llama);
///
/// let usage = Usage::new().input(1_000).output(200);
/// let cost = pricing.cost(Some("openai"), "gpt-4o-2024-08-06", &usage, ServiceTier::Standard)?;
/// assert_eq!(cost, Cost::usd(0.0045)); // 1,000 at $2.50 and 200 at $10.00 a million
///
/// assert!(pricing.cost(None, "gpt-99", &usage, ServiceTier::Standard).is_err()); // not nothing
/// # Ok::<_, o11y_events::Unpriced>(())
/// ```
///
/// # Which row a name means
///
/// Names are compared without regard to case. The first rule that finds a row decides:
///
/// | # | asked for | found |
/// |---|---|---|
/// | 1 | a name as it stands in the table | that row |
/// | 2 | a provider by the name that OpenTelemetry, LiteLLM or a client gives it (`gcp.gemini`, `aws.bedrock`, `x_ai`) | the rows of that provider |
/// | 3 | `openai/gpt-4o`, with the same provider or none | as `gpt-4o` of that provider |
/// | 4 | `models/…`, `publishers/…/models/…`, `projects/…/models/…`, an ARN of a foundation model or inference profile | as what stands behind it |
/// | 5 | a name with a date or `latest` behind it: `-2024-07-18`, `-20241022`, `@20240620`, `-latest`, `@default`; of a preview also `-05-20`, `-09-2025`; of Gemini `-001` | as the name without it |
/// | 6 | `ft:gpt-4o-mini-2024-07-18:org::id` | as `ft:gpt-4o-mini-2024-07-18`, never as `gpt-4o-mini` |
/// | 7 | `us.anthropic.…`, `eu.…`, `global.…` of Bedrock | as the id without region, unless the table has this model by region |
/// | 8 | a model of a host that the table says is `priced_like` a maker (Azure like OpenAI, Vertex like Google) and has no row for | the maker's row of that name |
/// | 9 | a name without a provider | its maker's row; else the one that all hosts of it agree on |
///
/// Everything else is found nowhere, because it may cost anything: a provider that is not in the
/// table, a provider with another one's prefix, a version without a row (`mistral-large-2407`,
/// `gpt-4o-something`), a variant (`:free`).
#[derive(Clone, Default)]
#[must_use = "ask it for a cost"]
pub struct Pricing {
    /// The topmost first.
    layers: Vec<Arc<Layer>>,
    /// Whether the topmost was made by `with`, and takes more.
    open: bool,
}

impl Pricing {
    /// No prices.
    pub fn new() -> Self {
        Self::default()
    }

    /// The table that this crate brings along: 630 models of OpenAI, Anthropic, Google, Mistral,
    /// Cohere, DeepSeek, xAI, Groq, Perplexity, Voyage, and those on Azure, Bedrock and Vertex that
    /// cost something else there, as of its [`date`](Self::date). Prices change, and introductory
    /// ones end: put newer ones on top.
    ///
    /// It is read at the first call, in 3 ms, and is not in a program that never calls this.
    pub fn builtin() -> &'static Self {
        static BUILTIN: LazyLock<Pricing> =
            LazyLock::new(|| Pricing::from_json(TABLE).unwrap_or_default()); // a test reads it
        &BUILTIN
    }

    /// Reads a table in our schema:
    ///
    /// ```
    /// # let text = r#"
    /// {
    ///   "date": "2026-11-12",
    ///   "source": "the price list",
    ///   "providers": {
    ///     "openai": {
    ///       "gpt-5.4": {
    ///         "input": 2.5, "input_cached_tokens": 0.25, "output": 15,
    ///         "above": {"272000": {"input": 5, "input_cached_tokens": 0.5, "output": 22.5}},
    ///         "batch": {"input": 1.25, "output": 7.5},
    ///         "max_input_tokens": 1050000, "max_output_tokens": 128000
    ///       }
    ///     }
    ///   }
    /// }
    /// # "#;
    /// # let pricing = o11y_events::Pricing::from_json(text)?;
    /// # assert_eq!(pricing.date(), Some("2026-11-12"));
    /// # Ok::<_, o11y_events::PriceTableError>(())
    /// ```
    ///
    /// Prices are dollars for a million tokens, as numbers or text. A model's classes have the names
    /// of [`Usage::classes`]; `input` and `output` are required. `above` holds the rates of a whole
    /// call whose input is longer than that; `batch`, `flex` and `priority` those of a service tier,
    /// each with an `above` of its own. `"priced_like": {"azure": "openai"}` beside `providers` says
    /// whose rows of this table hold for a host that has none for a model. All else is optional.
    ///
    /// # Errors
    ///
    /// If the text is no JSON, or a field is not known, missing or not of the accepted form.
    pub fn from_json(text: &str) -> Result<Self, PriceTableError> {
        json::read(text).map(Self::of)
    }

    /// Reads a table in the schema of LiteLLM's `model_prices_and_context_window.json`.
    ///
    /// What is not billed by tokens is left out, and what costs nothing there, which may as well
    /// mean that its price is not known. A price is rounded to a picodollar a token. Fields that
    /// have no meaning here are passed over. A model that takes audio without a price for it takes
    /// it at the price of input, and one whose long input has no price for output, or the reverse,
    /// keeps the usual one. A service tier needs both.
    ///
    /// # Errors
    ///
    /// If the text is no JSON, or a price or limit is not of the accepted form.
    ///
    /// ```
    /// use o11y_core::{Cost, Usage};
    /// use o11y_events::{Pricing, ServiceTier};
    ///
    /// let pricing = Pricing::from_litellm_json(
    ///     r#"{"my-model": {"litellm_provider": "my-gateway", "mode": "chat",
    ///         "input_cost_per_token": 2e-07, "output_cost_per_token": 4e-07}}"#,
    /// )?;
    /// let usage = Usage::new().input(1_000_000);
    /// let cost = pricing.cost(Some("my-gateway"), "my-model", &usage, ServiceTier::Standard)?;
    /// assert_eq!(cost, Cost::usd(0.2));
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_litellm_json(text: &str) -> Result<Self, PriceTableError> {
        litellm::read(text).map(Self::of)
    }

    fn of(layer: Layer) -> Self {
        Self {
            layers: vec![Arc::new(layer)],
            open: false,
        }
    }

    /// Puts the price of one model on top of all that are there. It then holds for what the rules
    /// find by that name as well, dated names among it.
    pub fn with(mut self, provider: &str, model: &str, price: ModelPrice) -> Self {
        if !self.open {
            self.layers.insert(0, Arc::default());
            self.open = true;
        }
        if let Some(top) = self.layers.first_mut() {
            Arc::make_mut(top).insert(provider, model, price);
        }
        self
    }

    /// Puts all of `other` on top.
    ///
    /// ```
    /// use o11y_core::Cost;
    /// use o11y_events::{ModelPrice, Pricing, Rates, ServiceTier};
    ///
    /// let negotiated = ModelPrice::new(Rates::per_million(Cost::usd(2.0), Cost::usd(8.0)))
    ///     .max_input_tokens(128_000)
    ///     .max_output_tokens(16_384)
    ///     .tier_long_context(ServiceTier::Batch, 64_000, Rates::per_million(Cost::usd(1.5), Cost::usd(6.0)));
    /// let pricing = Pricing::builtin().overlaid_with(Pricing::new().with("openai", "gpt-4o", negotiated));
    ///
    /// let price = pricing.price(Some("openai"), "gpt-4o").unwrap();
    /// assert_eq!(price.get_max_input_tokens(), Some(128_000));
    /// assert_eq!(price.get_max_output_tokens(), Some(16_384));
    /// assert_eq!(price.rates(ServiceTier::Standard, 1_000).map(|rates| rates.get_input()), Some(Cost::from_picodollars(2_000_000)));
    /// ```
    pub fn overlaid_with(&self, other: Self) -> Self {
        let mut layers = other.layers;
        layers.extend(self.layers.iter().cloned());
        Self {
            layers,
            open: other.open,
        }
    }

    /// The day as of which the prices are known, as `2026-11-12`: of several tables that state
    /// one, the earliest.
    #[must_use]
    pub fn date(&self) -> Option<&str> {
        let layers = self.layers.iter();
        layers.filter_map(|layer| layer.date.as_deref()).min()
    }

    /// The price of a model. `None` if it is not known for sure.
    #[must_use]
    pub fn price(&self, provider: Option<&str>, model: &str) -> Option<&ModelPrice> {
        let mut layers = self.layers.iter();
        layers.find_map(|layer| layer.find(provider, model))
    }

    /// What a call cost, exactly.
    ///
    /// # Errors
    ///
    /// If the model, its service tier or a class of tokens that the call used has no price.
    pub fn cost(
        &self,
        provider: Option<&str>,
        model: &str,
        usage: &Usage,
        tier: ServiceTier,
    ) -> Result<Cost, Unpriced> {
        let breakdown = self.breakdown(provider, model, usage, tier)?;
        Ok(breakdown.total())
    }

    /// What a call cost, class by class.
    ///
    /// # Errors
    ///
    /// As those of [`cost`](Self::cost).
    pub fn breakdown(
        &self,
        provider: Option<&str>,
        model: &str,
        usage: &Usage,
        tier: ServiceTier,
    ) -> Result<CostBreakdown, Unpriced> {
        let name = || UnpricedModel::new(provider, model);
        let price = self.price(provider, model);
        let price = price.ok_or_else(|| Unpriced::Model(name()))?;
        price
            .breakdown(usage, tier)
            .map_err(|without| match without {
                WithoutPrice::Tier => Unpriced::Tier {
                    model: name(),
                    tier,
                    input_tokens: usage.input_total(),
                },
                WithoutPrice::Class(class) => Unpriced::Class {
                    model: name(),
                    class,
                },
            })
    }

    /// The most that a call can cost, which a budget sets aside before the call is made: every
    /// token at the price of the dearest class of its side, audio and cache writes included, by the
    /// dearest rates for inputs of up to that length. `None` if there is no price for it.
    ///
    /// ```
    /// use o11y_core::Cost;
    /// use o11y_events::{Pricing, ServiceTier};
    ///
    /// let (pricing, model) = (Pricing::builtin(), "gpt-4o-mini");
    /// let output = pricing.max_output_tokens(None, model).unwrap_or(16_384);
    /// let most = pricing.ceiling(None, model, 10_000, output, ServiceTier::Standard);
    /// assert_eq!(most, Some(Cost::usd(0.0113304))); // 10,000 at $0.15 and 16,384 at $0.60 a million
    /// ```
    #[must_use]
    pub fn ceiling(
        &self,
        provider: Option<&str>,
        model: &str,
        input_tokens: u64,
        max_output_tokens: u64,
        tier: ServiceTier,
    ) -> Option<Cost> {
        self.price(provider, model)?
            .ceiling(input_tokens, max_output_tokens, tier)
    }

    /// The most tokens that the model gives, if the table says.
    #[must_use]
    pub fn max_output_tokens(&self, provider: Option<&str>, model: &str) -> Option<u64> {
        self.price(provider, model)?.get_max_output_tokens()
    }
}

/// How many models, and of which day.
impl fmt::Debug for Pricing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = self.date().unwrap_or("no date");
        write!(f, "Pricing({} models, {date})", self.models().count())
    }
}
