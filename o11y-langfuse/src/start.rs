//! How telemetry is switched on: by the environment, by a builder, or for a part of the program.

use crate::{
    builder::LangfuseBuilder, config::Config, env, error::ConfigError, telemetry::Telemetry,
};

/// Switches telemetry on as the environment says.
///
/// With `LANGFUSE_PUBLIC_KEY` and `LANGFUSE_SECRET_KEY` set, everything recorded from now on goes
/// to Langfuse. Without them telemetry is off, which is no error: it is said once through the `log`
/// facade, and [`Telemetry::off_reason`] tells it.
///
/// Keep what is returned until the end of `main`: dropping it delivers what waits.
///
/// ```
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let _telemetry = o11y_langfuse::init()?;
///     // the program
///     Ok(())
/// }
/// ```
///
/// A program that would rather go on without telemetry than stop at a wrong variable says so:
///
/// ```
/// let _telemetry = o11y_langfuse::init().unwrap_or_else(|error| {
///     eprintln!("going on without telemetry: {error}");
///     o11y_langfuse::Telemetry::off(error.to_string())
/// });
/// ```
///
/// # Errors
///
/// [`ConfigError::Invalid`] names a variable whose value cannot be used and the accepted form;
/// [`ConfigError::Thread`] if the system refuses to start a thread.
pub fn init() -> Result<Telemetry, ConfigError> {
    let builder = env::builder()?;
    match builder.missing_key() {
        Some(name) => Ok(Telemetry::without(name)),
        None => builder.spawn(),
    }
}

impl Config {
    /// Starts the worker and records from now on.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Thread`] if the system refuses to start a thread.
    pub fn spawn(self) -> Result<Telemetry, ConfigError> {
        Telemetry::spawn(&self).map(Telemetry::enabled)
    }

    /// Starts the worker and records only what runs in a [`scope`](Telemetry::scope) of it.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Thread`] if the system refuses to start a thread.
    pub fn spawn_scoped(self) -> Result<Telemetry, ConfigError> {
        Telemetry::spawn(&self)
    }
}

impl LangfuseBuilder {
    /// The variable of a key that is not set, unless another switches telemetry off.
    pub(crate) fn missing_key(&self) -> Option<&'static str> {
        [
            ("LANGFUSE_PUBLIC_KEY", &self.public_key),
            ("LANGFUSE_SECRET_KEY", &self.secret_key),
        ]
        .into_iter()
        .find_map(|(name, key)| key.is_none().then_some(name))
        .filter(|_| self.off.is_none())
    }

    /// Checks everything, starts the worker and records from now on. A builder from an environment
    /// that switches telemetry off starts nothing.
    ///
    /// # Errors
    ///
    /// Those of [`build`](Self::build), and [`ConfigError::Thread`].
    pub fn spawn(mut self) -> Result<Telemetry, ConfigError> {
        match self.off.take() {
            Some(reason) => Ok(Telemetry::off(reason)),
            None => self.build()?.spawn(),
        }
    }

    /// Checks everything, starts the worker and records only what runs in a
    /// [`scope`](Telemetry::scope) of it. A builder from an environment that switches telemetry off
    /// starts nothing.
    ///
    /// # Errors
    ///
    /// Those of [`build`](Self::build), and [`ConfigError::Thread`].
    pub fn spawn_scoped(mut self) -> Result<Telemetry, ConfigError> {
        match self.off.take() {
            Some(reason) => Ok(Telemetry::off(reason)),
            None => self.build()?.spawn_scoped(),
        }
    }
}
