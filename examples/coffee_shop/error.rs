//! What can go wrong in the shop. A veto is one of these: to the program it is an error like any
//! other.

use std::time::Duration;

use o11y_core::Vetoed;
use o11y_events::TokenBudgetExceeded;
use reqwest::StatusCode;

#[derive(Debug, thiserror::Error)]
pub enum ShopError {
    #[error("over budget with {used} of {limit} tokens used; the next call was not made")]
    OverBudget {
        used: u64,
        limit: u64,
        #[source]
        vetoed: Vetoed,
    },
    #[error("a call was refused before it was made")]
    Refused(#[source] Vetoed),
    #[error("the model answered with {}", status.as_u16())]
    Status {
        status: StatusCode,
        /// How long the model asks us to wait.
        wait: Option<Duration>,
    },
    #[error("the model could not be reached")]
    Unreachable(#[from] reqwest::Error),
    #[error("the model answered in a shape that makes no sense: {0}")]
    Senseless(String),
}

impl ShopError {
    /// Whether the same call may succeed a little later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Status { status, .. } => {
                *status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error()
            }
            Self::Unreachable(error) => error.is_connect() || error.is_timeout(),
            _ => false,
        }
    }
}

/// This conversion is all that `Context::generation` needs to hand a veto to the program.
impl From<Vetoed> for ShopError {
    fn from(vetoed: Vetoed) -> Self {
        match vetoed.downcast_ref::<TokenBudgetExceeded>() {
            Some(exceeded) => Self::OverBudget {
                used: exceeded.used(),
                limit: exceeded.limit(),
                vetoed,
            },
            None => Self::Refused(vetoed),
        }
    }
}
