//! What a model call fails with, where the error type is not the caller's own.

use crate::event::Vetoed;

/// Why a call gave no answer, for an error type that cannot itself be made from [`Vetoed`].
///
/// ```
/// use o11y_core::{Context, Generation, GenerationError};
///
/// let call = Generation::new("openai", "gpt-4o-mini");
/// let failed: Result<(), GenerationError<std::io::Error>> =
///     Context::generation_blocking(call, |_call| {
///         std::fs::read("/no/such/model").map_err(GenerationError::Call)?;
///         Ok(())
///     });
/// assert!(matches!(failed, Err(GenerationError::Call(_))));
/// ```
#[derive(Debug, thiserror::Error)]
pub enum GenerationError<E> {
    /// A budget or another enforcer refused the call before it was made.
    #[error("the call was refused before it was made")]
    Vetoed(#[from] Vetoed),
    /// The call itself failed.
    #[error("the call failed")]
    Call(#[source] E),
}
