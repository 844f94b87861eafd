//! One variable: which of several names is set, and what its text means.

use std::{str::FromStr, time::Duration};

use crate::{config::LONGEST_DURATION, error::ConfigError};

/// An environment that can be looked up; tests bring their own.
pub(super) struct Environment<'a> {
    pub(super) look_up: &'a dyn Fn(&str) -> Option<String>,
}

/// A variable that is set.
pub(super) struct Variable {
    pub(super) name: &'static str,
    pub(super) text: String,
}

impl Environment<'_> {
    /// The first of `names` that is set and not empty.
    pub(super) fn first(&self, names: &[&'static str]) -> Option<Variable> {
        names.iter().find_map(|name| {
            let text = (self.look_up)(name).filter(|text| !text.is_empty())?;
            Some(Variable { name, text })
        })
    }

    pub(super) fn count(&self, names: &[&'static str]) -> Result<Option<usize>, ConfigError> {
        self.first(names)
            .map(|variable| variable.count())
            .transpose()
    }

    pub(super) fn seconds(&self, names: &[&'static str]) -> Result<Option<Duration>, ConfigError> {
        self.first(names)
            .map(|variable| variable.seconds())
            .transpose()
    }
}

impl Variable {
    pub(super) fn count(&self) -> Result<usize, ConfigError> {
        self.parse(
            |count: &usize| (1..=u32::MAX as usize).contains(count),
            "a whole number of spans of at least 1, such as `100`",
        )
    }

    pub(super) fn seconds(&self) -> Result<Duration, ConfigError> {
        let seconds: f64 = self.parse(
            |seconds| (0.0..=LONGEST_DURATION.as_secs_f64()).contains(seconds),
            "seconds, whole or not, such as `5` or `0.5`",
        )?;
        Ok(Duration::from_secs_f64(seconds))
    }

    pub(super) fn truth(&self) -> Result<bool, ConfigError> {
        match self.text.trim().to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(true),
            "false" | "0" | "no" | "off" => Ok(false),
            _ => Err(self.refused("`true` or `false`")),
        }
    }

    pub(super) fn parse<T: FromStr>(
        &self,
        is_allowed: impl FnOnce(&T) -> bool,
        expected: &'static str,
    ) -> Result<T, ConfigError> {
        let parsed = self.text.trim().parse().ok();
        parsed
            .filter(is_allowed)
            .ok_or_else(|| self.refused(expected))
    }

    pub(super) fn refused(&self, expected: &'static str) -> ConfigError {
        ConfigError::Invalid {
            name: self.name.into(),
            problem: format!("is {:?}", self.text),
            expected,
        }
    }
}
