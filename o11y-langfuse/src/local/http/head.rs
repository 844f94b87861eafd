//! The head of a request: method, target and headers.

use std::io::{BufRead, ErrorKind};

use super::{HttpError, MAX_HEAD_BYTES};

const MAX_HEADERS: usize = 100;

/// A parsed request line with its headers, in the order and spelling in which they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    is_http_1_1: bool,
}

impl Head {
    /// Reads one head and not a byte more. `None` means that the client closed the connection
    /// between two requests, which is the ordinary end.
    pub(crate) fn read(reader: &mut impl BufRead) -> Result<Option<Self>, HttpError> {
        let mut bytes = Vec::new();

        loop {
            let known = bytes.len();
            let arrived = match reader.fill_buf() {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                other => other?,
            };
            let arrived_len = arrived.len();
            if arrived_len == 0 {
                return if known == 0 {
                    Ok(None)
                } else {
                    Err(HttpError::UnexpectedEnd)
                };
            }
            bytes.extend_from_slice(arrived);

            // Parsing afresh after every read is quadratic in the worst case, which the bound on
            // the size keeps harmless; in practice a head comes in one piece.
            if let Some((head, length)) = Self::parse(&bytes)? {
                reader.consume(length - known);
                return Ok(Some(head));
            }
            reader.consume(arrived_len);
            if bytes.len() > MAX_HEAD_BYTES {
                return Err(HttpError::HeadTooLarge);
            }
        }
    }

    /// Parses a head and tells its length; `None` when it is not complete yet.
    fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, HttpError> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut headers);

        let length = match request.parse(bytes) {
            Ok(httparse::Status::Complete(length)) if length <= MAX_HEAD_BYTES => length,
            Ok(httparse::Status::Complete(_)) | Err(httparse::Error::TooManyHeaders) => {
                return Err(HttpError::HeadTooLarge);
            }
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(error) => return Err(HttpError::Malformed(error)),
        };

        let head = Self {
            method: request.method.unwrap_or_default().to_owned(),
            target: request.path.unwrap_or_default().to_owned(),
            headers: request
                .headers
                .iter()
                .map(|header| {
                    let value = String::from_utf8_lossy(header.value).into_owned();
                    (header.name.to_owned(), value)
                })
                .collect(),
            is_http_1_1: request.version == Some(1),
        };
        Ok(Some((head, length)))
    }

    /// The first header of this name, whatever its case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        find(&self.headers, name)
    }

    /// The target without its query.
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// Whether the client waits for `100 Continue` before it sends the body.
    pub(crate) fn expects_continue(&self) -> bool {
        self.is_http_1_1
            && self
                .header("expect")
                .is_some_and(|value| value.eq_ignore_ascii_case("100-continue"))
    }

    /// Whether the connection stays open after the answer.
    pub(crate) fn keeps_alive(&self) -> bool {
        let connection = self.header("connection").unwrap_or_default();
        let has = |token: &str| {
            connection
                .split(',')
                .any(|part| part.trim().eq_ignore_ascii_case(token))
        };
        if self.is_http_1_1 {
            !has("close")
        } else {
            has("keep-alive")
        }
    }
}

/// The first header of a name in a list, whatever its case.
pub(crate) fn find<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|(candidate, _)| candidate.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Read};

    use super::*;

    /// Gives one byte per read, as the worst of networks would.
    struct Dribble<'a>(&'a [u8]);

    impl Read for Dribble<'_> {
        fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else {
                return Ok(0);
            };
            buf[0] = *first;
            self.0 = rest;
            Ok(1)
        }
    }

    #[test]
    fn a_head_is_read_and_the_body_left_alone() {
        let mut bytes: &[u8] = b"POST /a?b=c HTTP/1.1\r\nHost: x\r\ncontent-LENGTH: 4\r\n\r\nbody";

        let head = Head::read(&mut bytes).unwrap().unwrap();

        assert_eq!(head.method, "POST");
        assert_eq!(head.path(), "/a");
        assert_eq!(head.header("Content-Length"), Some("4"));
        assert_eq!(bytes, b"body");
    }

    #[test]
    fn a_head_may_come_byte_by_byte() {
        let mut reader = BufReader::new(Dribble(b"GET / HTTP/1.0\r\nA: b\r\n\r\nrest"));

        let head = Head::read(&mut reader).unwrap().unwrap();

        assert_eq!(head.header("a"), Some("b"));
        assert!(!head.keeps_alive());
    }

    #[test]
    fn an_end_between_requests_is_no_error_and_within_one_it_is() {
        let mut nothing: &[u8] = b"";
        let mut half: &[u8] = b"GET / HT";

        assert!(Head::read(&mut nothing).unwrap().is_none());
        assert!(matches!(
            Head::read(&mut half),
            Err(HttpError::UnexpectedEnd)
        ));
    }

    #[test]
    fn a_head_without_an_end_is_refused() {
        let long = format!("GET / HTTP/1.1\r\nA: {}", "x".repeat(MAX_HEAD_BYTES));

        let error = Head::read(&mut long.as_bytes()).unwrap_err();

        assert_eq!(error.status(), Some(431));
    }

    #[test]
    fn noise_is_refused() {
        let mut noise: &[u8] = b"\x16\x03\x01\x02\x00\x01";

        assert_eq!(Head::read(&mut noise).unwrap_err().status(), Some(400));
    }
}
