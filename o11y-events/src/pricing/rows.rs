//! All rows of a table of prices, as data and as JSON.

use std::collections::BTreeMap;

use super::{ModelPrice, Pricing, json};

impl Pricing {
    /// Every row that is not hidden by one of the same name above it, as provider, model and price,
    /// sorted.
    pub fn models(&self) -> impl Iterator<Item = (&str, &str, &ModelPrice)> {
        let rows = self.rows().into_iter();
        rows.flat_map(|(provider, models)| {
            let models = models.into_iter();
            models.map(move |(model, price)| (provider, model, price))
        })
    }

    /// All rows in our schema, one line a model: what [`from_json`](Self::from_json) reads. Several
    /// tables become one, in which a row under a dated name again comes before the row without date
    /// that was put on top of it.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut layers = self.layers.iter();
        let source = layers.find_map(|layer| layer.source.as_deref());
        let hosts = self.layers.iter().rev();
        let hosts = hosts.flat_map(|layer| &layer.priced_like);
        let priced_like = hosts
            .map(|(host, maker)| (host.as_str(), maker.as_str()))
            .collect();
        json::write(self.date(), source, &priced_like, &self.rows())
    }

    fn rows(&self) -> BTreeMap<&str, BTreeMap<&str, &ModelPrice>> {
        let mut rows = BTreeMap::<&str, BTreeMap<&str, &ModelPrice>>::new();
        for layer in self.layers.iter().rev() {
            for (provider, models) in &layer.providers {
                let models = models.iter().map(|(model, price)| (model.as_str(), price));
                rows.entry(provider).or_default().extend(models);
            }
        }
        rows
    }
}
