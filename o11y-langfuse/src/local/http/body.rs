//! The body of a request, whole: by its length or by its chunks.

use std::io::{BufRead, Read as _};

use super::{Head, HttpError, MAX_BODY_BYTES, MAX_HEAD_BYTES};

/// Longest line that announces a chunk, extensions included.
const MAX_CHUNK_LINE_BYTES: usize = 1024;

/// A stated length is believed up to here when memory is reserved for the body.
const MAX_RESERVED_BYTES: usize = 1024 * 1024;

/// Where a body ends.
#[derive(Debug, PartialEq, Eq)]
enum Framing {
    Length(usize),
    Chunked,
}

impl Framing {
    /// A request that states its length twice is refused: two readers could disagree about it.
    fn of(head: &Head) -> Result<Self, HttpError> {
        let values = |wanted: &'static str| {
            let named = head
                .headers
                .iter()
                .filter(move |(name, _)| name.eq_ignore_ascii_case(wanted));
            named.map(|(_, value)| value.trim())
        };
        let mut lengths = values("content-length");
        let mut codings = values("transfer-encoding");

        match (lengths.next(), codings.next()) {
            (None, None) => Ok(Self::Length(0)),
            (Some(length), None) if lengths.all(|other| other == length) => parse_length(length),
            (None, Some(coding)) if coding.eq_ignore_ascii_case("chunked") => codings
                .next()
                .map_or(Ok(Self::Chunked), |_| Err(HttpError::UnclearLength)),
            _ => Err(HttpError::UnclearLength),
        }
    }
}

fn parse_length(text: &str) -> Result<Framing, HttpError> {
    // `parse` would take a sign.
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(HttpError::UnclearLength);
    }
    match text.parse::<usize>() {
        Ok(length) if length <= MAX_BODY_BYTES => Ok(Framing::Length(length)),
        // The text is all digits, so the only other way to fail is to be too large.
        _ => Err(HttpError::BodyTooLarge),
    }
}

/// Reads the body that belongs to a head.
pub(crate) fn read_body(head: &Head, reader: &mut impl BufRead) -> Result<Vec<u8>, HttpError> {
    let mut body = Vec::new();
    match Framing::of(head)? {
        Framing::Length(length) => append(&mut body, reader, length)?,
        Framing::Chunked => {
            while let Some(length) = read_chunk_size(reader)? {
                if length > MAX_BODY_BYTES - body.len() {
                    return Err(HttpError::BodyTooLarge);
                }
                append(&mut body, reader, length)?;
                if read_line(reader, 2)? != b"\r\n" {
                    return Err(HttpError::MalformedChunk);
                }
            }
            skip_trailers(reader)?;
        }
    }
    Ok(body)
}

fn append(body: &mut Vec<u8>, reader: &mut impl BufRead, length: usize) -> Result<(), HttpError> {
    body.reserve(length.min(MAX_RESERVED_BYTES));
    let read = reader.by_ref().take(length as u64).read_to_end(body)?;
    if read == length {
        Ok(())
    } else {
        Err(HttpError::UnexpectedEnd)
    }
}

/// The size of the next chunk; `None` after the last.
fn read_chunk_size(reader: &mut impl BufRead) -> Result<Option<usize>, HttpError> {
    let line = read_line(reader, MAX_CHUNK_LINE_BYTES)?;
    match httparse::parse_chunk_size(&line) {
        Ok(httparse::Status::Complete((_, 0))) => Ok(None),
        Ok(httparse::Status::Complete((_, size))) => {
            usize::try_from(size).map_or(Err(HttpError::BodyTooLarge), |size| Ok(Some(size)))
        }
        Ok(httparse::Status::Partial) | Err(_) => Err(HttpError::MalformedChunk),
    }
}

fn skip_trailers(reader: &mut impl BufRead) -> Result<(), HttpError> {
    let mut left = MAX_HEAD_BYTES;
    loop {
        let line = read_line(reader, left)?;
        if line == b"\r\n" {
            return Ok(());
        }
        left -= line.len();
    }
}

/// Reads up to and with the next line feed, which must come within the limit.
fn read_line(reader: &mut impl BufRead, limit: usize) -> Result<Vec<u8>, HttpError> {
    let mut line = Vec::new();
    reader
        .by_ref()
        .take(limit as u64)
        .read_until(b'\n', &mut line)?;
    if line.ends_with(b"\n") {
        Ok(line)
    } else if line.len() == limit {
        Err(HttpError::MalformedChunk)
    } else {
        Err(HttpError::UnexpectedEnd)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(request: &str) -> Result<(Vec<u8>, String), HttpError> {
        let mut reader = request.as_bytes();
        let head = Head::read(&mut reader)?.unwrap();
        let body = read_body(&head, &mut reader)?;
        Ok((body, String::from_utf8(reader.to_vec()).unwrap()))
    }

    #[test]
    fn a_length_ends_the_body() {
        let (body, rest) = read("POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nbodynext").unwrap();

        assert_eq!(body, b"body");
        assert_eq!(rest, "next");
    }

    #[test]
    fn no_length_means_no_body() {
        let (body, rest) = read("GET / HTTP/1.1\r\n\r\nnext").unwrap();

        assert!(body.is_empty());
        assert_eq!(rest, "next");
    }

    #[test]
    fn chunks_are_joined_and_trailers_skipped() {
        let request = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\
                       4\r\nbody\r\n3;note=x\r\nand\r\n0\r\nTrailer: x\r\n\r\nnext";

        let (body, rest) = read(request).unwrap();

        assert_eq!(body, b"bodyand");
        assert_eq!(rest, "next");
    }

    #[test]
    fn two_meanings_of_length_are_refused() {
        for headers in [
            "Content-Length: 1\r\nTransfer-Encoding: chunked",
            "Content-Length: 1\r\nContent-Length: 2",
            "Content-Length: +1",
            "Transfer-Encoding: gzip",
        ] {
            let error = read(&format!("POST / HTTP/1.1\r\n{headers}\r\n\r\n1")).unwrap_err();

            assert_eq!(error.status(), Some(400), "{headers}");
        }
    }

    #[test]
    fn a_body_beyond_the_bound_is_refused_before_it_is_read() {
        for length in [(MAX_BODY_BYTES + 1).to_string(), "9".repeat(40)] {
            let error = read(&format!(
                "POST / HTTP/1.1\r\nContent-Length: {length}\r\n\r\n"
            ))
            .unwrap_err();

            assert_eq!(error.status(), Some(413));
        }
        let error = read("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFF\r\n");
        assert_eq!(error.unwrap_err().status(), Some(413));
    }

    #[test]
    fn a_broken_chunk_is_refused_and_a_missing_one_has_no_reader() {
        let chunked = |body: &str| {
            read(&format!(
                "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{body}"
            ))
        };

        assert_eq!(chunked("zz\r\n").unwrap_err().status(), Some(400));
        assert_eq!(chunked("4\r\nbodyXX").unwrap_err().status(), Some(400));
        assert_eq!(chunked("4\r\nbo").unwrap_err().status(), None);
    }
}
