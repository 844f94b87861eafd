//! How a call was served: at once for the usual price, later for less, or sooner for more.

use std::fmt;

/// How a call was served, which providers name in `service_tier` and price apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[non_exhaustive]
pub enum ServiceTier {
    /// At the list price.
    #[default]
    Standard,
    /// Within a day, for about half of it.
    Batch,
    /// When there is room, for about half of it.
    Flex,
    /// Before others, for about twice as much.
    Priority,
}

impl ServiceTier {
    pub(crate) const ALL: [Self; 4] = [Self::Standard, Self::Batch, Self::Flex, Self::Priority];

    /// Reads the `service_tier` of an answer. `None` for one that has no known meaning: its price
    /// is not known then.
    ///
    /// | text | tier |
    /// |---|---|
    /// | `default`, `standard`, `standard_only`, `auto`, `on_demand` | [`Standard`](Self::Standard) |
    /// | `batch` | [`Batch`](Self::Batch) |
    /// | `flex` | [`Flex`](Self::Flex) |
    /// | `priority` | [`Priority`](Self::Priority) |
    ///
    /// ```
    /// use o11y_events::ServiceTier;
    ///
    /// assert_eq!(ServiceTier::from_name("default"), Some(ServiceTier::Standard));
    /// assert_eq!(ServiceTier::from_name("ultrafast"), None);
    /// ```
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let standard = ["default", "standard", "standard_only", "auto", "on_demand"];
        if standard
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known))
        {
            return Some(Self::Standard);
        }
        let mut all = Self::ALL.into_iter();
        all.find(|tier| name.eq_ignore_ascii_case(tier.name()))
    }

    /// The tier of a call that names one, or that names none.
    pub(crate) fn of_call(name: Option<&str>) -> Option<Self> {
        name.map_or(Some(Self::Standard), Self::from_name)
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Batch => "batch",
            Self::Flex => "flex",
            Self::Priority => "priority",
        }
    }
}

impl fmt::Display for ServiceTier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
