//! A request that was not sent.

use crate::event::Vetoed;

/// A budget or another enforcer refused the call before it was made: nothing was sent.
///
/// The error of a service is boxed, so it is found by its type; an error of another crate around it
/// has [`Vetoed`] among its sources.
///
/// ```
/// use o11y_core::tower::Refused;
///
/// fn why(error: &(dyn std::error::Error + Send + Sync + 'static)) -> Option<String> {
///     let refused = error.downcast_ref::<Refused>()?;
///     Some(refused.vetoed().reason().to_string())
/// }
/// # assert_eq!(why(&std::fmt::Error), None);
/// ```
#[derive(Debug, thiserror::Error)]
#[error("the call was refused before it was made")]
pub struct Refused {
    #[source]
    vetoed: Vetoed,
}

impl Refused {
    pub(in crate::tower) fn new(vetoed: Vetoed) -> Self {
        Self { vetoed }
    }

    /// Who refused, and why.
    #[must_use]
    pub fn vetoed(&self) -> &Vetoed {
        &self.vetoed
    }
}
