//! Numbers, times and names as a person reads them.

use std::time::Duration;

/// Three figures and a unit: `850 µs`, `12.3 ms`, `1.42 s`; from two minutes on `2 min 05 s`.
pub(super) fn duration(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    // Rounding must not carry a figure over the edge of its unit, as in `1000 µs`.
    match nanos {
        0 => "0 µs".to_owned(),
        1..=999 => format!("{nanos} ns"),
        1_000..=999_499 => format!("{} µs", (nanos + 500) / 1_000),
        999_500..=999_499_999 => format!("{} ms", three_figures(duration.as_secs_f64() * 1e3)),
        999_500_000..=119_499_999_999 => format!("{} s", three_figures(duration.as_secs_f64())),
        _ => {
            let seconds = (nanos + 500_000_000) / 1_000_000_000;
            format!("{} min {:02} s", seconds / 60, seconds % 60)
        }
    }
}

fn three_figures(value: f64) -> String {
    let decimals = match value {
        ..9.995 => 2,
        ..99.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$}")
}

/// A count with its thousands set apart: `12,345`.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// US dollars with as many decimals as it takes to see something: `$12.30`, `$0.0042`,
/// `$0.000098`.
pub(super) fn money(dollars: f64) -> String {
    let decimals = match dollars.abs() {
        0.0 | 0.995.. => 2,
        0.000_995.. => 4,
        _ => 6,
    };
    format!("${dollars:.decimals$}")
}

/// One line of at most so many characters. Control characters become blanks: what was traced
/// must not be able to steer the terminal.
pub(super) fn shorten(text: &str, max_chars: usize) -> String {
    let is_blank = |character: char| character.is_control() || character.is_whitespace();
    // Far more than will be shown is not looked at; a message may be a whole document.
    let head: String = text.chars().take(max_chars * 4).collect();
    let words: Vec<_> = head
        .split(is_blank)
        .filter(|word| !word.is_empty())
        .collect();
    let line = words.join(" ");

    if line.chars().count() <= max_chars && head.len() == text.len() {
        return line;
    }
    let cut: String = line.chars().take(max_chars).collect();
    format!("{}…", cut.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_figures() {
        let shown = |nanos| duration(Duration::from_nanos(nanos));

        assert_eq!(shown(0), "0 µs");
        assert_eq!(shown(999), "999 ns");
        assert_eq!(shown(850_000), "850 µs");
        assert_eq!(shown(999_500), "1.00 ms");
        assert_eq!(shown(12_345_678), "12.3 ms");
        assert_eq!(shown(123_456_789), "123 ms");
        assert_eq!(shown(999_600_000), "1.00 s");
        assert_eq!(shown(1_420_000_000), "1.42 s");
        assert_eq!(shown(9_996_000_000), "10.0 s");
        assert_eq!(shown(125_000_000_000), "2 min 05 s");
    }

    #[test]
    fn counts_are_grouped_by_thousands() {
        assert_eq!(
            [0, 999, 1_000, 1_234_567].map(count),
            ["0", "999", "1,000", "1,234,567"]
        );
    }

    #[test]
    fn small_amounts_are_still_seen() {
        assert_eq!(
            [0.0, 12.3, 0.0042, 0.000_097_6].map(money),
            ["$0.00", "$12.30", "$0.0042", "$0.000098"]
        );
    }

    #[test]
    fn text_becomes_one_short_harmless_line() {
        assert_eq!(shorten("a\n\tb\u{1b}[31m", 20), "a b [31m");
        assert_eq!(shorten("abcdef", 3), "abc…");
        assert_eq!(shorten("äöü", 3), "äöü");
        assert_eq!(shorten(&"x ".repeat(10_000), 5), "x x x…");
    }
}
