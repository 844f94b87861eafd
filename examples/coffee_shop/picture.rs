//! The picture in the README: a trace as the terminal shows it, drawn as SVG.

use std::{env, fs, path::PathBuf};

use anstyle::RgbColor;
use anstyle_svg::{Palette, Term};
use anyhow::Context as _;

use crate::{destination::Destination, run::Run, show};

/// Sixteen colours that can be read on black.
const PALETTE: Palette = {
    const fn rgb(code: u32) -> RgbColor {
        let [_, red, green, blue] = code.to_be_bytes();
        RgbColor(red, green, blue)
    }
    Palette([
        rgb(0x0d_11_17),
        rgb(0xff_7b_72),
        rgb(0x7e_e7_87),
        rgb(0xf2_cc_60),
        rgb(0x79_c0_ff),
        rgb(0xd2_a8_ff),
        rgb(0x76_e3_ea),
        rgb(0xe6_ed_f3),
        rgb(0x6e_76_81),
        rgb(0xff_a1_98),
        rgb(0xaf_f5_b4),
        rgb(0xf8_e3_a1),
        rgb(0xa5_d6_ff),
        rgb(0xe2_c5_ff),
        rgb(0xb3_f0_ff),
        rgb(0xff_ff_ff),
    ])
};

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
    let svg = Term::new().palette(PALETTE).render_svg(&tree);
    fs::write(path, svg).with_context(|| format!("{} could not be written", path.display()))?;
    Ok(())
}
