//! The environment: the one place that reads it, and which variable wins.
//!
#![doc = include_str!("env.md")]

use std::{fmt, fs};

use crate::{
    builder::{Langfuse, LangfuseBuilder},
    config::{
        Host,
        check::{check_environment, check_key},
    },
    encode,
    error::ConfigError,
    roots::Roots,
};

use self::{resource::Resource, variable::Environment};

mod resource;
mod variable;

/// Where the official SDKs look for the server: Python's, and last the older name of TypeScript's.
const HOST: [&str; 3] = ["LANGFUSE_BASE_URL", "LANGFUSE_HOST", "LANGFUSE_BASEURL"];

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
    if let Some(host) = environment.first(&HOST) {
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
    builder.root_certificates = root_certificates(environment);
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
    let resource = Resource::parse(&text(&["OTEL_RESOURCE_ATTRIBUTES"]).unwrap_or_default());
    let named = resource.environment.as_deref();
    if builder.environment.is_none() {
        // Set for all of a company's services, so it is fitted rather than refused.
        let fitting = named.and_then(encode::environment);
        builder.environment = fitting.map(Into::into);
    }
    builder.release = text(&RELEASE);
    builder.service_name = text(&["OTEL_SERVICE_NAME"]).or(resource.service_name);
    builder.service_version = resource.service_version;
    builder.capture_content = captures_content(environment)?;
    Ok(builder)
}

/// The root certificates of a file that a variable names. It is set for every program of a machine,
/// so what is wrong with it stops none: the certificates of the web are used then.
fn root_certificates(environment: &Environment<'_>) -> Option<Vec<u8>> {
    let file = environment.first(&["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])?;
    let unusable = |problem: &dyn fmt::Display| {
        log::warn!(
            "{} is {:?}, but {problem}; it is not used",
            file.name,
            file.text
        );
    };
    let pem = fs::read(&file.text)
        .map_err(|error| unusable(&error))
        .ok()?;
    Roots::parse(file.name, &pem)
        .map_err(|error| unusable(&error))
        .ok()?;
    Some(pem)
}

/// The reason, if a variable switches telemetry off.
fn switched_off(environment: &Environment<'_>) -> Result<Option<String>, ConfigError> {
    let switch = environment.first(&[
        "O11Y_DISABLE_OBSERVABILITY",
        "LANGFUSE_TRACING_ENABLED",
        "OTEL_SDK_DISABLED",
        "DSPY_DISABLE_OBSERVABILITY",
    ]);
    let Some(switch) = switch else {
        return Ok(None);
    };
    let enables = switch.name == "LANGFUSE_TRACING_ENABLED";
    Ok((switch.truth()? != enables).then(|| format!("{} is {}", switch.name, switch.text)))
}

/// Whether content is captured, if a variable says so. That of the GenAI conventions knows more than
/// yes and no: there are no events here that content could stand on instead of the span.
fn captures_content(environment: &Environment<'_>) -> Result<Option<bool>, ConfigError> {
    let switch = environment.first(&[
        "O11Y_CAPTURE_CONTENT",
        "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT",
    ]);
    let Some(switch) = switch else {
        return Ok(None);
    };
    if switch.name == "O11Y_CAPTURE_CONTENT" {
        return switch.truth().map(Some);
    }
    match switch.text.trim().to_ascii_uppercase().as_str() {
        "TRUE" | "SPAN_ONLY" | "SPAN_AND_EVENT" => Ok(Some(true)),
        "FALSE" | "NO_CONTENT" | "EVENT_ONLY" => Ok(Some(false)),
        _ => Err(switch.refused(
            "`true`, `false`, `SPAN_ONLY`, `SPAN_AND_EVENT`, `EVENT_ONLY` or `NO_CONTENT`",
        )),
    }
}

#[cfg(test)]
mod tests;
