//! The classes of tokens, under the names of [`Usage::classes`](o11y_core::Usage::classes).

/// One class of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    Input,
    Cached,
    CacheCreation,
    CacheCreation5m,
    CacheCreation1h,
    InputAudio,
    Output,
    Reasoning,
    OutputAudio,
}

impl Class {
    pub(crate) const ALL: [Self; 9] = [
        Self::Input,
        Self::Cached,
        Self::CacheCreation,
        Self::CacheCreation5m,
        Self::CacheCreation1h,
        Self::InputAudio,
        Self::Output,
        Self::Reasoning,
        Self::OutputAudio,
    ];

    /// The name in a usage, in a price table and to Langfuse.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Cached => "input_cached_tokens",
            Self::CacheCreation => "input_cache_creation",
            Self::CacheCreation5m => "input_cache_creation_5m",
            Self::CacheCreation1h => "input_cache_creation_1h",
            Self::InputAudio => "input_audio_tokens",
            Self::Output => "output",
            Self::Reasoning => "output_reasoning_tokens",
            Self::OutputAudio => "output_audio_tokens",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }

    pub(crate) const fn is_output(self) -> bool {
        matches!(self, Self::Output | Self::Reasoning | Self::OutputAudio)
    }

    /// Whose price it takes if it has none of its own.
    pub(crate) const fn stand_in(self) -> Option<Self> {
        match self {
            // No discount is known.
            Self::Cached => Some(Self::Input),
            // A cache is written for five minutes unless an hour is asked for.
            Self::CacheCreation => Some(Self::CacheCreation5m),
            Self::CacheCreation5m => Some(Self::CacheCreation),
            // Every provider bills thought as output.
            Self::Reasoning => Some(Self::Output),
            // Between these and any other class lie factors of 1.6 to 80.
            Self::Input
            | Self::Output
            | Self::CacheCreation1h
            | Self::InputAudio
            | Self::OutputAudio => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use o11y_core::Usage;

    use super::*;

    #[test]
    fn every_class_of_a_usage_is_known() {
        for (name, _) in Usage::new().classes() {
            assert_eq!(Class::from_name(name).map(Class::name), Some(name));
        }
    }
}
