//! The table of the rates at which nothing is lost.

use std::fmt::Write as _;

use super::{COMPRESSIONS, Found, RATES};
use crate::{
    measure::Figures,
    page::{head, row, whole},
    scale::SENDERS,
};

pub fn write(page: &mut String, figures: &Figures) -> anyhow::Result<()> {
    writeln!(
        page,
        "\n### Paced, usual settings: spans of W1 a second without a loss\n"
    )?;
    head(
        page,
        "",
        &COMPRESSIONS
            .map(|(_, title)| [title, "the next rate"])
            .concat(),
    )?;
    for library in SENDERS {
        let cells = COMPRESSIONS.map(|(compression, _)| {
            let get = |name: &str| figures.get(library, &format!("rate {compression}/{name}"));
            let best = match get("best") {
                Some(0.0) => format!("fewer than {}", whole(RATES[0] as f64)),
                Some(best) => whole(best),
                None => "–".into(),
            };
            [best, beyond(get)]
        });
        row(page, library, &cells.concat())?;
    }
    Ok(())
}

/// What came of the first rate that is too high.
fn beyond(get: impl Fn(&str) -> Option<f64>) -> String {
    let found = get("beyond").zip(get("made")).zip(get("lost"));
    let Some(((rate, made), lost)) = found else {
        return "–".into();
    };
    let found = Found {
        rate: rate as u64,
        made,
        lost,
    };
    let lost = if lost > 0.0 {
        format!("{:.1} % lost", (100.0 * lost).max(0.1))
    } else {
        "none lost".into()
    };
    let made = if found.is_reached() {
        String::new()
    } else {
        format!(" of {} made", whole(made))
    };
    format!("{}: {lost}{made}", whole(rate))
}
