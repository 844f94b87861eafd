//! One table of prices: which row a name means.

use std::collections::BTreeMap;

use super::{model_price::ModelPrice, name};

type Models = BTreeMap<String, ModelPrice>;

/// Prices from one source, by the names of [`name`].
#[derive(Debug, Clone, Default)]
pub(crate) struct Layer {
    pub(crate) date: Option<String>,
    pub(crate) source: Option<String>,
    /// Whose rows hold for a host's models that have none of their own.
    pub(crate) priced_like: BTreeMap<String, String>,
    pub(crate) providers: BTreeMap<String, Models>,
}

impl Layer {
    /// Adds a row. One of the same name is replaced.
    pub(crate) fn insert(&mut self, provider: &str, model: &str, price: ModelPrice) {
        let provider = name::provider(provider);
        let model = name::model(model);
        let own = split_prefix(&model).filter(|(prefix, _)| *prefix == provider);
        let model = own.map_or(model.as_str(), |(_, rest)| rest).to_owned();
        self.providers
            .entry(provider)
            .or_default()
            .insert(model, price);
    }

    /// The row that `model` means, or none if that is not sure.
    pub(crate) fn find(&self, provider: Option<&str>, model: &str) -> Option<&ModelPrice> {
        let model = name::model(model);
        match provider {
            Some(provider) => self.find_of(&name::provider(provider), &model),
            None => self.find_anywhere(&model),
        }
    }

    fn find_of(&self, provider: &str, model: &str) -> Option<&ModelPrice> {
        let bare = split_prefix(model).filter(|(prefix, _)| prefix == provider);
        let names = [Some(model), bare.as_ref().map(|(_, rest)| *rest)];
        let like = self.priced_like.get(provider).map(String::as_str);
        let providers = [Some(provider), like];
        providers.into_iter().flatten().find_map(|provider| {
            let models = self.providers.get(provider)?;
            names
                .into_iter()
                .flatten()
                .find_map(|model| find_in(models, provider, model))
        })
    }

    fn find_anywhere(&self, model: &str) -> Option<&ModelPrice> {
        if let Some((prefix, rest)) = split_prefix(model)
            && (name::is_provider(&prefix) || self.providers.contains_key(&prefix))
        {
            return self.find_of(&prefix, rest);
        }
        let mut makers = name::MAKERS.iter();
        let made = makers.find_map(|maker| find_in(self.providers.get(*maker)?, maker, model));
        made.or_else(|| {
            let mut hosted = self
                .providers
                .iter()
                .filter_map(|(host, models)| find_in(models, host, model));
            let first = hosted.next()?;
            hosted.all(|other| other == first).then_some(first)
        })
    }
}

/// The provider that a name begins with, and the rest.
fn split_prefix(model: &str) -> Option<(String, &str)> {
    let (prefix, rest) = model.split_once('/')?;
    Some((name::provider(prefix), rest))
}

fn find_in<'a>(models: &'a Models, provider: &str, model: &str) -> Option<&'a ModelPrice> {
    dated(models, model)
        .or_else(|| dated(models, name::without_owner(model)?))
        .or_else(|| {
            let anywhere = name::without_region(provider, model)?;
            let by_region = name::in_regions(anywhere).any(|id| models.contains_key(&id));
            // Where regions differ, a region that is not among them may cost anything.
            (!by_region).then(|| dated(models, anywhere)).flatten()
        })
}

fn dated<'a>(models: &'a Models, model: &str) -> Option<&'a ModelPrice> {
    models
        .get(model)
        .or_else(|| models.get(name::without_moment(model)?))
}
