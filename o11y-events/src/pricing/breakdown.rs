//! What a call cost, class by class.

use o11y_core::Cost;

/// What a call cost, class by class, under the names by which Langfuse adds up costs.
///
/// Classes without tokens are left out.
///
/// ```
/// use o11y_core::{Cost, Usage};
/// use o11y_events::{CostBreakdown, Pricing, ServiceTier};
///
/// let usage = Usage::new().input(1_000_000).output(1_000_000);
/// let cost: CostBreakdown =
///     Pricing::builtin().breakdown(Some("openai"), "gpt-4o-mini", &usage, ServiceTier::Standard)?;
/// for (class, cost) in cost.by_class() {
///     println!("{class}: {cost}");
/// }
/// assert_eq!(cost.total(), Cost::usd(0.75)); // $0.15 and $0.60
/// # Ok::<_, o11y_events::Unpriced>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CostBreakdown {
    by_class: Vec<(&'static str, Cost)>,
}

impl CostBreakdown {
    pub(crate) fn push(&mut self, class: &'static str, cost: Cost) {
        self.by_class.push((class, cost));
    }

    /// The name of each class that had tokens, and what they cost.
    pub fn by_class(&self) -> impl Iterator<Item = (&'static str, Cost)> {
        self.by_class.iter().copied()
    }

    /// The sum of all classes.
    #[must_use]
    pub fn total(&self) -> Cost {
        self.by_class().map(|(_, cost)| cost).sum()
    }
}
