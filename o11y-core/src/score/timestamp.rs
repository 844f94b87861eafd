//! Moments as text: RFC 3339 in UTC with milliseconds, which is what the server keeps.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Seconds of a day: like the clocks of computers, the calendar here knows no leap seconds.
const DAY: u64 = 86_400;

/// Days from 1 March of year 0, where the computation begins, to 1 January 1970.
const EPOCH_DAY: u64 = 719_468;

/// Days of 400 years, after which the calendar repeats.
const ERA: u64 = 146_097;

/// The first second of the year 10000, which has no text.
const END: u64 = 253_402_300_800;

/// The moment without what is finer than a millisecond; none before 1970 or after 9999.
pub(crate) fn to_millis(moment: SystemTime) -> Option<SystemTime> {
    let since_epoch = moment.duration_since(UNIX_EPOCH).ok()?;
    let millis = u64::try_from(since_epoch.as_millis()).ok()?;
    (since_epoch.as_secs() < END).then(|| UNIX_EPOCH + Duration::from_millis(millis))
}

/// Such as `2026-01-31T23:59:59.123Z`.
pub(crate) fn format(moment: SystemTime) -> String {
    let since_epoch = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (seconds, millis) = (since_epoch.as_secs(), since_epoch.subsec_millis());
    let (year, month, day) = date(seconds / DAY);
    let second = seconds % DAY;
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// Reads a moment with its zone, `Z` or an offset; none if it is not one, or not from 1970 to 9999.
pub(crate) fn parse(text: &str) -> Option<SystemTime> {
    let (date, rest) = text.split_at_checked(10)?;
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let (time, rest) = rest.split_at_checked(8)?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    if !(1..=12).contains(&month)
        || !(1..=days_of(year, month)).contains(&day)
        || (hour, minute, second) > (23, 59, 60)
        || minute > 59
        || second > 60
    {
        return None;
    }
    let (nanos, zone) = fraction(rest)?;
    let seconds = (day_number(year, month, day)? * DAY + hour * 3_600 + minute * 60 + second)
        .checked_add_signed(-offset(zone)?)?;
    to_millis(UNIX_EPOCH + Duration::new(seconds, nanos))
}

/// Year, month and day of a day that is counted from 1970. Years are taken to begin in March, so
/// that the leap day is their last; the months from there have 153 days in every five.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + EPOCH_DAY;
    let (era, day) = (days / ERA, days % ERA);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

/// The way back: the days from 1970; none before.
fn day_number(year: u64, month: u64, day: u64) -> Option<u64> {
    let year = year.checked_sub(u64::from(month <= 2))?;
    let (era, year) = (year / 400, year % 400);
    let month = (month + 9) % 12;
    let day = (153 * month + 2) / 5 + day - 1;
    let days = era * ERA + 365 * year + year / 4 - year / 100 + day;
    days.checked_sub(EPOCH_DAY)
}

fn days_of(year: u64, month: u64) -> u64 {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 => 28 + u64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Three numbers of so many digits each.
fn numbers(text: &str, separator: char, digits: [usize; 3]) -> Option<[u64; 3]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; 3];
    for (number, digits) in numbers.iter_mut().zip(digits) {
        let part = parts.next()?;
        if part.len() != digits || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

/// The part of a second as nanoseconds, and what comes after it.
fn fraction(text: &str) -> Option<(u32, &str)> {
    let Some(text) = text.strip_prefix('.') else {
        return Some((0, text));
    };
    let end = text.find(|letter: char| !letter.is_ascii_digit())?;
    let (digits, rest) = text.split_at(end);
    let kept = digits.get(..9).unwrap_or(digits);
    let padded = format!("{kept:0<9}");
    (!digits.is_empty()).then_some((padded.parse().ok()?, rest))
}

/// The seconds by which the zone is ahead of UTC.
fn offset(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    let sign = match zone.bytes().next()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let [hours, minutes, _] = numbers(&format!("{}:00", &zone[1..]), ':', [2, 2, 2])?;
    let seconds = i64::try_from(hours * 3_600 + minutes * 60).ok()?;
    (hours < 24 && minutes < 60).then_some(sign * seconds)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64, millis: u32) -> SystemTime {
        UNIX_EPOCH + Duration::new(seconds, millis * 1_000_000)
    }

    #[test]
    fn known_moments_have_their_text() {
        for (moment, text) in [
            (at(0, 0), "1970-01-01T00:00:00.000Z"),
            (at(951_782_400, 7), "2000-02-29T00:00:00.007Z"),
            (at(1_769_903_999, 123), "2026-01-31T23:59:59.123Z"),
            (at(4_107_542_400, 0), "2100-03-01T00:00:00.000Z"),
            (at(END - 1, 999), "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(format(moment), text);
            assert_eq!(parse(text), Some(moment));
        }
    }

    #[test]
    fn zones_and_fractions_of_any_length_are_read() {
        let moment = Some(at(1_769_903_999, 120));

        for text in [
            "2026-01-31T23:59:59.12Z",
            "2026-01-31T23:59:59.120999999999Z",
            "2026-02-01T01:29:59.12+01:30",
            "2026-01-31t18:59:59.12-05:00",
        ] {
            assert_eq!(parse(text), moment, "{text}");
        }
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in [
            "",
            "2026-01-31",
            "2026-01-31T23:59:59",
            "2026-02-30T00:00:00Z",
            "2025-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-31T24:00:00Z",
            "2026-01-31T23:60:00Z",
            "2026-01-31T23:59:59.Z",
            "2026-01-31T23:59:59+0100",
            "1969-12-31T23:59:59Z",
            "1970-01-01T00:00:00+00:01",
            "20é6-01-31T23:59:59Z",
            "2026-01-31T23:59:59é",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_moment_reads_back_from_its_text(seconds in 0..END, millis in 0_u32..1_000) {
            let moment = at(seconds, millis);

            prop_assert_eq!(parse(&format(moment)), Some(moment));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,40}") {
            _ = parse(&text);
        }
    }
}
