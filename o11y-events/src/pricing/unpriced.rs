//! Why a call has no cost.

use std::fmt;

use super::service_tier::ServiceTier;

/// Why a call has no cost: it is reported, never counted as nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unpriced {
    /// The model is in no table. Give its price with [`Pricing::with`](crate::Pricing::with).
    #[error("no price is known for {0}")]
    Model(UnpricedModel),
    /// The model has no price for how the call was served, or none for an input of that length.
    #[error("no price is known for {model} in the {tier} tier with {input_tokens} input tokens")]
    Tier {
        /// Which model.
        model: UnpricedModel,
        /// How the call was served.
        tier: ServiceTier,
        /// The tokens of its input.
        input_tokens: u64,
    },
    /// The call was served in a tier whose meaning is not known.
    #[error("no price is known for {model} in the tier `{tier}`")]
    UnknownTier {
        /// Which model.
        model: UnpricedModel,
        /// The name of the tier.
        tier: Box<str>,
    },
    /// The model has no price for a class of tokens that the call used.
    #[error("no price is known for `{class}` of {model}")]
    Class {
        /// Which model.
        model: UnpricedModel,
        /// The class, under its name in [`Usage::classes`](o11y_core::Usage::classes).
        class: &'static str,
    },
}

/// The model that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnpricedModel {
    provider: Option<Box<str>>,
    model: Box<str>,
}

impl UnpricedModel {
    pub(crate) fn new(provider: Option<&str>, model: &str) -> Self {
        Self {
            provider: provider.map(Into::into),
            model: model.into(),
        }
    }

    /// The provider as it was asked for.
    #[must_use]
    pub fn provider(&self) -> Option<&str> {
        self.provider.as_deref()
    }

    /// The name as it was asked for.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }
}

impl fmt::Display for UnpricedModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "model `{}`", self.model)?;
        match &self.provider {
            Some(provider) => write!(f, " of provider `{provider}`"),
            None => Ok(()),
        }
    }
}
