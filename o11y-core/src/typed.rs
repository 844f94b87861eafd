//! Typed events: what model calls, modules, optimisers and evaluations tell, as structs instead of
//! keys.
//!
//! Each one is data until it is emitted, turns into an [`Event`](crate::Event) under the keys of
//! [`key`](crate::key), and is read back from one. Readers are lenient: the older and the mirrored
//! system's names are understood as well, and what has the wrong type counts as not said.

pub use self::{
    evaluation::EvaluationEvent,
    llm::LlmEvent,
    module::ModuleEvent,
    optimization::{OptimizationEvent, OptimizationPhase},
};

mod declaration;
mod evaluation;
mod field;
mod llm;
mod module;
mod optimization;
