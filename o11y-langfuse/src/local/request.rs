//! An export request as the receiver saw it.

use std::{hash::Hasher as _, time::Instant};

use super::http::{Head, find};

/// An export request: how it came and how it was answered.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Request {
    /// The path without its query.
    pub path: String,
    /// The method; anything but `POST` was refused.
    pub method: String,
    /// The status of the answer; `None` when none was given, or not yet.
    pub status: Option<u16>,
    /// All headers in the order and spelling in which they came, with the credentials blanked:
    /// `Basic ***`.
    pub headers: Vec<(String, String)>,
    /// Whether the body came compressed with gzip.
    pub gzip: bool,
    /// Bytes of the body as it came, without the frames of its chunks.
    pub wire_bytes: usize,
    /// Bytes of the body decompressed; 0 when that failed.
    pub body_bytes: usize,
    /// The ids of all spans in it, in order, also when they were refused.
    pub observation_ids: Vec<String>,
    /// The ids of all events of a batch of scores, in order, also when they were refused.
    pub score_event_ids: Vec<String>,
    /// A hash of the body as it came. Equal means that a retry sent the same bytes; it says
    /// nothing across builds.
    pub body_digest: u64,
    /// The connection that it came on; the first is 1.
    pub connection: usize,
    /// When it had been read completely.
    pub at: Instant,
}

impl Request {
    /// Returns the first header of this name, whatever its case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    pub(crate) fn new(head: &Head, body: &[u8], connection: usize) -> Self {
        Self {
            path: head.path().to_owned(),
            method: head.method.clone(),
            status: None,
            headers: head.headers.iter().map(without_secret).collect(),
            gzip: false,
            wire_bytes: body.len(),
            body_bytes: 0,
            observation_ids: Vec::new(),
            score_event_ids: Vec::new(),
            body_digest: digest(body),
            connection,
            at: Instant::now(),
        }
    }
}

/// Keeps the scheme of credentials, which tests want to see, and blanks the rest.
fn without_secret((name, value): &(String, String)) -> (String, String) {
    let is_secret = ["authorization", "proxy-authorization", "cookie"]
        .iter()
        .any(|secret| name.eq_ignore_ascii_case(secret));
    let shown = match value.split_once(' ') {
        _ if !is_secret => value.clone(),
        Some((scheme @ ("Basic" | "Bearer"), _)) => format!("{scheme} ***"),
        _ => "***".to_owned(),
    };
    (name.clone(), shown)
}

fn digest(bytes: &[u8]) -> u64 {
    // Made by `new`, the hasher has fixed keys, so equal bytes are equal in every request.
    let mut hasher = std::hash::DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_blanked_and_other_headers_kept() {
        let text = b"POST /p?q HTTP/1.1\r\nauthorization: Basic c2VjcmV0\r\n\
                     Authorization: c2VjcmV0\r\nX-A: Basic b\r\n\r\n";
        let head = Head::read(&mut &text[..]).unwrap().unwrap();

        let request = Request::new(&head, b"abc", 1);

        assert_eq!(request.path, "/p");
        assert_eq!(request.headers[0].1, "Basic ***");
        assert_eq!(request.headers[1].1, "***");
        assert_eq!(request.header("x-a"), Some("Basic b"));
        assert!(!format!("{request:?}").contains("c2VjcmV0"));
    }

    #[test]
    fn equal_bytes_have_equal_digests() {
        assert_eq!(digest(b"abc"), digest(b"abc"));
        assert_ne!(digest(b"abc"), digest(b"abd"));
    }
}
