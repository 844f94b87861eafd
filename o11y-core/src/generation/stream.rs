//! Answers that come in chunks: read one by one, put together, and ended when the stream does.
//!
//! ```text
//!  chunk ─► Tape (the fields that matter, flat) ─► provider's rules ─► Assembly ─► output at the end
//! ```

#[cfg(feature = "stream")]
pub use self::adaptor::GenerationStream;
pub(super) use self::assembly::Assembly;

#[cfg(feature = "stream")]
mod adaptor;
mod answer;
mod assembly;
mod chunk;
mod field;
mod tape;
