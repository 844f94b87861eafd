//! Runs this test program once more as a process of its own, in a role of its own.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "only tests use it, and its environment is how the child knows its role"
)]

use std::process::{Command, Output};

use o11y_langfuse::{Langfuse, LangfuseBuilder};

const ROLE: &str = "TEST_ROLE";
const HOST: &str = "TEST_HOST";

/// The role of this process, if it is a child.
pub(crate) fn role() -> Option<String> {
    std::env::var(ROLE).ok()
}

/// Plays `role` in a child that has no variables but those given, and waits for its end.
pub(crate) fn play(role: &str, host: &str, variables: &[(&str, &str)]) -> Output {
    Command::new(std::env::current_exe().unwrap())
        .env_clear()
        .env(ROLE, role)
        .env(HOST, host)
        .env("RUST_BACKTRACE", "0")
        .envs(variables.iter().copied())
        .output()
        .unwrap()
}

/// In a child: an exporter to the parent's receiver, that sends only on demand.
pub(crate) fn builder() -> LangfuseBuilder {
    Langfuse::builder()
        .public_key("pk-lf-local")
        .secret_key("sk-lf-local")
        .host(std::env::var(HOST).unwrap())
        .batch_size(100_000)
        .export_interval(std::time::Duration::ZERO)
}
