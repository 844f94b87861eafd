//! Which events of model calls anybody hears: what nobody hears need not be made.

use crate::pattern::Pattern;

/// The events that tell of a model call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallEvent {
    Request,
    Generate,
    Error,
    Vetoed,
    Tokens,
}

impl CallEvent {
    pub(super) const ALL: [Self; 5] = [
        Self::Request,
        Self::Generate,
        Self::Error,
        Self::Vetoed,
        Self::Tokens,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Request => "llm.request",
            Self::Generate => "llm.generate",
            Self::Error => "llm.error",
            Self::Vetoed => "llm.vetoed",
            Self::Tokens => "lm.tokens",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// Those of them that somebody hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct CallsHeard(u8);

impl CallsHeard {
    /// The events that are heard by a pattern.
    pub(super) fn by(pattern: &Pattern) -> Self {
        let all = CallEvent::ALL.into_iter();
        let heard = all.filter(|event| pattern.matches(event.name()));
        heard.fold(Self::default(), |heard, event| heard.and(event.into()))
    }

    /// These and others.
    pub(super) const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    pub(crate) const fn any(self) -> bool {
        self.0 != 0
    }

    pub(crate) const fn has(self, event: CallEvent) -> bool {
        self.0 & event.bit() != 0
    }
}

impl From<CallEvent> for CallsHeard {
    fn from(event: CallEvent) -> Self {
        Self(event.bit())
    }
}
