//! Moments as text.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// RFC 3339 in UTC with microseconds: `2026-01-31T09:30:00.123456Z`. Before 1970 it is 1970.
pub(super) fn format(moment: SystemTime) -> String {
    let since_epoch = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (year, month, day) = date(since_epoch.as_secs() / 86_400);
    let second = since_epoch.as_secs() % 86_400;
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let micros = since_epoch.subsec_micros();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
}

pub(super) fn of_nanos(unix_nanos: u64) -> String {
    format(UNIX_EPOCH + Duration::from_nanos(unix_nanos))
}

/// Year, month and day of a day that is counted from 1970. Years begin in March here, so that the
/// leap day is their last; 719,468 days lead from 1 March of year 0 to 1970, 400 years have 146,097.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153; // five months from March on have 153 days
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_what_the_calendar_says() {
        let at = |seconds| format(UNIX_EPOCH + Duration::from_secs(seconds));

        assert_eq!(at(0), "1970-01-01T00:00:00.000000Z");
        assert_eq!(at(951_827_696), "2000-02-29T12:34:56.000000Z");
        assert_eq!(at(4_107_542_399), "2100-02-28T23:59:59.000000Z");
        assert_eq!(
            of_nanos(1_769_851_800_123_456_789),
            "2026-01-31T09:30:00.123456Z"
        );
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut last = date(0);
        for day in 1..200_000 {
            let next = date(day);
            let (year, month, _) = last;
            let follows = next == (last.0, last.1, last.2 + 1)
                || next == (year, month + 1, 1)
                || (month == 12 && next == (year + 1, 1, 1));
            assert!(follows, "{next:?} after {last:?}");
            last = next;
        }
    }
}
