//! What was counted when somebody last looked and found it right: `baseline.json`.

use std::{collections::BTreeMap, fs, path::PathBuf, process::Command};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::callgrind::{self, Count};

#[derive(Serialize, Deserialize)]
pub struct Baseline {
    /// With what it was counted: another compiler gives other figures.
    pub tools: String,
    pub probes: BTreeMap<String, Count>,
}

impl Baseline {
    pub fn new(counts: Vec<(&'static str, Count)>) -> anyhow::Result<Self> {
        let probes = counts
            .into_iter()
            .map(|(name, count)| (name.to_owned(), count));
        Ok(Self {
            tools: tools()?,
            probes: probes.collect(),
        })
    }

    pub fn read() -> anyhow::Result<Self> {
        let text = fs::read_to_string(path()).context("examples/bench/baseline.json")?;
        Ok(serde_json::from_str(&text)?)
    }

    pub fn write(&self) -> anyhow::Result<()> {
        Ok(fs::write(
            path(),
            serde_json::to_string_pretty(self)? + "\n",
        )?)
    }
}

fn path() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "baseline.json"]
        .iter()
        .collect()
}

/// The compiler and the counter.
pub fn tools() -> anyhow::Result<String> {
    let rustc = Command::new("rustc").arg("--version").output()?.stdout;
    let rustc = String::from_utf8(rustc)?;
    let rustc = rustc.split(" (").next().unwrap_or_default().trim();
    Ok(format!(
        "{rustc}, {}, {}",
        callgrind::version()?,
        std::env::consts::ARCH
    ))
}
