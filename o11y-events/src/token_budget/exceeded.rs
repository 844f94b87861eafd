//! Why a call was refused.

use std::fmt;

/// A call was refused because the budget does not allow it.
///
/// It is the cause of the veto: `vetoed.downcast_ref::<TokenBudgetExceeded>()`. To go on, raise the
/// limit or [`reset`](crate::TokenBudgetTracker::reset) the tracker; if the call
/// [`asked`](Self::asked) for more than was left, a smaller one may still pass.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "token budget exceeded: {used} of {limit} tokens are used{}",
    Rest(self)
)]
pub struct TokenBudgetExceeded {
    limit: u64,
    used: u64,
    reserved: u64,
    asked: Option<u64>,
}

impl TokenBudgetExceeded {
    pub(super) fn new(limit: u64, used: u64, reserved: u64, asked: Option<u64>) -> Self {
        Self {
            limit,
            used,
            reserved,
            asked,
        }
    }

    /// The tokens that may be used.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// The tokens that were used when the call was refused.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.used
    }

    /// The tokens that were reserved by calls under way when the call was refused.
    #[must_use]
    pub fn reserved(&self) -> u64 {
        self.reserved
    }

    /// The tokens that the call said it may use, if it did.
    #[must_use]
    pub fn asked(&self) -> Option<u64> {
        self.asked
    }
}

/// The end of the message: what stood in the way, and what can be done.
struct Rest<'a>(&'a TokenBudgetExceeded);

impl fmt::Display for Rest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TokenBudgetExceeded {
            limit,
            used,
            reserved,
            asked,
        } = *self.0;
        if reserved > 0 {
            write!(f, " and {reserved} reserved by calls under way")?;
        }
        match asked {
            Some(asked) if used < limit => write!(
                f,
                " and this call may use {asked} more: ask for less, raise the limit or reset the \
                 tracker"
            ),
            _ => f.write_str(": raise the limit or reset the tracker"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_says_what_to_do() {
        assert_eq!(
            TokenBudgetExceeded::new(10, 12, 0, Some(3)).to_string(),
            "token budget exceeded: 12 of 10 tokens are used: raise the limit or reset the tracker"
        );
        assert_eq!(
            TokenBudgetExceeded::new(10, 8, 0, Some(3)).to_string(),
            "token budget exceeded: 8 of 10 tokens are used and this call may use 3 more: ask for \
             less, raise the limit or reset the tracker"
        );
        assert_eq!(
            TokenBudgetExceeded::new(10, 5, 4, Some(3)).to_string(),
            "token budget exceeded: 5 of 10 tokens are used and 4 reserved by calls under way and \
             this call may use 3 more: ask for less, raise the limit or reset the tracker"
        );
    }
}
