//! The pair of keys and who may do what with them.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD};

/// The keys that the receiver accepts.
#[derive(Clone)]
pub(crate) struct Keys {
    pub(crate) public: String,
    pub(crate) secret: String,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("public", &self.public)
            .field("secret", &"***")
            .finish()
    }
}

/// What somebody may do who came with an `Authorization` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Everything.
    Project,
    /// Send scores, as a browser may that knows the public key only.
    Scores,
    /// Nothing.
    None,
}

impl Keys {
    /// Judges as Langfuse does: the scheme is compared to the letter, and the project is found by
    /// the secret key alone, so a wrong public key beside it goes unnoticed.
    pub(crate) fn access(&self, authorization: Option<&str>) -> Access {
        let authorization = authorization.unwrap_or_default();

        if authorization.strip_prefix("Bearer ") == Some(self.public.as_str()) {
            return Access::Scores;
        }
        let decoded = authorization
            .strip_prefix("Basic ")
            .and_then(|encoded| BASE64_STANDARD.decode(encoded.trim()).ok())
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .unwrap_or_default();
        if decoded.split(':').nth(1) == Some(self.secret.as_str()) {
            Access::Project
        } else {
            Access::None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(authorization: &str) -> Access {
        let keys = Keys {
            public: "pk".to_owned(),
            secret: "sk".to_owned(),
        };
        keys.access(Some(authorization))
    }

    fn basic(scheme: &str, pair: &str) -> Access {
        access(&format!("{scheme} {}", BASE64_STANDARD.encode(pair)))
    }

    #[test]
    fn the_secret_key_decides() {
        assert_eq!(basic("Basic", "pk:sk"), Access::Project);
        assert_eq!(basic("Basic", "other:sk"), Access::Project);
        assert_eq!(basic("Basic", "pk:other"), Access::None);
        assert_eq!(basic("Basic", "sk"), Access::None);
    }

    #[test]
    fn the_scheme_is_compared_to_the_letter() {
        assert_eq!(basic("basic", "pk:sk"), Access::None);
        assert_eq!(basic("Bearer", "pk:sk"), Access::None);
    }

    #[test]
    fn the_public_key_alone_is_for_scores() {
        assert_eq!(access("Bearer pk"), Access::Scores);
        assert_eq!(access("Bearer sk"), Access::None);
        assert_eq!(access(""), Access::None);
    }

    #[test]
    fn the_secret_key_is_not_printed() {
        let keys = Keys {
            public: "pk".to_owned(),
            secret: "hush".to_owned(),
        };

        assert!(!format!("{keys:?}").contains("hush"));
    }
}
