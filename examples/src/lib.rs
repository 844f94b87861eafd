//! Runnable programs, one question each; see the files beside this crate.

/// The programs in the README and in the guides are compiled and run like any other documentation.
#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../../README.md")]
    struct Readme;

    #[doc = include_str!("../../docs/bridges.md")]
    struct Bridges;

    #[doc = include_str!("../../docs/budgets.md")]
    struct Budgets;

    #[doc = include_str!("../../docs/concepts.md")]
    struct Concepts;

    #[doc = include_str!("../../docs/migrating.md")]
    struct Migrating;

    #[doc = include_str!("../../docs/opentelemetry.md")]
    struct OpenTelemetry;

    #[doc = include_str!("../../docs/operating.md")]
    struct Operating;

    #[doc = include_str!("../../docs/start.md")]
    struct Start;

    #[doc = include_str!("../../docs/testing.md")]
    struct Testing;

    #[doc = include_str!("../../docs/tuning.md")]
    struct Tuning;
}
