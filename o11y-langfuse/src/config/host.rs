//! The server's address, checked once so that no request can fail because of it.

use std::{fmt, net::IpAddr};

use ureq::http::{Uri, uri::InvalidUri};

use crate::error::ConfigError;

/// Langfuse's European cloud, the default of the official SDKs.
const CLOUD: &str = "https://cloud.langfuse.com";

/// The address of a Langfuse server.
#[derive(Clone, PartialEq, Eq)]
pub struct Host {
    /// Without a slash at the end.
    base: String,
    loopback: bool,
    encrypted: bool,
}

impl Host {
    pub(crate) fn cloud() -> Self {
        Self {
            base: CLOUD.to_owned(),
            loopback: false,
            encrypted: true,
        }
    }

    /// Checks an address; `name` is the variable or method that it comes from.
    pub(crate) fn parse(name: &'static str, text: &str) -> Result<Self, ConfigError> {
        let refuse = |problem: String| ConfigError::Invalid {
            name: name.into(),
            problem,
            expected: "the address of a server with its scheme, such as `https://cloud.langfuse.com`",
        };
        let base = text.trim_end_matches('/');
        // What stands before an `@` is a password, so the text is not shown then.
        if base.contains('@') {
            return Err(refuse("has a user name or password in it".into()));
        }
        let uri: Uri = base
            .parse()
            .map_err(|error: InvalidUri| refuse(format!("is {text:?} ({error})")))?;
        let encrypted = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(refuse(format!("is {text:?}, without http:// or https://"))),
        };
        let Some(server) = uri.host().filter(|server| !server.is_empty()) else {
            return Err(refuse(format!("is {text:?}, without a server")));
        };
        if uri.query().is_some() {
            return Err(refuse(format!("is {text:?}, with a query")));
        }
        Ok(Self {
            loopback: is_loopback(server),
            encrypted,
            base: base.to_owned(),
        })
    }

    /// The address, without a slash at the end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.base
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// The server's name or address, and its port.
    #[cfg(feature = "metrics")]
    pub(crate) fn server(&self) -> Option<(String, u16)> {
        let uri: Uri = self.base.parse().ok()?;
        let port = uri
            .port_u16()
            .unwrap_or(if self.encrypted { 443 } else { 80 });
        let name = uri.host()?.trim_matches(['[', ']']);
        Some((name.to_owned(), port))
    }

    pub(crate) fn is_loopback(&self) -> bool {
        self.loopback
    }

    /// Whether keys and content cross a network unencrypted.
    pub(crate) fn is_exposed(&self) -> bool {
        !self.encrypted && !self.loopback
    }
}

/// Whether a host name or address, as it stands in a URL, is this machine.
pub(crate) fn is_loopback(server: &str) -> bool {
    let address = server.trim_start_matches('[').trim_end_matches(']');
    server.eq_ignore_ascii_case("localhost")
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Host({})", self.base)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_with_a_prefix_and_without_their_last_slash() {
        let host = Host::parse("host", "https://example.com/langfuse/").unwrap();

        assert_eq!(host.url("/x"), "https://example.com/langfuse/x");
        assert!(!host.is_exposed());
    }

    #[test]
    fn only_plain_http_beyond_this_machine_is_exposed() {
        for (text, exposed) in [
            ("http://127.0.0.1:3000", false),
            ("http://localhost:3000", false),
            ("http://[::1]:3000", false),
            ("http://langfuse.internal:3000", true),
            ("https://langfuse.internal", false),
        ] {
            assert_eq!(
                Host::parse("host", text).unwrap().is_exposed(),
                exposed,
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_address_is_refused_and_a_password_is_not_shown() {
        for text in [
            "",
            "cloud.langfuse.com",
            "ftp://cloud.langfuse.com",
            "https://",
            "https://a b",
            "https://example.com?x=1",
            "https://user:hunter2@example.com",
        ] {
            let refused = Host::parse("LANGFUSE_HOST", text).unwrap_err().to_string();

            assert!(refused.starts_with("LANGFUSE_HOST "), "{refused}");
            assert!(
                refused.contains("such as `https://cloud.langfuse.com`"),
                "{refused}"
            );
            assert!(!refused.contains("hunter2"), "{refused}");
        }
    }
}
