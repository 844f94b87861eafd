//! The gate's figures in a build as programs are built by default: with so many codegen units, what
//! is inlined depends on how the compiler cuts the crates into pieces.

use std::{
    env::{consts::EXE_SUFFIX, current_exe},
    process::Command,
};

use anyhow::{Context as _, ensure};

use crate::{
    callgrind::{Count, count_in},
    probe::PROBES,
};

/// The profile in Cargo.toml.
const PROFILE: &str = "plain";

/// What is counted there, too.
const NAMES: [&str; 7] = [
    "w1", "w2", "off", "off_w1", "off_kind", "off_spec", "off_lazy",
];

/// Builds, and counts.
pub fn count() -> anyhow::Result<Vec<(&'static str, Count)>> {
    let executable = current_exe()?;
    let target = executable.ancestors().nth(2);
    let target = target.context("the executable is not where cargo puts it")?;
    let status = Command::new("cargo")
        .args(["build", "--quiet", "--profile", PROFILE, "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .arg("--target-dir")
        .arg(target)
        .status()?;
    ensure!(status.success(), "the build of profile {PROFILE} failed");
    let name = env!("CARGO_PKG_NAME");
    let executable = target.join(PROFILE).join(format!("{name}{EXE_SUFFIX}"));
    PROBES
        .iter()
        .filter(|probe| NAMES.contains(&probe.name))
        .map(|probe| Ok((probe.name, count_in(&executable, probe)?)))
        .collect()
}
