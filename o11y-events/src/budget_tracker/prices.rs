//! What tokens cost, by a table or by whatever the user has.

use std::{
    fmt,
    sync::{Arc, LazyLock},
};

use o11y_core::{Cost, Usage};

use crate::pricing::{Pricing, ServiceTier, Unpriced, UnpricedModel};

type Price = dyn Fn(Option<&str>, &str, &Usage) -> Option<Cost> + Send + Sync;

/// The price of a call, by provider, model and tokens.
#[derive(Clone)]
pub(crate) enum Prices {
    Table(Pricing),
    By(Arc<Price>),
}

impl Prices {
    pub(crate) fn by(
        price: impl Fn(Option<&str>, &str, &Usage) -> Option<Cost> + Send + Sync + 'static,
    ) -> Self {
        Self::By(Arc::new(price))
    }

    pub(super) fn builtin() -> &'static Self {
        static BUILTIN: LazyLock<Prices> =
            LazyLock::new(|| Prices::Table(Pricing::builtin().clone()));
        &BUILTIN
    }

    /// What a call cost that names this service tier.
    pub(super) fn cost(
        &self,
        provider: Option<&str>,
        model: &str,
        usage: &Usage,
        tier: Option<&str>,
    ) -> Result<Cost, Unpriced> {
        match self {
            Self::Table(table) => match ServiceTier::of_call(tier) {
                Some(tier) => table.cost(provider, model, usage, tier),
                None => Err(Unpriced::UnknownTier {
                    model: UnpricedModel::new(provider, model),
                    tier: tier.unwrap_or_default().into(),
                }),
            },
            Self::By(price) => price(provider, model, usage)
                .ok_or_else(|| Unpriced::Model(UnpricedModel::new(provider, model))),
        }
    }

    /// The most that so many tokens can cost, whatever their classes turn out to be.
    pub(super) fn ceiling(
        &self,
        provider: Option<&str>,
        model: &str,
        (input, output): (u64, u64),
        tier: Option<&str>,
    ) -> Option<Cost> {
        let price = match self {
            Self::Table(table) => {
                let tier = ServiceTier::of_call(tier)?;
                return table.ceiling(provider, model, input, output, tier);
            }
            Self::By(price) => price,
        };
        let none = Usage::new();
        let dearest = |classes: &[Usage]| {
            let costs = classes.iter().map(|usage| price(provider, model, usage));
            costs.flatten().max()
        };
        let input = dearest(&[
            none.input(input),
            none.cached(input),
            none.cache_creation(input),
            none.input_audio(input),
        ])?;
        let output = dearest(&[
            none.output(output),
            none.reasoning(output),
            none.output_audio(output),
        ])?;
        Some(input + output)
    }

    /// The most tokens that a model gives, if that is known.
    pub(super) fn max_output_tokens(&self, provider: Option<&str>, model: &str) -> Option<u64> {
        match self {
            Self::Table(table) => table.max_output_tokens(provider, model),
            Self::By(_) => None,
        }
    }
}

impl fmt::Debug for Prices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prices").finish_non_exhaustive()
    }
}
