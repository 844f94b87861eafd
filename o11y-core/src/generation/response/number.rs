//! Numbers as providers and their clients write them.

use serde_json::Value as Json;

use crate::usage::Cost;

/// One more than the largest `u64`, which a float can say exactly.
const END_OF_COUNTS: f64 = 18_446_744_073_709_551_616.0;

/// A whole number that is not negative: `12`, `12.0` or `"12"`. Anything else is no count.
pub(super) fn count(json: &Json) -> Option<u64> {
    match json {
        Json::Number(number) => number.as_u64().or_else(|| number.as_f64().and_then(whole)),
        Json::String(text) => {
            let text = text.trim();
            let number = text.parse().ok();
            number.or_else(|| text.parse().ok().and_then(whole))
        }
        _ => None,
    }
}

/// The same, where what is absent counts as none.
pub(super) fn count_or_zero(json: &Json) -> u64 {
    count(json).unwrap_or(0)
}

/// The first of several spellings that is a count.
pub(super) fn first_count(spellings: &[&Json]) -> Option<u64> {
    spellings.iter().find_map(|json| count(json))
}

/// The largest of several spellings of one count, zero if none of them is one.
pub(super) fn largest_count(spellings: &[&Json]) -> u64 {
    let counts = spellings.iter().filter_map(|json| count(json));
    counts.max().unwrap_or(0)
}

/// An amount in dollars, as number or text. What is negative or not finite is no amount.
pub(super) fn dollars(json: &Json) -> Option<Cost> {
    let amount = match json {
        Json::Number(number) => number.as_f64(),
        Json::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    amount
        .filter(|amount: &f64| amount.is_finite() && *amount >= 0.0)
        .map(Cost::usd)
}

fn whole(number: f64) -> Option<u64> {
    let is_count = (0.0..END_OF_COUNTS).contains(&number) && number.fract() == 0.0;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the number is whole and in range"
    )]
    is_count.then_some(number as u64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_count_may_be_an_integer_a_whole_float_or_text_of_either() {
        for twelve in [json!(12), json!(12.0), json!("12"), json!(" 12.0 ")] {
            assert_eq!(count(&twelve), Some(12), "{twelve}");
        }
        assert_eq!(count(&json!(u64::MAX)), Some(u64::MAX));
        assert_eq!(count(&json!(-0.0)), Some(0));
    }

    #[test]
    fn nonsense_is_no_count() {
        let nonsense = [
            json!(-1),
            json!(-12.0),
            json!(12.5),
            json!(1e300),
            json!(18_446_744_073_709_551_616.0),
            json!("many"),
            json!("-1"),
            json!("NaN"),
            json!("inf"),
            json!("18446744073709551616"),
            json!(""),
            json!(true),
            json!(null),
            json!([12]),
            json!({"tokens": 12}),
        ];
        for json in nonsense {
            assert_eq!(count(&json), None, "{json}");
        }
    }

    #[test]
    fn an_amount_is_finite_and_not_negative() {
        assert_eq!(dollars(&json!(0.000_25)), Some(Cost::usd(0.000_25)));
        assert_eq!(dollars(&json!("0.00025")), Some(Cost::usd(0.000_25)));
        for json in [json!(-0.1), json!("NaN"), json!(null), json!({})] {
            assert_eq!(dollars(&json), None, "{json}");
        }
    }
}
