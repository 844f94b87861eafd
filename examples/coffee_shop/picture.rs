//! The picture in the README: a trace as the terminal shows it, drawn as SVG.

use std::{env, fs, path::PathBuf};

use anstyle_svg::Term;
use anyhow::Context as _;

use crate::{destination::Destination, run::Run, show};

/// The path after `--picture`, if there is one.
pub fn wanted() -> anyhow::Result<Option<PathBuf>> {
    let mut arguments = env::args_os().skip(1);
    let Some(option) = arguments.next() else {
        return Ok(None);
    };
    anyhow::ensure!(
        option == "--picture",
        "unknown argument {option:?}: expected nothing, or --picture and a path"
    );
    let path = arguments.next().context("--picture needs a path")?;
    Ok(Some(path.into()))
}

/// Draws the trace of a visit in which a call was retried.
pub fn draw(destination: &Destination, run: &Run, path: &PathBuf) -> anyhow::Result<()> {
    let tree = show::retried(run)
        .and_then(|visit| destination.trace(visit.trace_id?))
        .context("there is no trace with a retry to draw")?
        .tree()
        .coloured(true)
        .to_string();
    let svg = Term::new().render_svg(&tree);
    fs::write(path, svg).with_context(|| format!("{} could not be written", path.display()))?;
    Ok(())
}
