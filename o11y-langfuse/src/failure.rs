//! Why a request failed, in a form that can hold no key, no content and no address.

use std::{error::Error, fmt, io};

use crate::{transport::Reply, verdict::Answer};

/// Why the latest request that failed did: a status that is no 2xx, or no answer.
///
/// It is a kind and never a text of the server or of a library, so it may be shown anywhere. The
/// text is in the log, once until a request succeeds.
///
/// ```
/// use o11y_langfuse::{Failure, Telemetry};
///
/// let telemetry = Telemetry::off("an example");
/// match telemetry.stats().last_failure {
///     Some(Failure::Status(401 | 403)) => println!("look at the keys"),
///     Some(failure) => println!("{failure}"),
///     None => println!("no request has failed"),
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Failure {
    /// The server answered with this status.
    Status(u16),
    /// There was no answer in time.
    TimedOut,
    /// The server's name is not known.
    NameNotFound,
    /// The proxy gave no connection.
    Proxy,
    /// No encrypted connection came about: mostly a certificate that is not trusted, see
    /// [`root_certificates`](crate::LangfuseBuilder::root_certificates).
    Tls,
    /// The connection failed.
    Connection(io::ErrorKind),
    /// Something else, such as an answer that is not HTTP.
    Other,
}

impl Failure {
    /// Kinds of failures, as few as a metric may tell apart.
    pub(crate) const CLASSES: [&str; 5] = ["no_answer", "429", "4xx", "5xx", "other_status"];

    /// Its place among [`CLASSES`](Self::CLASSES).
    pub(crate) fn class(self) -> usize {
        match self {
            Self::Status(429) => 1,
            Self::Status(400..=499) => 2,
            Self::Status(500..=599) => 3,
            Self::Status(_) => 4,
            _ => 0,
        }
    }

    /// What a reply says of it; none if it was a success.
    pub(crate) fn of(reply: &Reply) -> Option<Self> {
        match (&reply.answer, &reply.error) {
            (Answer::Status { status, .. }, _) => {
                (!matches!(status, 200..=299)).then_some(Self::Status(*status))
            }
            (Answer::Nothing, None) => Some(Self::Other),
            (Answer::Nothing, Some(error)) => Some(Self::kind(error.as_ref())),
        }
    }

    fn kind(error: &(dyn Error + Send + Sync + 'static)) -> Self {
        match error.downcast_ref::<ureq::Error>() {
            Some(ureq::Error::Timeout(_)) => Self::TimedOut,
            Some(ureq::Error::HostNotFound) => Self::NameNotFound,
            Some(ureq::Error::ConnectProxyFailed(_) | ureq::Error::InvalidProxyUrl) => Self::Proxy,
            Some(
                ureq::Error::Tls(_)
                | ureq::Error::Rustls(_)
                | ureq::Error::Pem(_)
                | ureq::Error::TlsRequired,
            ) => Self::Tls,
            // What the TLS library cannot make sense of or does not trust.
            Some(ureq::Error::Io(error)) if error.kind() == io::ErrorKind::InvalidData => Self::Tls,
            Some(ureq::Error::Io(error)) => Self::Connection(error.kind()),
            _ => Self::Other,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "status {status}"),
            Self::TimedOut => f.write_str("no answer in time"),
            Self::NameNotFound => f.write_str("the server's name was not found"),
            Self::Proxy => f.write_str("the proxy gave no connection"),
            Self::Tls => f.write_str("no encrypted connection"),
            Self::Connection(kind) => write!(f, "{kind}"),
            Self::Other => f.write_str("no usable answer"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing(error: ureq::Error) -> Option<Failure> {
        Failure::of(&Reply {
            error: Some(error.into()),
            ..Answer::Nothing.into()
        })
    }

    #[test]
    fn a_failure_is_a_kind_and_repeats_no_text() {
        let proxy = ureq::Error::ConnectProxyFailed("user:hunter2 said no".to_owned());
        let refused = io::Error::new(io::ErrorKind::ConnectionRefused, "sk-lf-secret");

        assert_eq!(nothing(proxy), Some(Failure::Proxy));
        let refused = nothing(refused.into()).unwrap();
        assert_eq!(refused.to_string(), "connection refused");
        assert_eq!(
            nothing(ureq::Error::HostNotFound),
            Some(Failure::NameNotFound)
        );
    }

    #[test]
    fn failures_are_of_few_classes() {
        for (failure, class) in [
            (Failure::TimedOut, "no_answer"),
            (
                Failure::Connection(io::ErrorKind::ConnectionReset),
                "no_answer",
            ),
            (Failure::Status(307), "other_status"),
            (Failure::Status(401), "4xx"),
            (Failure::Status(429), "429"),
            (Failure::Status(599), "5xx"),
        ] {
            assert_eq!(Failure::CLASSES[failure.class()], class);
        }
    }

    #[test]
    fn every_status_but_2xx_is_a_failure() {
        for (status, failure) in [
            (200, None),
            (207, None),
            (307, Some(Failure::Status(307))),
            (503, Some(Failure::Status(503))),
        ] {
            let answer = Answer::Status {
                status,
                retry_after: None,
            };
            assert_eq!(Failure::of(&answer.into()), failure);
        }
        assert_eq!(Failure::of(&Answer::Nothing.into()), Some(Failure::Other));
    }
}
