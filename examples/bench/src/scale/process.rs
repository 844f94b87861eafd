//! What Linux says of this process.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

/// Bytes of memory that the process has in its hands. The exact figure: the one in `status` is
/// brought up to date now and then.
pub fn resident() -> anyhow::Result<f64> {
    kibibytes(Path::new("/proc/self/smaps_rollup"), "Rss:")
}

/// The most that it ever had, to within some hundred KiB.
pub fn peak() -> anyhow::Result<f64> {
    kibibytes(Path::new("/proc/self/status"), "VmHWM:")
}

fn kibibytes(file: &Path, name: &str) -> anyhow::Result<f64> {
    Ok(figure(file, name)? * 1_024.0)
}

/// How often a thread stopped because it had nothing to do.
pub struct ThreadSwitches(PathBuf);

impl ThreadSwitches {
    /// Of the thread with that name.
    pub fn of(name: &str) -> anyhow::Result<Self> {
        for task in fs::read_dir("/proc/self/task")? {
            let task = task?.path();
            if fs::read_to_string(task.join("comm"))?.trim() == name {
                return Ok(Self(task.join("status")));
            }
        }
        anyhow::bail!("there is no thread `{name}`")
    }

    pub fn voluntary(&self) -> anyhow::Result<f64> {
        figure(&self.0, "voluntary_ctxt_switches:")
    }
}

/// The number in the line that begins with `name`.
fn figure(file: &Path, name: &str) -> anyhow::Result<f64> {
    let text = fs::read_to_string(file)
        .with_context(|| format!("{}: this is measured on Linux", file.display()))?;
    let number = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.split_whitespace().next());
    let number = number.with_context(|| format!("{} says no {name}", file.display()))?;
    Ok(number.parse()?)
}
