//! Prices as decimal text, read into whole picodollars and written back without a float.

/// What happens to digits beyond the last place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beyond {
    /// They must be zero.
    Refused,
    /// They round to the nearest unit, which takes away the noise of a float (`2.9999999999999997e-07`).
    Rounded,
}

/// A dollar a million tokens is a million picodollars a token.
pub(crate) const PER_MILLION_TOKENS: i32 = 6;
/// A dollar a token is 10¹² picodollars a token.
pub(crate) const PER_TOKEN: i32 = 12;

/// More digits than any price has; they fit a `u128`.
const MAX_DIGITS: usize = 36;

/// Reads `0.0375`, `15` or `2.5e-06` as a number of units of 10^-`places`. `None` for anything
/// else: a sign, no digits, too many of them, or more than a `u64` holds.
pub(crate) fn parse(text: &str, places: i32, beyond: Beyond) -> Option<u64> {
    let (number, exponent) = match text.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || whole.len() + fraction.len() > MAX_DIGITS {
        return None;
    }
    let mut digits: u128 = 0;
    for byte in whole.bytes().chain(fraction.bytes()) {
        if !byte.is_ascii_digit() {
            return None;
        }
        digits = digits * 10 + u128::from(byte - b'0');
    }
    let shift = exponent
        .checked_add(places)?
        .checked_sub(i32::try_from(fraction.len()).ok()?)?;
    let Some(power) = 10_u128.checked_pow(shift.unsigned_abs()) else {
        // Beyond 38 places either way: nothing is left, or far too much.
        let nothing = digits == 0 || (shift < 0 && beyond == Beyond::Rounded);
        return nothing.then_some(0);
    };
    let units = if shift >= 0 {
        digits.checked_mul(power)?
    } else if beyond == Beyond::Rounded {
        digits / power + u128::from(digits % power >= power / 2)
    } else {
        digits.is_multiple_of(power).then_some(digits / power)?
    };
    u64::try_from(units).ok()
}

/// Picodollars a token as dollars a million tokens: `37_500` is `0.0375`.
pub(crate) fn per_million(picodollars: u64) -> String {
    let (whole, fraction) = (picodollars / 1_000_000, picodollars % 1_000_000);
    let text = format!("{whole}.{fraction:06}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn prices_are_read_digit_by_digit() {
        let exact = |text| parse(text, PER_MILLION_TOKENS, Beyond::Refused);

        assert_eq!(exact("0.0375"), Some(37_500));
        assert_eq!(exact("15"), Some(15_000_000));
        assert_eq!(exact("15.0"), Some(15_000_000));
        assert_eq!(exact("0"), Some(0));
        assert_eq!(exact("1e-6"), Some(1));
        assert_eq!(exact("0.0000010"), Some(1));
        assert_eq!(exact("0.0000011"), None); // beyond a picodollar
        assert_eq!(exact("18446744073709.551615"), Some(u64::MAX));
        assert_eq!(exact("18446744073709.551616"), None);
    }

    #[test]
    fn the_noise_of_a_float_is_rounded_away() {
        let rounded = |text| parse(text, PER_TOKEN, Beyond::Rounded);

        assert_eq!(rounded("2.5e-06"), Some(2_500_000));
        assert_eq!(rounded("2.9999999999999997e-07"), Some(300_000));
        assert_eq!(rounded("3.0000000000000004e-07"), Some(300_000));
        assert_eq!(rounded("4e-13"), Some(0));
        assert_eq!(rounded("5e-13"), Some(1));
        assert_eq!(rounded("1e-300"), Some(0));
        assert_eq!(rounded("1e300"), None);
    }

    #[test]
    fn what_is_no_price_is_refused() {
        for text in [
            "",
            ".",
            ".5",
            "-1",
            "+1",
            "1,5",
            "1e",
            "NaN",
            "inf",
            "1.2.3",
            " 1",
            "1e99999999999",
        ] {
            assert_eq!(
                parse(text, PER_MILLION_TOKENS, Beyond::Refused),
                None,
                "{text:?}"
            );
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_it_was(price: u64) {
            let read = parse(&per_million(price), PER_MILLION_TOKENS, Beyond::Refused);

            prop_assert_eq!(read, Some(price));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".*", digits in "[0-9]{0,40}[.]?[0-9]{0,40}(e-?[0-9]{1,12})?") {
            for beyond in [Beyond::Refused, Beyond::Rounded] {
                _ = parse(&text, PER_TOKEN, beyond);
                _ = parse(&digits, PER_TOKEN, beyond);
            }
        }

        /// The way a price takes through a JSON file: text, a float, the shortest text that means it.
        #[test]
        fn a_price_survives_being_a_float_in_json(price in 0_u64..1_000_000_000_000) {
            let text = per_million(price);
            let number: serde_json::Number = serde_json::from_str(&text).unwrap();

            prop_assert_eq!(parse(&number.to_string(), PER_MILLION_TOKENS, Beyond::Refused), Some(price));
        }
    }
}
