//! When the first token of an answer came, in the words of Langfuse.
//!
//! A model call knows it as the seconds since its start, as the GenAI conventions have it; Langfuse
//! does not read that, and wants a moment.

use std::time::Duration;

use o11y_core::{Anchor, Record, Value, key};

use super::attribute::AttributeWriter;

/// Langfuse's own key. What a user says under it stands, if it is a moment.
const COMPLETION_START: &str = "langfuse.observation.completion_start_time";

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// Writes the moment, if the record knows it.
pub(super) fn write(attributes: &mut AttributeWriter<'_, '_>, record: &Record, anchor: &Anchor) {
    let seconds = record
        .attribute(key::TIME_TO_FIRST_CHUNK)
        .and_then(Value::as_f64);
    let Some(after) = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()) else {
        return;
    };
    let after = u64::try_from(after.as_nanos()).unwrap_or(u64::MAX);
    let moment = record.start_unix_nanos(anchor).saturating_add(after);
    attributes.text(COMPLETION_START, &iso_8601(moment));
}

/// `2026-02-03T04:05:06.789Z`: milliseconds, because Langfuse keeps no more.
fn iso_8601(unix_nanos: u64) -> String {
    let seconds = unix_nanos / NANOS_PER_SECOND;
    let milliseconds = unix_nanos % NANOS_PER_SECOND / 1_000_000;
    let (year, month, day) = civil(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milliseconds:03}Z")
}

/// The date of a day, counted from the first of January 1970.
///
/// Years begin in March here, so that the leap day is the last of its year, and eras of 400 years,
/// which have 146,097 days each, begin in the year 0.
const fn civil(day: u64) -> (u64, u64, u64) {
    const DAYS_FROM_YEAR_0: u64 = 719_468;
    const DAYS_OF_ERA: u64 = 146_097;
    let day = day + DAYS_FROM_YEAR_0;
    let (era, day) = (day / DAYS_OF_ERA, day % DAYS_OF_ERA);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // Months of 31, 30, 31, 30, 31 days, twice, and then January and February.
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    if month < 10 {
        (era * 400 + year, month + 3, day)
    } else {
        (era * 400 + year + 1, month - 9, day)
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn days_that_are_known_have_their_dates() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00.123Z"),
            (951_782_400, "2000-02-29T00:00:00.123Z"),
            (1_709_251_199, "2024-02-29T23:59:59.123Z"),
            (1_770_091_506, "2026-02-03T04:05:06.123Z"),
            (4_107_542_400, "2100-03-01T00:00:00.123Z"),
        ] {
            assert_eq!(iso_8601(seconds * NANOS_PER_SECOND + 123_456_789), expected);
        }
    }

    proptest! {
        #[test]
        fn a_moment_is_the_one_that_the_reference_writes(seconds in 0..10_000_000_000_u64) {
            let moment = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            let reference = httpdate::fmt_http_date(moment); // Tue, 03 Feb 2026 04:05:06 GMT

            let ours = iso_8601(seconds * NANOS_PER_SECOND);

            prop_assert_eq!(&ours[..4], &reference[12..16]);
            prop_assert_eq!(&ours[8..10], &reference[5..7]);
            prop_assert_eq!(&ours[11..19], &reference[17..25]);
            let months = "JanFebMarAprMayJunJulAugSepOctNovDec";
            let month: usize = ours[5..7].parse().unwrap();
            prop_assert_eq!(&months[month * 3 - 3..month * 3], &reference[8..11]);
        }
    }
}
