//! What can be wrong with a configuration, and what can go wrong when asking Langfuse.

use std::{borrow::Cow, io};

/// A configuration that cannot work, or a thread that could not be started.
///
/// The value of a secret is never part of the message.
///
/// ```
/// use o11y_langfuse::{ConfigError, Langfuse};
///
/// let wrong = Langfuse::builder().public_key("pk-lf-1").secret_key("sk-lf-1").host("langfuse.internal");
/// match wrong.build() {
///     Err(error @ ConfigError::Invalid { .. }) => println!("{error}"), // which setting, and what is accepted
///     other => panic!("{other:?}"),
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A variable or builder field has a value that cannot be used. Correct it, or unset it for
    /// its default.
    #[error("{name} {problem}: expected {expected}")]
    Invalid {
        /// The environment variable, or the builder's method.
        name: Cow<'static, str>,
        /// What it is instead.
        problem: String,
        /// The accepted form, with an example.
        expected: &'static str,
    },
    /// A builder was spawned without this; [`init`](crate::init) treats it as switched off.
    #[error("{name} is not set")]
    Missing {
        /// The builder's method or the environment variable.
        name: &'static str,
    },
    /// The operating system refused to start the worker thread.
    #[error("the worker thread could not be started")]
    Thread(#[source] io::Error),
}

/// Why a question to Langfuse's API had no answer.
///
/// ```
/// use o11y_langfuse::{ApiError, Telemetry};
///
/// let refused: Result<_, ApiError> = Telemetry::off("no keys").auth_check();
/// println!("{}", refused.expect_err("nobody can be asked"));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApiError {
    /// Telemetry is off, so there is nobody to ask.
    #[error("telemetry is off: {reason}")]
    Off {
        /// Why it is off.
        reason: String,
    },
    /// The keys are not accepted. Check that they belong to this host.
    #[error("the credentials were refused with status {status}")]
    Refused {
        /// 401 or 403.
        status: u16,
    },
    /// The server answered with something else than the API's answer.
    #[error("the server answered with status {status} and no usable project")]
    Unexpected {
        /// The HTTP status.
        status: u16,
    },
    /// There was no answer.
    #[error("the server could not be reached")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_variable_and_the_accepted_form() {
        let error = ConfigError::Invalid {
            name: "O11Y_TELEMETRY_QUEUE_SIZE".into(),
            problem: "is \"many\"".into(),
            expected: "a whole number of spans of at least 1, such as `8192`",
        };

        assert_eq!(
            error.to_string(),
            "O11Y_TELEMETRY_QUEUE_SIZE is \"many\": expected a whole number of spans of at least \
             1, such as `8192`"
        );
    }
}
