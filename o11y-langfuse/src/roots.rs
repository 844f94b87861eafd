//! The certificates that vouch for the server, where those of the web do not.

use std::fmt;

use ureq::tls::{Certificate, PemItem, RootCerts, parse_pem};

use crate::error::ConfigError;

/// Root certificates, at least one.
#[derive(Clone)]
pub(crate) struct Roots {
    certificates: RootCerts,
    count: usize,
}

impl Roots {
    /// Reads PEM; what else is in it, such as comments, is passed over. `name` is where it is from.
    pub(crate) fn parse(name: &'static str, pem: &[u8]) -> Result<Self, ConfigError> {
        let refuse = |problem: &str| ConfigError::Invalid {
            name: name.into(),
            problem: problem.to_owned(),
            expected: "one or more certificates in PEM, `-----BEGIN CERTIFICATE-----` and so on",
        };
        let mut found: Vec<Certificate<'static>> = Vec::new();
        for item in parse_pem(pem) {
            match item {
                Ok(PemItem::Certificate(certificate)) => found.push(certificate),
                Ok(_) => {} // a key has no business here, but does no harm
                Err(_) => return Err(refuse("has a damaged block")), // its text may be a key's
            }
        }
        if found.is_empty() {
            return Err(refuse("holds no certificate"));
        }
        Ok(Self {
            count: found.len(),
            certificates: RootCerts::new_with_certs(&found),
        })
    }

    pub(crate) fn certificates(&self) -> RootCerts {
        self.certificates.clone()
    }
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Roots({})", self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_no_certificate_is_refused_and_not_shown() {
        let key = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n";
        let damaged = "-----BEGIN CERTIFICATE-----\n!!secret\n-----END CERTIFICATE-----\n";
        for pem in ["", "secret", key, damaged] {
            let refused = Roots::parse("root_certificates", pem.as_bytes());

            let refused = refused.unwrap_err().to_string();
            assert!(refused.starts_with("root_certificates h"), "{refused}");
            assert!(!refused.contains("secret"), "{refused}");
        }
    }

    #[test]
    fn several_certificates_may_stand_in_one_text() {
        let one = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

        let roots = Roots::parse(
            "root_certificates",
            format!("# ours\n{one}\n{one}").as_bytes(),
        );

        assert_eq!(format!("{:?}", roots.unwrap()), "Roots(2)");
    }
}
