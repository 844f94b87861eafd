//! The environment: the one place that reads it, and which variable wins.
//!
#![doc = include_str!("env.md")]

use std::{str::FromStr, time::Duration};

use crate::{
    builder::{Langfuse, LangfuseBuilder},
    config::{
        Host, LONGEST_DURATION,
        check::{check_environment, check_key},
    },
    error::ConfigError,
};

/// Where the official SDKs look for a release, in their order.
const RELEASE: [&str; 11] = [
    "LANGFUSE_RELEASE",
    "RENDER_GIT_COMMIT",
    "CI_COMMIT_SHA",
    "CIRCLE_SHA1",
    "SOURCE_VERSION",
    "TRAVIS_COMMIT",
    "GIT_COMMIT",
    "GITHUB_SHA",
    "BITBUCKET_COMMIT",
    "BUILD_SOURCEVERSION",
    "DRONE_COMMIT_SHA",
];

impl Langfuse {
    /// An exporter configured by the environment, for code to change: what is set on the builder
    /// afterwards counts.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] for a variable with a value that cannot be used.
    pub fn from_env() -> Result<LangfuseBuilder, ConfigError> {
        builder()
    }
}

/// A builder with what the process's environment says.
pub(crate) fn builder() -> Result<LangfuseBuilder, ConfigError> {
    #[expect(clippy::disallowed_methods, reason = "this is env.rs")]
    let look_up =
        |name: &str| std::env::var_os(name).map(|text| text.to_string_lossy().into_owned());
    read(&Environment { look_up: &look_up })
}

/// An environment that can be looked up; tests bring their own.
struct Environment<'a> {
    look_up: &'a dyn Fn(&str) -> Option<String>,
}

/// A variable that is set.
struct Variable {
    name: &'static str,
    text: String,
}

fn read(environment: &Environment<'_>) -> Result<LangfuseBuilder, ConfigError> {
    let off = switched_off(environment)?;
    let mut builder = LangfuseBuilder {
        off,
        ..LangfuseBuilder::default()
    };
    if builder.off.is_some() {
        // Nothing else matters, and what is wrong elsewhere must not stop the program.
        return Ok(builder);
    }
    let text = |names: &[&'static str]| environment.first(names).map(|variable| variable.text);

    if let Some(key) = environment.first(&["LANGFUSE_PUBLIC_KEY"]) {
        check_key(key.name, &key.text)?;
        builder.public_key = Some(key.text);
    }
    if let Some(key) = environment.first(&["LANGFUSE_SECRET_KEY"]) {
        check_key(key.name, &key.text)?;
        builder.secret_key = Some(key.text);
    }
    if let Some(host) = environment.first(&["LANGFUSE_BASE_URL", "LANGFUSE_HOST"]) {
        Host::parse(host.name, &host.text)?;
        builder.host = Some(host.text);
    }
    builder.queue_size =
        environment.count(&["O11Y_TELEMETRY_QUEUE_SIZE", "DSPY_TELEMETRY_QUEUE_SIZE"])?;
    builder.batch_size = environment.count(&[
        "O11Y_TELEMETRY_BATCH_SIZE",
        "LANGFUSE_FLUSH_AT",
        "DSPY_TELEMETRY_BATCH_SIZE",
    ])?;
    builder.export_interval = environment.seconds(&[
        "O11Y_TELEMETRY_EXPORT_INTERVAL",
        "LANGFUSE_FLUSH_INTERVAL",
        "DSPY_TELEMETRY_EXPORT_INTERVAL",
    ])?;
    builder.shutdown_timeout = environment.seconds(&[
        "O11Y_TELEMETRY_SHUTDOWN_TIMEOUT",
        "DSPY_TELEMETRY_SHUTDOWN_TIMEOUT",
    ])?;
    if let Some(timeout) = environment.seconds(&["LANGFUSE_TIMEOUT"])? {
        if timeout.is_zero() {
            return Err(ConfigError::Invalid {
                name: "LANGFUSE_TIMEOUT".into(),
                problem: "is 0".into(),
                expected: "seconds, more than 0, such as `10` or `2.5`",
            });
        }
        builder.timeout = Some(timeout);
    }
    if let Some(share) = environment.first(&["LANGFUSE_SAMPLE_RATE"]) {
        builder.sample_rate = Some(share.parse(
            |share| (0.0..=1.0).contains(share),
            "a share of all traces from 0 to 1, such as `0.25`",
        )?);
    }
    if let Some(name) = environment.first(&["LANGFUSE_TRACING_ENVIRONMENT"]) {
        check_environment(name.name, &name.text)?;
        builder.environment = Some(name.text);
    }
    builder.release = text(&RELEASE);
    builder.service_name = text(&["OTEL_SERVICE_NAME"]);
    Ok(builder)
}

/// The reason, if a variable switches telemetry off.
fn switched_off(environment: &Environment<'_>) -> Result<Option<String>, ConfigError> {
    let switch = environment.first(&[
        "O11Y_DISABLE_OBSERVABILITY",
        "LANGFUSE_TRACING_ENABLED",
        "DSPY_DISABLE_OBSERVABILITY",
    ]);
    let Some(switch) = switch else {
        return Ok(None);
    };
    let enables = switch.name == "LANGFUSE_TRACING_ENABLED";
    Ok((switch.truth()? != enables).then(|| format!("{} is {}", switch.name, switch.text)))
}

impl Environment<'_> {
    /// The first of `names` that is set and not empty.
    fn first(&self, names: &[&'static str]) -> Option<Variable> {
        names.iter().find_map(|name| {
            let text = (self.look_up)(name).filter(|text| !text.is_empty())?;
            Some(Variable { name, text })
        })
    }

    fn count(&self, names: &[&'static str]) -> Result<Option<usize>, ConfigError> {
        self.first(names)
            .map(|variable| variable.count())
            .transpose()
    }

    fn seconds(&self, names: &[&'static str]) -> Result<Option<Duration>, ConfigError> {
        self.first(names)
            .map(|variable| variable.seconds())
            .transpose()
    }
}

impl Variable {
    fn count(&self) -> Result<usize, ConfigError> {
        self.parse(
            |count: &usize| (1..=u32::MAX as usize).contains(count),
            "a whole number of spans of at least 1, such as `100`",
        )
    }

    fn seconds(&self) -> Result<Duration, ConfigError> {
        let seconds: f64 = self.parse(
            |seconds| (0.0..=LONGEST_DURATION.as_secs_f64()).contains(seconds),
            "seconds, whole or not, such as `5` or `0.5`",
        )?;
        Ok(Duration::from_secs_f64(seconds))
    }

    fn truth(&self) -> Result<bool, ConfigError> {
        match self.text.trim().to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(true),
            "false" | "0" | "no" | "off" => Ok(false),
            _ => Err(self.refused("`true` or `false`")),
        }
    }

    fn parse<T: FromStr>(
        &self,
        is_allowed: impl FnOnce(&T) -> bool,
        expected: &'static str,
    ) -> Result<T, ConfigError> {
        let parsed = self.text.trim().parse().ok();
        parsed
            .filter(is_allowed)
            .ok_or_else(|| self.refused(expected))
    }

    fn refused(&self, expected: &'static str) -> ConfigError {
        ConfigError::Invalid {
            name: self.name.into(),
            problem: format!("is {:?}", self.text),
            expected,
        }
    }
}

#[cfg(test)]
mod tests;
