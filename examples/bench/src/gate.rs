//! The gate: instructions and allocations must not grow unnoticed.

use std::{collections::BTreeMap, sync::Mutex, thread};

use anyhow::{Context as _, bail};

use crate::{
    baseline::{Baseline, tools},
    callgrind::{self, Count},
    probe::{PROBES, Probe},
};

/// The share by which a count may move.
const TOLERANCE: f64 = 0.03;

/// One allocation; a part of one is something that grows now and then.
const ALLOCATION: f64 = 0.9;

/// Functions that are named when a count has grown.
const NAMED: usize = 8;

/// Counts everything and compares.
pub fn check() -> anyhow::Result<()> {
    let baseline = Baseline::read()?;
    let tools = tools()?;
    let counts = count_all(PROBES)?;
    let (mut grown, mut shrunk) = (Vec::new(), Vec::new());
    for (name, count) in &counts {
        let Some(before) = baseline.probes.get(*name) else {
            bail!("baseline.json does not know the probe `{name}`: run `gate --update`");
        };
        println!(
            "{name:18} {:>9} instructions, was {:>9} ({:+.1} %); {} allocations, were {}",
            count.instructions,
            before.instructions,
            100.0 * share(count.instructions, before.instructions),
            count.allocations,
            before.allocations,
        );
        let moved = share(count.instructions, before.instructions);
        if moved > TOLERANCE || count.allocations > before.allocations + ALLOCATION {
            println!("{}", grown_functions(count, before));
            grown.push(*name);
        } else if moved < -TOLERANCE || count.allocations < before.allocations - ALLOCATION {
            shrunk.push(*name);
        }
    }
    if tools != baseline.tools {
        println!(
            "counted with {tools}; the baseline was counted with {}",
            baseline.tools
        );
    }
    if !grown.is_empty() {
        bail!(
            "more than before: {}. If it is meant, run `gate --update` and say why",
            grown.join(", ")
        );
    }
    if !shrunk.is_empty() {
        bail!(
            "less than before, well done: {}. Keep it with `gate --update`",
            shrunk.join(", ")
        );
    }
    Ok(())
}

/// Counts everything and writes it down.
pub fn update() -> anyhow::Result<()> {
    Baseline::new(count_all(PROBES)?)?.write()
}

/// Counts some, or all, and shows where the instructions are.
pub fn count(names: &[&str]) -> anyhow::Result<()> {
    for probe in PROBES {
        if !names.is_empty() && !names.contains(&probe.name) {
            continue;
        }
        let count = callgrind::count(probe)?;
        println!(
            "{:18} {:>9} instructions, {} allocations",
            probe.name, count.instructions, count.allocations
        );
        let mut functions: Vec<_> = count.functions.iter().collect();
        functions.sort_by(|a, b| b.1.total_cmp(a.1));
        let shown = if names.is_empty() { 0 } else { 30 };
        for (name, cost) in functions.iter().take(shown) {
            println!("    {cost:>8}  {name}");
        }
    }
    Ok(())
}

/// Counts on all processors, in the order of the list.
pub fn count_all(probes: &'static [Probe]) -> anyhow::Result<Vec<(&'static str, Count)>> {
    let waiting = Mutex::new(probes.iter());
    let next = || waiting.lock().ok()?.next();
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let mut counted = BTreeMap::new();
    thread::scope(|scope| {
        let running: Vec<_> = (0..workers)
            .map(|_| {
                scope.spawn(|| {
                    let count = |probe: &'static Probe| Ok((probe.name, callgrind::count(probe)?));
                    std::iter::from_fn(next)
                        .map(count)
                        .collect::<anyhow::Result<Vec<_>>>()
                })
            })
            .collect();
        for worker in running {
            counted.extend(worker.join().ok().context("a worker panicked")??);
        }
        anyhow::Ok(())
    })?;
    Ok(probes
        .iter()
        .filter_map(|probe| Some((probe.name, counted.remove(probe.name)?)))
        .collect())
}

fn share(now: f64, before: f64) -> f64 {
    (now - before) / before.max(1.0)
}

/// The functions whose own cost has grown most.
fn grown_functions(count: &Count, before: &Count) -> String {
    let mut grown: Vec<_> = count
        .functions
        .iter()
        .map(|(name, now)| {
            (
                now - before.functions.get(name).copied().unwrap_or(0.0),
                name,
            )
        })
        .filter(|(more, _)| *more > 0.0)
        .collect();
    grown.sort_by(|a, b| b.0.total_cmp(&a.0));
    let lines = grown
        .iter()
        .take(NAMED)
        .map(|(more, name)| format!("    {more:+} {name}"));
    lines.collect::<Vec<_>>().join("\n")
}
