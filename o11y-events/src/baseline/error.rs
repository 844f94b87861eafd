//! Why a baseline could not be read or written.

use std::{error::Error, io, path::PathBuf};

/// Why a [`Baseline`](crate::Baseline) could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BaselineError {
    /// The file could not be read or written.
    #[error("the baseline {} could not be read or written", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is no JSON.
    #[error("the baseline is not JSON")]
    Json(#[source] Box<dyn Error + Send + Sync>),
    /// It is of a version that is not known here: make it anew.
    #[error("the baseline is not of version 1: make it anew")]
    Version {
        /// The version that it states; none if it states no number.
        version: Option<u64>,
    },
    /// Something in it is not what it has to be.
    #[error("`{field}` of the baseline is not {expected}")]
    Field {
        /// Where in the file.
        field: String,
        /// What should be there.
        expected: &'static str,
    },
}

impl BaselineError {
    pub(super) fn json(error: serde_json::Error) -> Self {
        Self::Json(Box::new(error))
    }

    pub(super) fn field(field: impl Into<String>, expected: &'static str) -> Self {
        Self::Field {
            field: field.into(),
            expected,
        }
    }
}
