//! How figures are computed and printed: shares, durations, long names.

use std::{fmt, time::Duration};

/// The part of the whole, from 0 to 1; none of nothing.
pub(crate) fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| to_f64(part) / to_f64(whole))
}

pub(crate) fn to_f64(count: u64) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "shares and means need no 53 bits"
    )]
    let number = count as f64;
    number
}

/// Whole nanoseconds; what is longer than 584 years stays there.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Three digits and a unit that fits: `950 ns`, `15.2 µs`, `340 ms`, `1.20 s`, `125 s`.
pub(crate) struct Time(pub(crate) Duration);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = nanos(self.0);
        let (unit, name) = match nanos {
            0 => return f.pad("0 s"),
            1..1_000 => (1, "ns"),
            1_000..1_000_000 => (1_000, "µs"),
            1_000_000..1_000_000_000 => (1_000_000, "ms"),
            _ => (1_000_000_000, "s"),
        };
        let number = to_f64(nanos) / to_f64(unit);
        let digits = match (unit, number) {
            (1, _) => 0,
            (_, ..10.0) => 2,
            (_, ..100.0) => 1,
            _ => 0,
        };
        f.pad(&format!("{number:.digits$} {name}"))
    }
}

/// `12.5 %`.
pub(crate) struct Percent(pub(crate) f64);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:.1} %", self.0 * 100.0))
    }
}

/// As it prints, or a dash for what is not known.
pub(crate) fn or_dash(figure: Option<impl fmt::Display>) -> String {
    figure.map_or_else(|| "-".to_owned(), |figure| figure.to_string())
}

/// At most so many bytes of the beginning, no character halved.
pub(crate) fn beginning(text: &str, bytes: usize) -> &str {
    if text.len() <= bytes {
        return text;
    }
    let mut end = bytes;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_three_digits_and_a_unit_that_fits() {
        let shown = |nanos| Time(Duration::from_nanos(nanos)).to_string();

        assert_eq!(shown(0), "0 s");
        assert_eq!(shown(950), "950 ns");
        assert_eq!(shown(15_240), "15.2 µs");
        assert_eq!(shown(340_000_000), "340 ms");
        assert_eq!(shown(1_204_000_000), "1.20 s");
        assert_eq!(shown(125_000_000_000), "125 s");
    }

    #[test]
    fn a_beginning_halves_no_character() {
        assert_eq!(beginning("a€b", 3), "a");
        assert_eq!(beginning("a€b", 4), "a€");
        assert_eq!(beginning("a€b", 9), "a€b");
    }
}
