//! The picture: what one span and one trace take on the caller's thread, library by library.

use std::fmt::Write as _;

use crate::{contender::NAMES, measure::Figures};

const WIDTH: f64 = 720.0;
const LEFT: f64 = 92.0;
const RIGHT: f64 = 96.0;
const BAR: f64 = 20.0;
const GAP: f64 = 8.0;

/// Two groups of bars, each with its own scale.
pub fn draw(figures: &Figures) -> String {
    let mut body = String::new();
    let mut y = 34.0;
    for (title, figure) in [
        (
            "One span with four attributes, time on the caller’s thread (paced, median)",
            "paced/w1.p50",
        ),
        ("A trace of seven spans with 9 KiB of text", "paced/w2.p50"),
    ] {
        let times = NAMES.map(|library| figures.get(library, figure).unwrap_or(0.0));
        let longest = times.iter().copied().fold(1.0, f64::max);
        _ = writeln!(body, r#"<text x="16" y="{y}" class="title">{title}</text>"#);
        y += 16.0;
        for (library, time) in NAMES.into_iter().zip(times) {
            let length = ((WIDTH - LEFT - RIGHT) * time / longest).max(1.0);
            let class = match library {
                "o11y" => "ours",
                "copies" => "control",
                _ => "other",
            };
            let (middle, end) = (y + BAR * 0.7, LEFT + length + 6.0);
            let label = if time < 10_000.0 {
                format!("{time:.0} ns")
            } else {
                format!("{:.1} µs", time / 1e3)
            };
            _ = writeln!(
                body,
                r#"<text x="{x}" y="{middle:.0}" text-anchor="end">{library}</text><rect x="{LEFT}" y="{y:.0}" width="{length:.1}" height="{BAR}" rx="3" class="{class}"/><text x="{end:.1}" y="{middle:.0}" class="value">{label}</text>"#,
                x = LEFT - 8.0,
            );
            y += BAR + GAP;
        }
        y += 30.0;
    }
    let height = y - 14.0;
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" aria-label="Time on the caller's thread, by library">
<style>
text {{ font: 13px system-ui, sans-serif; fill: #24292f }}
.title {{ font-weight: 600 }}
.value {{ fill: #57606a }}
.ours {{ fill: #0a7d5a }}
.other {{ fill: #8c959f }}
.control {{ fill: #d0d7de }}
@media (prefers-color-scheme: dark) {{ text {{ fill: #e6edf3 }} .value {{ fill: #9198a1 }} .control {{ fill: #3d444d }} .ours {{ fill: #2fbf8f }} }}
</style>
{body}</svg>
"##
    )
}
