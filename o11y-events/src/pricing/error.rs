//! What is wrong with a table of prices.

/// What is wrong with a table of prices.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PriceTableError {
    /// The text is no JSON.
    #[error("the price table is not JSON")]
    Syntax {
        /// What the parser said, with line and column.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A field holds what it may not, is not known, or is missing.
    #[error("`{field}` of {place} must be {accepted}")]
    Field {
        /// The model, or the table itself.
        place: String,
        /// The field, with its path inside the model.
        field: String,
        /// What is accepted there.
        accepted: &'static str,
    },
}

/// Where in a table the reader is.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) place: String,
    pub(crate) path: String,
}

impl Place {
    pub(crate) fn table() -> Self {
        Self {
            place: "the price table".to_owned(),
            path: String::new(),
        }
    }

    pub(crate) fn model(provider: &str, model: &str) -> Self {
        Self {
            place: format!("`{provider}/{model}` in the price table"),
            path: String::new(),
        }
    }

    /// One step further down.
    pub(crate) fn at(&self, field: &str) -> Self {
        Self {
            place: self.place.clone(),
            path: format!("{}{field}.", self.path),
        }
    }

    pub(crate) fn wrong(&self, field: &str, accepted: &'static str) -> PriceTableError {
        PriceTableError::Field {
            place: self.place.clone(),
            field: format!("{}{field}", self.path),
            accepted,
        }
    }
}
