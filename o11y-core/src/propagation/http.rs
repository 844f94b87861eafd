//! The header map of the `http` crate, which axum, hyper, reqwest and tonic share, as a carrier.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::carrier::{Extractor, Injector, joined};

impl Injector for HeaderMap {
    /// A name or value that HTTP does not allow is left out; none of ours is.
    fn set(&mut self, name: &str, value: String) {
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::try_from(value),
        ) {
            self.insert(name, value);
        }
    }
}

impl Extractor for HeaderMap {
    /// Bytes that are not UTF-8 are given as U+FFFD, which no header of ours may contain.
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        let lines = self.get_all(name).iter();
        joined(lines.map(|line| String::from_utf8_lossy(line.as_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_joined_and_replaced_by_one() {
        let mut headers = HeaderMap::new();
        headers.append("baggage", HeaderValue::from_static("a=1"));
        headers.append("baggage", HeaderValue::from_bytes(b"b=\xff").unwrap());
        headers.append("baggage", HeaderValue::from_static("c=3"));
        assert_eq!(
            Extractor::get(&headers, "baggage").as_deref(),
            Some("a=1,b=\u{fffd},c=3")
        );

        headers.set("baggage", "d=4".into());

        assert_eq!(Extractor::get(&headers, "baggage").as_deref(), Some("d=4"));
        assert_eq!(headers.len(), 1);
    }

    #[test]
    fn what_http_does_not_allow_is_left_out() {
        let mut headers = HeaderMap::new();

        headers.set("no name", "value".into());
        headers.set("name", "two\nlines".into());

        assert!(headers.is_empty());
    }
}
