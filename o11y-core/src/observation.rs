//! What an operation is to Langfuse (its type), and how loudly it speaks (its level).

use std::{fmt, str::FromStr};

/// What a span is to Langfuse. The text forms are the server's, lower case.
///
/// ```
/// use o11y_core::{ObservationType, ParseObservationTypeError};
///
/// assert_eq!("agent".parse(), Ok(ObservationType::Agent));
/// assert_eq!(ObservationType::Tool.as_str(), "tool");
/// let unknown: Result<ObservationType, ParseObservationTypeError> = "robot".parse();
/// assert!(unknown.is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum ObservationType {
    /// Any operation.
    #[default]
    Span,
    /// A call of a language model.
    Generation,
    /// A moment without a duration.
    Event,
    /// A program that decides what to do next.
    Agent,
    /// A call of a tool.
    Tool,
    /// A fixed sequence of steps.
    Chain,
    /// A search for documents.
    Retriever,
    /// A computation of embeddings.
    Embedding,
    /// A judgement of a result.
    Evaluator,
    /// A check that may refuse.
    Guardrail,
}

impl ObservationType {
    /// Every type, in the order of their definition.
    pub const ALL: [Self; 10] = [
        Self::Span,
        Self::Generation,
        Self::Event,
        Self::Agent,
        Self::Tool,
        Self::Chain,
        Self::Retriever,
        Self::Embedding,
        Self::Evaluator,
        Self::Guardrail,
    ];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Span => "span",
            Self::Generation => "generation",
            Self::Event => "event",
            Self::Agent => "agent",
            Self::Tool => "tool",
            Self::Chain => "chain",
            Self::Retriever => "retriever",
            Self::Embedding => "embedding",
            Self::Evaluator => "evaluator",
            Self::Guardrail => "guardrail",
        }
    }
}

impl fmt::Display for ObservationType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that names no observation type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown observation type: expected one of span, generation, event, agent, tool, chain, \
     retriever, embedding, evaluator, guardrail"
)]
pub struct ParseObservationTypeError(());

impl FromStr for ObservationType {
    type Err = ParseObservationTypeError;

    fn from_str(text: &str) -> Result<Self, ParseObservationTypeError> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or(ParseObservationTypeError(()))
    }
}

/// How loudly an observation speaks in Langfuse.
///
/// ```
/// use o11y_core::{Context, Level, SpanSpec};
///
/// assert!(Level::Debug < Level::Default && Level::Warning < Level::Error);
/// Context::with_span(SpanSpec::new("poll").level(Level::Debug), |span| {
///     span.set_level(Level::Warning); // it took longer than it should
/// });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[non_exhaustive]
pub enum Level {
    /// Detail for whoever looks closely.
    Debug,
    /// The ordinary.
    #[default]
    Default,
    /// Something to look at.
    Warning,
    /// A failure: shown red, and the OpenTelemetry status is an error.
    Error,
}

impl Level {
    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "DEBUG",
            Self::Default => "DEFAULT",
            Self::Warning => "WARNING",
            Self::Error => "ERROR",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_reads_back_from_its_name() {
        for kind in ObservationType::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
    }

    #[test]
    fn an_unknown_type_is_refused_with_the_accepted_names() {
        let refused = "GENERATION".parse::<ObservationType>().unwrap_err();

        assert!(refused.to_string().contains("generation, event"));
    }
}
