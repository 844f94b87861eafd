//! Counting by callgrind: the instructions and allocations of one probe, function by function.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::{Command, id},
};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};

use crate::probe::Probe;

/// The functions of the C library that allocate.
const ALLOCATORS: [&str; 5] = [
    "malloc",
    "calloc",
    "realloc",
    "posix_memalign",
    "aligned_alloc",
];

/// What one call of a probe takes on the thread that calls.
#[derive(Serialize, Deserialize)]
pub struct Count {
    pub instructions: f64,
    pub allocations: f64,
    /// The instructions of each function itself, without those that it calls.
    pub functions: BTreeMap<String, f64>,
}

/// What a whole run took.
#[derive(Default)]
struct Run {
    allocations: u64,
    functions: BTreeMap<String, u64>,
}

/// Fails, saying what to do, if valgrind is not there.
pub fn version() -> anyhow::Result<String> {
    let output = Command::new("valgrind").arg("--version").output().context(
        "instructions are counted by valgrind, which is missing: apt-get install valgrind",
    )?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// Counts by the difference of two runs, one twice as long as the other: what happens only once is
/// in both.
pub fn count(probe: &Probe) -> anyhow::Result<Count> {
    count_in(&env::current_exe()?, probe)
}

/// The same in another build of this program.
pub fn count_in(executable: &Path, probe: &Probe) -> anyhow::Result<Count> {
    let (short, long) = (
        run(executable, probe.name, probe.times)?,
        run(executable, probe.name, 2 * probe.times)?,
    );
    let times = probe.times as f64;
    // To a tenth: finer than that is where on the heap something came to lie.
    let per_call =
        |long: u64, short: u64| ((long as f64 - short as f64) / times * 10.0).round() / 10.0;
    let functions: BTreeMap<_, _> = long
        .functions
        .iter()
        .map(|(name, long)| {
            let short = short.functions.get(name).copied().unwrap_or(0);
            (name.clone(), per_call(*long, short))
        })
        .filter(|(_, count)| *count >= 0.5)
        .collect();
    let sum = |run: &Run| run.functions.values().sum();
    Ok(Count {
        instructions: per_call(sum(&long), sum(&short)),
        allocations: per_call(long.allocations, short.allocations),
        functions,
    })
}

fn run(executable: &Path, probe: &str, times: usize) -> anyhow::Result<Run> {
    let out = Out::new(probe)?;
    let output = Command::new("valgrind")
        .args([
            "--tool=callgrind",
            "--toggle-collect=*probe*measured*",
            "--dump-line=no",
        ])
        .arg("--separate-threads=yes")
        .arg(format!(
            "--callgrind-out-file={}",
            out.0.join("out").display()
        ))
        .arg(executable)
        .args(["probe", probe, &times.to_string()])
        .output()
        .context("valgrind did not start")?;
    if !output.status.success() {
        bail!(
            "the probe {probe} failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    // The caller is the first thread; what the worker allocates meanwhile is in another file.
    read(&out.0.join("out-01"))
        .with_context(|| format!("what callgrind wrote of the probe {probe}"))
}

/// A folder that is gone when this is.
struct Out(PathBuf);

impl Out {
    fn new(probe: &str) -> anyhow::Result<Self> {
        let folder = env::temp_dir().join(format!("o11y-bench-{}-{probe}", id()));
        fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Out {
    fn drop(&mut self) {
        _ = fs::remove_dir_all(&self.0); // what stays there harms nobody
    }
}

/// Reads callgrind's format. Names come as `fn=(7) the name` and from then on as `fn=(7)`; a line
/// `calls=` says how often the function of the line `cfn=` is called, and the line after it what
/// those calls took together, which stands with the function itself, too.
fn read(path: &Path) -> anyhow::Result<Run> {
    let mut run = Run::default();
    let mut names: BTreeMap<&str, &str> = BTreeMap::new();
    let (mut function, mut called) = ("", "");
    let text = fs::read_to_string(path)?;
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(name) = line.strip_prefix("fn=") {
            function = named(&mut names, name);
        } else if let Some(name) = line.strip_prefix("cfn=") {
            called = named(&mut names, name);
        } else if let Some(calls) = line.strip_prefix("calls=") {
            lines.next();
            if ALLOCATORS.contains(&called) && !ALLOCATORS.contains(&function) {
                let times = calls.split(' ').next().unwrap_or_default();
                run.allocations += times.parse::<u64>()?;
            }
        } else if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first)) {
            let cost = line.split(' ').nth(1).context("a line without a cost")?;
            *run.functions.entry(short(function)).or_default() += cost.parse::<u64>()?;
        }
    }
    Ok(run)
}

fn named<'a>(names: &mut BTreeMap<&'a str, &'a str>, text: &'a str) -> &'a str {
    match text.split_once(' ') {
        Some((number, name)) => {
            names.insert(number, name);
            name
        }
        None => names.get(text).copied().unwrap_or(text),
    }
}

/// The name without what changes from build to build, and without the copies that callgrind makes of
/// recursive functions.
fn short(name: &str) -> String {
    let name = name.split('\'').next().unwrap_or(name);
    match name.rsplit_once("::h") {
        Some((name, hash))
            if hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) =>
        {
            name.to_owned()
        }
        _ => name.to_owned(),
    }
}
