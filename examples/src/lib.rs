//! Runnable programs, one question each; see the files beside this crate.

/// The programs in the README are compiled and run like any other documentation.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
