//! Whether a text is a moment as Langfuse's older write path insists on: RFC 3339 with its zone.

/// `2026-02-03T04:05:06.789Z`, or with an offset such as `+01:00`. Anything else would cost the
/// whole observation there.
pub(super) fn is_instant(text: &str) -> bool {
    let Some((date, rest)) = text.split_at_checked(10) else {
        return false;
    };
    let Some((time, rest)) = rest.split_at_checked(9) else {
        return false;
    };
    is_date(date) && is_time(time) && is_zone(after_fraction(rest))
}

fn is_date(date: &str) -> bool {
    let [Some(year), Some(month), Some(day)] = fields(date, ["", "-", "-"], [4, 2, 2]) else {
        return false;
    };
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => 0,
    };
    (1..=days).contains(&day)
}

fn is_time(time: &str) -> bool {
    let parts = fields(time, ["T", ":", ":"], [2, 2, 2]);
    matches!(parts, [Some(0..=23), Some(0..=59), Some(0..=59)])
}

/// What follows the fraction of a second, if there is a proper one.
fn after_fraction(text: &str) -> &str {
    match text.strip_prefix('.') {
        Some(fraction) => {
            let rest = fraction.trim_start_matches(|digit: char| digit.is_ascii_digit());
            if rest.len() == fraction.len() {
                text
            } else {
                rest
            }
        }
        None => text,
    }
}

fn is_zone(zone: &str) -> bool {
    let sign = if zone.starts_with('-') { "-" } else { "+" };
    let offset = |zone| fields(zone, [sign, ":", ""], [2, 2, 0]);
    zone == "Z" || matches!(offset(zone), [Some(0..=23), Some(0..=59), Some(0)])
}

/// Three numbers, each after its separator and of so many digits; nothing may follow.
fn fields(mut text: &str, separators: [&str; 3], digits: [usize; 3]) -> [Option<u32>; 3] {
    let mut numbers = [None; 3];
    for ((number, separator), digits) in numbers.iter_mut().zip(separators).zip(digits) {
        let Some((field, rest)) = text
            .strip_prefix(separator)
            .and_then(|text| text.split_at_checked(digits))
            .filter(|(field, _)| field.bytes().all(|byte| byte.is_ascii_digit()))
        else {
            return [None; 3];
        };
        *number = Some(field.parse().unwrap_or(0)); // no digits at all
        text = rest;
    }
    if text.is_empty() { numbers } else { [None; 3] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_have_a_date_a_time_and_a_zone() {
        for text in [
            "2026-02-03T04:05:06Z",
            "2026-02-03T04:05:06.7Z",
            "2024-02-29T23:59:59.123456789+05:30",
            "2000-02-29T00:00:00-00:00",
        ] {
            assert!(is_instant(text), "{text}");
        }
    }

    #[test]
    fn what_is_no_moment_is_not_taken_for_one() {
        for text in [
            "",
            "1769999999",
            "2026-02-03",
            "2026-02-03T04:05:06",
            "2026-02-03 04:05:06Z",
            "2026-02-30T04:05:06Z",
            "1900-02-29T04:05:06Z",
            "2026-13-03T04:05:06Z",
            "2026-02-03T24:05:06Z",
            "2026-02-03T04:05:06.Z",
            "2026-02-03T04:05:06+0100",
            "2026-02-03T04:05:06Z ",
            "2026-02-03T04:05:06é",
            "+026-02-03T04:05:06Z",
        ] {
            assert!(!is_instant(text), "{text}");
        }
    }
}
